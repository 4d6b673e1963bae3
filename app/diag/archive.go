package diag

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	"github.com/tidegate/tidegate/internal/savefile"
	"github.com/tidegate/tidegate/internal/timezone"
)

// stem is the name of the archive's folder.
func (r *Report) stem() string { return "tidegate-diag-" + timezone.In(r.At).Format("20060102-150405") }

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

// Save writes the archive to a file that the user alone may read. It replaces one
// that is there only where over is set; the error is fs.ErrExist otherwise, and says
// what to do else.
func (r *Report) Save(path string, over bool) error { return savefile.Write(path, over, r.Write) }
