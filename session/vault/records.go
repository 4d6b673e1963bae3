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

// recordFile holds the enrolments: addresses, names and certificates. It holds the
// active one as it did when there was but one, and the others beside it.
const recordFile = "enrolment.json"

// Records is a session.Records in a folder of the user's.
type Records struct {
	Dir string
}

// Load reads the active enrolment; the zero one where there is none.
func (r Records) Load() (session.Enrolled, error) {
	k, err := r.LoadEnrolments()
	return k.Enrolled, err
}

// LoadEnrolments reads the enrolments; none where there is none.
func (r Records) LoadEnrolments() (session.KeptEnrolments, error) {
	var e session.KeptEnrolments
	f, err := os.Open(filepath.Join(r.Dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("read enrolment: %w", err)
	}
	defer f.Close()
	err = wire.ReadJSON(f, &e)
	if err == nil {
		err = e.Checked()
	}
	if err != nil {
		return session.KeptEnrolments{}, fmt.Errorf("read enrolment %s: %w", f.Name(), err)
	}
	return e, nil
}

// SaveEnrolments replaces the enrolments, all at once: after a crash they are the old
// ones or the new ones. A file that cannot be read is set aside, with its name and
// .damaged: there may have been more in it.
func (r Records) SaveEnrolments(k session.KeptEnrolments) error {
	path := filepath.Join(r.Dir, recordFile)
	b, err := json.MarshalIndent(k, "", "\t")
	if err != nil {
		return fmt.Errorf("encode enrolment: %w", err)
	}
	if len(b) >= wire.MaxBody { // which would not be read again
		return fmt.Errorf("save enrolment: %d kB of enrolments are too many; forget one of them", len(b)>>10)
	}
	if _, err := r.LoadEnrolments(); err != nil {
		if err := os.Rename(path, path+aside); err != nil {
			return fmt.Errorf("set the damaged enrolments aside: %w", err)
		}
	}
	if err := wholefile.Replace(path, append(b, '\n')); err != nil {
		return fmt.Errorf("save enrolment: %w", err)
	}
	return nil
}
