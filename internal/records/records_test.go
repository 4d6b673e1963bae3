package records

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"testing"
)

// sink is a connection that notes how it is written to.
type sink struct {
	net.Conn
	writes []int
	all    bytes.Buffer
	fail   int // the write that fails, from 1
}

var errBroken = errors.New("broken")

func (s *sink) Write(b []byte) (int, error) {
	if s.writes = append(s.writes, len(b)); len(s.writes) == s.fail {
		return 0, errBroken
	}
	return s.all.Write(b)
}

// cut writes to c in pieces, as TLS does.
type cut struct {
	c     *Conn
	sizes []int
}

func (w cut) Write(b []byte) (int, error) {
	rest := b
	for _, size := range append(w.sizes, len(b)) {
		size = min(size, len(rest))
		if size == 0 {
			break
		}
		if _, err := w.c.Write(rest[:size]); err != nil {
			return 0, err
		}
		rest = rest[size:]
	}
	return len(b), nil
}

func TestTogether(t *testing.T) {
	for name, row := range map[string]struct {
		bytes int
		cut   []int
		want  int // writes
	}{
		"nothing":           {0, nil, 0},
		"one":               {100, nil, 1},
		"small ones":        {300, []int{100, 100, 100}, 1},
		"what there is for": {most, []int{most / 2}, 1},
		"one too many":      {most + 1, []int{most}, 2},
		"many":              {4 * most, []int{most / 2, most / 2, most / 2, most / 2, most / 2, most / 2, most / 2, most / 2}, 4},
		"a large one":       {3 * most, []int{10, most + 1}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			c := &Conn{Conn: s}
			b := make([]byte, row.bytes)
			rand.Read(b)
			if n, err := c.Together(cut{c, row.cut}, b); n != len(b) || err != nil {
				t.Fatal(n, err)
			}
			if len(s.writes) != row.want || !bytes.Equal(s.all.Bytes(), b) {
				t.Errorf("written as %v", s.writes)
			}
			if c.held != nil || c.n != 0 {
				t.Errorf("%d bytes are held afterwards", c.n)
			}
			// What follows goes at once.
			if _, err := c.Write([]byte("more")); err != nil || len(s.writes) != row.want+1 {
				t.Errorf("%v, written as %v", err, s.writes)
			}
		})
	}
}

// A write that fails is told, whether it came at the end or before, and what
// follows is not mixed with what was lost.
func TestTogetherFails(t *testing.T) {
	for _, fail := range []int{1, 2} {
		s := &sink{fail: fail}
		c := &Conn{Conn: s}
		n, err := c.Together(cut{c, []int{most, 10}}, make([]byte, most+10))
		if n != 0 || !errors.Is(err, errBroken) {
			t.Errorf("write %d fails: %d, %v", fail, n, err)
		}
		s.all.Reset()
		if _, err := c.Write([]byte("alert")); err != nil || s.all.String() != "alert" {
			t.Errorf("after that: %v, %q", err, s.all.String())
		}
	}
}
