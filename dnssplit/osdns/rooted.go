package osdns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a name may lead through, as in the kernel.
const maxLinks = 40

// resolve follows the symbolic links of a name, all of them below Root, to where
// the file is or would be. It fails where the folder of that is missing.
func (o Options) resolve(name string) (string, error) {
	at, todo := "/", strings.Split(filepath.Clean("/"+name), "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, part)
		to, err := os.Readlink(o.path(next))
		switch {
		case err == nil:
			if links++; links > maxLinks {
				return "", fmt.Errorf("follow %s: %w", name, syscall.ELOOP)
			}
			if filepath.IsAbs(to) {
				at = "/"
			}
			todo = append(strings.Split(to, "/"), todo...)
			continue
		case errors.Is(err, fs.ErrNotExist) && len(todo) > 0:
			return "", fmt.Errorf("follow %s: %w", name, err)
		}
		at = next
	}
	return at, nil
}
