package osdns

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// aside are the names of a file that is to take path's place: whole once it has
// the first, and after the swap what stood there.
func aside(path string) (whole, part string) {
	whole = filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tidegate")
	return whole, whole + "-part"
}

// swap has next be at path, at one moment for who reads it, and says what was
// there at that very moment: what somebody writes meanwhile is not lost. It keeps
// what is known of the file beside its text, as SELinux's label. nil is no file.
// step is called between what may be interrupted.
func swap(path string, next *content, step func(string)) (was *content, err error) {
	whole, part := aside(path)
	if next == nil {
		if err := os.Rename(path, whole); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove %s: %w", path, err)
		}
		step("removed")
	} else {
		if err := next.prepare(part, path); err != nil {
			os.Remove(part)
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		step("part")
		if err := os.Rename(part, whole); err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		step("whole")
		if was, done, err := exchange(whole, path); err != nil {
			os.Remove(whole)
			return nil, fmt.Errorf("write %s: %w", path, err)
		} else if done {
			return was, next.overwrite(path)
		}
		step("swapped")
	}
	// Who had opened it before goes on writing there.
	if was, err = lookSettled(whole); err != nil {
		return nil, err
	}
	if was != nil {
		if err := os.Remove(whole); err != nil {
			return nil, fmt.Errorf("remove %s: %w", whole, err)
		}
	}
	syncDir(filepath.Dir(path))
	return was, nil
}

// exchange swaps the two names. Where path cannot be replaced, as a file that a
// container mounts, mounted is true and was what is there.
func exchange(whole, path string) (was *content, mounted bool, err error) {
	for range 10 {
		err = unix.Renameat2(unix.AT_FDCWD, whole, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
		if errors.Is(err, unix.ENOENT) {
			err = unix.Renameat2(unix.AT_FDCWD, whole, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
		}
		switch {
		case errors.Is(err, unix.EEXIST):
			continue
		case errors.Is(err, unix.EBUSY):
			if was, err = look(path); err == nil {
				err = os.Remove(whole)
			}
			return was, true, err
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
			// A filesystem that cannot: what stood there is kept under the other name.
			return nil, false, exchangeSlowly(whole, path)
		}
		return nil, false, err
	}
	return nil, false, err
}

func exchangeSlowly(whole, path string) error {
	was, err := look(path)
	if err != nil {
		return err
	}
	if err := os.Rename(whole, path); err != nil || was == nil {
		return err
	}
	return put(whole, was)
}

// prepare writes c to a name of our own, with what path has beside its text.
func (c *content) prepare(part, path string) error {
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.Link != "" {
		return os.Symlink(c.Link, part)
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	copyAttributes(f, path)
	return fill(f, c)
}

// copyAttributes gives a file the extended attributes of another: labels, access
// lists. What the filesystem does not take is left out.
func copyAttributes(f *os.File, from string) {
	n, err := unix.Llistxattr(from, nil)
	if err != nil || n == 0 {
		return
	}
	names := make([]byte, n)
	if n, err = unix.Llistxattr(from, names); err != nil {
		return
	}
	for name := range bytes.SplitSeq(names[:n], []byte{0}) {
		value := make([]byte, 64<<10)
		if n, err := unix.Lgetxattr(from, string(name), value); err == nil && len(name) > 0 {
			unix.Fsetxattr(int(f.Fd()), string(name), value[:n], 0)
		}
	}
}

// overwrite writes where nothing can be replaced. Until the last moment the file
// is followed by empty lines, so that who reads meanwhile finds nothing of two
// texts.
func (c *content) overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	text := c.Text
	if more := info.Size() - int64(len(text)); more > 0 {
		text = append(slices.Clone(text), bytes.Repeat([]byte("\n"), int(min(more, maxContent)))...)
	}
	if _, err = f.WriteAt(text, 0); err == nil {
		err = f.Truncate(int64(len(c.Text)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// syncDir has a folder's names on the disk, where the filesystem can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// lookSettled is look, once nobody is writing: a file that is open for writing, or
// has just been emptied, is not yet what its writer wants. It waits for a second.
func lookSettled(path string) (*content, error) {
	for range 50 {
		c, err := look(path)
		if err != nil || c == nil || c.Link != "" || len(c.Text) > 0 && !beingWritten(path) {
			return c, err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return look(path)
}

// beingWritten: a lease is not given on a file that somebody has open for writing
// (fcntl(2), F_SETLEASE).
func beingWritten(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // gives the lease back
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	return errors.Is(err, unix.EAGAIN)
}
