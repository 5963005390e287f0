package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kindred/check"
)

// TestDocs expects the table in docs/checks.md to be the table of checks;
// -update writes it.
func TestDocs(t *testing.T) {
	const begin, end = "<!-- the table of checks: go test ./check -update -->\n", "<!-- end of the table -->\n"
	path := filepath.Join("..", "docs", "checks.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s has no place for the table", path)
	}
	table := &strings.Builder{}
	table.WriteString("| check | figure | beyond | says | what it harms; what to do |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range check.Checks() {
		says := string(c.Severity)
		if c.ErrorAbove != 0 {
			says += ", above " + number(c.ErrorAbove) + " error"
		}
		fmt.Fprintf(table, "| `%s` | %s (%s) | %s | %s | %s. *%s.* |\n", c.Name, c.Figure, c.Unit, number(c.Limit), says, upper(c.Meaning), upper(c.Advice))
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(page) {
		t.Errorf("%s is behind the table of checks; write it anew with -update", path)
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// TestTable expects every check to be told apart and to say what it needs to.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, c := range check.Checks() {
		if names[c.Name] || c.Name == "" || c.Group == "" || c.Figure == "" || c.Meaning == "" || c.Advice == "" || c.Unit == "" {
			t.Errorf("%+v", c)
		}
		names[c.Name] = true
		if c.ErrorAbove != 0 && c.ErrorAbove < c.Limit {
			t.Errorf("%s is an error before it is anything else", c.Name)
		}
	}
	if len(names) < 35 {
		t.Errorf("%d checks", len(names))
	}
}
