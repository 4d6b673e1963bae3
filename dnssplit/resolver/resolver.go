package resolver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Zone is what is ours. A names.Pool is one. Its methods are called from several
// goroutines; hosts are in lower case and without the last dot.
type Zone interface {
	// Below says whether a host is one of our zones or below one.
	Below(host string) bool
	// Exists says whether there is a host that is Below, or one below it.
	Exists(host string) bool
	// Answer is the addresses of a host that is Below, IPv4 and IPv6, if there is
	// such a host. One that is known and yet has no valid address cannot be told
	// now: it is answered with SERVFAIL.
	Answer(host string) (addrs [2]netip.Addr, known bool)
	// Host is the name that an address of ours stands for.
	Host(a netip.Addr) (host string, ok bool)
	// Reverse are the zones of our addresses, as "96.100.in-addr.arpa".
	Reverse() []string
	// Prefixes are the networks of our addresses. An answer of others that has one
	// of them is not passed on.
	Prefixes() [2]netip.Prefix
}

// Options for New. Zone is required.
type Options struct {
	Zone Zone
	// Failing: there is nobody who knows, and names of ours are answered with
	// SERVFAIL. Of the Zone, only Below and Reverse are asked.
	Failing bool
	// IPv6 says whether IPv6 addresses of ours lead anywhere now; nil: they do.
	IPv6 func() bool
	// Asked is told each lookup, in lower case; it does not block. Nil: nobody is.
	Asked func(name string, ours bool)
	// Bound is told when sockets could not be bound to an upstream's device, and so
	// go wherever the routes say: the reason is EPERM where another program's rules
	// keep traffic in its tunnel, ENODEV where the adapter is gone. A nil error says
	// that they are bound again. It does not block. Nil: nobody is told.
	Bound func(device string, err error)
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Resolver answers lookups.
type Resolver struct {
	o       Options
	forward *forwarder
	change  sync.Mutex // one change of the upstreams at a time
}

// New is a Resolver that forwards nothing yet.
func New(o Options) *Resolver {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Resolver{o: o, forward: newForwarder(&o)}
}

// Forward has names that are not ours asked of these upstreams, from now on. None:
// such names are REFUSED. A change forgets what was kept and opens new sockets;
// what is under way is asked anew.
func (r *Resolver) Forward(to []Upstream) {
	r.change.Lock()
	var again []*flight
	if !r.forward.routes.Load().equal(to) {
		again = r.forward.change(to)
	}
	r.change.Unlock()
	r.forward.again(again)
}

// Flush forgets what was kept, and opens new sockets, as after a change of network.
func (r *Resolver) Flush() {
	r.change.Lock()
	again := r.forward.change(r.forward.routes.Load().to)
	r.change.Unlock()
	r.forward.again(again)
}

// Serve answers what comes to these sockets until ctx ends, or one of them fails,
// and closes them. One call at a time.
func (r *Resolver) Serve(ctx context.Context, udp net.PacketConn, tcp net.Listener) error {
	self, _ := netip.ParseAddrPort(udp.LocalAddr().String())
	r.forward.start(self)
	streams := newStreams(r)
	ended := make(chan error, 2)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { r.forward.keepTime(done) })
	wg.Go(func() { ended <- r.serveUDP(udp) })
	wg.Go(func() { ended <- streams.serve(tcp) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
		if err == nil {
			err = net.ErrClosed
		}
		err = fmt.Errorf("wait for lookups: %w", err)
	}
	udp.Close()
	tcp.Close()
	close(done)
	streams.close()
	r.forward.stop()
	wg.Wait()
	return err
}

// desk is room to answer one lookup in.
type desk struct {
	query query
	host  [4 * nameMax]byte
	key   [keyMax]byte
}

// handle appends the answer to a lookup, which then begins at b[0]; nothing, where
// it is told later or never.
func (r *Resolver) handle(b, msg []byte, a asker, d *desk) (answer []byte, later bool) {
	q := &d.query
	switch code := q.parse(msg); code {
	case success:
	case dropped:
		return b, false
	default:
		return q.appendError(b, code), false
	}
	host := string(appendHost(d.host[:0], q.name()))
	ours := r.o.Zone.Below(host)
	zone := ""
	if !ours {
		zone = r.reverseZone(host)
	}
	if r.o.Asked != nil {
		r.o.Asked(host, ours || zone != "")
	}
	switch {
	case r.o.Failing && (ours || zone != ""):
		return q.appendError(b, servFail), false
	case ours:
		return r.ours(b, q, host), false
	case zone != "":
		return r.reverse(b, q, host, zone), false
	}
	to := r.forward.routes.Load()
	group := to.of(host)
	if group == nil {
		return q.appendError(b, refused), false
	}
	if to.rest != nil { // all names come to us
		if code, ok := special(host); ok {
			return q.appendOPT(q.appendSOA(q.appendReply(b, code), host, host), code), false
		}
	}
	key := q.key(d.key[:0])
	hash := r.forward.cache.hash(key)
	if q.plain {
		kept, ok := r.forward.cache.get(b, hash, key, time.Now())
		if ok && !networks(r.o.Zone.Prefixes()).in(kept, q.end) { // which may be others since
			readdress(kept, q.id(), q.question())
			return fit(kept, q, a), false
		}
	}
	if !r.forward.ask(q, a, to, group, hash, key) {
		return q.appendError(b, servFail), false
	}
	return b, true
}
