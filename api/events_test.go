package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"kindred"
	"kindred/recommend"
)

// plainEvent is eventBody as encoding/json decodes it.
type plainEvent struct {
	ID        string          `json:"event_id"`
	User      kindred.UserID  `json:"user"`
	Item      kindred.ItemID  `json:"item"`
	Kind      kindred.Kind    `json:"kind"`
	Value     *float64        `json:"value"`
	Time      any             `json:"time"`
	Session   string          `json:"session"`
	RequestID string          `json:"request_id"`
	Position  int             `json:"position"`
	Context   json.RawMessage `json:"context"`
}

func (p *plainEvent) event(t *testing.T) kindred.Event {
	t.Helper()
	e := kindred.Event{
		ID: p.ID, User: p.User, Item: p.Item, Kind: p.Kind, Value: math.NaN(), Session: p.Session, RequestID: p.RequestID,
		Position: p.Position, Context: p.Context,
	}
	if p.Value != nil {
		e.Value = *p.Value
	}
	if string(p.Context) == "null" {
		e.Context = nil
	}
	switch when := p.Time.(type) {
	case nil:
	case string:
		parsed, err := time.Parse(time.RFC3339Nano, when)
		if err != nil {
			t.Fatalf("accepted the time %q: %v", when, err)
		}
		e.Time = parsed.UTC().Truncate(time.Millisecond)
	case float64:
		e.Time = time.UnixMilli(int64(math.Round(when * 1000))).UTC()
	}
	return e
}

// FuzzReadBatch holds the hand-written decoder to encoding/json: what is not
// JSON is refused, what is accepted has the same meaning.
func FuzzReadBatch(f *testing.F) {
	for _, seed := range []string{
		`{"events":[{"user":"u","item":"i","kind":"view"}]}`,
		`{"events":[{"event_id":"e","user":"\u00e9\ud83d\ude00\n","item":"i","kind":"rating","value":-1.5e2,"time":"2026-01-02T15:04:05.123456+02:00","session":"s","request_id":"r","position":3,"context":{"a":[1,{"b":null}],"c":true}}]}`,
		`{"events":[{"user":"u","time":1767225600.25,"value":123456789012345678901234567890}, {"user":null}, 3, [], null]}`,
		`{"events":[{"user":"u","user":"v","x":{"y":[[]]}}]}`,
		` { "events" : [ ] } `, `{"events":[1,]}`, `{"events":[{"value":01}]}`, `{"events":[{"value":1.}]}`, `{"events":[{"value":-}]}`,
		`{"\u0065vents":[]}`, "{\"events\":[{\"user\":\"\xc3\x28\"}]}", `{"events":[{"user":"\ud800\u0041"}]}`, `nul`, `[`, `"`, `"\`, `{"a"`, `1e`, `-0`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in := newReader(body)
		in.skip()
		plainlyValid := json.Valid(body) && utf8.Valid(body)
		switch err := in.end(); {
		case err == nil && !plainlyValid:
			t.Fatalf("took %q for JSON", body)
		case err != nil && plainlyValid && !strings.Contains(err.Error(), "surrogate") && !strings.Contains(err.Error(), "nested"):
			t.Fatalf("did not take %q for JSON: %v", body, err)
		}
		b, err := readBatch(body)
		if err != nil {
			return
		}
		var plain struct {
			Events []json.RawMessage `json:"events"`
		}
		if err := json.Unmarshal(body, &plain); err != nil || len(plain.Events) != len(b.results) {
			t.Fatalf("%q: encoding/json says %d rows, %v", body, len(plain.Events), err)
		}
		for i, got := range b.events {
			var p plainEvent
			dec := json.NewDecoder(bytes.NewReader(plain.Events[b.places[i]]))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&p); err != nil {
				t.Fatalf("%q: encoding/json refuses row %d: %v", body, i, err)
			}
			if want := p.event(t); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				t.Fatalf("%q:\n got %+v\nwant %+v", body, got, want)
			}
		}
	})
}

// FuzzQuery checks that no query does harm, and that a refused one is refused
// with its place.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"n=10&exclude=a,b", "filter=price%3C%3D20+and+brand%3D%22A%22&category=c", "n=&n=2", "%zz", "a;b", "context_item=%00", "explain=true"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := &http.Request{URL: &url.URL{RawQuery: raw}}
		q, err := readQuery(r, "n", "exclude", "category", "filter", "explain")
		if err != nil {
			return
		}
		ask, err := q.recommendation()
		if err == nil && (ask.N < 1 || ask.N > maxN || len(ask.Exclude) > maxExclude) {
			t.Fatalf("%q passes as %+v", raw, ask)
		}
	})
}

func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?`),
			rapid.Map(rapid.Float64(), func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }),
		).Draw(t, "text")
		in := newReader([]byte(text))
		got := in.number()
		want, err := strconv.ParseFloat(text, 64)
		switch {
		case !json.Valid([]byte(text)):
			if in.end() == nil {
				t.Fatalf("took %q for a number", text)
			}
		case err != nil:
			if len(in.faults) == 0 {
				t.Fatalf("took %q for a float64", text)
			}
		case math.Float64bits(got) != math.Float64bits(want) || in.end() != nil:
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
	})
}

func TestStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		in := newReader(appendString(nil, text))
		if got := in.text(); got != strings.ToValidUTF8(text, "\uFFFD") || in.end() != nil {
			t.Fatalf("%q came back as %q", text, got)
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		in = newReader(encoded)
		if got := in.text(); got != text || in.end() != nil {
			t.Fatalf("%s read as %q", encoded, got)
		}
	})
}

// mug is the only item that lookUpMug knows.
func mug() kindred.Item {
	return kindred.Item{
		ID: "mug", Title: "Mug <3", Categories: []string{"Kitchen", "Red"}, Price: 12.5,
		Attributes: kindred.Attributes{"image": kindred.StringOf("/mug.svg")},
	}
}

func lookUpMug(id kindred.ItemID) (kindred.Item, bool) { return mug(), id == "mug" }

// TestAnswerIsWhatJSONWouldBe compares the hand-written encoder with the type
// that documents it.
func TestAnswerIsWhatJSONWouldBe(t *testing.T) {
	for name, answer := range map[string]recommend.Answer{
		"nothing": {RequestID: "rec-1"},
		"items": {
			RequestID: "rec-1", Model: &recommend.ModelRef{Version: "v1", Kind: "ials"},
			Trace: &recommend.Trace{History: 2, Seen: 1, Stages: []recommend.Stage{{Name: "personal", Items: 2, Microseconds: 70}}},
			Items: []recommend.Item{
				{ID: "mug", Score: 0.5, Source: "ials", Reason: recommend.Reason{Code: "because_viewed", Item: "kettle", Text: "Because you viewed “Kettle”"}},
				{ID: "unknown\n\"item\"", Score: 1e-9, Source: "popular", Reason: recommend.Reason{Code: "popular", Text: "Popular"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := answerBody{RequestID: answer.RequestID, Items: []recommendedBody{}, Trace: answer.Trace}
			if answer.Model != nil {
				want.Model = &modelRefBody{answer.Model.Version, answer.Model.Kind}
			}
			for _, it := range answer.Items {
				rec := recommendedBody{ID: it.ID, Score: it.Score, Source: it.Source, Reason: reasonBody{it.Reason.Code, it.Reason.Item, it.Reason.Text}}
				if item, known := lookUpMug(it.ID); known {
					whole := newItemBody(item)
					rec.Title, rec.Categories, rec.Price, rec.Item = item.Title, item.Categories, item.Price, &whole
				}
				want.Items = append(want.Items, rec)
			}
			got, err := appendAnswer(nil, &answer, lookUpMug, appendWhole)
			must(t, err)
			data, err := json.Marshal(want)
			must(t, err)
			if normal(t, got) != normal(t, data) {
				t.Errorf("got  %s\nwant %s", got, data)
			}
		})
	}
}

func normal(t *testing.T, data []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestActivity(t *testing.T) {
	now := testNow
	a := NewActivity(func() time.Time { return now })
	for second := range 300 {
		now = testNow.Add(time.Duration(second) * time.Second)
		a.Observe(make([]kindred.Event, 30))
		for range 98 {
			a.request(tagRecommendations, 200, time.Millisecond)
		}
		a.request(tagRecommendations, 200, 100*time.Millisecond)
		a.request(tagRecommendations, 200, time.Hour)
		a.request("Items", 200, time.Hour)
		a.request(tagRecommendations, 503, time.Hour)
	}
	got, series := a.requests()
	if got.EventsTotal != 9000 || got.RecommendationsTotal != 30_000 || got.ErrorsTotal != 300 ||
		got.EventsPerSecond != 30 || math.Round(got.RecommendationsPerSecond) != 100 {
		t.Errorf("%+v", got)
	}
	if l := got.Latency; l.P50 < 1 || l.P50 > 1.2 || l.P99 < 100 || l.P99 > 120 {
		t.Errorf("%+v", got.Latency)
	}
	if len(series.Seconds) != 120 || series.Seconds[119] != now.Unix()-1 || series.Events[0] != 30 || series.Recommendations[119] != 100 {
		t.Errorf("%+v", series)
	}
	now = now.Add(time.Hour)
	if _, series = a.requests(); series.Events[119] != 0 {
		t.Errorf("an hour later: %+v", series)
	}
	if len(a.lastEvents()) != 0 { // events without a kind are none
		t.Errorf("%+v", a.lastEvents())
	}
	for i := range 25 {
		a.Observe([]kindred.Event{{ID: strconv.Itoa(i), Kind: kindred.View, User: kindred.UserID(strconv.Itoa(i % 2))}})
	}
	if last := a.lastEvents(); len(last) != 20 || last[0].ID != "24" || last[19].ID != "5" {
		t.Errorf("%+v", last)
	}
	a.forget("0")
	if last := a.lastEvents(); len(last) != 10 || last[0].ID != "23" {
		t.Errorf("%+v", last)
	}
}

func batchOf(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"events":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"event_id":"order-%d-line-1","user":"u%d","item":"product-%d","kind":"purchase","value":2,"time":"2026-01-02T15:04:05.%03dZ","session":"s-%d"}`, i, i%1000, i%5000, i%1000, i%300)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkReadBatch(b *testing.B) {
	body := batchOf(kindred.MaxBatch)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		rows, err := readBatch(body)
		if err != nil || len(rows.events) != kindred.MaxBatch {
			b.Fatal(err, len(rows.events))
		}
	}
	b.ReportMetric(float64(kindred.MaxBatch)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReadBatchPlain is the same with encoding/json.
func BenchmarkReadBatchPlain(b *testing.B) {
	body := batchOf(kindred.MaxBatch)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var rows struct{ Events []plainEvent }
		if err := json.Unmarshal(body, &rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(kindred.MaxBatch)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkAnswer(b *testing.B) {
	answer, item := tenItems(), mug()
	look := func(id kindred.ItemID) (kindred.Item, bool) { return item, id == item.ID }
	b.ReportAllocs()
	var buffer []byte
	for b.Loop() {
		var err error
		if buffer, err = appendAnswer(buffer[:0], &answer, look, appendSummary); err != nil {
			b.Fatal(err)
		}
	}
}

func tenItems() recommend.Answer {
	answer := recommend.Answer{RequestID: "0193a1c0-5b7e-7c3a-9f00-2a5d1c7e4b11", Model: &recommend.ModelRef{Version: "ials-1", Kind: "ials"}}
	for range 10 {
		answer.Items = append(answer.Items, recommend.Item{
			ID: "mug", Score: 0.8234567, Source: "ials",
			Reason: recommend.Reason{Code: "because_bought", Item: "kettle", Text: "Because you bought “Kettle”"},
		})
	}
	return answer
}
