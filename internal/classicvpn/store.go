package classicvpn

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

// file holds the connections, in the folder of a profile. There is no secret in it.
const file = "connections.json"

// maxFile bounds it, in bytes.
const maxFile = 1 << 20

// store is the file. It is for one goroutine.
type store struct{ dir string }

// content is what the file has.
type content struct {
	Connections []session.VPNSettings `json:"connections"`
}

// load reads the connections; none where there is no file. One that is damaged is
// set aside as file.damaged, which the error tells.
func (s store) load() ([]session.VPNSettings, error) {
	path := filepath.Join(s.dir, file)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the VPN connections: %w", err)
	}
	defer f.Close()
	var c content
	err = wire.ReadJSONOf(f, maxFile, &c)
	if err == nil {
		var list []session.VPNSettings
		if list, err = check(c); err == nil {
			return list, nil
		}
	}
	if moved := os.Rename(path, path+".damaged"); moved != nil {
		return nil, fmt.Errorf("%s is damaged: %w; and it cannot be set aside: %w", path, err, moved)
	}
	return nil, fmt.Errorf("%s is damaged, and is now %s.damaged: %w", path, file, err)
}

// check refuses what this program has not written.
func check(c content) ([]session.VPNSettings, error) {
	if len(c.Connections) > most {
		return nil, fmt.Errorf("it has %d connections", len(c.Connections))
	}
	seen := map[string]bool{}
	for i, s := range c.Connections {
		t, err := tidy(s)
		if err != nil {
			return nil, err
		}
		if t.ID == "" || seen[t.ID] {
			return nil, fmt.Errorf("a connection has no number of its own")
		}
		seen[t.ID] = true
		c.Connections[i] = t
	}
	return c.Connections, nil
}

// save replaces the file: after a crash it is the old one or the new one.
func (s store) save(list []session.VPNSettings) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("the VPN connections cannot be kept: %w; see that there is room on the disk and that the folder is yours", err)
		}
	}()
	b, err := json.MarshalIndent(content{list}, "", "\t")
	if err != nil {
		return err
	}
	return wholefile.Replace(filepath.Join(s.dir, file), append(b, '\n'))
}
