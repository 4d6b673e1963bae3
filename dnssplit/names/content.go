package names

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unicode/utf8"
)

// content is a file's: a header and then entries, each one line of JSON. A later
// line holds against those before it. What follows the last end of a line was cut
// off while it was written, and counts for nothing.
type content struct {
	header  header
	entries []record
	over    int // lines that later ones hold against
}

type header struct {
	Version int          `json:"version"`
	Network netip.Prefix `json:"network"`
	// First is the network that was prescribed; another Network was moved to.
	First netip.Prefix `json:"first"`
	// Clock is the pool's, when the wall clock was Wall; both in seconds.
	Clock int64 `json:"clock"`
	Wall  int64 `json:"wall"`
}

type record struct {
	Name  string `json:"name"`
	Index uint16 `json:"index"`
	Used  int64  `json:"used"` // by Clock
}

const (
	version = 1
	// largest is how long a file can be: each name once, and again for each that
	// was added since it was written anew.
	largest = 2 * Most * (2*longest + 64)
	// latest bounds times: what adds to them does not overflow.
	latest = 1 << 40
)

// encode writes records, one a line.
func encode(records ...record) []byte {
	var b bytes.Buffer
	for _, r := range records {
		line(&b, r)
	}
	return b.Bytes()
}

// line writes v, which has nothing in it that JSON has not.
func line(b *bytes.Buffer, v any) {
	if err := json.NewEncoder(b).Encode(v); err != nil {
		panic(err)
	}
}

func (c *content) encode() []byte {
	var b bytes.Buffer
	line(&b, c.header)
	b.Write(encode(c.entries...))
	return b.Bytes()
}

// decode reads a file. Each name and each index is there once; of more than Most, as
// there are where some made room for others that were added, those that were used
// least recently are left out. whole: its last line is there, too.
func decode(b []byte) (c content, whole bool, err error) {
	end := bytes.LastIndexByte(b, '\n') + 1
	whole = end == len(b)
	names, indexes := map[string]uint16{}, map[uint16]record{}
	n := 0
	for l := range bytes.Lines(b[:end]) {
		if n++; n == 1 {
			if err := json.Unmarshal(l, &c.header); err != nil {
				return content{}, false, fmt.Errorf("line 1: %w", err)
			}
			if err := c.header.damage(); err != nil {
				return content{}, false, fmt.Errorf("line 1: %w", err)
			}
			continue
		}
		var r record
		err := json.Unmarshal(l, &r)
		if err == nil {
			err = r.damage()
		}
		if err != nil {
			return content{}, false, fmt.Errorf("line %d: %w", n, err)
		}
		if before, ok := names[r.Name]; ok {
			delete(indexes, before)
		}
		delete(names, indexes[r.Index].Name)
		names[r.Name], indexes[r.Index] = r.Index, r
	}
	if n == 0 {
		return content{}, false, errors.New("it has no header")
	}
	for _, r := range indexes {
		c.entries = append(c.entries, r)
	}
	c.over = n - 1 - len(c.entries)
	if len(c.entries) > Most {
		slices.SortFunc(c.entries, func(a, b record) int { return cmp.Compare(b.Used, a.Used) })
		c.entries = c.entries[:Most]
	}
	return c, whole, nil
}

func (h header) damage() error {
	switch {
	case h.Version != version:
		return fmt.Errorf("version %d is not known", h.Version)
	case !fits(h.Network) || !fits(h.First):
		return fmt.Errorf("network %v, first %v, is none of ours", h.Network, h.First)
	case h.Clock < 0 || h.Clock > latest || h.Wall < -latest || h.Wall > latest:
		return errors.New("there is no such time")
	}
	return nil
}

func (r record) damage() error {
	switch last := byte(r.Index); {
	case r.Name == "" || len(r.Name) > longest || !utf8.ValidString(r.Name):
		return errors.New("there is no such name")
	case last == 0 || last == 255:
		return errors.New("there is no such index")
	case r.Used < 0 || r.Used > latest:
		return errors.New("there is no such time")
	}
	return nil
}
