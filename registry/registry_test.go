package registry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestRegisterLoad expects a version back as it was registered.
func TestRegisterLoad(t *testing.T) {
	reg := open(t)
	v := register(t, reg, "popular", moment)
	if v.Stage != kindred.Candidate {
		t.Errorf("stage: got %q, want candidate", v.Stage)
	}
	loaded, err := reg.Load(v.Version)
	if err != nil {
		t.Fatal(err)
	}
	if got := loaded.Items.IDs(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("items: got %v", got)
	}
	want, got := make([]float32, 3), make([]float32, 3)
	learned(t, "popular").Score(want, dataset.History{})
	loaded.Learned.Score(got, dataset.History{})
	if !slices.Equal(got, want) {
		t.Errorf("scores: got %v, want %v", got, want)
	}
	row := kindred.Attributes{"age": kindred.NumberOf(35)}
	wantCols, wantVals := data().UserFeatures.Encoding.Append(nil, nil, row)
	cols, vals := loaded.UserEncoding.Append(nil, nil, row)
	if len(cols) == 0 || !slices.Equal(cols, wantCols) || !slices.Equal(vals, wantVals) {
		t.Errorf("a user's columns: got %v %v, want %v %v", cols, vals, wantCols, wantVals)
	}
	if !reflect.DeepEqual(loaded.Weighing, data().Weighing) || loaded.Signals != nil {
		t.Errorf("weighing: got %+v; signals that nobody said: %+v", loaded.Weighing, loaded.Signals)
	}
}

// TestSignals expects a version to say how events were weighed.
func TestSignals(t *testing.T) {
	reg, half := open(t), .5
	want := dataset.Defaults()
	want.HalfLife = time.Hour
	want.Signals = map[kindred.Kind]dataset.Signal{"view": {From: dataset.DwellReading, Min: &half}}
	text, err := json.Marshal(want)
	must(t, err)
	v, err := reg.Register(t.Context(), kindred.ModelVersion{Kind: "popular", CreatedAt: moment, Signals: text}, data(), learned(t, "popular"))
	must(t, err)
	if loaded, err := reg.Load(v.Version); err != nil || !reflect.DeepEqual(loaded.Signals, &want) {
		t.Errorf("got %+v, %v, want %+v", loaded.Signals, err, want)
	}
}

// TestOlderArtefact expects what was written before encodings were kept to
// load without one, and one of a later format to be refused.
func TestOlderArtefact(t *testing.T) {
	var older bytes.Buffer
	older.WriteString("kindred artefact 1\n\x03\x01a\x01b\x01c")
	_, err := learned(t, "itemknn").WriteTo(&older)
	must(t, err)
	loaded, err := decodeBytes(older.Bytes())
	if err != nil || loaded.Items.Len() != 3 || loaded.Learned.Shape() != learned(t, "itemknn").Shape() || loaded.UserEncoding != nil {
		t.Errorf("got %+v, %v", loaded, err)
	}
	var encoded bytes.Buffer
	encoded.WriteString("kindred artefact 2\n\x03\x01a\x01b\x01c\x04null")
	_, err = learned(t, "itemknn").WriteTo(&encoded)
	must(t, err)
	if loaded, err := decodeBytes(encoded.Bytes()); err != nil || loaded.Items.Len() != 3 || loaded.Weighing != nil {
		t.Errorf("got %+v, %v", loaded, err)
	}
	later := bytes.Replace(older.Bytes(), []byte("artefact 1"), []byte("artefact 5"), 1)
	if _, err := decodeBytes(later); err == nil || !strings.Contains(err.Error(), "train again") {
		t.Errorf("a later format: %v", err)
	}
}

// TestUndescribedUsers expects no encoding where nothing was said of users.
func TestUndescribedUsers(t *testing.T) {
	reg, plain := open(t), data()
	plain.UserFeatures = nil
	v, err := reg.Register(t.Context(), kindred.ModelVersion{Kind: "popular", CreatedAt: moment}, plain, learned(t, "popular"))
	must(t, err)
	if loaded, err := reg.Load(v.Version); err != nil || loaded.UserEncoding != nil {
		t.Errorf("got %+v, %v", loaded, err)
	}
}

