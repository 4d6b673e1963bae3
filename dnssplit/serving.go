package dnssplit

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

const (
	again   = time.Minute      // between tries
	seldom  = 10 * time.Minute // between looks where all is well: what changes is announced
	short   = time.Second      // after sockets that have gone by themselves
	parting = 10 * time.Second // for undoing, when all else ends
)

// settling is how long after a change of the network it is looked again: those who
// bring a VPN up tell the system of its names behind its routes.
var settling = []time.Duration{2 * time.Second, 8 * time.Second}

// serving is one time of being signed in. Run's goroutine alone has it.
type serving struct {
	*Split
	sockets *Sockets // nil: there are none
	ended   chan error
	stop    context.CancelFunc // ends the resolver
	given   bool               // the helper does not know of the sockets any more
	applied bool               // it has something to undo
	network int                // of Split.changed, those that were seen
	settle  []time.Duration    // the looks that are due
	moved   [2]netip.Prefix    // the pool's, as they were when the device was led
}

func newServing(s *Split) *serving {
	return &serving{Split: s, moved: s.o.Pool.Prefixes()}
}

// run serves until nobody is signed in any more.
func (s *serving) run(ctx context.Context) {
	defer s.tell(nil)
	defer s.close()
	defer s.undo(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil && s.want().session {
		timer.Reset(s.step(ctx))
		var changed <-chan struct{}
		if s.sockets != nil {
			changed = s.sockets.Changed
		}
		select {
		case <-s.news:
		case <-s.o.Pool.Changed():
		case <-timer.C:
		case <-changed:
		case <-s.lost():
			s.given = true
		case err := <-s.ended:
			s.o.Log.Warn("lookups are not answered any more", "error", err)
			s.ended <- err
			s.close()
			s.pause(ctx)
		case <-ctx.Done():
		}
	}
}

// pause lets a moment pass.
func (s *serving) pause(ctx context.Context) {
	select {
	case <-time.After(short):
	case <-ctx.Done():
	}
}

// step brings everything in line, reports, and says when to look again.
func (s *serving) step(ctx context.Context) time.Duration {
	for _, token := range []<-chan struct{}{s.news, s.o.Pool.Changed()} { // what they tell of is looked at now
		select {
		case <-token:
		default:
		}
	}
	s.mu.Lock()
	up, changed := s.up, s.changed
	s.mu.Unlock()
	if changed != s.network {
		s.network = changed
		s.settle = settling
		s.resolver.Flush()
	}
	s.makeRoom()
	f, err := s.bring(ctx, up)
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		s.o.Log.Warn("names are not served", "error", err)
		f = &session.DNSFact{Problem: problem(err)}
	}
	s.tell(f)
	if len(s.settle) > 0 {
		next := s.settle[0]
		s.settle = s.settle[1:]
		return next
	}
	if f.Mode != "" && f.Problem == nil {
		return seldom
	}
	return again
}

// makeRoom moves the pool out of the way of the machine's networks.
func (s *serving) makeRoom() {
	taken, err := s.o.Networks()
	if err != nil {
		s.o.Log.Warn("the machine's networks are not known", "error", err)
		return
	}
	s.o.Pool.Move(taken)
	if now := s.o.Pool.Prefixes(); now != s.moved {
		s.o.Log.Info("the applications' addresses are others: this machine's network uses those that they had", "addresses", now[0])
		s.moved = now
		s.o.Led()
	}
}

// bring opens what is not open and tells the system.
func (s *serving) bring(ctx context.Context, up bool) (*session.DNSFact, error) {
	zones, gate := s.zones()
	if s.given {
		// They are answered on until the helper is there again.
		if err := s.o.Helper.Ping(ctx); err != nil && !errors.Is(err, ErrAbsent) {
			return nil, err
		} else if err != nil {
			return rootless(), nil
		}
		s.close()
	}
	if s.sockets == nil && (!up || len(zones) == 0) {
		return s.waiting(ctx, up)
	}
	if s.sockets == nil {
		sockets, err := s.o.Helper.Open(ctx)
		if errors.Is(err, ErrAbsent) {
			return rootless(), nil
		}
		if err != nil {
			return nil, err
		}
		s.sockets = sockets
		defer s.serve(ctx) // not before it is known whom others' names are asked of
	}
	domains, over := zones, 0
	if len(zones) > 0 {
		reverse := s.o.Pool.Reverse()
		over = max(0, len(zones)+len(reverse)-protocol.MaxDomains)
		domains = slices.Concat(zones[:len(zones)-over], reverse)
	}
	s.applied = true
	a, err := s.o.Helper.Apply(ctx, domains, s.want().strict)
	if errors.Is(err, ErrAbsent) {
		return rootless(), nil
	}
	if err != nil {
		return nil, err
	}
	s.resolver.Forward(forwarded(a))
	f := fact(a, zones, over)
	device := s.enforced()
	switch {
	case f.Problem != nil:
	case device != "" && f.All:
		f.Problem = &wire.Problem{Code: enforced, Title: "Another program keeps lookups in its tunnel",
			Detail: "Its rules let no lookup leave by " + device + ", so that names which are not yours are asked wherever it leads them."}
	case gate != "":
		f.Problem = &wire.Problem{Code: underlay, Title: "Some names below a domain are not looked up here",
			Detail: "One of your entitlements names all below a domain in which " + gate + " is too, by which Tidegate itself reaches your organisation."}
	}
	return f, nil
}

