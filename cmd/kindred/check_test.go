package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/check"
)

// writeEvents writes a file of clicks of thirty users on twelve items, and
// what dirt adds.
func writeEvents(t *testing.T, dirt string) string {
	t.Helper()
	text := &strings.Builder{}
	text.WriteString("user,item,kind,time,value\n")
	start := time.Now().Add(-9 * 24 * time.Hour)
	for i := range 600 {
		fmt.Fprintf(text, "u%d,i%d,click,%s,1\n", i%30, (i*7+i/30)%12, start.Add(time.Duration(i)*20*time.Minute).UTC().Format(time.RFC3339))
	}
	text.WriteString(dirt)
	path := filepath.Join(t.TempDir(), "events.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checked runs kindred check and returns its report and exit code.
func checked(t *testing.T, args ...string) (report check.Report, code int) {
	t.Helper()
	r := kindredRun(t, append([]string{"check", "--json", "-q"}, args...)...)
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("%v: %s%s", err, r.out, r.err)
	}
	return report, r.code
}

// TestCheckFiles expects files to be judged as an import would take them, with
// nothing stored.
func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	path := writeEvents(t, "null,i3,click,2026-01-01T00:00:00Z,1\n,i3,click,2026-01-01T00:00:00Z,1\nu3,POST,purchase,2026-01-01T00:00:00Z,-4\n")
	report, code := checked(t, "--dir", dir, "auto", path)
	if code != exitOK || report.Rows.Events != 602 || report.Rows.Rejected != 1 {
		t.Errorf("exit code %d, %+v", code, report.Rows)
	}
	for name, want := range map[string]check.Status{
		"user_placeholder": check.Warning, "value_negative": check.Warning, "item_test_code": check.Warning, "rows_rejected": check.OK,
	} {
		if x, _ := report.Find(name); x.Status != want || x.Count != 1 {
			t.Errorf("%s: %+v", name, x)
		}
	}
	if report, _ = checked(t, "--dir", dir); report.Rows.Events != 0 {
		t.Errorf("stored: %+v", report.Rows)
	}
	if _, code := checked(t, "--dir", dir, "--fail-on", "warning", "auto", path); code != exitFailed {
		t.Errorf("--fail-on warning: exit code %d", code)
	}
	if r := kindredRun(t, "check", "--dir", dir, "csv"); r.code != exitUsage || !strings.Contains(r.err, "name the files") {
		t.Errorf("no files: %+v", r)
	}
}

// TestGate expects errors of the data to end a training, and --ignore-checks to
// leave a trace in the lineage.
func TestGate(t *testing.T) {
	dir := t.TempDir()
	succeed(t, "import", "-q", "--dir", dir, "auto", writeEvents(t, ""))
	config := "expectations:\n  - {name: clicks have a session, of: events, where: 'kind=\"click\"', expect: not_null, field: session, owner: web team}\n"
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	report, code := checked(t, "--dir", dir)
	if x, _ := report.Find("drift_since_training"); code != exitFailed || report.Summary[check.Error] != 1 || x.Detail != "no model is live" {
		t.Errorf("exit code %d, %v, %+v", code, report.Summary, x)
	}
	r := kindredRun(t, "train", "-q", "--dir", dir, "--model", "popular")
	if r.code != exitFailed || !strings.Contains(r.err, "clicks have a session: 600 of 600") || !strings.Contains(r.err, "--ignore-checks") {
		t.Errorf("%+v", r)
	}
	succeed(t, "train", "-q", "--dir", dir, "--model", "popular", "--ignore-checks")
	var models struct{ Models []kindred.ModelVersion }
	listed := succeed(t, "models", "list", "--json", "--dir", dir)
	if err := json.Unmarshal([]byte(listed.out), &models); err != nil {
		t.Fatalf("%v: %s", err, listed.out)
	}
	report, _ = checked(t, "--dir", dir)
	if x, _ := report.Find("drift_since_training"); x.Status != check.Skipped || x.Detail != "the live model knows all events but today's" {
		t.Errorf("against what was just learned from: %+v", x)
	}
	c := models.Models[0].Checks
	if c == nil || !c.Overridden || len(c.Errors) != 1 || c.Errors[0] != "clicks have a session" {
		t.Errorf("lineage %+v", c)
	}
}

// TestCheckServed expects a server to check its data in the background when
// asked, and to show the outcome as metrics.
func TestCheckServed(t *testing.T) {
	dir := t.TempDir()
	succeed(t, "import", "-q", "--dir", dir, "auto", writeEvents(t, "undefined,i3,click,2026-01-01T00:00:00Z,1\n"))
	s := startServer(t, dir, "")
	deadline := time.Now().Add(30 * time.Second)
	status, body := s.call(t, "GET", "/v1/check", "")
	for status == http.StatusAccepted && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
		status, body = s.call(t, "GET", "/v1/check", "")
	}
	var answer struct{ Report check.Report }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if x, _ := answer.Report.Find("user_placeholder"); x.Status != check.Warning || x.Examples[0] != "undefined" {
		t.Errorf("%+v", x)
	}
	want := `kindred_check_status{check="user_placeholder",status="warning"} 1`
	metrics := ""
	for !strings.Contains(metrics, want) && time.Now().Before(deadline) {
		_, metrics = s.call(t, "GET", "/metrics", "")
	}
	if !strings.Contains(metrics, want) || !strings.Contains(metrics, `kindred_check_results{status="error"} 0`) {
		t.Error("the metrics do not show it")
	}
}
