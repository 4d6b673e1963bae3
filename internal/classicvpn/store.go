package classicvpn

import (
	"bytes"
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

// load reads the connections; none where there is no file. Where it, or one of them,
// cannot be read, is damaged or a later version's, it is set aside as file.damaged, which
// the error tells; the others stay.
func (s store) load() ([]session.VPNSettings, error) {
	path := filepath.Join(s.dir, file)
	list, err := read(path)
	if err == nil {
		return list, nil
	}
	if moved := os.Rename(path, path+".damaged"); moved != nil {
		return list, fmt.Errorf("%s cannot be read: %w; and it cannot be set aside: %w", path, err, moved)
	}
	err = fmt.Errorf("%s cannot be read, and is now %s.damaged: %w", path, file, err)
	if len(list) > 0 {
		err = errors.Join(err, s.save(list))
	}
	return list, err
}

// read reads what this program has written, and says what else there is.
func read(path string) (list []session.VPNSettings, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var c struct {
		Connections []json.RawMessage `json:"connections"`
	}
	if err := wire.ReadJSONOf(f, maxFile, &c); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, b := range c.Connections {
		var s session.VPNSettings
		bad := wire.ReadJSONOf(bytes.NewReader(b), maxFile, &s)
		if bad == nil {
			s, bad = s.Checked()
		}
		switch {
		case bad != nil:
		case s.ID == "" || seen[s.ID]:
			bad = errors.New("a connection has no number of its own")
		case len(list) == most:
			bad = fmt.Errorf("there are more than %d connections", most)
		default:
			seen[s.ID] = true
			list = append(list, s)
		}
		if err == nil {
			err = bad
		}
	}
	return list, err
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
