package natskv

import (
	"errors"
	"fmt"
	"os"
)

// lock takes the lock of a state directory, which ends with the file or the process.
func lock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := exclude(f); err != nil {
		f.Close()
		if errors.Is(err, errTaken) {
			return nil, fmt.Errorf("another controller runs on %s; stop it, or give this one a state directory of its own", name)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}
