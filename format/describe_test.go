package format

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"kindred"
)

func TestReadItems(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := ReadItems([]string{
		write("movies.csv", "movieId,title,genres\n1,Heat (1995),Crime|Drama\n2,Babe (1995),(no genres listed)\n"),
		write("tags.csv", "userId,movieId,tag,timestamp\n7,1,Heist,3\n8,1,heist,4\n8,1,slow,5\n8,9,slow,5\n"),
		write("item2attributes.json", `{"2": [4, 11], "9": ["pig"]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	year := kindred.NumberOf(1995)
	want := []*kindred.Item{
		{ID: "1", Title: "Heat (1995)", Categories: []string{"Crime", "Drama"}, Attributes: kindred.Attributes{"year": year, "tag": kindred.SetOf("heist", "slow")}},
		{ID: "2", Title: "Babe (1995)", Attributes: kindred.Attributes{"year": year, "attributes": kindred.SetOf("4", "11")}},
		{ID: "9", Attributes: kindred.Attributes{"tag": kindred.SetOf("slow"), "attributes": kindred.SetOf("pig")}},
	}
	for i, item := range got {
		if i >= len(want) || len(item.Categories) != len(want[i].Categories) {
			t.Fatalf("item %d is %+v", i, item)
		}
		if len(item.Categories) == 0 {
			item.Categories = nil
		}
		if !reflect.DeepEqual(item, want[i]) {
			t.Errorf("got %+v, want %+v", item, want[i])
		}
	}
	for name, text := range map[string]string{
		"list.json": `[1]`, "cut.json": `{"1": [2`, "word.json": `{"1": "x"}`, "tags.csv": "a,b\n1,2\n", "rows.csv": "user,item\n1,\n",
	} {
		if got, err := ReadItems([]string{write(name, text)}); err == nil {
			t.Errorf("%s passes for %+v", name, got)
		}
	}
	users, err := ReadUsers([]string{write("u.user", "1|24|M|technician|85711\n")})
	if err != nil || len(users) != 1 || users[0].ID != "1" || users[0].Attributes["age"].Number != 24 {
		t.Errorf("users %+v, %v", users, err)
	}
}
