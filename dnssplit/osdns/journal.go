package osdns

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
)

// journal is what we are about to change in the system, or have changed, and have
// not taken back. It is written before each change, so that after a crash nothing
// is left that nobody knows of. There is one for a machine: whoever applies in
// another mode than the journal's undoes first.
type journal struct {
	Mode Mode `json:"mode"`
	// Place is where and when the system was changed.
	Place place `json:"place"`
	// Files are those that we put something in the place of.
	Files []change `json:"files,omitempty"`
	// Links are those that we made.
	Links []string `json:"links,omitempty"`
	// Records are those that we gave to resolvconf.
	Records []string `json:"records,omitempty"`
	// Want is what was wanted.
	Want *Want `json:"want,omitempty"`
	// Layers are what the writers of resolv.conf want of it.
	Layers *layers `json:"layers,omitempty"`
}

// change is a file that we put something in the place of. Paths are as seen
// below Options.Root, and begin with a slash.
type change struct {
	Path string   `json:"path"`
	Was  *content `json:"was,omitempty"` // nil: there was none
	Now  *content `json:"now,omitempty"` // nil: we remove it, or have not written yet
}

// place tells networks and boots apart: what was found in one is not put back in
// another.
type place struct {
	// Boot is the kernel's boot_id.
	Boot string `json:"boot,omitempty"`
	// Network is the physical adapter, its gateway and its prefix.
	Network string `json:"network,omitempty"`
}

// same says whether two places are one, which is not known of the zero one.
func (p place) same(q place) bool { return p == q && p.Boot != "" }

// path is where a file of the system lies.
func (o Options) path(name string) string {
	if o.Root == "" {
		return filepath.Join("/", name)
	}
	return filepath.Join(o.Root, name)
}

// stateDir is where what survives a reboot lies, for root alone; journalFile is
// one file in it.
const (
	stateDir    = "/var/lib/tidegate/dns"
	journalFile = stateDir + "/journal.json"
)

// readJournal is nil where nothing is to be taken back. A journal that cannot be
// read as one is set aside as journal.json.damaged and told: Undo then takes back
// what it knows for ours by its looks.
func readJournal(o Options) (*journal, error) {
	j, err := peekJournal(o)
	if errors.Is(err, errDamaged) {
		name := o.path(journalFile)
		err = errors.Join(err, os.Rename(name, name+".damaged"))
	}
	return j, err
}

// recall is readJournal for who goes on without a damaged one.
func recall(o Options, log *slog.Logger) (*journal, error) {
	j, err := readJournal(o)
	if errors.Is(err, errDamaged) {
		log.Error("what was changed is known by its looks alone", "err", err)
		return nil, nil
	}
	return j, err
}

// layered is the journal of a mode that keeps layers; j may be nil.
func layered(j *journal, m Mode) *journal {
	if j == nil {
		j = &journal{Mode: m}
	}
	if j.Layers == nil {
		j.Layers = &layers{}
	}
	return j
}

// peekJournal is readJournal that sets nothing aside.
func peekJournal(o Options) (*journal, error) {
	b, err := os.ReadFile(o.path(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var j *journal
	if err == nil {
		j, err = decodeJournal(b)
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return j, nil
}

// errDamaged is what is no journal.
var errDamaged = errors.New("it is damaged")

func decodeJournal(b []byte) (*journal, error) {
	j := &journal{}
	if err := json.Unmarshal(b, j); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if j.Mode == ModeNone {
		return nil, fmt.Errorf("%w: it has no mode", errDamaged)
	}
	for _, c := range j.Files {
		if !filepath.IsAbs(c.Path) || filepath.Clean(c.Path) != c.Path {
			return nil, fmt.Errorf("%w: it has the path %q", errDamaged, c.Path)
		}
	}
	return j, nil
}

// write has the journal on the disk, whole, before it returns.
func (j *journal) write(o Options) error {
	b, err := json.MarshalIndent(j, "", "\t")
	if err == nil {
		err = os.MkdirAll(o.path(stateDir), 0o700)
	}
	if err == nil {
		err = replace(o.path(journalFile), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// keep writes the journal unless it is there already.
func (j *journal) keep(o Options) error {
	b, err := json.MarshalIndent(j, "", "\t")
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if was, err := os.ReadFile(o.path(journalFile)); err == nil && bytes.Equal(was, b) {
		return nil
	}
	return j.write(o)
}

// dropJournal says that nothing is to be taken back.
func dropJournal(o Options) error {
	removeParts(o.path(journalFile))
	if err := os.Remove(o.path(journalFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the journal: %w", err)
	}
	return nil
}

// change is the journal's entry for a file; nil: none.
func (j *journal) change(path string) *change {
	i := slices.IndexFunc(j.Files, func(c change) bool { return c.Path == path })
	if i < 0 {
		return nil
	}
	return &j.Files[i]
}

// put writes a file of the system, or removes it where now is nil, and has
// written down first what was there before we came and what we put there.
func (j *journal) put(o Options, path string, now *content) error {
	c := j.change(path)
	if c == nil {
		was, err := look(o.path(path))
		if err != nil {
			return err
		}
		j.Files = append(j.Files, change{Path: path, Was: was})
		c = &j.Files[len(j.Files)-1]
	}
	c.Now = now
	if err := j.write(o); err != nil {
		return err
	}
	return put(o.path(path), now)
}

// takeBack puts back what was there before us, if what is there now is what we
// put there: what others have written since is theirs.
func (c *change) takeBack(o Options) (done bool, err error) {
	there, err := look(o.path(c.Path))
	if err != nil || !there.equal(c.Now) {
		return false, err
	}
	return true, put(o.path(c.Path), c.Was)
}
