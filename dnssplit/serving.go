package dnssplit

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/lang"
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
var settling = []time.Duration{2 * time.Second, 10 * time.Second}

// serving is one time of being signed in. Run's goroutine alone has it.
type serving struct {
	*Split
	sockets *Sockets           // nil: there are none
	ended   chan error         // of the resolver; nil: it does not answer on them
	stop    context.CancelFunc // ends the resolver
	given   bool               // the helper does not know of the sockets any more
	applied bool               // it has something to undo
	network int                // of Split.changed, those that were seen
	settle  []time.Time        // when it is looked again
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
		s.wait(ctx, timer.C)
	}
}

// wait returns when there is something to bring in line.
func (s *serving) wait(ctx context.Context, due <-chan time.Time) {
	var changed <-chan struct{}
	if s.sockets != nil {
		changed = s.sockets.Changed
	}
	for {
		select {
		case <-s.looked:
			s.retell()
			continue
		case <-s.news:
		case <-s.o.Pool.Changed():
		case <-due:
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
		return
	}
}

// retell reports what was reported last, with the lookups since.
func (s *serving) retell() {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last != nil {
		f := *last
		s.tell(&f)
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
		s.settle = nil
		for _, d := range settling {
			s.settle = append(s.settle, time.Now().Add(d))
		}
		s.resolver.Flush()
	}
	s.makeRoom()
	f, err := s.bring(ctx, up)
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		s.o.Log.Warn("names are not served", "error", err)
		f = s.asItWas(problem(err))
	}
	s.tell(f)
	for len(s.settle) > 0 && time.Until(s.settle[0]) <= 0 {
		s.settle = s.settle[1:]
	}
	if len(s.settle) > 0 {
		return time.Until(s.settle[0])
	}
	if f.Mode != "" && f.Problem == nil {
		return seldom
	}
	return again
}

// asItWas is what was there before something went wrong: where lookups are answered
// they still are, by what the system was told last.
func (s *serving) asItWas(p *wire.Problem) *session.DNSFact {
	f := &session.DNSFact{Problem: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil && s.last != nil && s.last.Mode != "" {
		f.NameService = s.last.NameService
		if p.Title == notLookedUp {
			p.Title = notAnew
		}
	}
	return f
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
	if s.sockets == nil && !s.applied && (!up || len(zones) == 0) {
		return s.waiting(ctx, up)
	}
	domains, over := zones, 0
	if len(zones) > 0 {
		reverse := s.o.Pool.Reverse()
		over = beyond(zones, reverse)
		domains = slices.Concat(zones[:len(zones)-over], reverse)
	}
	a, err := s.apply(ctx, domains)
	if errors.Is(err, ErrAbsent) {
		return rootless(), nil
	}
	if err != nil {
		return nil, err
	}
	f := fact(a, zones, over)
	device := s.enforced(a.Upstreams)
	switch {
	case f.Problem != nil:
	case device != "" && f.All:
		f.Problem = &wire.Problem{Code: enforced, Title: "Another program keeps lookups in its tunnel",
			Detail: lang.English("Its rules let no lookup leave by %s, so that names which are not yours are asked wherever it leads them.", device)}
	case gate != "":
		f.Problem = &wire.Problem{Code: underlay, Title: "Some names below a domain are not looked up here",
			Detail: lang.English("One of your entitlements names all below a domain in which %s is too, by which Tidegate itself reaches your organisation.", gate)}
	}
	return f, nil
}

// apply opens the sockets where they are not open, tells the system, and answers.
func (s *serving) apply(ctx context.Context, domains []string) (a protocol.DNS, err error) {
	if err := s.open(ctx); err != nil {
		return a, err
	}
	s.applied = true
	a, err = s.o.Helper.Apply(ctx, domains, s.want().strict)
	switch {
	case err == nil:
		s.applied = len(domains) > 0
		s.resolver.Forward(forwarded(a))
		if s.ended == nil {
			s.serve(ctx)
		}
	case s.ended == nil:
		// It is not known whom others' names are asked of: whoever answered them
		// before goes on.
		s.close()
	}
	return a, err
}

// open opens the sockets where they are not open.
func (s *serving) open(ctx context.Context) (err error) {
	if s.sockets == nil {
		s.sockets, err = s.o.Helper.Open(ctx)
	}
	return err
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
	if s.ended != nil {
		s.stop()
		<-s.ended
	}
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
	defer s.resolver.Forward(nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
	defer cancel()
	// Whoever has lost the right to answer takes it again: the device may have been
	// given back first, and that undoes all, or the helper is another.
	for try := 0; s.applied && try < 2; try++ {
		if s.given {
			s.close()
		}
		err := s.open(ctx)
		if err == nil {
			_, err = s.o.Helper.Apply(ctx, nil, false)
		}
		switch {
		case err == nil, errors.Is(err, ErrAbsent):
			return
		case errors.Is(err, &protocol.Refusal{Code: protocol.NoSocket}) && try == 0:
			s.given = true
		default:
			s.o.Log.Warn("the system goes on asking us", "error", err)
			return
		}
	}
}
