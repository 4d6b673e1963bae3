package gateway

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// resolveEvery is how often names are looked up where the gateway's file does
	// not say (seed 003).
	resolveEvery = time.Minute
	// resolveKeep is how long the last answer stands while no name server answers.
	resolveKeep = 10 * time.Minute
	// resolveTimeout bounds a lookup, resolveAtOnce how many there are at a time.
	resolveTimeout = 5 * time.Second
	resolveAtOnce  = 32
)

// resolver watches, for the whole gateway, what the names in the rules of its
// sessions lead to, and tells the sessions when that changes.
type resolver struct {
	every   time.Duration
	host    func(ctx context.Context, name string) (answer, error)
	service func(ctx context.Context, name string) ([]string, error)

	slots chan struct{}
	fresh chan struct{} // holds one when a name came that has not been looked up

	mu      sync.Mutex
	names   map[lookup]*watched
	untried []lookup
}

// answer is what a name leads to: addresses, sorted, or the targets of a service.
type answer struct {
	addrs   []netip.Addr
	names   []string
	trusted bool // the hosts map says so
}

// watched is a name in the rules of some session.
type watched struct {
	sessions map[*session]struct{}
	answer   answer
	known    bool // there is an answer that counts
	tried    bool
	busy     bool
	answered time.Time // on the monotonic clock
}

func newResolver(every time.Duration) *resolver {
	if every <= 0 {
		every = resolveEvery
	}
	return &resolver{every: every, slots: make(chan struct{}, resolveAtOnce), fresh: make(chan struct{}, 1), names: map[lookup]*watched{}}
}

// watch makes want what the session wants to hear of, instead of had.
func (r *resolver) watch(s *session, had, want map[lookup]struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range had {
		if _, still := want[l]; still {
			continue
		}
		if w := r.names[l]; w != nil {
			delete(w.sessions, s)
			if len(w.sessions) == 0 {
				delete(r.names, l)
			}
		}
	}
	for l := range want {
		w := r.names[l]
		if w == nil {
			w = &watched{sessions: map[*session]struct{}{}}
			r.names[l] = w
			r.untried = append(r.untried, l)
			select {
			case r.fresh <- struct{}{}:
			default:
			}
		}
		w.sessions[s] = struct{}{}
	}
}

// join has the session hear of l too, which whoever made it do so looks up first.
func (r *resolver) join(s *session, l lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.names[l]
	if w == nil {
		w = &watched{sessions: map[*session]struct{}{}}
		r.names[l] = w
	}
	w.sessions[s] = struct{}{}
}

// find is what a watched name leads to, as far as is known now.
func (r *resolver) find(l lookup) (a answer, known, pending bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.names[l]
	if w == nil {
		return answer{}, false, false
	}
	return w.answer, w.known, !w.tried
}

// lookup is what a name leads to for a flow: what the rules have it lead to or,
// where that is not known, what it leads to now.
func (r *resolver) lookup(ctx context.Context, name string) (answer, error) {
	l := lookup{name: name}
	if a, known, _ := r.find(l); known && len(a.addrs) > 0 {
		return a, nil
	}
	a, err := r.host(ctx, name)
	if now, known, _ := r.find(l); known && len(now.addrs) > 0 {
		return now, nil // another flow was first, and all go where that one goes
	}
	r.settle(l, a, err)
	return a, err
}

// run looks names up until ctx is over.
func (r *resolver) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	t := time.NewTicker(r.every)
	defer t.Stop()
	for {
		all := false
		select {
		case <-t.C:
			all = true
		case <-r.fresh:
		case <-ctx.Done():
			return
		}
		for _, l := range r.take(all) {
			wg.Go(func() { r.ask(ctx, l) })
		}
	}
}

// take returns the names to look up now, which nobody does already: those not
// tried yet, or all.
func (r *resolver) take(all bool) []lookup {
	r.mu.Lock()
	defer r.mu.Unlock()
	try := r.untried
	r.untried = nil
	if all {
		try = slices.Collect(maps.Keys(r.names))
	}
	var out []lookup
	for _, l := range try {
		if w := r.names[l]; w != nil && !w.busy && (all || !w.tried) {
			w.busy = true
			out = append(out, l)
		}
	}
	return out
}

func (r *resolver) ask(ctx context.Context, l lookup) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return
	}
	limited, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var a answer
	var err error
	if l.service {
		a.names, err = r.service(limited, l.name)
	} else {
		a, err = r.host(limited, l.name)
	}
	if ctx.Err() == nil {
		r.settle(l, a, err)
	}
}

// settle takes an answer and tells the sessions if it is another. Failure keeps
// the last answer for a while; that there is no such name is an answer.
func (r *resolver) settle(l lookup, a answer, err error) {
	tell, first := r.note(l, a, err)
	for _, s := range tell {
		s.call(func() { s.resolved(l, first) })
	}
}

// note returns the sessions to tell, and whether this is the first answer.
func (r *resolver) note(l lookup, a answer, err error) (tell []*session, first bool) {
	slices.SortFunc(a.addrs, netip.Addr.Compare)
	a.addrs = slices.Compact(a.addrs)
	slices.Sort(a.names)
	a.names = slices.Compact(a.names)
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.names[l]
	if w == nil {
		return nil, false
	}
	was := *w
	w.tried, w.busy = true, false
	var none *net.DNSError
	switch {
	case err == nil:
		w.answer, w.known, w.answered = a, true, time.Now()
	case errors.As(err, &none) && none.IsNotFound:
		w.answer, w.known, w.answered = answer{}, true, time.Now()
	case w.known && time.Since(w.answered) >= resolveKeep:
		w.answer, w.known = answer{}, false
	}
	if was.tried && was.known == w.known && was.answer.same(w.answer) {
		return nil, false
	}
	for s := range w.sessions {
		tell = append(tell, s)
	}
	return tell, !was.tried
}

func (a answer) same(b answer) bool {
	return slices.Equal(a.addrs, b.addrs) && slices.Equal(a.names, b.names) && a.trusted == b.trusted
}
