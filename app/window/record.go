package window

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/timezone"
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
	w.Write([]string{"time", "kind", "application", "text", "organisation", "user"})
	for _, e := range events {
		w.Write([]string{e.At.Format(time.RFC3339), cell(e.Kind), cell(string(e.App)), cell(e.Text), cell(e.Of), cell(e.User)})
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

// suggested is where to export to: the user's documents, if there are any.
func suggested(home string, now time.Time) string {
	return filepath.Join(folderOf(home, "Documents", "Downloads"), "tidegate-activity-"+timezone.In(now).Format("2006-01-02")+".csv")
}

// folderOf is the first of a home's folders that is there, or the home.
func folderOf(home string, names ...string) string {
	for _, name := range names {
		if i, err := os.Stat(filepath.Join(home, name)); err == nil && i.IsDir() {
			return filepath.Join(home, name)
		}
	}
	return home
}
