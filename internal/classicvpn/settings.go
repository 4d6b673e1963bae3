package classicvpn

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

const (
	// most is how many connections there may be.
	most = 64
	// maxWord and maxAddress bound what a user has written, in bytes.
	maxWord, maxAddress = 256, 1024
)

// name is what a connection is called.
func name(s session.VPNSettings) string {
	if s.Name != "" {
		return strconv.Quote(s.Name)
	}
	return strconv.Quote(s.Address)
}

// tidy takes what a user has written, as it is kept. Its errors are in the user's
// words.
func tidy(s session.VPNSettings) (session.VPNSettings, error) {
	for _, word := range []*string{&s.Name, &s.Address, &s.User, &s.Group} {
		*word = strings.TrimSpace(*word)
		if !utf8.ValidString(*word) || plaintext.Line(*word) != *word {
			return s, fmt.Errorf("there are characters in it that cannot be shown; write it anew")
		}
		if len(*word) > maxWord && word != &s.Address {
			return s, fmt.Errorf("a name has at most %d characters; write a shorter one", maxWord)
		}
	}
	if err := checkAddress(s.Address); err != nil {
		return s, err
	}
	if !slices.Contains(session.VPNProtocols, s.Protocol) {
		return s, fmt.Errorf("Tidegate knows no VPN protocol %.40q; choose one of those that are offered", s.Protocol)
	}
	var features []session.VPNFeature
	for _, f := range session.VPNFeatures { // in their order
		if slices.Contains(s.Features, f) {
			features = append(features, f)
		}
	}
	for _, f := range s.Features {
		if !slices.Contains(session.VPNFeatures, f) {
			return s, fmt.Errorf("Tidegate knows no feature %.40q of a VPN", f)
		}
	}
	s.Features = features
	return s, nil
}

// checkAddress refuses what leads to no server: it is host, host:port or host/path, or
// an https URL of that. It does not repeat what is written: there may be a password
// in it.
func checkAddress(s string) error {
	if s == "" {
		return fmt.Errorf("write the address of the VPN's server, such as vpn.example.com")
	}
	if strings.Contains(s, "@") {
		return fmt.Errorf("leave the user and the password out of the address; there is a field for the user, and the password is asked for")
	}
	bad := fmt.Errorf("this is no address of a VPN's server; write it as vpn.example.com, vpn.example.com:8443 or vpn.example.com/staff")
	if len(s) > maxAddress || strings.ContainsAny(s, " \t\"'`\\<>{}|^") {
		return bad
	}
	if scheme, _, found := strings.Cut(s, "://"); !found {
		s = "https://" + s
	} else if !strings.EqualFold(scheme, "https") {
		return fmt.Errorf("a VPN's server is reached by https alone; leave out what is before \"://\"")
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || u.Fragment != "" {
		return bad
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("the port is from 1 to 65535")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return bad
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil && strings.Contains(host, ":") {
		return bad
	}
	return nil
}

func (w *owner) save(s session.VPNSettings) error {
	s, err := tidy(s)
	if err != nil {
		return err
	}
	for _, c := range w.list {
		if s.Name != "" && c.ID != s.ID && strings.EqualFold(c.Name, s.Name) {
			return fmt.Errorf("there is a VPN connection %q already; choose another name", c.Name)
		}
	}
	if s.ID == "" {
		if len(w.list) >= most {
			return fmt.Errorf("there are %d VPN connections, and no more can be; remove one first", most)
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
		return fmt.Errorf("disconnect %s first, then change its address or protocol", name(c.VPNSettings))
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

// pin keeps the key that the user trusts.
func (w *owner) pin(c *connection, fingerprint string) error {
	s := c.VPNSettings
	s.Fingerprint = fingerprint
	return w.put(c, s)
}

func (w *owner) remove(id string) error {
	c, err := w.get(id)
	if err != nil {
		return err
	}
	if w.current != nil && w.current.to.ID == id {
		return fmt.Errorf("disconnect %s first, then remove it", name(c.VPNSettings))
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
