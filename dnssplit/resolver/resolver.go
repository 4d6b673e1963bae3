package resolver

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Zone is what is ours. A names.Pool is one. Its methods are called from several
// goroutines; hosts are in lower case and without the last dot.
type Zone interface {
	// Below says whether a host is one of our zones or below one.
	Below(host string) bool
	// Answer is the addresses of a host that is Below, IPv4 and IPv6. A host that
	// is known and yet has no valid address cannot be told now: it is answered
	// with SERVFAIL.
	Answer(host string) (addrs [2]netip.Addr, known bool)
	// Host is the name that an address of ours stands for.
	Host(a netip.Addr) (host string, ok bool)
	// Reverse are the zones of our addresses, as "96.100.in-addr.arpa".
	Reverse() []string
}

// Options for New. Zone is required.
type Options struct {
	Zone Zone
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
	o  Options
	mu sync.Mutex
	to []Upstream
}

// New is a Resolver that forwards nothing yet.
func New(o Options) *Resolver {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Resolver{o: o}
}

// Forward has names that are not ours asked of these upstreams, from now on. None:
// such names are REFUSED. A change forgets what was kept and opens new sockets;
// what is under way is asked anew.
func (r *Resolver) Forward(to []Upstream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = slices.Clone(to)
}

// Flush forgets what was kept, and opens new sockets, as after a change of network.
func (r *Resolver) Flush() {}

// Serve answers what comes to these sockets until ctx ends, and closes them. One
// call at a time.
func (r *Resolver) Serve(ctx context.Context, udp net.PacketConn, tcp net.Listener) error {
	<-ctx.Done()
	udp.Close()
	tcp.Close()
	return nil
}
