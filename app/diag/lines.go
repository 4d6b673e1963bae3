package diag

import (
	"slices"
	"strings"
	"sync"
)

// The last lines of the log that are kept, and how long one may be.
const (
	keptLines = 500
	longest   = 1024
)

// Lines keeps the last lines that were written to it: the program's own log, for
// there may be no journal, or none that the user may read. The zero value is
// ready. Each Write is a line, as those of a slog handler are.
type Lines struct {
	mu   sync.Mutex
	ring [keptLines]string
	next int
}

// Write implements io.Writer; it never fails.
func (l *Lines) Write(b []byte) (int, error) {
	line := strings.TrimRight(string(b[:min(len(b), longest)]), "\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.next%keptLines] = line
	l.next++
	return len(b), nil
}

// Text is all of them, the oldest first.
func (l *Lines) Text() string {
	l.mu.Lock()
	all := l.ring[:min(l.next, keptLines)]
	if l.next > keptLines {
		n := l.next % keptLines
		all = append(slices.Clone(l.ring[n:]), l.ring[:n]...)
	}
	text := strings.Join(all, "\n")
	l.mu.Unlock()
	if text != "" {
		text += "\n"
	}
	return text
}
