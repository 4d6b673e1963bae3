package resolver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// forwarder asks the network's servers. One goroutine reads each socket, one more
// keeps the time; none waits for a lookup.
type forwarder struct {
	log     *slog.Logger
	bound   func(device string, err error)
	ours    func() [2]netip.Prefix
	cache   *cache
	connect func(ctx context.Context, network, server, device string) (net.Conn, error)
	routes  atomic.Pointer[routes]
	pending chan struct{} // one token: there is something to keep the time of
	bufs    sync.Pool     // of *[queryMax]byte, to send lookups from
	tcp     chan struct{} // a token for each exchange by TCP

	mu       sync.Mutex
	serving  bool
	self     netip.AddrPort // where we are asked
	wg       sync.WaitGroup // of what serving has started
	sockets  map[*socket]bool
	ctx      context.Context // of exchanges by TCP, until the upstreams change
	cancel   context.CancelFunc
	flights  int                // with their waiters
	next     *flight            // a ring by deadline
	timed    bool               // the time is being kept
	swept    time.Time          // of unused sockets
	merging  map[uint64]*flight // which others may wait for
	random   [256]byte
	randomAt int
}

// mostExchanges bounds exchanges by TCP, each with a goroutine.
const mostExchanges = 64

func newForwarder(o *Options) *forwarder {
	w := &forwarder{
		log: o.Log, bound: o.Bound, ours: o.Zone.Prefixes, cache: newCache(),
		pending: make(chan struct{}, 1), tcp: make(chan struct{}, mostExchanges),
		sockets: map[*socket]bool{}, cancel: func() {}, merging: map[uint64]*flight{},
	}
	if w.bound == nil {
		w.bound = func(string, error) {}
	}
	dialer := net.Dialer{Timeout: patience}
	w.connect = func(ctx context.Context, network, server, device string) (net.Conn, error) {
		return dialBound(ctx, dialer, network, server, device)
	}
	w.bufs.New = func() any { return new([queryMax]byte) }
	w.routes.Store(newRoutes(nil, nil))
	return w
}

// ask launches a lookup, of whose message it makes a copy. It is false where too
// many are under way.
func (w *forwarder) ask(q *query, a asker, to *routes, g *group, hash uint64, key []byte) bool {
	merge := q.bare && a.tcp == nil
	w.mu.Lock()
	if w.flights >= mostFlights || !w.serving {
		w.mu.Unlock()
		return false
	}
	if merge && w.wait(q, a, hash, key) {
		w.mu.Unlock()
		return true
	}
	f := &flight{asker: a, hash: hash, routes: to, group: g, query: *q}
	f.query.msg = bytes.Clone(q.msg)
	w.flights++
	if was := w.merging[hash]; merge && (was == nil || len(was.waiters) >= mostWaiters) {
		w.merging[hash] = f
	}
	w.mu.Unlock()
	w.launch(f)
	return true
}

// wait has a lookup wait for one under way that asks the same: more than one would
// make an answer easier to guess (RFC 5452, section 5). Called with the lock held.
func (w *forwarder) wait(q *query, a asker, hash uint64, key []byte) bool {
	f := w.merging[hash]
	if f == nil || f.query.size != q.size || len(f.waiters) >= mostWaiters {
		return false
	}
	var other [keyMax]byte
	if !bytes.Equal(f.query.key(other[:0]), key) {
		return false
	}
	f.waiters = append(f.waiters, waiter{asker: a, id: q.id(), question: bytes.Clone(q.question())})
	w.flights++
	return true
}

// landed ends a lookup: nobody waits for it any more.
func (w *forwarder) landed(f *flight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.merging[f.hash] == f {
		delete(w.merging, f.hash)
	}
	w.flights -= 1 + len(f.waiters)
}

// fail ends a lookup without an answer.
func (w *forwarder) fail(f *flight) {
	w.landed(f)
	f.fail()
}

// launch asks the next server, and those behind it where that cannot be asked.
func (w *forwarder) launch(f *flight) {
	out := w.bufs.Get().(*[queryMax]byte) // whoever has an answer owns the flight at once
	defer w.bufs.Put(out)
	f.epoch = w.cache.epoch.Load() // before the routes, which change before it does
	if now := w.routes.Load(); now != f.routes {
		host := appendHost(nil, f.query.name())
		f.routes, f.group, f.tries = now, now.of(string(host)), 0
		if f.group == nil {
			w.landed(f)
			f.land(f.query.appendError(nil, refused))
			return
		}
	}
	if f.tries == 0 {
		f.start = int(f.group.first.Load())
	}
	for silent := true; !f.exhausted(silent); {
		t := f.target()
		s, err := w.socket(t)
		if err != nil {
			w.log.Debug("no socket for a lookup", "server", t.server, "error", err)
			f.tries++
			silent = false
			continue
		}
		n := copy(out[:], f.query.msg)
		id, ok := w.board(f, s)
		if !ok {
			continue // it wore out meanwhile
		}
		binary.BigEndian.PutUint16(out[:], id)
		if _, err = s.conn.Write(out[:n]); err == nil {
			if s.bound {
				w.tighten(t)
			}
			return
		}
		w.log.Debug("a lookup was not sent", "server", t.server, "error", err)
		if !w.leave(f, s, id) {
			return // somebody else owns it by now
		}
		if s.bound && blocked(err) {
			w.loosen(t, err)
			w.retire(s)
			continue // not bound, the next time
		}
		w.abandon(s)
		f.tries++
		silent = false
	}
	w.fail(f)
}

