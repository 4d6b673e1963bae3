//go:build linux

package client

import (
	"context"
	"errors"
	"net"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// DNS is the right to answer names on this machine, for one user: the sockets at
// protocol.DNSServer.
type DNS struct {
	UDP *net.UDPConn
	TCP *net.TCPListener

	lease   *net.UnixConn
	changed chan struct{}
	lost    chan struct{}
}

// OpenDNSSocket takes the right to answer names. A refusal is a
// *protocol.Refusal: Busy while it is another user's. Where every name comes to us
// lookups may be waiting already: answer them when ApplyDNS has told who is asked
// for those that are not ours. Until then they wait.
func (h Helper) OpenDNSSocket(ctx context.Context) (*DNS, error) {
	_, fds, c, err := h.call(ctx, protocol.Request{Verb: protocol.OpenDNSSocket})
	if err != nil {
		return nil, err
	}
	d := &DNS{lease: c, changed: make(chan struct{}, 1), lost: make(chan struct{})}
	if d.UDP, d.TCP, err = sockets.Take(fds); err != nil {
		c.Close()
		return nil, err
	}
	go d.watch()
	return d, nil
}

// watch hears from the helper until the lease has ended.
func (d *DNS) watch() {
	defer close(d.lost)
	for {
		if _, err := protocol.Read(d.lease); err != nil {
			return
		}
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
}

// Changed has a token when ApplyDNS may have something new to tell: other servers
// for names that are not ours, another competitor.
func (d *DNS) Changed() <-chan struct{} { return d.changed }

// Lost is closed when the helper no longer knows of us, and after Close. The
// sockets go on: answer on them until the helper is there again (Ping), then
// Close this and open another.
func (d *DNS) Lost() <-chan struct{} { return d.lost }

// Close gives back the sockets and the right to them. What ApplyDNS did stays:
// names of ours fail from now on. Undo that first, with ApplyDNS of no domain or
// Helper.Close.
func (d *DNS) Close() error {
	err := errors.Join(d.UDP.Close(), d.TCP.Close(), d.lease.Close())
	<-d.lost
	return err
}

// ApplyDNS has the system ask us for names of exactly these domains; see
// protocol.ApplyDNS. More than a message has room for are refused as Full.
func (h Helper) ApplyDNS(ctx context.Context, domains []string, strict bool) (protocol.DNS, error) {
	r := protocol.Request{Verb: protocol.ApplyDNS, Domains: domains, Strict: strict}
	if _, err := protocol.Encode(r); err != nil || len(domains) > protocol.MaxDomains {
		return protocol.DNS{}, protocol.Refuse(protocol.Full, "the system cannot be told of %d domains", len(domains))
	}
	reply, err := h.plain(ctx, r)
	if err != nil {
		return protocol.DNS{}, err
	}
	if reply.DNS == nil {
		return protocol.DNS{}, errors.New("the helper's answer says nothing of names")
	}
	return *reply.DNS, nil
}
