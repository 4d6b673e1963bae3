package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Event is one server-sent event (WHATWG HTML, section 9.2) of a channel's
// event stream. Data is one line of JSON.
type Event struct {
	ID   string
	Name string
	Data []byte
}

// NewEvent makes an event whose data is v in JSON.
func NewEvent(id, name string, v any) (Event, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Event{}, fmt.Errorf("encode event %s: %w", name, err)
	}
	return Event{ID: id, Name: name, Data: b}, nil
}

// WriteTo writes the event; the caller flushes.
func (e Event) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	if e.ID != "" {
		fmt.Fprintf(&b, "id: %s\n", oneLine(e.ID))
	}
	fmt.Fprintf(&b, "event: %s\ndata: ", oneLine(e.Name))
	b.Write(bytes.ReplaceAll(e.Data, []byte("\n"), []byte(" ")))
	b.WriteString("\n\n")
	n, err := w.Write(b.Bytes())
	return int64(n), err
}

func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
}

// WriteHeartbeat writes a comment, which keeps an idle stream from looking dead.
func WriteHeartbeat(w io.Writer) error {
	_, err := io.WriteString(w, ":\n\n")
	return err
}

// EventReader reads an event stream. Not for concurrent use.
type EventReader struct {
	r *bufio.Reader
	// Alive, where set, is called for each line read, heartbeats included.
	Alive func()
}

// NewEventReader reads events from r.
func NewEventReader(r io.Reader) *EventReader {
	return &EventReader{r: bufio.NewReaderSize(r, 16<<10)}
}

// Next returns the next event that has data. It returns io.EOF at the end of
// the stream, and an error for an event over MaxEvent bytes; a half event at
// the end is dropped, as the specification has it.
func (r *EventReader) Next() (Event, error) {
	var (
		e    Event
		size int
		data bytes.Buffer
		some bool
	)
	for {
		line, err := r.line(MaxEvent - size)
		if err != nil {
			return Event{}, err
		}
		if r.Alive != nil {
			r.Alive()
		}
		size += len(line)
		if len(line) == 0 {
			if !some {
				e, size = Event{}, 0
				continue
			}
			e.Data = data.Bytes()
			return e, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			e.ID = string(value)
		case "event":
			e.Name = string(value)
		case "data":
			if some {
				data.WriteByte('\n')
			}
			data.Write(value)
			some = true
		}
	}
}

func (r *EventReader) line(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, fmt.Errorf("an event is larger than %d bytes", MaxEvent)
		}
		line = append(line, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil, err
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
	}
}
