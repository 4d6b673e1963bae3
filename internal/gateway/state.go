package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidegate/tidegate/internal/wholefile"
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
	if err := wholefile.Replace(filepath.Join(string(f), name), b); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
