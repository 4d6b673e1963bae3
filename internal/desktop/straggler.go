//go:build linux

package desktop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// awaitStragglers waits for the programs that others started on the desktop,
// known by their environment, and that are about to notice that it is gone:
// until then they may still write into its folder. It is an error, though not
// the desktop's, if some do not end.
func (d *Desktop) awaitStragglers() error {
	deadline := time.Now().Add(grace)
	for {
		left := d.stragglers()
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("close the desktop: these were started on it and still run: %s", strings.Join(left, "; "))
		}
		time.Sleep(pace)
	}
}

// stragglers are the commands of the processes whose environment has this
// desktop's bus.
func (d *Desktop) stragglers() []string {
	mark := []byte("DBUS_SESSION_BUS_ADDRESS=" + d.Bus() + "\x00")
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil // only a malformed pattern is an error
	}
	var found []string
	for _, file := range all {
		// Others' are not readable, and any may end between two looks.
		environ, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(environ, mark) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		found = append(found, strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " ")))
	}
	return found
}
