package model_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// FuzzRead expects an error or a model that can be used, whatever the bytes.
func FuzzRead(f *testing.F) {
	data := clusters(6, 30, 3, 1)
	for _, kind := range model.Kinds() {
		algorithm, err := model.FromJSON(kind, nil)
		if err != nil {
			f.Fatal(err)
		}
		if kind == "ials" {
			algorithm, err = model.FromJSON(kind, []byte(`{"factors": 4, "epochs": 1}`))
		}
		if err != nil {
			f.Fatal(err)
		}
		learned, err := algorithm.Fit(f.Context(), data, nil)
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := learned.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("KNDM"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		learned, err := model.Read(bytes.NewReader(file))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "model: ") {
				t.Errorf("unclear error: %v", err)
			}
			return
		}
		learned.Score(make([]float32, learned.Items()), dataset.History{Items: []int32{0, 5, -1}})
	})
}

// TestFalseLength expects that a file which claims sixteen billion numbers
// costs no memory.
func TestFalseLength(t *testing.T) {
	file := []byte("KNDM\x01\x00\x00\x00\x0a\x00\x00\x00popularity")
	file = binary.LittleEndian.AppendUint64(file, 1<<34)
	file = append(file, make([]byte, 1000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := model.Read(bytes.NewReader(file)); err == nil {
		t.Error("read")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("took %d bytes", grown)
	}
}

func TestDamagedFiles(t *testing.T) {
	header := func(version uint32, shape string) []byte {
		b := binary.LittleEndian.AppendUint32([]byte("KNDM"), version)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(shape))), shape...)
	}
	floats := func(b []byte, x ...float32) []byte {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(x)))
		for _, v := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		return b
	}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"another file":     {[]byte("PK\x03\x04 and more"), "not a model"},
		"an older format":  {header(1, "popularity"), "format 1"},
		"a later format":   {header(3, "popularity"), "format 3"},
		"an unknown shape": {header(2, "tree"), `unknown shape "tree"`},
		"a long name":      {header(2, strings.Repeat("x", 100)), "not a model"},
		"unequal lengths":  {floats(floats(header(2, "popularity"), 1, 2), 1), "damaged"},
		"not a number":     {floats(floats(header(2, "popularity"), float32(math.NaN())), 1), "damaged"},
		"infinite":         {floats(floats(header(2, "popularity"), 1), float32(math.Inf(1))), "damaged"},
	} {
		if _, err := model.Read(bytes.NewReader(test.file)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}
