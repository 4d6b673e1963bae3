package classicvpn

import (
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// most is how many connections there may be.
const most = 64

// name is what a connection is called.
func name(s session.VPNSettings) string { return strconv.Quote(s.Label()) }

func (w *owner) save(s session.VPNSettings) error {
	s, err := s.Checked()
	if err != nil {
		return err
	}
	for _, c := range w.list {
		if s.Name != "" && c.ID != s.ID && strings.EqualFold(c.Name, s.Name) {
			return errors.New(lang.F("there is a VPN connection %q already; choose another name", c.Name))
		}
	}
	if s.ID == "" {
		if len(w.list) >= most {
			return errors.New(lang.F("there are %d VPN connections, and no more can be; remove one first", most))
		}
		s.ID, s.Fingerprint = strings.ToLower(rand.Text()[:12]), ""
		if err := w.v.store.save(append(w.settings(), s)); err != nil {
			return err
		}
		w.list, w.dirty = append(w.list, &connection{VPNSettings: s}), true
		w.problem = nil // the user has seen it, and begins anew
		if w.version == "" {
			w.look()
		}
		return nil
	}
	c, err := w.get(s.ID)
	if err != nil {
		return err
	}
	moved := s.Address != c.Address || s.Protocol != c.Protocol
	if moved && c.phase != session.VPNDisconnected {
		return errors.New(lang.F("disconnect %s first, then change its address or protocol", name(c.VPNSettings)))
	}
	switch {
	case s.Address != c.Address:
		s.Fingerprint = "" // it is another server that was trusted
	case s.Fingerprint != "":
		s.Fingerprint = c.Fingerprint
	}
	if moved || s.Fingerprint != c.Fingerprint {
		c.failure = nil
	}
	return w.put(c, s)
}

// put has a connection be s, here and in the file.
func (w *owner) put(c *connection, s session.VPNSettings) error {
	was := c.VPNSettings
	c.VPNSettings = s
	if err := w.v.store.save(w.settings()); err != nil {
		c.VPNSettings = was
		return err
	}
	w.dirty = true
	return nil
}

// pin keeps the key that the user trusts, besides those of the servers that sent on to
// this one.
func (w *owner) pin(c *connection, fingerprint string) error {
	s := c.VPNSettings
	pins := strings.Fields(s.Fingerprint)
	if !slices.Contains(pins, fingerprint) {
		s.Fingerprint = strings.Join(append(pins, fingerprint), " ")
	}
	return w.put(c, s)
}

func (w *owner) remove(id string) error {
	c, err := w.get(id)
	if err != nil {
		return err
	}
	if w.current != nil && w.current.to.ID == id {
		return errors.New(lang.F("disconnect %s first, then remove it", name(c.VPNSettings)))
	}
	left := slices.DeleteFunc(slices.Clone(w.list), func(other *connection) bool { return other == c })
	was := w.list
	w.list = left
	if err := w.v.store.save(w.settings()); err != nil {
		w.list = was
		return err
	}
	w.dirty = true
	return nil
}

func (w *owner) settings() (list []session.VPNSettings) {
	for _, c := range w.list {
		list = append(list, c.VPNSettings)
	}
	return list
}
