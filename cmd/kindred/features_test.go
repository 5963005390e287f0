package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const featuresYAML = `features:
  preset: basic
  definitions:
    - {name: late, entity: context, kind: expression, expression: "context.hour >= 22.0 && session.clicks > 0.0"}
    - {name: hour, entity: context, kind: attribute}
    - {name: clicks, entity: session, kind: count, where: {kinds: [click]}}
    - {name: owl, entity: user, kind: expression, expression: "user.views_1h > 1", default: false}
  sets:
    - {name: two, features: ["user:views_1h", "item:views_24h", "user:owl"]}
    - {name: asked, features: ["session:clicks", "context:late"]}
  log: [two, asked]
`

// acceptAll has events count whatever cleaning finds about them.
const acceptAll = "  accept: [near_duplicate, bot, accidental_view, abandoned_session, placeholder, misdated, unjoined, released]\n"

// shopWithFeatures returns a state folder with features configured, and with
// what else is set of them.
func shopWithFeatures(t *testing.T, settings string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte(featuresYAML+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFeatures walks from events over shown lists to training sets: as of each
// moment, and as served, which must be the same, and free of skew.
func TestFeatures(t *testing.T) {
	dir := shopWithFeatures(t, acceptAll)
	s := startServer(t, dir, "")
	for i := range 12 {
		s.want(t, http.StatusOK, http.MethodPut, fmt.Sprint("/v1/items/i", i), fmt.Sprintf(`{"price":%d}`, i+1))
	}
	online := func() string {
		return s.want(t, http.StatusOK, http.MethodPost, "/get-online-features", `{"feature_service":"two","entities":{"user_id":["ann"],"item_id":["i1"]}}`)
	}
	waitFor(t, "the features to be there", func() bool {
		status, _ := s.call(t, http.MethodPost, "/get-online-features", `{"features":["user:recency"],"entities":{"user":["ann"]}}`)
		return status == http.StatusOK
	})
	for i := range 3 {
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"ann","item":"i1","kind":"view"}`)
		waitFor(t, "the event to count", func() bool { return strings.Contains(online(), fmt.Sprintf(`"values":[%d.0]`, i+1)) })
		var list struct {
			RequestID string `json:"request_id"`
			Items     []struct{ ID string }
		}
		answer := s.want(t, http.StatusOK, http.MethodGet, "/v1/users/ann/recommendations?n=4", "")
		if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Items) != 4 {
			t.Fatalf("%v: %s", err, answer)
		}
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", fmt.Sprintf(`{"user":"ann","item":%q,"kind":"click","request_id":%q}`, list.Items[0].ID, list.RequestID))
		time.Sleep(50 * time.Millisecond) // the list is logged within
	}
	if got := s.want(t, http.StatusOK, http.MethodGet, "/metrics", ""); !strings.Contains(got, `kindred_feature_entities{entity="user"} 1`) {
		t.Error("the metrics do not count the features")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatal(err)
	}

	if r := succeed(t, "features", "--dir", dir); !strings.Contains(r.out, "user:owl") || !strings.Contains(r.out, "set two, version") {
		t.Errorf("list: %s", r.out)
	}
	if r := succeed(t, "features", "get", "item:price", "item:trend", "--item", "i3", "--item", "i4", "--dir", dir); !strings.Contains(r.out, "4 PRESENT") || !strings.Contains(r.out, "5 PRESENT") {
		t.Errorf("get: %s", r.out)
	}
	asOf, served := filepath.Join(dir, "asof.jsonl"), filepath.Join(dir, "served.jsonl")
	succeed(t, "features", "training-set", "two", "-o", asOf, "--dir", dir)
	succeed(t, "features", "training-set", "two", "-o", served, "--from-log", "--dir", dir)
	want, got := readFile(t, asOf), readFile(t, served)
	if want != got || strings.Count(got, "\n") != 12 || strings.Count(got, `"label":1`) != 3 {
		t.Errorf("as of then:\n%s\nas served:\n%s", want, got)
	}
	if r := succeed(t, "features", "skew", "two", "--dir", dir); !strings.Contains(r.out, "36 values of 3 lists were computed again: 0 differ") {
		t.Errorf("skew: %s", r.out)
	}
	if r := succeed(t, "features", "stats", "two", "--dir", dir); !strings.Contains(r.out, "user:views_1h") || !strings.Contains(r.out, "0.000") {
		t.Errorf("stats: %s", r.out)
	}
	labels := writeFile(t, "labels.csv", 3, func(i int) string {
		return []string{"user,item,time,label", "ann,i1,2020-01-01T00:00:00Z,1", "ann,i1,2100-01-01T00:00:00Z,0"}[i]
	})
	succeed(t, "features", "training-set", "basic", "-o", asOf, "--labels", labels, "--dir", dir)
	rows := strings.Split(readFile(t, asOf), "\n")
	if !strings.Contains(rows[0], `"label":1`) || !strings.Contains(rows[0], `"item__views_7d":0`) || !strings.Contains(rows[0], `"item__price":2`) {
		t.Errorf("a row before all events is %s", rows[0])
	}
	if r := kindredRun(t, "features", "training-set", "none", "-o", asOf, "--dir", dir); r.code != exitUsage || !strings.Contains(r.err, `no feature set "none"`) {
		t.Errorf("of no set: %d %s", r.code, r.err)
	}
	if r := kindredRun(t, "features", "--dir", t.TempDir()); r.code != exitUsage || !strings.Contains(r.err, "preset: basic") {
		t.Errorf("without features: %d %s", r.code, r.err)
	}
}

// TestKilledWhileMaterializing kills the server at random moments while it
// computes features anew and takes in events and values, and expects it to
// know afterwards exactly what the log says.
func TestKilledWhileMaterializing(t *testing.T) {
	dir, rng := shopWithFeatures(t, acceptAll), rand.New(rand.NewPCG(5, 5))
	key := ""
	for round := range faultRounds(t) {
		s := startServer(t, dir, key)
		key = s.key
		s.want(t, http.StatusOK, http.MethodGet, "/health/live", "")
		time.AfterFunc(time.Duration(rng.IntN(300))*time.Millisecond, func() { _ = s.cmd.Process.Signal(syscall.SIGKILL) })
		for batch := 0; ; batch++ {
			var rows []string
			for n := range 50 {
				rows = append(rows, fmt.Sprintf(`{"event_id":"r%d-b%d-e%d","user":"u%d","item":"i1","kind":"view"}`, round, batch, n, n%7))
			}
			if _, _, err := s.try(t.Context(), http.MethodPost, "/v1/events/batch", `{"events":[`+strings.Join(rows, ",")+`]}`); err != nil {
				break
			}
			if _, _, err := s.try(t.Context(), http.MethodPost, "/push", fmt.Sprintf(`{"push_source_name":"item","df":{"item":["i1"],"price":[%d]}}`, batch)); err != nil {
				break
			}
			if _, _, err := s.try(t.Context(), http.MethodPost, "/materialize", `{}`); err != nil {
				break
			}
		}
		_ = s.cmd.Wait() // it was killed
	}
	events := 0
	for range storedIDs(t, dir) {
		events++
	}
	r := succeed(t, "features", "get", "item:views_24h", "--item", "i1", "--dir", dir)
	if !strings.Contains(r.out, fmt.Sprintf("%d PRESENT", events)) {
		t.Errorf("%d events are stored, the feature is %s", events, r.out)
	}
}

// TestExportFeatures expects the same rows from a running server and from the
// command, in every format, and no half of a file.
func TestExportFeatures(t *testing.T) {
	dir := shopWithFeatures(t, "")
	s := startServer(t, dir, "")
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/i%20%22,", `{"price":2.5}`)
	for i := range 2 {
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", fmt.Sprintf(`{"user":"ann","item":"i%d","kind":"view"}`, i+1))
	}
	times := regexp.MustCompile(`"time":"[^"]*",`)
	var served string
	waitFor(t, "the features to be there", func() bool {
		_, served = s.call(t, http.MethodGet, "/v1/export/features?set=two", "")
		return strings.Contains(served, `"user__views_1h":2`) && strings.Contains(served, `"id":"i \"`)
	})
	printed := succeed(t, "export", "features", "--set", "two", "--dir", dir).out
	served, printed = times.ReplaceAllString(served, ""), times.ReplaceAllString(printed, "")
	want := `{"entity":"user","id":"ann","user__views_1h":2,"user__owl":true,"item__views_24h":null}
{"entity":"item","id":"i \",","user__views_1h":null,"user__owl":null,"item__views_24h":0}
{"entity":"item","id":"i1","user__views_1h":null,"user__owl":null,"item__views_24h":1}
{"entity":"item","id":"i2","user__views_1h":null,"user__owl":null,"item__views_24h":1}
`
	if served != want || printed != want {
		t.Errorf("served:\n%s\nprinted:\n%s", served, printed)
	}
	csv := succeed(t, "export", "features", "--entity", "item", "--set", "two", "--format", "csv", "--dir", dir).out
	if want := "entity,id,time,item__views_24h\nitem,\"i \"\",\","; !strings.HasPrefix(csv, want) {
		t.Errorf("CSV is %s", csv)
	}
	path := filepath.Join(dir, "out.parquet")
	if r := succeed(t, "export", "features", "-o", path, "--dir", dir); !strings.Contains(r.out, "4 features to") || !strings.HasPrefix(readFile(t, path), "PAR1") {
		t.Errorf("Parquet: %s", r.out)
	}
	for want, args := range map[string][]string{
		"there is no feature set": {"features", "--set", "none", "-o", filepath.Join(dir, "none.csv")},
		"have no features":        {"items", "--entity", "user"},
		"no features are defined": {"features", "--dir", t.TempDir()},
	} {
		r := kindredRun(t, append([]string{"export", "--dir", dir}, args...)...)
		if r.code != exitUsage || !strings.Contains(r.err, want) || r.out != "" {
			t.Errorf("%v: exit code %d, %q, want %q", args, r.code, r.err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.csv")); !os.IsNotExist(err) {
		t.Errorf("a refused export left a file: %v", err)
	}
}

// TestFeaturesOfRequests asks for lists in a session, with what the requests
// say of themselves, and expects both in training sets, whichever way they are
// made, and in exports that are imported again.
func TestFeaturesOfRequests(t *testing.T) {
	dir := shopWithFeatures(t, "")
	s := startServer(t, dir, "")
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/i1", `{"price":1}`)
	waitFor(t, "the features to be there", func() bool {
		status, _ := s.call(t, http.MethodPost, "/get-online-features", `{"features":["session:clicks"],"entities":{"session":["s1"]}}`)
		return status == http.StatusOK
	})
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"ann","item":"i2","kind":"click","session":"s1"}`)
	waitFor(t, "the click to count", func() bool {
		_, answer := s.call(t, http.MethodPost, "/get-online-features", `{"features":["session:clicks"],"entities":{"session":["s1"]}}`)
		return strings.Contains(answer, `"values":[1.0]`)
	})
	s.want(t, http.StatusOK, http.MethodPost, "/v1/recommendations", `{"user":"ann","n":1,"session_id":"s1","context":{"hour":23}}`)
	s.want(t, http.StatusOK, http.MethodPost, "/v1/recommendations", `{"user":"ann","n":1,"session_id":"s2","context":{"hour":23}}`)
	s.want(t, http.StatusOK, http.MethodGet, "/v1/users/ann/recommendations?n=1&session_id=s1", "")
	waitFor(t, "the lists to be kept", func() bool {
		return strings.Count(s.want(t, http.StatusOK, http.MethodGet, "/v1/export/exposures", ""), "\n") == 3
	})
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	asOf, served, shown := filepath.Join(dir, "asof.jsonl"), filepath.Join(dir, "served.jsonl"), filepath.Join(dir, "shown.csv")
	succeed(t, "features", "training-set", "asked", "-o", asOf, "--dir", dir)
	succeed(t, "features", "training-set", "asked", "-o", served, "--from-log", "--dir", dir)
	got := readFile(t, asOf)
	for _, want := range []string{
		`"session":"s1","session__clicks":1,"context__late":true`, `"session":"s2","session__clicks":0,"context__late":false`, `"session":"s1","session__clicks":1,"context__late":null`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no row has %s:\n%s", want, got)
		}
	}
	if got != readFile(t, served) {
		t.Errorf("as of then:\n%s\nas served:\n%s", got, readFile(t, served))
	}
	if r := succeed(t, "features", "skew", "asked", "--dir", dir); !strings.Contains(r.out, "0 differ") {
		t.Errorf("skew: %s", r.out)
	}
	succeed(t, "export", "exposures", "-o", shown, "--dir", dir)
	again := filepath.Join(t.TempDir(), "state")
	succeed(t, "import", "auto", shown, "--dir", again)
	if got := succeed(t, "export", "exposures", "--format", "csv", "--dir", again).out; got != readFile(t, shown) || !strings.Contains(got, `s1,"{""hour"":23}"`) {
		t.Errorf("exported, imported and exported again: %s", got)
	}
	labels := writeFile(t, "labels.csv", 2, func(i int) string {
		return []string{"user,item,time,label,session,context.hour", "ann,i1,2100-01-01T00:00:00Z,1,s1,22"}[i]
	})
	succeed(t, "features", "training-set", "asked", "-o", asOf, "--labels", labels, "--dir", dir)
	if got := readFile(t, asOf); !strings.Contains(got, `"label":1,"session":"s1","session__clicks":0,"context__late":false`) { // it sleeps
		t.Errorf("of a file of labels: %s", got)
	}
}

// TestEmbed makes the vectors of a live model values of an embedding while the
// server runs, and expects rows of training to know them from then on alone.
func TestEmbed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	importClusters(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte(`features:
  definitions:
    - {name: taste, entity: user, kind: embedding, tracked: true}
    - {name: taste, entity: item, kind: embedding, tracked: true}
    - {name: match, entity: user_item, kind: expression, expression: "dot(user.taste, item.taste)"}
  sets:
    - {name: ranking, features: ["user_item:match"]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := kindredRun(t, "features", "embed", "--item", "item:taste", "--dir", dir); r.code != exitUsage || !strings.Contains(r.err, "no model is live") {
		t.Errorf("without a model: %d %s", r.code, r.err)
	}
	succeed(t, "models", "promote", trainedVersion(t, dir, "ials:factors=8"), "--dir", dir)
	s := startServer(t, dir, "")
	before := time.Now().UTC().Format(time.RFC3339Nano)
	if r := succeed(t, "features", "embed", "--item", "item:taste", "--user", "user:taste", "--dir", dir); !strings.Contains(r.out, "vectors of 8 numbers") {
		t.Errorf("embed: %s", r.out)
	}
	match := func(item string) (x float64) {
		waitFor(t, "the vectors of "+item, func() bool {
			_, answer := s.call(t, http.MethodPost, "/get-online-features", fmt.Sprintf(`{"feature_service":"ranking","entities":{"user":["u3"],"item":[%q]}}`, item))
			var read struct{ Results []struct{ Values []any } }
			if json.Unmarshal([]byte(answer), &read) != nil || len(read.Results) != 3 {
				return false
			}
			var isThere bool
			x, isThere = read.Results[2].Values[0].(float64)
			return isThere
		})
		return x
	}
	liked := s.recommended(t, "u3", "?n=1")[0]
	if far := "i199"; match(liked) <= match(far) {
		t.Errorf("the product with %s, which is recommended, is %g, with %s %g", liked, match(liked), far, match(far))
	}
	labels, rows := writeFile(t, "labels.csv", 3, func(i int) string {
		return []string{"user,item,time,label", "u3," + liked + "," + before + ",1", "u3," + liked + ",2100-01-01T00:00:00Z,1"}[i]
	}), filepath.Join(dir, "rows.csv")
	succeed(t, "features", "training-set", "ranking", "-o", rows, "--labels", labels, "--dir", dir)
	if lines := strings.Split(readFile(t, rows), "\n"); !strings.HasSuffix(lines[1], ",1,") || strings.HasSuffix(lines[2], ",1,") {
		t.Errorf("the rows are %q", lines)
	}
	for want, args := range map[string][]string{
		"name the embedding": {}, "--user must name a feature of users": {"--user", "item:taste"}, "there is no feature": {"--item", "item:none"},
	} {
		if r := kindredRun(t, append([]string{"features", "embed", "--dir", dir}, args...)...); r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("%v: %d %s, want %s", args, r.code, r.err, want)
		}
	}
}
