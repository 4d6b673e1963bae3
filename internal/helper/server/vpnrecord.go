//go:build linux

package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// vpnRecord is what was done for a user's VPN, and has to be undone: a device, and
// what is known by it, by routeProtocol and by the guard's name. One without Name is
// none.
type vpnRecord struct {
	UID   uint32 `json:"uid"`
	Name  string `json:"name"`
	Index int    `json:"index"` // 0: it may be there, and may not
	// Asked is what was applied last, or may have been; nil: nothing.
	Asked *protocol.VPN `json:"asked,omitempty"`
}

func vpnName(uid uint32) string {
	return protocol.VPNPrefix + strconv.FormatUint(uint64(uid), 10)
}

func (j journal) vpnPath() string { return filepath.Join(j.dir, "vpn") }

// loadVPN returns that record.
func (j journal) loadVPN() (r vpnRecord, err error) {
	b, err := os.ReadFile(j.vpnPath())
	if errors.Is(err, fs.ErrNotExist) {
		return vpnRecord{}, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err == nil && (r.Name != vpnName(r.UID) || r.Index < 0) {
		err = errors.New("it has no such device")
	}
	if err == nil && r.Asked != nil {
		err = r.Asked.Check()
	}
	if err != nil {
		return vpnRecord{}, fmt.Errorf("read the journal: vpn: %w", err)
	}
	return r, nil
}

// saveVPN writes it, whole or not at all.
func (j journal) saveVPN(r vpnRecord) error {
	if r.Name == "" {
		if err := os.Remove(j.vpnPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write the journal: %w", err)
		}
		return nil
	}
	return j.write(j.vpnPath(), r)
}
