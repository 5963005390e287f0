package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFeaturesFollowWhatBecomesKnown has a server find a bot, and has its
// events released, users merged and taken apart by another process, and an
// event taken back: features follow each, what was served before is no skew,
// and a training set has what is served.
func TestFeaturesFollowWhatBecomesKnown(t *testing.T) {
	dir := shopWithFeatures(t, "")
	s := startServer(t, dir, "")
	for i := range 5 {
		s.want(t, http.StatusOK, http.MethodPut, fmt.Sprint("/v1/items/i", i), `{"price":1}`)
	}
	send := func(event string) { s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", event) }
	read := func(user, item string) string {
		_, answer := s.call(t, http.MethodPost, "/get-online-features",
			fmt.Sprintf(`{"features":["user:views_1h","item:views_24h"],"entities":{"user_id":[%q],"item_id":[%q]}}`, user, item))
		return answer
	}
	expect := func(what, user, item, views, seen string) {
		t.Helper()
		waitFor(t, what, func() bool {
			answer := read(user, item)
			return strings.Contains(answer, `"values":[`+views+`]`) && strings.Contains(answer, `"values":[`+seen+`]`)
		})
		s.want(t, http.StatusOK, http.MethodGet, "/v1/users/"+user+"/recommendations?n=3", "")
	}
	for _, e := range []string{"ann i1", "ann i2", "bob i1", "visitor i1", "visitor i3", "visitor i4"} {
		user, item, _ := strings.Cut(e, " ")
		send(fmt.Sprintf(`{"event_id":%q,"user":%q,"item":%q,"kind":"view"}`, e, user, item))
	}
	expect("the events", "ann", "i1", "2.0", "3.0")
	send(`{"user":"spider","item":"i1","kind":"view","context":{"user_agent":"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}`)
	waitFor(t, "the bot to be found", func() bool {
		return strings.Contains(s.want(t, http.StatusOK, http.MethodGet, "/v1/quarantine?reason=bot", ""), `"user":"spider"`)
	})
	send(`{"user":"spider","item":"i2","kind":"view"}`)
	send(`{"user":"bob","item":"i2","kind":"view"}`)
	expect("the bot's events not to count", "spider", "i2", "0.0", "2.0")
	expect("those of before neither", "ann", "i1", "2.0", "3.0")
	s.want(t, http.StatusOK, http.MethodPost, "/v1/quarantine/release", `{"reasons":["bot"],"user":"spider"}`)
	expect("what is released to count again", "spider", "i2", "2.0", "3.0")

	succeed(t, "users", "merge", "ann", "visitor", "--dir", dir)
	expect("the users to be one", "ann", "i1", "5.0", "4.0")
	expect("an alias to answer for the user", "visitor", "i3", "5.0", "1.0")
	s.want(t, http.StatusOK, http.MethodDelete, "/v1/events/visitor%20i4", "")
	expect("what is taken back not to count", "ann", "i4", "4.0", "0.0")
	rows := func() string {
		labels := writeFile(t, "labels.csv", 2, func(i int) string {
			return []string{"user,item,time,label", "visitor,i1," + time.Now().UTC().Format(time.RFC3339Nano) + ",1"}[i]
		})
		out := labels + ".jsonl"
		succeed(t, "features", "training-set", "two", "-o", out, "--labels", labels, "--dir", dir)
		return readFile(t, out)
	}
	if got := rows(); !strings.Contains(got, `"user__views_1h":4,"item__views_24h":4`) {
		t.Errorf("a training set of one user: %s", got)
	}
	succeed(t, "users", "unmerge", "visitor", "--dir", dir)
	expect("the user to be apart", "visitor", "i1", "2.0", "4.0")
	expect("the other, too", "ann", "i4", "2.0", "0.0")
	if got := rows(); !strings.Contains(got, `"user__views_1h":2,"item__views_24h":4`) {
		t.Errorf("a training set of two users: %s", got)
	}
	metrics := s.want(t, http.StatusOK, http.MethodGet, "/metrics", "")
	if !strings.Contains(metrics, "kindred_feature_builds_total 1\n") || !strings.Contains(metrics, `kindred_feature_changed_events_total{outcome="retracted"}`) {
		t.Error("the features were computed anew, or the metrics do not tell what was taken back")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if r := succeed(t, "features", "skew", "two", "--dir", dir); !strings.Contains(r.out, "of 9 lists were computed again: 0 differ") {
		t.Errorf("skew: %s", r.out)
	}
	if r := succeed(t, "features", "get", "user:views_1h", "--user", "ann", "--dir", dir); !strings.Contains(r.out, "2 PRESENT") {
		t.Errorf("a command knows of %s", r.out)
	}
}
