package window

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// encoder writes events in a format.
type encoder func([]session.Event) ([]byte, error)

// encoderOf is the one that a file's name asks for.
func encoderOf(path string) (encoder, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return asCSV, nil
	case ".json":
		return asJSON, nil
	}
	return nil, errors.New(activityWords.exportKind)
}

// asCSV writes a table with a head. A cell that a spreadsheet would compute is
// marked as text: applications' names and servers' words are not to become formulas.
func asCSV(events []session.Event) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"time", "kind", "application", "text"})
	for _, e := range events {
		w.Write([]string{e.At.Format(time.RFC3339), cell(e.Kind), cell(string(e.App)), cell(e.Text)})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

func asJSON(events []session.Event) ([]byte, error) {
	b, err := json.MarshalIndent(events, "", "  ")
	return append(b, '\n'), err
}

// gather asks the client for all that is kept of a filter, the newest first.
func gather(ctx context.Context, c Client, f session.EventFilter) ([]session.Event, error) {
	all := []session.Event{}
	for q := (session.HistoryQuery{EventFilter: f}); ; {
		h, err := c.History(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, h.Events...)
		if !h.More || len(h.Events) == 0 {
			return all, nil
		}
		q.Before = h.Events[len(h.Events)-1].Seq
	}
}

// save writes a file for the user alone. It replaces one that is there only where
// over is set; the error is fs.ErrExist otherwise.
func save(path string, b []byte, over bool) error {
	if !over {
		if _, err := os.Lstat(path); err == nil {
			return fs.ErrExist
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tidegate-*")
	if err != nil {
		return why(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return why(err)
	}
	if over {
		return why(os.Rename(f.Name(), path))
	}
	err = os.Link(f.Name(), path) // fails where another has come there
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(f.Name(), path) // there are file systems without
	}
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
	case errors.Is(err, fs.ErrNotExist):
		return errors.New(lang.T("there is no such folder; choose one that is there"))
	case errors.Is(err, fs.ErrPermission):
		return errors.New(lang.T("you may not write there; choose a folder of yours"))
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return fmt.Errorf(lang.T("it could not be written: %w; choose another place, or make room"), err)
}

// suggested is where to export to: the user's documents, if there are any.
func suggested(home string, now time.Time) string {
	for _, dir := range []string{"Documents", "Downloads"} {
		if i, err := os.Stat(filepath.Join(home, dir)); err == nil && i.IsDir() {
			home = filepath.Join(home, dir)
			break
		}
	}
	return filepath.Join(home, "tidegate-activity-"+now.Local().Format("2006-01-02")+".csv")
}

// expand is a path as people type it.
func expand(path, home string) string {
	path = strings.TrimSpace(path)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(home, rest)
	}
	if path != "" && !filepath.IsAbs(path) {
		return filepath.Join(home, path)
	}
	return path
}
