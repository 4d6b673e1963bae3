// Package savefile writes a file where a person said: an export, an archive for the
// helpdesk. The window and the command line call it. What was there before is
// replaced by the whole new file, or not at all, and only where that was agreed to.
// Errors are in the user's words. It keeps no state; calls may be concurrent.
package savefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/internal/lang"
)

// Expand is a path as people type it: ~ is their folder, and what is not said from
// the root on is below base.
func Expand(path, base, home string) string {
	path = strings.TrimSpace(path)
	switch rest, ok := strings.CutPrefix(path, "~"); {
	case path == "":
		return ""
	case ok && home != "" && (rest == "" || os.IsPathSeparator(rest[0])):
		path = filepath.Join(home, rest)
	case !filepath.IsAbs(path):
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}

// Check says what would keep Write from writing there, as far as can be told
// beforehand. The error is fs.ErrExist where a file is there already.
func Check(path string) error {
	if path == "" {
		return errors.New(lang.T("there is no name; say what the file is to be called"))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New(lang.T("that is a folder; put the name of a file behind it"))
	}
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	info, err := os.Stat(filepath.Dir(path))
	if err == nil && !info.IsDir() {
		err = fs.ErrNotExist
	}
	return why(err)
}

// Write has the file hold what fill writes, for the user alone. It replaces one that
// is there only where over is set; the error is fs.ErrExist otherwise.
func Write(path string, over bool, fill func(io.Writer) error) error {
	if err := Check(path); err != nil && (!over || !errors.Is(err, fs.ErrExist)) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tidegate-*")
	if err != nil {
		return why(err)
	}
	defer os.Remove(f.Name())
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return why(err)
	}
	if !over {
		err = os.Link(f.Name(), path) // fails where another has come there
		if err == nil || errors.Is(err, fs.ErrExist) {
			return exists(err)
		}
		there, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // there are file systems without links
		if err != nil {
			return exists(err)
		}
		there.Close()
	}
	return why(os.Rename(f.Name(), path))
}

// exists is why, but for a file that is there.
func exists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fs.ErrExist
	}
	return why(err)
}

// why is an error of a file in the user's words.
func why(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return errors.New(lang.T("there is no such folder; choose one that is there"))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return errors.New(lang.T("you may not write there; choose a folder of yours"))
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return fmt.Errorf(lang.T("it could not be written: %w; choose another place, or make room"), err)
}
