package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// folder is the gateway's state on disk. Every file in it is the owner's alone
// and is replaced atomically: after a crash it is the old one or the new one.
type folder string

// The files of a state folder.
const (
	fileKey      = "key.pem"      // the gateway's private key, PKCS#8
	fileIdentity = "gateway.json" // what enrolment gave
	fileKeys     = "keys.json"    // the controller's signing keys
	filePolicy   = "policy.jwt"   // the last policy
	fileScripts  = "scripts.jwt"  // the last scripts
	fileReset    = "reset.key"    // for QUIC's stateless resets
)

// read returns nil for a file that is not there.
func (f folder) read(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(string(f), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// write replaces a file, on disk before it returns.
func (f folder) write(name string, b []byte) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	tmp, err := os.CreateTemp(string(f), "."+name+".*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(string(f), name))
	}
	if err == nil {
		err = f.sync()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// sync makes a rename last.
func (f folder) sync() error {
	d, err := os.Open(string(f))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
