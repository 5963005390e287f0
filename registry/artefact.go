package registry

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"kindred"
	"kindred/dataset"
	"kindred/model"

	"github.com/zeebo/xxh3"
)

// magic opens every artefact. After it: the number of items and their
// identifiers, each behind its length (all uvarint), then as JSON ("null":
// none), each behind its length, the encoding of users' attributes, what became of
// weights and the variants of groups, then the learned shape as model writes it.
const magic = "kindred artefact 4\n"

// magics are those of all versions. An artefact of an older one has fewer of
// the JSON parts; it is read all the same.
func magics() []string {
	return []string{"kindred artefact 1\n", "kindred artefact 2\n", "kindred artefact 3\n", magic}
}

// writeArtefact writes and syncs an artefact and returns its hash and size.
func writeArtefact(path string, content *Loaded) (hash string, size int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close() //nolint:errcheck // closed with its error below; this is for the way out on an error
	sum := xxh3.New()
	buffer := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	if err := encode(buffer, content); err != nil {
		return "", 0, err
	}
	if err := buffer.Flush(); err != nil {
		return "", 0, err
	}
	if err := file.Sync(); err != nil {
		return "", 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return "", 0, err
	}
	return sumOf(sum), info.Size(), file.Close()
}

func encode(w *bufio.Writer, content *Loaded) error {
	head := binary.AppendUvarint([]byte(magic), uint64(content.Items.Len()))
	for _, id := range content.Items.IDs() {
		head = binary.AppendUvarint(head, uint64(len(id)))
		head = append(head, id...)
	}
	for _, part := range []any{content.UserEncoding, content.Weighing, content.Variants} {
		text, err := json.Marshal(part)
		if err != nil {
			return err
		}
		head = append(binary.AppendUvarint(head, uint64(len(text))), text...)
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := content.Learned.WriteTo(w)
	return err
}

// readArtefact reads an artefact whose bytes must have the given hash. The
// hash is checked first, in a pass of its own: what follows then reads only
// bytes that were written whole.
func readArtefact(path, hash string) (*Loaded, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	sum := xxh3.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, err
	}
	if got := sumOf(sum); got != hash {
		return nil, fmt.Errorf("registry: the artefact is damaged: its hash is %s, not %s", got, hash)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return decode(bufio.NewReaderSize(file, 1<<20))
}

func decode(r *bufio.Reader) (*Loaded, error) {
	head := make([]byte, len(magic))
	_, err := io.ReadFull(r, head)
	version := slices.Index(magics(), string(head))
	if err != nil || version < 0 {
		return nil, errors.New("registry: not an artefact that this version of kindred reads (train again)")
	}
	items, err := decodeItems(r)
	if err != nil {
		return nil, err
	}
	content := &Loaded{Items: items}
	if err := decodeParts(r, version, content); err != nil {
		return nil, err
	}
	if content.Learned, err = model.Read(r); err != nil {
		return nil, err
	}
	if content.Learned.Items() != items.Len() {
		return nil, fmt.Errorf("registry: the artefact names %d items and its model scores %d",
			items.Len(), content.Learned.Items())
	}
	return content, nil
}

// decodeParts reads the first n JSON parts.
func decodeParts(r *bufio.Reader, n int, content *Loaded) error {
	for _, part := range []struct {
		name string
		into any
	}{{"encoding of users", &content.UserEncoding}, {"weighing", &content.Weighing}, {"variants", &content.Variants}}[:n] {
		if err := decodeJSON(r, part.name, part.into); err != nil {
			return err
		}
	}
	if w := content.Weighing; w != nil && w.Items != nil && len(w.Items) != content.Items.Len() {
		return fmt.Errorf("registry: the artefact names %d items and weighs %d", content.Items.Len(), len(w.Items))
	}
	return nil
}

func decodeItems(r *bufio.Reader) (*dataset.Dict, error) {
	count, err := binary.ReadUvarint(r)
	if err != nil || count > 1<<31-1 {
		return nil, errors.New("registry: the artefact's item count is damaged")
	}
	items := dataset.NewDict()
	var id [kindred.MaxID]byte
	for range count {
		size, err := binary.ReadUvarint(r)
		if err != nil || size > kindred.MaxID {
			return nil, fmt.Errorf("registry: the artefact's item %d is damaged", items.Len())
		}
		if _, err := io.ReadFull(r, id[:size]); err != nil {
			return nil, fmt.Errorf("registry: the artefact ends in item %d", items.Len())
		}
		items.Add(string(id[:size]))
	}
	if uint64(items.Len()) != count {
		return nil, errors.New("registry: the artefact names an item twice")
	}
	return items, nil
}

func decodeJSON(r *bufio.Reader, name string, into any) error {
	size, err := binary.ReadUvarint(r)
	if err != nil || size > math.MaxInt64 {
		return fmt.Errorf("registry: the length of the artefact's %s is damaged", name)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(size))) // grows with the bytes that really come
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("registry: the artefact's %s is damaged: %w", name, err)
	}
	return nil
}

func sumOf(h *xxh3.Hasher) string {
	sum := h.Sum128().Bytes()
	return hex.EncodeToString(sum[:])
}

func writeSynced(path string, data []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed with its error below; this is for the way out on an error
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}
