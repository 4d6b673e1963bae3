package vpntest

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// tries is how many passwords a user may try.
const tries = 3

// The failures that a client tells in numbers.
const (
	failedPassword = 0x14
	failedCode     = 0x15
)

var errRefused = errors.New("refused")

// conversation is a sign-in: the server asks, and the client answers.
type conversation struct {
	*wire
	id byte
}

// signIn has the client sign in, by its cookie or anew, and returns its cookie.
func (s *Pulse) signIn(w *wire) (cookie string, err error) {
	c := &conversation{wire: w}
	if err := c.greet(); err != nil {
		return "", err
	}
	said, err := c.ask(number(attrServer, 1))
	if err != nil {
		return "", err
	}
	if a := value(said, attrCookie); a != nil && s.session(string(a)) != nil {
		return string(a), c.admit(string(a))
	}
	switch {
	case s.o.Riddle:
		_, err = c.ask(attribute{code: attrUnknownToAll, vendor: vendorAttributes, mandatory: true, value: []byte("What have I got in my pocket?")})
		return "", errors.Join(err, errRefused)
	case s.o.HostChecker:
		_, err = c.ask(inner(message{code: eapRequest, id: 1, kind: eapExpanded, subtype: subtypeHostChecker, data: []byte{1}}))
		return "", errors.Join(err, errRefused)
	}
	if len(s.o.Realms) > 0 {
		var all []attribute
		for _, r := range s.o.Realms {
			all = append(all, text(attrRealmChoice, r))
		}
		if said, err = c.ask(all...); err != nil {
			return "", err
		}
		if len(value(said, attrRealm)) == 0 {
			return "", errRefused
		}
	}
	user, err := s.password(c)
	if err != nil {
		return "", err
	}
	if s.o.Code != "" {
		said, err := c.ask(number(attrPrompts, promptSecret), text(attrCodeLabel, s.o.CodePrompt),
			inner(message{code: eapRequest, id: 2, kind: eapGTC, data: []byte(s.o.CodePrompt)}))
		if err != nil {
			return "", err
		}
		if m, err := answer(said); err != nil || m.kind != eapGTC || string(m.data) != s.o.Code {
			s.refuse()
			return "", c.fail(failedCode)
		}
	}
	cookie = s.admit(user)
	return cookie, c.admit(cookie)
}

// password asks for user and password.
func (s *Pulse) password(c *conversation) (user string, err error) {
	for try, code := 0, byte(passwordFirst); try < tries; try, code = try+1, passwordAgain {
		var all []attribute
		if s.o.UserLabel != "" {
			all = append(all, text(attrUserLabel, s.o.UserLabel))
		}
		if s.o.PasswordLabel != "" {
			all = append(all, text(attrSecretLabel, s.o.PasswordLabel))
		}
		all = append(all, inner(message{code: eapRequest, id: byte(try), kind: eapExpanded, subtype: subtypePassword, data: []byte{code}}))
		said, err := c.ask(all...)
		if err != nil {
			return "", err
		}
		// A client that asks for the password alone, the second time, says no user.
		if u := value(said, attrUser); u != nil {
			user = string(u)
		}
		m, err := answer(said)
		if err != nil || m.kind != eapExpanded || m.subtype != subtypePassword || len(m.data) < 3 {
			return "", errors.Join(err, errRefused)
		}
		// Two bytes, a length with itself and the byte before, and the password.
		if user == "alice" && string(m.data[3:]) == Password {
			return user, nil
		}
		s.refuse()
	}
	return "", c.fail(failedPassword)
}

func (s *Pulse) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
}

// greet agrees on a version, and hears the client's name.
func (c *conversation) greet() error {
	if _, err := c.expect(vendorTCG, tcgVersionRequest); err != nil {
		return err
	}
	if err := c.send(frame{vendorTCG, tcgVersionResponse, []byte{0, 0, 0, 2}}); err != nil {
		return err
	}
	if _, err := c.expect(vendorJuniper, juniperClient); err != nil {
		return err
	}
	if err := c.send(frame{vendorTCG, tcgAuthChallenge, begin()}); err != nil {
		return err
	}
	m, err := c.hear()
	if err == nil && m.kind != eapIdentity {
		err = fmt.Errorf("a message of type %d for an identity", m.kind)
	}
	return err
}

func begin() []byte { return binary.BigEndian.AppendUint32(nil, juniper1) }

func (c *conversation) expect(vendor, kind uint32) (frame, error) {
	f, err := readFrame(c.in)
	if err == nil && (f.vendor != vendor || f.kind != kind) {
		err = fmt.Errorf("a frame %#x/%#x, want %#x/%#x", f.vendor, f.kind, vendor, kind)
	}
	return f, err
}

// hear reads the client's answer.
func (c *conversation) hear() (m message, err error) {
	f, err := c.expect(vendorTCG, tcgAuthResponse)
	if err != nil {
		return m, err
	}
	if len(f.payload) < 4 || binary.BigEndian.Uint32(f.payload) != juniper1 {
		return m, errMessage
	}
	if m, err = parseMessage(f.payload[4:]); err == nil && m.code != eapResponse {
		err = errMessage
	}
	return m, err
}

// say asks without waiting.
func (c *conversation) say(a ...attribute) error {
	c.id++
	m := message{code: eapRequest, id: c.id, kind: eapExpanded, subtype: subtypeAttributes}
	for _, a := range a {
		m.data = a.append(m.data)
	}
	return c.send(frame{vendorTCG, tcgAuthChallenge, m.append(begin())})
}

// ask asks, and waits for the answer.
func (c *conversation) ask(a ...attribute) ([]attribute, error) {
	if err := c.say(a...); err != nil {
		return nil, err
	}
	m, err := c.hear()
	if err != nil {
		return nil, err
	}
	if m.kind != eapExpanded || m.subtype != subtypeAttributes || m.id != c.id {
		return nil, errMessage
	}
	return attributes(m.data)
}

// fail tells the client that it is not let in.
func (c *conversation) fail(why uint32) error {
	return errors.Join(c.say(number(attrFailure, why)), errRefused)
}

// admit tells the client that it is let in, and by which cookie from now on.
func (c *conversation) admit(cookie string) error {
	if _, err := c.ask(text(attrCookie, cookie), number(attrExpires, 3600)); err != nil {
		return err
	}
	return c.send(frame{vendorTCG, tcgAuthSuccess, append(begin(), eapSuccess, c.id, 0, 4)})
}

// inner is an EAP message within one.
func inner(m message) attribute {
	return attribute{code: attrEAP, mandatory: true, value: m.append(nil)}
}

// answer is the EAP message within a client's answer.
func answer(said []attribute) (message, error) {
	for _, a := range said {
		if a.vendor == 0 && a.code == attrEAP {
			m, err := parseMessage(a.value)
			if err == nil && m.code != eapResponse {
				err = errMessage
			}
			return m, err
		}
	}
	return message{}, errMessage
}

// value is that of the vendor's attribute; nil: there is none.
func value(said []attribute, code uint32) []byte {
	for _, a := range said {
		if a.vendor == vendorAttributes && a.code == code {
			return a.value
		}
	}
	return nil
}
