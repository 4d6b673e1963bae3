package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
)

// auditName is the audit file in the state directory: a wire.AuditRecord in
// JSON a line, oldest first.
const auditName = "audit.jsonl"

const (
	maxAuditFile  = 64 << 20 // bytes, then it is rotated
	keptAuditFile = 3        // older ones: audit.jsonl.1 is the youngest
)

// auditFile appends records to a file that only its owner may read, and rotates
// it. A failure loses records and nothing else: it is told of once, and the next
// record tries again. It may be used concurrently.
type auditFile struct {
	name  string
	limit int64

	mu     sync.Mutex // guards what follows
	file   *os.File   // nil until the first record, and after a failure
	size   int64
	failed bool
}

// add appends a record. It returns the error that began a failure, and nil while
// that lasts.
func (a *auditFile) add(r wire.AuditRecord) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	line = append(line, '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.append(line)
	told := a.failed
	a.failed = err != nil
	if err == nil {
		return nil
	}
	if a.file != nil {
		a.file.Close() // opened again, behind what was written in part
		a.file = nil
	}
	if told {
		return nil
	}
	return fmt.Errorf("audit: %w", err)
}

func (a *auditFile) append(line []byte) error {
	if a.file == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	if a.size > 0 && a.size+int64(len(line)) > a.limit {
		if err := a.rotate(); err != nil {
			return err
		}
	}
	n, err := a.file.Write(line)
	a.size += int64(n)
	return err
}

// open opens the file; a line in it that has no end, as a crash leaves one, is
// given it.
func (a *auditFile) open() error {
	f, err := os.OpenFile(a.name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err = f.ReadAt(last, info.Size()-1); errors.Is(err, io.EOF) {
			err = nil
		}
		if err == nil && !bytes.Equal(last, []byte{'\n'}) {
			_, err = f.WriteString("\n")
		}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	a.file, a.size = f, info.Size()
	return nil
}

func (a *auditFile) rotate() error {
	err := a.file.Close()
	a.file = nil
	for n := keptAuditFile; n > 0 && err == nil; n-- {
		from := a.name
		if n > 1 {
			from = fmt.Sprintf("%s.%d", a.name, n-1)
		}
		if err = os.Rename(from, fmt.Sprintf("%s.%d", a.name, n)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return a.open()
}

// close closes the file; a later record opens it again.
func (a *auditFile) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	err := a.file.Close()
	a.file = nil
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
