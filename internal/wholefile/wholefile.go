// Package wholefile replaces files so that a crash leaves the old one or the new one,
// whole, and the new one once Replace has returned. It keeps no state; two may not
// replace the same file at once.
package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// mark is between a file's name and what tells apart those that are being written.
const mark = ".new-"

// Replace has the file be b, readable by this user alone, and makes its folder. What
// a crash in the midst of an earlier one left behind is removed.
func Replace(path string, b []byte) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+mark+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if failed := f.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	if err := syncFolder(dir); err != nil {
		return err
	}
	all, _ := os.ReadDir(dir)
	for _, l := range all {
		if strings.HasPrefix(l.Name(), name+mark) {
			os.Remove(filepath.Join(dir, l.Name()))
		}
	}
	return nil
}

// syncFolder makes a rename last. Windows has no folders that can be synced.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
