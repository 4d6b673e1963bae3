package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
)

// Documents reads the documents that Load would, and Cases among them.
func Documents(path string) ([]*resource.Document, error) {
	docs, _, err := read(path)
	return docs, err
}

// read reads the documents of a file or of a directory's files, whose names end
// in .yaml and do not begin with a dot. There is a digest if all were read,
// whatever is wrong in them.
func read(path string) (docs []*resource.Document, digest string, err error) {
	files, err := filesOf(path)
	if err != nil {
		return nil, "", fmt.Errorf("read configuration: %w", err)
	}
	var errs resource.Errors
	sum := sha256.New()
	for _, name := range files {
		data, err := readFile(name)
		if err != nil {
			return nil, "", fmt.Errorf("read configuration: %w", err)
		}
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(data))))
		sum.Write(data)
		more, err := resource.Parse(name, data)
		docs = append(docs, more...)
		errs.Add(err)
	}
	return docs, hex.EncodeToString(sum.Sum(nil)), errs.Err()
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(n, ".yaml") && !strings.HasPrefix(n, ".") && !e.IsDir() {
			files = append(files, filepath.Join(path, n))
		}
	}
	return files, nil
}

// readFile reads one byte more than may be at most, which resource.Parse refuses.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, resource.MaxFile+1))
}