// TestSameBytes expects the same model to make the same artefact, and two
// models made in the same millisecond to get two names.
func TestSameBytes(t *testing.T) {
	reg := open(t)
	a, b := register(t, reg, "popular", moment), register(t, reg, "popular", moment)
	if a.Artefact != b.Artefact || a.Bytes != b.Bytes {
		t.Errorf("the same model has artefacts %s and %s", a.Artefact, b.Artefact)
	}
	if a.Version == b.Version {
		t.Errorf("two versions share the name %s", a.Version)
	}
}

// TestStages walks a version through its life.
func TestStages(t *testing.T) {
	ctx, reg := t.Context(), open(t)
	first := register(t, reg, "popular", moment)
	second := register(t, reg, "itemknn", moment.Add(time.Hour))
	generation := func() string {
		g, err := reg.Generation()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	wantStages := func(want ...kindred.Stage) {
		t.Helper()
		list, err := reg.List()
		if err != nil {
			t.Fatal(err)
		}
		var got []kindred.Stage
		for _, v := range list {
			got = append(got, v.Stage)
		}
		if !slices.Equal(got, want) {
			t.Errorf("stages, newest first: got %v, want %v", got, want)
		}
	}
	start := generation()
	wantStages(kindred.Candidate, kindred.Candidate)
	must(t, reg.Promote(ctx, Live{Personal: first.Version, Popular: first.Version}))
	wantStages(kindred.Candidate, kindred.Live)
	must(t, reg.Promote(ctx, Live{Personal: second.Version}))
	wantStages(kindred.Live, kindred.Live) // the first still plays Popular
	must(t, reg.Promote(ctx, Live{Popular: second.Version}))
	wantStages(kindred.Live, kindred.Retired)
	promoted := generation()
	must(t, reg.Promote(ctx, Live{Popular: second.Version})) // changes nothing
	if generation() != promoted || promoted == start {
		t.Errorf("generations: start %s, promoted %s, then %s", start, promoted, generation())
	}
	live, err := reg.Rollback(ctx)
	must(t, err)
	if live[Popular] != first.Version || live[Personal] != second.Version {
		t.Errorf("after rollback: %v", live)
	}
	_, err = reg.Rollback(ctx)
	must(t, err)
	if _, err = reg.Rollback(ctx); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("rolling back past the first promotion: got %v, want a conflict", err)
	}
}

// TestRefuses lists what must not become live and how it is told.
func TestRefuses(t *testing.T) {
	ctx, reg := t.Context(), open(t)
	good := register(t, reg, "popular", moment)
	flipped := register(t, reg, "popular", moment.Add(1e9))
	flipByte(t, filepath.Join(reg.dir, flipped.Version, artefactFile))
	short := register(t, reg, "popular", moment.Add(2e9))
	must(t, os.Truncate(filepath.Join(reg.dir, short.Version, artefactFile), short.Bytes/2))
	must(t, reg.Promote(ctx, Live{Personal: good.Version}))
	for _, c := range []struct {
		name string
		live Live
		kind kindred.ErrorKind
	}{
		{"unknown version", Live{Personal: "20200101T000000.000Z-ials"}, kindred.NotFound},
		{"a path", Live{Personal: "../" + good.Version}, kindred.NotFound},
		{"unknown role", Live{"best": good.Version}, kindred.Invalid},
		{"a flipped byte", Live{Personal: flipped.Version}, kindred.Unavailable},
		{"half a file", Live{Personal: short.Version}, kindred.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := reg.Promote(ctx, c.live); kindred.KindOf(err) != c.kind {
				t.Errorf("got %v, want kind %d", err, c.kind)
			}
			if live, err := reg.Live(); err != nil || live[Personal] != good.Version {
				t.Errorf("live is now %v (%v)", live, err)
			}
		})
	}
}

