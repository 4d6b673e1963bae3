package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidegate/tidegate/internal/wholefile"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// recordFile holds the enrolment: addresses, names and certificates.
const recordFile = "enrolment.json"

// Records is a session.Records in a folder of the user's.
type Records struct {
	Dir string
}

// Load reads the enrolment; the zero one where there is none.
func (r Records) Load() (session.Enrolled, error) {
	var e session.Enrolled
	f, err := os.Open(filepath.Join(r.Dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("read enrolment: %w", err)
	}
	defer f.Close()
	if err := wire.ReadJSON(f, &e); err != nil {
		return session.Enrolled{}, fmt.Errorf("read enrolment %s: %w", f.Name(), err)
	}
	return e, nil
}

// Save replaces the enrolment: after a crash it is the old one or the new one.
func (r Records) Save(e session.Enrolled) error {
	b, err := json.MarshalIndent(e, "", "\t")
	if err != nil {
		return fmt.Errorf("encode enrolment: %w", err)
	}
	if err := wholefile.Replace(filepath.Join(r.Dir, recordFile), append(b, '\n')); err != nil {
		return fmt.Errorf("save enrolment: %w", err)
	}
	return nil
}

// Remove forgets the enrolment.
func (r Records) Remove() error {
	err := os.Remove(filepath.Join(r.Dir, recordFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove enrolment: %w", err)
	}
	return nil
}
