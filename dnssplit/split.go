package dnssplit

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// Own says whether a network device of this name is one that a helper makes, for
// packets or for names: it is no network that this machine is in.
func Own(name string) bool {
	return protocol.Opened(name) || strings.HasPrefix(name, "tidegate-dns")
}

// Options for New. Pool and Report are needed.
type Options struct {
	// Pool has the names; the data plane sets them.
	Pool *names.Pool
	// Report is told of the name service whenever it changes; nil while nobody is
	// signed in. It does not block.
	Report func(*session.DNSFact)
	// Led is called when the pool's addresses are others: the device is to be led
	// anew. It does not block. Nil: nobody is told.
	Led func()
	// IPv6 says whether IPv6 addresses of the pool's lead anywhere; nil: they do.
	IPv6 func() bool
	// Helper does what takes privileges; nil: the system's, at Socket where that is
	// not empty.
	Helper Helper
	Socket string
	// Controller tells where the controller is, host:port: it, like the gateways, is
	// never asked of us. Nil: there is none.
	Controller func() (string, error)
	// Watch tells of changes of the machine's network until ctx ends; nil: the
	// system's.
	Watch func(ctx context.Context, changed func(netwatch.Change)) error
	// Networks are those that this machine uses, but for our devices'; nil: the
	// system's.
	Networks func() ([]netip.Prefix, error)
	// Asked are whom the system asks for names that are not ours, where it chooses
	// itself, for Explain; nil: it is asked.
	Asked func(ctx context.Context) ([]osdns.Upstream, error)
	// Hosts is the system's hosts file, for Explain; empty: /etc/hosts.
	Hosts string
	// Log is for the developer; nil is silent. Names are not in it.
	Log *slog.Logger
}

// Resolver answers on sockets. A resolver.Resolver is one.
type answering interface {
	Serve(ctx context.Context, udp net.PacketConn, tcp net.Listener) error
	Forward(to []resolver.Upstream)
	Flush()
}

// Split serves names while somebody is signed in. Make it with New.
type Split struct {
	o        Options
	zone     *zone
	resolver answering

	news   chan struct{} // holds one token while something has changed that Run acts upon
	looked chan struct{} // holds one while there was a lookup that nobody was told of

	mu      sync.Mutex
	wanted  wanted
	up      bool // the network device is
	changed int  // how often the machine's network has, since Run looked
	asked   map[string]time.Time
	forced  map[string]bool  // adapters that names are kept from, by another program's rules
	last    *session.DNSFact // reported last
}

// wanted is what of a session.Wanted matters here.
type wanted struct {
	session bool
	strict  bool
	apps    map[string]wire.AppID // by host
	hosts   []string              // that are called by a name, all of it
	gates   []string              // the gateways' hosts, those that are names
}

