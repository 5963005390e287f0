package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// trainedVersion trains one kind and returns the version that came of it.
func trainedVersion(t *testing.T, dir, kind string) string {
	t.Helper()
	var answer struct {
		Versions []struct{ Version, Kind string }
	}
	trained := succeed(t, "train", "--dir", dir, "--json", "--quiet", "--model", kind)
	if err := json.Unmarshal([]byte(trained.out), &answer); err != nil {
		t.Fatalf("%v: %s", err, trained.out)
	}
	for _, v := range answer.Versions {
		if strings.HasPrefix(kind, v.Kind) {
			return v.Version
		}
	}
	t.Fatalf("no version of %s: %s", kind, trained.out)
	return ""
}

// TestVectorsOutAndIn writes a model's vectors, makes a version of them and
// expects that to recommend as the first does.
func TestVectorsOutAndIn(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "state"), t.TempDir()
	importClusters(t, dir)
	first := trainedVersion(t, dir, "ials:factors=16,epochs=4")
	for _, formatName := range []string{"parquet", "npy"} {
		files := strings.Fields(succeed(t, "models", "export", first, "--dir", dir, "--format", formatName, "--out", out, "--users").out)
		args := []string{"models", "import-vectors", files[0], "--dir", dir, "--json", "--similarity", "dot"}
		want := []string{"items.parquet", "users.parquet"}
		if formatName == "npy" {
			args, want = append(args, "--ids", files[1]), []string{"items.npy", "items.txt", "users.npy", "users.txt"}
		}
		for i := range want {
			if files[i] != filepath.Join(out, want[i]) {
				t.Fatalf("exported %v", files)
			}
		}
		var version struct{ Version, Kind string }
		if err := json.Unmarshal([]byte(succeed(t, args...).out), &version); err != nil || version.Kind != "vectors" {
			t.Fatalf("%+v, %v", version, err)
		}
		again := filepath.Join(out, "again")
		succeed(t, "models", "export", version.Version, "--dir", dir, "--format", formatName, "--out", again)
		sameFile(t, files[0], filepath.Join(again, filepath.Base(files[0])))
		succeed(t, "models", "promote", version.Version, "--dir", dir)
	}
	s := startServer(t, dir, "")
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"newcomer","item":"i63","kind":"view"}`)
	group := 0
	for _, id := range s.recommended(t, "newcomer", "?n=5") {
		var number int
		if _, err := fmt.Sscanf(id, "i%d", &number); err == nil && number/20 == 3 {
			group++
		}
	}
	if group < 4 {
		t.Errorf("of 5 items for a user of group 3 only %d are of it", group)
	}
	popular := kindredRun(t, "models", "list", "--dir", dir, "--json")
	at := strings.Index(popular.out, "-popular")
	if r := kindredRun(t, "models", "export", popular.out[strings.LastIndex(popular.out[:at], `"`)+1:at+len("-popular")], "--dir", dir); r.code != exitUsage {
		t.Errorf("the vectors of popularity: exit code %d, %s", r.code, r.err)
	}
}

func sameFile(t *testing.T, a, b string) {
	t.Helper()
	var files [2][]byte
	for n, path := range []string{a, b} {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = file
	}
	if !slices.Equal(files[0], files[1]) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// TestNewItemIsRecommended expects an item that nobody met to be recommended
// for its attributes, once it is learned on.
func TestNewItemIsRecommended(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	importClusters(t, dir)
	items := writeFile(t, "items.csv", 202, func(i int) string {
		switch i {
		case 0:
			return "item,genre,year"
		case 201:
			return "fresh,g3,2026"
		}
		return fmt.Sprintf("i%d,g%d,%d", i-1, (i-1)/20, 1990+i%30)
	})
	succeed(t, "import", "csv", items, "--dir", dir)
	key := ""
	for _, kind := range []string{"featureals:factors=16", "content"} {
		succeed(t, "models", "promote", trainedVersion(t, dir, kind), "--dir", dir)
		s := startServer(t, dir, key)
		key = s.key
		if list := s.recommended(t, "u3", "?n=4"); !slices.Contains(list, "fresh") {
			t.Errorf("%s recommends %v", kind, list)
		}
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"newcomer","item":"i83","kind":"view"}`)
		if list := s.recommended(t, "newcomer", "?n=10"); slices.Contains(list, "fresh") {
			t.Errorf("%s recommends to another group too: %v", kind, list)
		}
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}
