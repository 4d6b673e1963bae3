package diag

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// stem is the name of the archive's folder.
func (r *Report) stem() string { return "tidegate-diag-" + r.At.Local().Format("20060102-150405") }

// Name is what an archive is called where nobody says otherwise.
func (r *Report) Name() string { return r.stem() + ".tar.gz" }

// Write writes the files, as they are, as a .tar.gz.
func (r *Report) Write(w io.Writer) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, f := range r.Files {
		h := &tar.Header{Name: r.stem() + "/" + f.Name, Mode: 0o600, Size: int64(len(f.Text)), ModTime: r.At.Truncate(time.Second)}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
		if _, err := io.WriteString(t, f.Text); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	return nil
}

// Save writes the archive to a file that the user alone may read. What lies there
// already is not replaced. The error says what to do.
func (r *Report) Save(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already; choose another name, or remove it first", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no such folder: %s; choose one that is there", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not write to %s; choose a folder of yours", path)
	case err != nil:
		return fmt.Errorf("make the archive: %w; choose another place", err)
	}
	err = r.Write(f)
	if err == nil {
		err = f.Sync()
	}
	if end := f.Close(); err == nil {
		err = end
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("write the archive: %w; choose another place", err)
	}
	return nil
}