func newWanted(w session.Wanted) wanted {
	n := wanted{session: w.Session != "", strict: w.StrictDNS, apps: map[string]wire.AppID{}}
	add := func(to *[]string, host string) {
		if _, err := netip.ParseAddr(host); err != nil && host != "" {
			*to = append(*to, plain(host))
		}
	}
	for _, a := range w.Apps {
		if host := plain(a.Host); n.apps[host] == "" {
			n.apps[host] = a.ID
		}
		add(&n.hosts, a.Host)
	}
	for _, r := range w.Routes {
		for _, host := range r.Hosts {
			if !r.Exclude && !strings.ContainsAny(host, "*/") {
				add(&n.hosts, host)
			}
		}
	}
	for _, site := range w.Sites {
		for _, g := range site.Gateways {
			add(&n.gates, hostOf(g.Address))
		}
	}
	for _, all := range []*[]string{&n.hosts, &n.gates} {
		slices.Sort(*all)
		*all = slices.Compact(*all)
	}
	return n
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// New makes a Split that does nothing until Run.
func New(o Options) *Split {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Led == nil {
		o.Led = func() {}
	}
	if o.Helper == nil {
		o.Helper = systemHelper(o.Socket)
	}
	if o.Controller == nil {
		o.Controller = func() (string, error) { return "", nil }
	}
	if o.Watch == nil {
		o.Watch = netwatch.New(netwatch.Options{Ignore: Own, Log: o.Log}).Run
	}
	if o.Networks == nil {
		o.Networks = networks
	}
	if o.Asked == nil {
		o.Asked = asked
	}
	if o.Hosts == "" {
		o.Hosts = "/etc/hosts"
	}
	s := &Split{o: o, zone: &zone{Pool: o.Pool}, news: make(chan struct{}, 1), looked: make(chan struct{}, 1), asked: map[string]time.Time{}, forced: map[string]bool{}}
	s.resolver = resolver.New(resolver.Options{Zone: s.zone, IPv6: o.IPv6, Asked: s.note, Bound: s.bound, Log: o.Log})
	return s
}

// Apply has names served while somebody is signed in. It does not block, and
// keeps of w no more than names. The names themselves are the data plane's to set.
func (s *Split) Apply(w session.Wanted) {
	next := newWanted(w)
	s.mu.Lock()
	acts := next.session != s.wanted.session || next.strict != s.wanted.strict || !slices.Equal(next.gates, s.wanted.gates) || !slices.Equal(next.hosts, s.wanted.hosts)
	s.wanted = next
	s.mu.Unlock()
	if acts {
		s.tick()
	}
}

// Device says whether the network device that the pool's addresses lead to is up.
func (s *Split) Device(up bool) {
	s.mu.Lock()
	s.up = up
	s.mu.Unlock()
	s.tick() // even where it was up: what was undone with it is told anew
}

func (s *Split) tick() { token(s.news) }

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// askedAgain is how long after a lookup was reported the next of the same name is.
const askedAgain = 5 * time.Second

// note takes a lookup from the resolver.
func (s *Split) note(name string, ours bool) {
	if !ours {
		return
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted.apps[name] == "" || now.Sub(s.asked[name]) < askedAgain {
		return
	}
	s.asked[name] = now
	token(s.looked)
}

// bound takes from the resolver whether its sockets go by an adapter.
func (s *Split) bound(device string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	forced := errors.Is(err, syscall.EPERM)
	if forced != s.forced[device] {
		s.forced[device] = forced
		s.tick()
	}
}

// enforced is the adapter that names are kept from, of those by which somebody is
// asked; empty: none is. Of others it is forgotten: nobody tells when it is over.
func (s *Split) enforced(by []osdns.Upstream) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.forced, func(device string, forced bool) bool {
		return !forced || !slices.ContainsFunc(by, func(u osdns.Upstream) bool { return u.Device == device })
	})
	if len(s.forced) == 0 {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(s.forced)))
}

// Servers are those that names which are not ours are asked of, as far as they are
// known.
func (s *Split) Servers() (all []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return nil
	}
	for _, u := range s.last.Upstreams {
		for _, a := range u.Servers {
			all = append(all, a.Addr())
		}
	}
	return all
}

// plain writes a host in its one spelling.
func plain(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// Run serves names while they are wanted, until ctx ends; then it undoes all, and
// returns ctx's error.
func (s *Split) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		err := s.o.Watch(ctx, func(c netwatch.Change) {
			s.mu.Lock()
			s.changed++
			s.mu.Unlock()
			s.tick()
		})
		if err != nil && ctx.Err() == nil {
			s.o.Log.Warn("changes of the network are not known", "error", err)
		}
	})
	for ctx.Err() == nil {
		if s.want().session {
			newServing(s).run(ctx)
		}
		select {
		case <-s.news:
		case <-s.o.Pool.Changed():
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (s *Split) want() wanted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted
}

// tell reports a fact, nil for none, where it is another than the last.
func (s *Split) tell(f *session.DNSFact) {
	s.mu.Lock()
	if f != nil {
		f.Asked = map[string]time.Time{}
		for name, at := range s.asked {
			if s.wanted.apps[name] == "" {
				delete(s.asked, name)
				continue
			}
			f.Asked[name] = at
		}
	} else {
		clear(s.asked)
	}
	same := sameFact(f, s.last)
	s.last = f
	s.mu.Unlock()
	if !same {
		s.o.Report(f)
	}
}

func sameFact(a, b *session.DNSFact) bool {
	if a == nil || b == nil {
		return a == b
	}
	if (a.Problem == nil) != (b.Problem == nil) || a.Problem != nil && (a.Problem.Code != b.Problem.Code || a.Problem.Detail != b.Problem.Detail) {
		return false
	}
	if len(a.Asked) != len(b.Asked) {
		return false
	}
	for name, at := range a.Asked {
		if !b.Asked[name].Equal(at) {
			return false
		}
	}
	return a.Mode == b.Mode && a.Why == b.Why && a.Rootless == b.Rootless && a.Server == b.Server && a.All == b.All && a.Adapter == b.Adapter &&
		slices.Equal(a.Zones, b.Zones) && slices.Equal(a.Competitors, b.Competitors) && slices.EqualFunc(a.Upstreams, b.Upstreams, sameUpstream)
}

func sameUpstream(a, b session.Upstream) bool {
	return a.Adapter == b.Adapter && slices.Equal(a.Servers, b.Servers) && slices.Equal(a.Domains, b.Domains)
}
