//go:build linux

package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// record is what was done for a user, and has to be undone.
type record struct {
	UID    uint32         `json:"uid"`
	Slot   int            `json:"slot"`  // from 1: gives the addresses and the table
	Index  int            `json:"index"` // of the device; 0: there is none
	Routes []netip.Prefix `json:"routes,omitempty"`
}

// name is the device's: nobody else's begins so.
func (r record) name() string { return devices + strconv.FormatUint(uint64(r.UID), 10) }

const devices = "tide"

// journal keeps the records in a folder of its own, which a restart of the
// helper survives and one of the machine does not.
type journal struct{ dir string }

func (j journal) path(uid uint32) string {
	return filepath.Join(j.dir, strconv.FormatUint(uint64(uid), 10)+".json")
}

// load returns all records. What cannot be read is an error: it may hide a
// guard that nobody would undo.
func (j journal) load() (map[uint32]record, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	all := map[uint32]record{}
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		b, err := os.ReadFile(filepath.Join(j.dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		var r record
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("read the journal: %s: %w", e.Name(), err)
		}
		if strconv.FormatUint(uint64(r.UID), 10) != stem || r.Slot < 1 || r.Slot > MaxDevices || len(r.Routes) > 2*protocol.MaxRoutes {
			return nil, fmt.Errorf("read the journal: %s is damaged", e.Name())
		}
		all[r.UID] = r
	}
	return all, nil
}

// save writes a record, whole or not at all.
func (j journal) save(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	next := j.path(r.UID) + ".next"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := os.Rename(next, j.path(r.UID)); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

func (j journal) remove(uid uint32) error {
	if err := os.Remove(j.path(uid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}
