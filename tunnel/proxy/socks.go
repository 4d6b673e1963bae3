package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// Numbers of SOCKS5 (RFC 1928).
const (
	socksVersion = 5

	socksNoAuth   = 0x00
	socksNoMethod = 0xff

	socksConnect   = 1
	socksAssociate = 3

	socksIPv4 = 1
	socksName = 3
	socksIPv6 = 4
)

// socksReply is a reply's REP (RFC 1928, section 6).
type socksReply byte

const (
	socksDone        socksReply = 0
	socksFailed      socksReply = 1
	socksForbidden   socksReply = 2 // not allowed by ruleset
	socksUnreachable socksReply = 4
	socksRefused     socksReply = 5
	socksNoCommand   socksReply = 7
	socksNoAddress   socksReply = 8 // address type not supported
)

// replyOf is a refusal's reply.
func replyOf(p *wire.Problem) socksReply {
	switch _, kind := statusOf(p); kind {
	case "connection_refused":
		return socksRefused
	case "connection_timeout", "destination_unavailable":
		return socksUnreachable
	case "http_request_denied":
		return socksForbidden
	}
	return socksFailed
}

// Errors of the decoder.
var (
	errSocks       = errors.New("it is not SOCKS5")
	errSocksMethod = errors.New("the program insists on authentication")
	errSocksType   = errors.New("the type of address is unknown")
)

// readGreeting reads what a program begins with. Methods beyond none are not
// spoken: whose process it is has been looked up already.
func readGreeting(r io.Reader) error {
	b := make([]byte, 2, 2+255)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if b[0] != socksVersion {
		return errSocks
	}
	methods := b[2 : 2+int(b[1])]
	if _, err := io.ReadFull(r, methods); err != nil {
		return err
	}
	if !slices.Contains(methods, socksNoAuth) {
		return errSocksMethod
	}
	return nil
}

// readRequest reads a request; its port may be 0.
func readRequest(r io.Reader) (command byte, t front.Target, err error) {
	var b [3]byte
	if _, err = io.ReadFull(r, b[:]); err != nil {
		return 0, t, err
	}
	if b[0] != socksVersion || b[2] != 0 {
		return 0, t, errSocks
	}
	t, err = readAddress(r)
	return b[1], t, err
}

// readAddress reads ATYP, an address and a port. It reads the whole even of a
// name that is none, and nothing after it.
func readAddress(r io.Reader) (front.Target, error) {
	var t front.Target
	b := make([]byte, 1, 1+255+2)
	if _, err := io.ReadFull(r, b); err != nil {
		return t, err
	}
	n := 0
	kind := b[0]
	switch kind {
	case socksIPv4:
		n = 4
	case socksIPv6:
		n = 16
	case socksName:
		if _, err := io.ReadFull(r, b); err != nil {
			return t, err
		}
		n = int(b[0])
	default:
		return t, errSocksType
	}
	b = b[:n+2]
	if _, err := io.ReadFull(r, b); err != nil {
		return t, err
	}
	t.Port = binary.BigEndian.Uint16(b[n:])
	if kind != socksName {
		a, _ := netip.AddrFromSlice(b[:n])
		t.Host = a.Unmap().String()
		return t, nil
	}
	name := string(b[:n])
	if a, err := netip.ParseAddr(name); err == nil && a.Is6() && !a.Is4In6() && a.Zone() == "" {
		t.Host = a.String() // what some programs give as a name
		return t, nil
	}
	var err error
	t.Host, err = parseHost(name)
	return t, err
}

// appendAddress writes what readAddress reads.
func appendAddress(b []byte, t front.Target) []byte {
	if a, err := netip.ParseAddr(t.Host); err != nil {
		b = append(b, socksName, byte(len(t.Host)))
		b = append(b, t.Host...)
	} else if a.Is4() {
		b = append(append(b, socksIPv4), a.AsSlice()...)
	} else {
		b = append(append(b, socksIPv6), a.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, t.Port)
}

// reply answers a request; at is the zero address where there is none to tell.
func (c *conn) reply(r socksReply, at netip.AddrPort) error {
	if !at.IsValid() {
		at = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	b := appendAddress([]byte{socksVersion, byte(r), 0}, front.Target{Host: at.Addr().String(), Port: at.Port()})
	return c.say(b)
}

// say writes an answer to a program that is to take it soon.
func (c *conn) say(b []byte) error {
	c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(b)
	c.SetWriteDeadline(time.Time{})
	return err
}

// serveSOCKS serves a connection that begins as SOCKS5 does, to its end.
func (p *Proxy) serveSOCKS(ctx context.Context, c *conn) {
	defer c.release()
	c.SetReadDeadline(time.Now().Add(p.patience))
	stop := context.AfterFunc(ctx, c.abort)
	command, t, ok := c.negotiate()
	if !stop() {
		return
	}
	if !ok {
		c.farewell()
		return
	}
	c.SetReadDeadline(time.Time{})
	switch {
	case command == socksAssociate:
		p.associate(ctx, c, t)
	case t.Port == 0:
		c.reply(socksFailed, netip.AddrPort{})
		c.farewell()
	default:
		t.Protocol = wire.TCP
		p.carry(ctx, c, t, func() error { return c.reply(socksDone, netip.AddrPort{}) },
			func(problem *wire.Problem) { c.reply(replyOf(problem), netip.AddrPort{}) })
	}
}

// negotiate reads greeting and request, and answers what comes to nothing.
func (c *conn) negotiate() (command byte, t front.Target, ok bool) {
	switch err := readGreeting(c); {
	case errors.Is(err, errSocksMethod):
		c.say([]byte{socksVersion, socksNoMethod})
		return 0, t, false
	case err != nil || c.say([]byte{socksVersion, socksNoAuth}) != nil:
		return 0, t, false
	}
	command, t, err := readRequest(c)
	switch {
	case err == nil && command != socksConnect && command != socksAssociate:
		c.reply(socksNoCommand, netip.AddrPort{})
	case err == nil:
		return command, t, true
	case errors.Is(err, errSocksType):
		c.reply(socksNoAddress, netip.AddrPort{})
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errSocks):
		c.reply(socksFailed, netip.AddrPort{}) // the name is none
	}
	return 0, t, false
}