// TestCancelledRegisterLeavesNothing expects no version and no litter.
func TestCancelledRegisterLeavesNothing(t *testing.T) {
	reg := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := kindred.ModelVersion{Kind: "popular", CreatedAt: moment}
	if _, err := reg.Register(ctx, v, data(), learned(t, "popular")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	entries, err := os.ReadDir(reg.dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

// TestIgnoresHalfWritten expects what a killed process left to be no version,
// and to be cleared a day later.
func TestIgnoresHalfWritten(t *testing.T) {
	reg := open(t)
	part := filepath.Join(reg.dir, partPrefix+"killed")
	must(t, os.Mkdir(part, 0o750))
	must(t, os.Chtimes(part, moment, moment))
	if list, err := reg.List(); err != nil || len(list) != 0 {
		t.Errorf("versions: %v (%v)", list, err)
	}
	register(t, reg, "popular", moment.Add(25*time.Hour))
	if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written version is still there: %v", err)
	}
}

// TestPrune expects the newest of each kind to stay, and what is live or one
// rollback away.
func TestPrune(t *testing.T) {
	ctx, reg := t.Context(), open(t)
	var versions []string
	for n := range 5 {
		versions = append(versions, register(t, reg, "popular", moment.Add(time.Duration(n)*time.Hour)).Version)
	}
	must(t, reg.Promote(ctx, Live{Personal: versions[0]}))
	must(t, reg.Promote(ctx, Live{Personal: versions[1]}))
	removed, err := reg.Prune(1)
	must(t, err)
	if want := []string{versions[3], versions[2]}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	if _, err := reg.Rollback(ctx); err != nil {
		t.Errorf("rolling back after pruning: %v", err)
	}
}

// TestDamagedManifest expects the other versions still to be listed.
func TestDamagedManifest(t *testing.T) {
	reg := open(t)
	register(t, reg, "popular", moment)
	bad := register(t, reg, "popular", moment.Add(time.Hour))
	must(t, os.WriteFile(filepath.Join(reg.dir, bad.Version, manifestFile), []byte("{"), 0o600))
	list, err := reg.List()
	if err == nil || len(list) != 1 {
		t.Errorf("got %d versions and error %v, want 1 and an error", len(list), err)
	}
}

// FuzzDecode expects any bytes to give a model or an error.
func FuzzDecode(f *testing.F) {
	path := filepath.Join(f.TempDir(), artefactFile)
	content := &Loaded{Items: data().Items, Learned: learned(f, "itemknn"), UserEncoding: data().UserFeatures.Encoding}
	if _, _, err := writeArtefact(path, content); err != nil {
		f.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(written)
	f.Fuzz(func(t *testing.T, written []byte) {
		got, err := decodeBytes(written)
		if err == nil && got.Items.Len() != got.Learned.Items() {
			t.Errorf("%d items in the dictionary, %d in the model", got.Items.Len(), got.Learned.Items())
		}
	})
}

func open(t *testing.T) *Registry {
	t.Helper()
	reg, err := Open(filepath.Join(t.TempDir(), "models"))
	must(t, err)
	return reg
}

func register(t *testing.T, reg *Registry, kind string, at time.Time) kindred.ModelVersion {
	t.Helper()
	v, err := reg.Register(t.Context(), kindred.ModelVersion{Kind: kind, CreatedAt: at},
		data(), learned(t, kind))
	must(t, err)
	return v
}

// learned fits an algorithm on three items and two users.
func learned(tb testing.TB, kind string) model.Learned {
	tb.Helper()
	algorithm, err := model.New(kind)
	must(tb, err)
	shape, err := algorithm.Fit(tb.Context(), data(), nil)
	must(tb, err)
	return shape
}

// data are three items that two users met, of whom one is described.
func data() *dataset.Interactions {
	return &dataset.Interactions{
		Users: dataset.NewDict("u", "v"),
		Items: dataset.NewDict("a", "b", "c"),
		ByUser: &linalg.CSR{
			Starts: []int{0, 2, 3}, Cols: []int32{0, 1, 1}, Vals: []float32{1, 1, 1}, Width: 3,
		},
		Times:        []int64{1, 2, 3},
		Weighing:     &dataset.Weighing{Confidence: dataset.Confidence{Scheme: dataset.BM25Scheme, K1: 100, B: .8}, MeanLength: 1.5, Items: []float32{1, 2, 0}},
		UserFeatures: dataset.Describe([]kindred.Attributes{{"age": kindred.NumberOf(30)}, {"age": kindred.NumberOf(50)}, {}}),
	}
}

func decodeBytes(data []byte) (*Loaded, error) {
	return decode(bufio.NewReader(bytes.NewReader(data)))
}

func flipByte(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(path, data, 0o600))
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
