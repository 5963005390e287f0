package registry

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"kindred"
	"kindred/dataset"
	"kindred/model"

	"github.com/zeebo/xxh3"
)

// magic opens every artefact. After it: the number of items and their
// identifiers, each behind its length (all uvarint), then the learned shape as
// model writes it.
const magic = "kindred artefact 1\n"

// writeArtefact writes and syncs an artefact and returns its hash and size.
func writeArtefact(path string, items *dataset.Dict, learned model.Learned) (hash string, size int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close() //nolint:errcheck // closed with its error below; this is for the way out on an error
	sum := xxh3.New()
	buffer := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	if err := encode(buffer, items, learned); err != nil {
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

func encode(w *bufio.Writer, items *dataset.Dict, learned model.Learned) error {
	head := binary.AppendUvarint([]byte(magic), uint64(items.Len()))
	for _, id := range items.IDs() {
		head = binary.AppendUvarint(head, uint64(len(id)))
		head = append(head, id...)
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := learned.WriteTo(w)
	return err
}

// readArtefact reads an artefact whose bytes must have the given hash. The
// hash is checked first, in a pass of its own: what follows then reads only
// bytes that were written whole.
func readArtefact(path, hash string) (*dataset.Dict, model.Learned, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	sum := xxh3.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, nil, err
	}
	if got := sumOf(sum); got != hash {
		return nil, nil, fmt.Errorf("registry: the artefact is damaged: its hash is %s, not %s", got, hash)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	return decode(bufio.NewReaderSize(file, 1<<20))
}

func decode(r *bufio.Reader) (*dataset.Dict, model.Learned, error) {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != magic {
		return nil, nil, fmt.Errorf("registry: not an artefact of this version of kindred")
	}
	count, err := binary.ReadUvarint(r)
	if err != nil || count > 1<<31-1 {
		return nil, nil, fmt.Errorf("registry: the artefact's item count is damaged")
	}
	items := dataset.NewDict()
	var id [kindred.MaxID]byte
	for range count {
		size, err := binary.ReadUvarint(r)
		if err != nil || size > kindred.MaxID {
			return nil, nil, fmt.Errorf("registry: the artefact's item %d is damaged", items.Len())
		}
		if _, err := io.ReadFull(r, id[:size]); err != nil {
			return nil, nil, fmt.Errorf("registry: the artefact ends in item %d", items.Len())
		}
		items.Add(string(id[:size]))
	}
	learned, err := model.Read(r)
	if err != nil {
		return nil, nil, err
	}
	if learned.Items() != items.Len() || uint64(items.Len()) != count {
		return nil, nil, fmt.Errorf("registry: the artefact names %d items and its model scores %d",
			items.Len(), learned.Items())
	}
	return items, learned, nil
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
