package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSchema infers, declares, enforces, by the API and in imports.
func TestSchema(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := startServer(t, dir, "")
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/a", `{"attributes":{"brand":"Acme","size":3}}`)
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/b", `{"attributes":{"brand":"Best","size":"XL"}}`)
	if got := s.want(t, http.StatusOK, http.MethodGet, "/v1/schema", ""); !strings.Contains(got, `"types":{"number":1,"string":1},"conflict":true`) {
		t.Errorf("inferred: %s", got)
	}
	if r := succeed(t, "schema", "--dir", dir); !strings.Contains(r.out, "number | string") || !strings.Contains(r.out, "size has different types") {
		t.Errorf("kindred schema: %s", r.out)
	}
	s.stop(t)
	config := "catalogue:\n  attributes:\n    brand: {type: string, required: true, values: [Acme, Best]}\n    size: {type: number, min: 1}\n  undeclared: reject\n  unknown_items: reject\n"
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, dir, s.key)
	waitFor(t, "the catalogue to be counted", func() bool {
		return strings.Contains(s.want(t, http.StatusOK, http.MethodGet, "/metrics", ""), `kindred_catalogue_items{state="available"} 2`)
	})
	for body, want := range map[string]string{
		`{"attributes":{"size":2}}`:                      `"body.attributes.brand","message":"is required (a string)"`,
		`{"attributes":{"brand":"acme"}}`:                `is none of Acme, Best`,
		`{"attributes":{"brand":"Acme","size":"XL"}}`:    `must be a number, is a string`,
		`{"attributes":{"brand":"Acme","size":0}}`:       `outside of 1`,
		`{"attributes":{"brand":"Acme","colour":"red"}}`: `body.attributes.colour`,
	} {
		if got := s.want(t, http.StatusUnprocessableEntity, http.MethodPut, "/v1/items/c", body); !strings.Contains(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := s.want(t, http.StatusOK, http.MethodGet, "/v1/schema", ""); !strings.Contains(got, `"faulty":1`) {
		t.Errorf("beside what is declared: %s", got)
	}
	got := s.want(t, http.StatusUnprocessableEntity, http.MethodPost, "/v1/events", `{"user":"u","item":"c","kind":"view"}`)
	if !strings.Contains(got, "not in the catalogue") {
		t.Errorf("an unknown item: %s", got)
	}
	got = s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events/batch",
		`{"events":[{"user":"u","item":"c","kind":"view"},{"user":"u","item":"a","kind":"view"},{"user":"u","kind":"search"}]}`)
	if !strings.Contains(got, `"accepted":2,"duplicates":0,"rejected":1`) {
		t.Errorf("a batch: %s", got)
	}
	items := writeFile(t, "items.csv", 3, func(i int) string { return []string{"item,brand,size", "d,Acme,3", "e,Other,3"}[i] })
	r := succeed(t, "import", "csv", items, "--dir", dir)
	if !strings.Contains(r.out, "1 items") || !strings.Contains(r.out, "invalid_attributes") {
		t.Errorf("import: %s", r.out)
	}
	s.stop(t)
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte("catalogue: {type_conflicts: reject}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, dir, s.key)
	got = s.want(t, http.StatusOK, http.MethodPost, "/v1/items/batch",
		`{"items":[{"id":"f","attributes":{"brand":7}},{"id":"g","attributes":{"new":1}},{"id":"h","attributes":{"new":"one"}},{"id":"i","attributes":{"new":2}}]}`)
	if !strings.Contains(got, `"stored":2,"rejected":2`) || !strings.Contains(got, "is a number, and of other items a string") || !strings.Contains(got, "is a string, and of other items a number") {
		t.Errorf("types in conflict: %s", got)
	}
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/j?validate_only=true", `{"attributes":{"other":true}}`)
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/j", `{"attributes":{"other":"yes"}}`)
	s.want(t, http.StatusUnprocessableEntity, http.MethodPut, "/v1/items/k", `{"attributes":{"other":true}}`)
	items = writeFile(t, "conflict.jsonl", 2, func(i int) string {
		return []string{`{"item":"l","title":"L","other":"no"}`, `{"item":"m","title":"M","other":5}`}[i]
	})
	if r := succeed(t, "import", "jsonl", items, "--dir", dir); !strings.Contains(r.out, "1 items") || !strings.Contains(r.out, "invalid_attributes") {
		t.Errorf("import: %s", r.out)
	}
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte("catalogue: {attributes: {a: {type: colour}}, undeclared: no}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = kindredRun(t, "schema", "--dir", dir)
	if r.code != exitUsage || !strings.Contains(r.err, "attributes.a.type") || !strings.Contains(r.err, "undeclared") {
		t.Errorf("a faulty declaration: %d %s", r.code, r.err)
	}
}

// TestGroups learns from groups of variants, shows one variant of each, and
// hands vectors out and in by the names of groups.
func TestGroups(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "state"), t.TempDir()
	importClusters(t, dir)
	s := startServer(t, dir, "")
	var items []string
	for n := range 200 { // each is one of two sizes
		items = append(items, fmt.Sprintf(`{"id":"i%d","group":"p%d"}`, n, n/2))
	}
	s.want(t, http.StatusOK, http.MethodPost, "/v1/items/batch", `{"items":[`+strings.Join(items, ",")+`]}`)
	version := trainedVersion(t, dir, "ials:factors=16,epochs=4")
	if shown := succeed(t, "models", "show", version, "--dir", dir).out; !strings.Contains(shown, `"by_group": true`) {
		t.Errorf("the lineage: %s", shown)
	}
	succeed(t, "models", "promote", version, "--dir", dir)
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"newcomer","item":"i65","kind":"view"}`)
	oneOfEach := func(what string) {
		t.Helper()
		waitFor(t, what, func() bool {
			products := map[int]bool{}
			list := s.recommended(t, "newcomer", "?n=9")
			for _, id := range list {
				var n int
				if _, err := fmt.Sscanf(id, "i%d", &n); err != nil || n < 60 || n > 79 || products[n/2] || n/2 == 32 {
					return false
				}
				products[n/2] = true
			}
			return len(list) == 9
		})
	}
	oneOfEach("one size of each of the other nine products")
	files := strings.Fields(succeed(t, "models", "export", version, "--dir", dir, "--format", "npy", "--out", out).out)
	if names, err := os.ReadFile(files[1]); err != nil || !strings.Contains(string(names), "p7\n") || strings.Contains(string(names), "i65\n") {
		t.Errorf("vectors of %s, %v", names, err)
	}
	imported, _, _ := strings.Cut(succeed(t, "models", "import-vectors", files[0], "--ids", files[1], "--dir", dir, "--similarity", "dot").out, ":")
	succeed(t, "models", "promote", imported, "--dir", dir)
	oneOfEach("the same by vectors of groups from elsewhere")
}

// TestLateItem has events come before their item: they train, they hide, and
// once the item arrives it is recommended under its categories and filters.
func TestLateItem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	importClusters(t, dir)
	s := startServer(t, dir, "")
	var events []string
	for n := range 40 { // who likes group 3 likes the newcomer
		events = append(events, fmt.Sprintf(`{"user":"late%d","item":"i%d","kind":"view"},{"user":"late%d","item":"late","kind":"purchase"}`, n, 60+n%20, n))
	}
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events/batch", `{"events":[`+strings.Join(events, ",")+`]}`)
	succeed(t, "train", "--dir", dir)
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"new","item":"i65","kind":"view"}`)
	filter := "?n=20&filter=" + "category%20under%20%22Home%22"
	if got := s.recommended(t, "new", filter); slices.Contains(got, "late") {
		t.Errorf("an item of which nothing is known meets a filter: %v", got)
	}
	waitFor(t, "the trained model", func() bool { return slices.Contains(s.recommended(t, "new", "?n=50"), "late") })
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/late", `{"title":"Late","categories":["Home > Kitchen"],"stock":1}`)
	if got := s.recommended(t, "new", filter); !slices.Equal(got, []string{"late"}) {
		t.Errorf("the item has arrived, and under Home are %v", got)
	}
	if got := s.recommended(t, "late7", filter); len(got) != 0 {
		t.Errorf("who bought it before it arrived gets it recommended: %v", got)
	}
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/late", `{"title":"Late","categories":["Home > Kitchen"],"stock":0}`)
	if got := s.recommended(t, "new", filter); len(got) != 0 {
		t.Errorf("sold out, and still recommended: %v", got)
	}
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/late", `{"categories":["Home > Kitchen"],"stock":0,"backorder":true}`)
	if got := s.recommended(t, "new", filter); len(got) != 1 {
		t.Errorf("on backorder, and not recommended: %v", got)
	}
}
