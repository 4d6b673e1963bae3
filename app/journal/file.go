package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tidegate/tidegate/internal/wholefile"
	"github.com/tidegate/tidegate/session"
)

// Aside is what is put behind the name of a file that could not be read.
const Aside = ".damaged"

// maxSeq bounds what is believed of a file: numbers go on from there.
const maxSeq = 1 << 53

// line writes an event as a line of the file.
func line(e session.Event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		return nil // times of no year that JSON knows
	}
	return append(b, '\n')
}

// read takes what the file holds.
func (j *Journal) read() {
	b, err := load(j.o.Path, int64(j.o.Bytes))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	events, torn, whole := parse(b)
	for _, e := range events {
		n := len(line(e))
		j.events, j.sizes, j.size = append(j.events, e), append(j.sizes, n), j.size+n
	}
	j.bound()
	j.whole = j.whole || torn || !whole
	if err == nil && whole {
		return
	}
	j.o.Log.Warn("activity of earlier cannot be read", "file", j.o.Path, "error", err)
	j.whole = true
	text := "What happened earlier could not be read in full; the file was set aside as " + j.o.Path + Aside
	if err := os.Rename(j.o.Path, j.o.Path+Aside); err != nil {
		j.o.Log.Warn("set activity aside", "error", err)
		text = "What happened earlier could not be read: have a look at " + j.o.Path
	}
	var last uint64
	if n := len(j.events); n > 0 {
		last = j.events[n-1].Seq
	}
	j.add([]session.Event{{Seq: last + 1, At: time.Now(), Kind: "journal-failed", Text: text}})
}

// errGrown: the file is longer than this program lets it become.
var errGrown = errors.New("the file is too long")

// load reads a file that is the user's alone from now on. Of one that is longer than
// most, its end is returned with errGrown.
func load(path string, most int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return nil, err
		}
	}
	if info.Size() <= most {
		return io.ReadAll(io.LimitReader(f, most))
	}
	if _, err := f.Seek(-most, io.SeekEnd); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, err
	}
	_, b, _ = bytes.Cut(b, []byte("\n"))
	return b, errGrown
}

// parse reads the events of a file. The last line may be torn; where anything else
// is no event, or comes out of turn, the rest is still read, and whole is not set.
func parse(b []byte) (events []session.Event, torn, whole bool) {
	whole = true
	var last uint64
	for len(b) > 0 {
		l, rest, ended := bytes.Cut(b, []byte("\n"))
		if !ended {
			return events, true, whole
		}
		b = rest
		var e session.Event
		if json.Unmarshal(l, &e) != nil || e.Seq <= last || e.Seq >= maxSeq || e.At.IsZero() || line(e) == nil {
			whole = false
			continue
		}
		last = e.Seq
		e.Text, e.Of, e.User = short(e.Text), short(e.Of), short(e.User)
		events = append(events, e)
	}
	return events, false, whole
}

// flush brings the file up to date.
func (j *Journal) flush() {
	if j.o.Path == "" {
		return
	}
	j.disk.Lock()
	defer j.disk.Unlock()
	j.mu.Lock()
	lines, whole := j.pending, j.whole
	var all []session.Event
	if whole {
		all = append(all, j.events...)
	}
	j.pending, j.whole = nil, false
	j.mu.Unlock()
	if len(lines) == 0 && !whole {
		return
	}
	var err error
	if whole {
		for _, e := range all {
			lines = append(lines, line(e)...)
		}
		err = wholefile.Replace(j.o.Path, lines)
	} else {
		err = appendTo(j.o.Path, lines)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	was := j.problem
	j.problem = ""
	if err != nil {
		j.whole, j.pending = true, nil // half of it may be there
		j.problem = "What happens now is not kept beyond a restart: " + reason(err) + ". Put that right in " + filepath.Dir(j.o.Path) + "."
	}
	if j.problem != was && err != nil {
		j.o.Log.Warn("keep activity", "error", err)
	}
}

func appendTo(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// reason is why a file cannot be written, without its name.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
