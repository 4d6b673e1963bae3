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
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// record is what was done for a user, and has to be undone.
type record struct {
	UID   uint32 `json:"uid"`
	Slot  int    `json:"slot"`  // from 1: gives the addresses and the table
	Index int    `json:"index"` // of the device; 0: there is none
	// Routes and Networks are as protocol.Request has them: what is guarded from
	// everybody, and what from this user.
	Routes   []netip.Prefix `json:"routes,omitempty"`
	Networks []netip.Prefix `json:"networks,omitempty"`
}

// most bounds what one record has of either: what was and what is to be.
const most = 2 * protocol.MaxRoutes

// with is r with these too.
func (r record) with(o record) record {
	join := func(a, b []netip.Prefix) []netip.Prefix {
		all := slices.Clone(a)
		for _, p := range b {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
		return all
	}
	r.Routes, r.Networks = join(r.Routes, o.Routes), join(r.Networks, o.Networks)
	return r
}

// led are all that lead to the device.
func (r record) led() []netip.Prefix { return slices.Concat(r.Routes, r.Networks) }

// damage says why r is none that save has written, for this user.
func (r record) damage(stem string) error {
	switch {
	case strconv.FormatUint(uint64(r.UID), 10) != stem:
		return errors.New("it is another user's")
	case r.Slot < 1 || r.Slot > MaxDevices || r.Index < 0:
		return errors.New("it has no such device")
	case len(r.Routes) > most || len(r.Networks) > most:
		return errors.New("it has too many routes")
	}
	for _, p := range r.led() {
		if err := possible(p); err != nil {
			return err
		}
	}
	return nil
}

// name is the device's: nobody else's begins so.
func (r record) name() string { return devices + strconv.FormatUint(uint64(r.UID), 10) }

const devices = protocol.DevicePrefix

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
	all, slots := map[uint32]record{}, map[int]bool{}
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
		err = r.damage(stem)
		if slots[r.Slot] {
			err = errors.New("it has the device of another")
		}
		if err != nil {
			return nil, fmt.Errorf("read the journal: %s is damaged: %w", e.Name(), err)
		}
		all[r.UID], slots[r.Slot] = r, true
	}
	return all, nil
}

// save writes a record, whole or not at all.
func (j journal) save(r record) error { return j.write(j.path(r.UID), r) }

func (j journal) write(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := os.WriteFile(path+".next", b, 0o600); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// dnsRecord is what was asked for a user's names. Without domains it is none.
type dnsRecord struct {
	UID     uint32   `json:"uid"`
	Domains []string `json:"domains,omitempty"`
	Strict  bool     `json:"strict,omitempty"`
}

func (j journal) dnsPath() string { return filepath.Join(j.dir, "dns") }

// Answered says whether a helper with this journal has names come to a user's client.
func Answered(dir string) bool {
	r, err := journal{dir}.loadDNS()
	return err == nil && len(r.Domains) > 0
}

// loadDNS returns that record. What cannot be read is none: what was done to the
// system stands in a journal of its own.
func (j journal) loadDNS() (r dnsRecord, err error) {
	b, err := os.ReadFile(j.dnsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return dnsRecord{}, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err == nil && (len(r.Domains) > protocol.MaxDomains || slices.ContainsFunc(r.Domains, func(d string) bool { return !protocol.Domain(d) })) {
		err = errors.New("it has other domains than may be asked for")
	}
	if err != nil {
		return dnsRecord{}, fmt.Errorf("read the journal: dns: %w", err)
	}
	return r, nil
}

// saveDNS writes it, whole or not at all.
func (j journal) saveDNS(r dnsRecord) error {
	if len(r.Domains) == 0 {
		if err := os.Remove(j.dnsPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write the journal: %w", err)
		}
		return nil
	}
	return j.write(j.dnsPath(), r)
}

func (j journal) remove(uid uint32) error {
	if err := os.Remove(j.path(uid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}