// board puts a lookup into a socket's table, under an ID that is free there.
func (w *forwarder) board(f *flight, s *socket) (id uint16, ok bool) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.gone {
		return 0, false
	}
	for taken := true; taken; {
		id = w.random16()
		_, taken = s.flights[id]
	}
	s.flights[id] = f
	s.used++
	s.last = now
	f.socket, f.sent, f.deadline = s, id, now.Add(patience)
	if w.next == nil {
		f.before, f.after, w.next = f, f, f
	} else {
		f.before, f.after = w.next.before, w.next
		f.before.after, f.after.before = f, f
	}
	if !w.timed {
		w.timed = true
		select {
		case w.pending <- struct{}{}:
		default:
		}
	}
	return id, true
}

// leave takes a lookup out of its socket's table; false: it was not there.
func (w *forwarder) leave(f *flight, s *socket, id uint16) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.flights[id] != f {
		return false
	}
	w.unboard(f)
	return true
}

// unboard takes a lookup out of its socket's table, and closes the socket if it
// was the last of one that is gone. Called with the lock held.
func (w *forwarder) unboard(f *flight) {
	s := f.socket
	delete(s.flights, f.sent)
	if f.after == f {
		w.next = nil
	} else {
		f.before.after, f.after.before = f.after, f.before
		if w.next == f {
			w.next = f.after
		}
	}
	f.before, f.after, f.socket = nil, nil, nil
	if s.gone && len(s.flights) == 0 {
		s.conn.Close()
	}
}

// random16 is a number that nobody can guess. Called with the lock held.
func (w *forwarder) random16() uint16 {
	if w.randomAt == 0 {
		rand.Read(w.random[:])
		w.randomAt = len(w.random)
	}
	w.randomAt -= 2
	return binary.BigEndian.Uint16(w.random[w.randomAt:])
}

// keepTime has lookups go on to the next server when their time is over, and
// closes sockets that nobody uses, until done.
func (w *forwarder) keepTime(done <-chan struct{}) {
	timer := time.NewTimer(0)
	for {
		select {
		case <-timer.C:
		case <-w.pending:
		case <-done:
			return
		}
		late, next := w.late(time.Now())
		for _, f := range late {
			f.tries++
			f.group.first.CompareAndSwap(int32((f.start+f.tries-1)%len(f.group.targets)), int32((f.start+f.tries)%len(f.group.targets)))
			if w.over(f, true) {
				w.fail(f)
			} else {
				w.launch(f)
			}
		}
		if next > 0 {
			timer.Reset(next)
		}
	}
}

// late are the lookups that have waited long enough, and next is when to look
// again; 0: when there is a lookup.
func (w *forwarder) late(now time.Time) (late []*flight, next time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.next != nil && !now.Before(w.next.deadline) {
		late = append(late, w.next)
		w.unboard(w.next)
	}
	if since(now, w.swept) >= patience {
		w.swept = now
		for s := range w.sockets {
			if len(s.flights) == 0 && since(now, s.last) >= idle {
				w.retireLocked(s)
			}
		}
	}
	w.timed = w.next != nil || len(w.sockets) > 0 || len(late) > 0
	switch {
	case w.next != nil: // none that is launched meanwhile is late before it is
		next = max(w.next.deadline.Sub(now), time.Millisecond)
	case w.timed:
		next = patience
	}
	return late, next
}

// change forgets what was kept, takes all sockets out of use, and returns what was
// under way.
func (w *forwarder) change(to []Upstream) []*flight {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes.Store(newRoutes(to, w.routes.Load()))
	w.cache.flush()
	return w.empty()
}

// again launches lookups as if they had not been.
func (w *forwarder) again(flights []*flight) {
	for _, f := range flights {
		f.tries = 0
		w.launch(f)
	}
}

// empty takes all sockets out of use, and what is under way out of them; exchanges
// by TCP fail, and go on by themselves. Called with the lock held.
func (w *forwarder) empty() (flights []*flight) {
	for w.next != nil {
		flights = append(flights, w.next)
		w.unboard(w.next)
	}
	for s := range w.sockets {
		w.retireLocked(s)
	}
	w.cancel()
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return flights
}

// start has lookups be asked of others until stop; self is where we are asked.
func (w *forwarder) start(self netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving, w.self, w.timed = true, self, false
	w.ctx, w.cancel = context.WithCancel(context.Background())
}

// stop drops what is under way, and waits for all that was started.
func (w *forwarder) stop() {
	w.mu.Lock()
	w.serving = false
	flights := w.empty()
	w.cancel()
	w.mu.Unlock()
	for _, f := range flights {
		w.landed(f)
	}
	w.wg.Wait()
	w.cache.flush()
}
