//go:build linux

package sensor

import (
	"bytes"
	"slices"

	"github.com/google/nftables/expr"
)

// lookup is one in a set, or in a map of verdicts.
func (m *machine) lookup(in table, e *expr.Lookup) (bool, *expr.Verdict) {
	at := place{in, e.SetName}
	all, there := m.sets[at]
	if !there {
		var ok bool
		if all, ok = m.rules.elements(at); !ok {
			all = nil
		}
		slices.SortStableFunc(all, order)
		m.sets[at] = all
	}
	for i, a := range all {
		if _, dest := m.dest[word(e.SourceRegister)]; !dest || len(m.asked) >= mostAsked {
			break
		}
		if to := last(all, i); !a.ends && len(to) == len(a.key) {
			m.ask(e.SourceRegister, a.key, to)
		}
	}
	for i, a := range all {
		if !m.door[word(e.SourceRegister)] {
			break
		}
		if !a.ends {
			m.speak(e.SourceRegister, a.key, last(all, i))
		}
	}
	*m.steps += len(all) / 16
	found := m.find(all, e.SourceRegister)
	switch {
	case e.IsDestRegSet && e.DestRegister == 0 && found != nil && found.jump != nil: // NFT_REG_VERDICT
		return true, found.jump
	case e.IsDestRegSet && e.DestRegister == 0:
		return false, nil
	case e.IsDestRegSet:
		m.put(e.DestRegister, unknown(16))
		return found != nil, nil
	}
	return (found != nil) != e.Invert, nil
}

// find is the element that a register is in; nil: none.
func (m *machine) find(all []element, register uint32) *element {
	for i := range all {
		a := &all[i]
		got := m.get(register, len(a.key))
		if a.ends || len(a.key) == 0 || !got.whole() || len(got.data) != len(a.key) {
			continue
		}
		to := last(all, i)
		if len(to) != len(a.key) {
			continue
		}
		if len(a.end) > 0 && within(got.data, a.key, to) || len(a.end) == 0 && bytes.Compare(got.data, a.key) >= 0 && bytes.Compare(got.data, to) <= 0 {
			return a
		}
	}
	return nil
}

// order is that of the keys: an interval ends before the next begins.
func order(a, b element) int {
	c := bytes.Compare(a.key, b.key)
	if c == 0 && a.ends != b.ends {
		c = 1
		if a.ends {
			c = -1
		}
	}
	return c
}

// last is the last key of the element at i, which are in order: its own end, the one
// before where the interval ends, or itself.
func last(all []element, i int) []byte {
	a := all[i]
	if len(a.end) > 0 {
		return a.end
	}
	for _, next := range all[i+1:] {
		if bytes.Equal(next.key, a.key) {
			continue
		}
		if next.ends && len(next.key) == len(a.key) {
			return before(next.key)
		}
		return a.key
	}
	if i == len(all)-1 && slices.ContainsFunc(all, func(e element) bool { return e.ends }) { // to the end of all keys
		return bytes.Repeat([]byte{0xff}, len(a.key))
	}
	return a.key
}

// before is the number that is one less.
func before(key []byte) []byte {
	b := slices.Clone(key)
	for i := len(b) - 1; i >= 0; i-- {
		b[i]--
		if b[i] != 0xff {
			break
		}
	}
	return b
}

// within says whether a key of several fields is in an interval: each of its words is.
func within(got, from, to []byte) bool {
	for i := 0; i < len(got); i += 4 {
		n := min(i+4, len(got))
		if bytes.Compare(got[i:n], from[i:n]) < 0 || bytes.Compare(got[i:n], to[i:n]) > 0 {
			return false
		}
	}
	return true
}
