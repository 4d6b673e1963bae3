package osdns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// content is what is found at a path: a file, or a symbolic link.
type content struct {
	Link string      `json:"link,omitempty"` // where a symbolic link leads, as it is written
	Text []byte      `json:"text,omitempty"`
	Perm fs.FileMode `json:"perm,omitempty"`
	UID  int         `json:"uid,omitempty"`
	GID  int         `json:"gid,omitempty"`
}

// equal says whether both are the same to who reads them; nil is no file.
func (c *content) equal(d *content) bool {
	if c == nil || d == nil {
		return c == d
	}
	return c.Link == d.Link && bytes.Equal(c.Text, d.Text)
}

// maxContent is more than any file that we put something in the place of has.
const maxContent = 1 << 20

// look says what there is; nil: nothing.
func look(path string) (*content, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	c := &content{Perm: info.Mode().Perm()}
	c.UID, c.GID = owner(info)
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		if c.Link, err = os.Readlink(path); err != nil {
			return nil, fmt.Errorf("look at %s: %w", path, err)
		}
		return c, nil
	case 0:
	default:
		return nil, fmt.Errorf("look at %s: it is no file, but %s", path, info.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	defer f.Close()
	if c.Text, err = io.ReadAll(io.LimitReader(f, maxContent+1)); err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	if len(c.Text) > maxContent {
		return nil, fmt.Errorf("look at %s: it is too long", path)
	}
	return c, nil
}

// put has c be at path, at one moment for who reads it; nil: nothing is there. A
// file that cannot be replaced, as one that a container mounts, is written over.
func put(path string, c *content) error {
	if c == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", path, err)
		}
		return nil
	}
	if err := c.place(path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (c *content) place(path string) error {
	if c.Link != "" {
		next := path + ".tidegate"
		if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(c.Link, next); err != nil {
			return err
		}
		return settle(next, path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tidegate*")
	if err != nil {
		return err
	}
	err = fill(f, c)
	if err == nil {
		err = settle(f.Name(), path)
	}
	if errors.Is(err, syscall.EBUSY) {
		err = os.WriteFile(path, c.Text, c.Perm)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// removeParts removes what a crash has left of putting a file at a path, which may
// be a pattern (path/filepath.Match).
func removeParts(path string) {
	names, _ := filepath.Glob(path + ".tidegate*") // errors are of the pattern
	for _, name := range names {
		os.Remove(name)
	}
}

// fill writes the new file, and has it on the disk.
func fill(f *os.File, c *content) error {
	_, err := f.Write(c.Text)
	if err == nil {
		err = f.Chmod(c.Perm)
	}
	if err == nil && os.Geteuid() == 0 {
		err = f.Chown(c.UID, c.GID)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// settle has next take the place of path.
func settle(next, path string) error {
	if err := os.Rename(next, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	// Not every filesystem can: the name is then on the disk when the kernel likes.
	d.Sync()
	return nil
}

// replace writes a file of our own.
func replace(path string, text []byte, perm fs.FileMode) error {
	return put(path, &content{Text: text, Perm: perm, UID: os.Geteuid(), GID: os.Getegid()})
}