// zones are the names that the system is to ask us for: not those which we are
// reached by ourselves, nor a domain with one of them, which gate names. The hosts
// of such a domain that are known stand for it.
func (s *serving) zones() (zones []string, gate string) {
	w, gates := s.want(), s.gates()
	s.zone.without(gates)
	for _, z := range s.o.Pool.Zones() {
		at := slices.IndexFunc(gates, func(g string) bool { return within(g, z) })
		if at < 0 {
			zones = append(zones, z)
			continue
		}
		gate = gates[at]
		for _, host := range w.hosts {
			if within(host, z) && !slices.ContainsFunc(gates, func(g string) bool { return within(g, host) }) {
				zones = append(zones, host)
			}
		}
	}
	return zones, gate
}

// gates are the hosts that we are reached by ourselves.
func (s *serving) gates() []string {
	gates := s.want().gates
	controller, err := s.o.Controller()
	if err != nil {
		s.o.Log.Warn("the controller's address is not known", "error", err)
	}
	host := plain(hostOf(controller))
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return gates
	}
	return append(slices.Clone(gates), host)
}

// waiting says why nothing is served yet.
func (s *serving) waiting(ctx context.Context, up bool) (*session.DNSFact, error) {
	if up {
		return nameless(), nil
	}
	err := s.o.Helper.Ping(ctx)
	if errors.Is(err, ErrAbsent) {
		return rootless(), nil
	}
	if err != nil {
		return nil, err
	}
	return &session.DNSFact{NameService: session.NameService{Why: "The network device that names would lead to is not there."}}, nil
}

func rootless() *session.DNSFact {
	return &session.DNSFact{NameService: session.NameService{Rootless: true, Why: "There is no helper here, and without one nothing of the system is touched."}}
}

func nameless() *session.DNSFact {
	return &session.DNSFact{NameService: session.NameService{Why: "None of your applications is called by a name."}}
}

// serve has the resolver answer on the sockets.
func (s *serving) serve(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx)) // until what led here is undone
	sockets, ended := s.sockets, make(chan error, 1)
	s.ended = ended
	go func() { ended <- s.resolver.Serve(ctx, sockets.UDP, sockets.TCP) }()
}

// close ends the resolver and gives the sockets back.
func (s *serving) close() {
	if s.sockets == nil {
		return
	}
	s.stop()
	<-s.ended
	s.sockets.Close()
	s.sockets, s.ended, s.stop, s.given = nil, nil, nil, false
}

// lost is closed when the helper does not know of the sockets any more; nil where
// that is known already.
func (s *serving) lost() <-chan struct{} {
	if s.sockets == nil || s.given {
		return nil
	}
	return s.sockets.Lost
}

// undo has the system ask whom it asked before.
func (s *serving) undo(ctx context.Context) {
	if !s.applied {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
	defer cancel()
	if _, err := s.o.Helper.Apply(ctx, nil, false); err != nil && !errors.Is(err, ErrAbsent) {
		s.o.Log.Warn("the system goes on asking us", "error", err)
	}
	s.resolver.Forward(nil)
}

// forwarded are whom the resolver asks: somebody only where every name comes to us.
func forwarded(a protocol.DNS) (to []resolver.Upstream) {
	if a.Mode.All() {
		for _, u := range a.Upstreams {
			to = append(to, resolver.Upstream{Servers: u.Servers, Device: u.Device, Domains: u.Domains})
		}
	}
	return to
}

// fact is what there is to say of what was applied.
func fact(a protocol.DNS, zones []string, over int) *session.DNSFact {
	if len(zones) == 0 {
		return nameless()
	}
	f := &session.DNSFact{Problem: standing(a, over), NameService: session.NameService{Mode: string(a.Mode), Why: a.Why, Adapter: a.Adapter, All: a.Mode.All()}}
	if a.Mode == osdns.ModeNone {
		return f
	}
	f.Server = protocol.DNSServer.Addr()
	left := map[string]bool{}
	for _, domains := range a.Left {
		for _, d := range domains {
			left[d] = true
		}
	}
	for _, z := range zones[:len(zones)-over] {
		if !left[z] {
			f.Zones = append(f.Zones, z)
		}
	}
	for _, u := range a.Upstreams {
		f.Upstreams = append(f.Upstreams, session.Upstream{Servers: u.Servers, Adapter: u.Device, Domains: u.Domains})
	}
	for _, c := range a.Competitors {
		f.Competitors = append(f.Competitors, session.Competitor{Program: c.Program, Adapter: c.Link, Domain: c.Domain, Wins: c.Wins})
	}
	return f
}
