package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

var (
	errGone    = errors.New("the gateway does not know the flow")
	errStale   = errors.New("the gateway has a newer attachment")
	errRefused = errors.New("the gateway refuses")
	errKilled  = errors.New("the client was killed")
	errRestart = errors.New("the gateway was started anew")
	errAged    = errors.New("the flow was parked for too long")
	errLease   = errors.New("the lease ended")
	errLies    = errors.New("the gateway calls the offset a lie")
)

// world is a client, a gateway, a program and an application, and a network
// between them that does what the seed says.
type world struct {
	seed  uint64
	quiet bool // nothing but carriers is lost

	// The client's.
	client    *End
	ctx       context.Context
	kill      context.CancelCauseFunc
	events    chan string
	clientErr chan error

	mu      sync.Mutex
	rng     *rand.Rand
	log     []func() string
	started time.Time
	// The gateway's.
	gateway    *End
	restart    context.CancelCauseFunc
	gatewayErr chan error // nil until there is one
	app        *side

	program *side
	link    *link
	epoch   uint64
	first   bool // the next attachment is the flow's first
}

// link is a stream between both.
type link struct{ a, b *end }

// side is a program or an application: it writes a pattern, and checks the other's.
type side struct {
	w        *world
	name     string
	conn     *end
	size     int
	pattern  uint64
	other    *side
	received int
	wrote    int
	fin      bool // it saw the end
	reset    bool // it resets its connection
	ended    sync.WaitGroup
	err      error // what it saw that must not be
}

func (w *world) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *world) chance(percent int) bool { return w.n(100) < percent }

// upTo is never nothing: see pipe.later.
func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(1 + w.n(int(d))) }

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Since(w.started)
	w.log = append(w.log, func() string { return fmt.Sprintf("%12v ", now) + fmt.Sprintf(format, args...) })
}

func at(pattern uint64, i int) byte {
	x := (pattern + uint64(i)) * 0x9e3779b97f4a7c15
	return byte(x >> 56)
}

func (s *side) abort() {
	s.reset = true
	s.conn.SetLinger(0)
	s.conn.Close()
}

func (s *side) run() {
	s.ended.Go(s.write)
	s.ended.Go(s.read)
}

func (s *side) write() {
	if s.w.chance(20) {
		time.Sleep(s.w.upTo(3 * time.Second))
	}
	pause := s.w.chance(30)
	for s.wrote < s.size {
		b := make([]byte, min(1+s.w.n(20000), s.size-s.wrote))
		for i := range b {
			b[i] = at(s.pattern, s.wrote+i)
		}
		n, err := s.conn.Write(b)
		s.wrote += n
		if err != nil {
			return
		}
		if pause {
			time.Sleep(s.w.upTo(100 * time.Millisecond))
		}
	}
	if s.w.chance(20) {
		time.Sleep(s.w.upTo(time.Second))
	}
	if s.conn.CloseWrite() == nil {
		s.w.note("%s ends its direction", s.name)
	}
}

func (s *side) read() {
	slow := s.w.chance(30)
	if s.w.chance(10) {
		time.Sleep(s.w.upTo(10 * time.Second))
	}
	buf := make([]byte, 1+s.w.n(30000))
	for {
		n, err := s.conn.Read(buf)
		for i, c := range buf[:n] {
			if s.received+i >= s.other.size || c != at(s.other.pattern, s.received+i) {
				s.err = fmt.Errorf("%s: byte %d is not the one sent", s.name, s.received+i)
				s.conn.SetLinger(0)
				s.conn.Close()
				return
			}
		}
		s.received += n
		if err == io.EOF {
			s.fin = true
			return
		}
		if err != nil {
			return
		}
		if slow {
			time.Sleep(s.w.upTo(50 * time.Millisecond))
		}
	}
}

func (w *world) options(app App, name string, event func(string)) Options {
	return Options{
		App:     app,
		Pending: func() { event("pending") },
		Detached: func(epoch uint64, err error) {
			w.note("%s: attachment %d ended: %v", name, epoch, err)
			event("detached")
		},
		Window: []int{1000, 5000, 64 << 10, 1 << 20}[w.n(4)],
		Budget: []*Budget{nil, NewBudget(1), NewBudget(100 << 10), NewBudget(32 << 20)}[w.n(4)],
	}
}

func (w *world) socket() (ours, programs *end) {
	return duplex(0, []int{w.few(), 4 << 10, 64 << 10}[w.n(3)])
}

// few is a small number of bytes that still lets the flow end in time.
func (w *world) few() int { return 20 + (w.program.size+w.app.size)/200 }

func (w *world) size() int { return []int{0, 1, 300, 3000, 60000, 300000}[w.n(6)] }

func newWorld(seed uint64) *world {
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), first: true, started: time.Now(),
		events: make(chan string, 100), clientErr: make(chan error, 1),
	}
	w.quiet = w.chance(50)
	program := &side{w: w, name: "program", size: w.size(), pattern: 1 << 32}
	app := &side{w: w, name: "application", size: w.size(), pattern: 7 << 40}
	program.other, app.other = app, program
	w.program, w.app = program, app
	var ours *end
	ours, program.conn = w.socket()
	w.ctx, w.kill = context.WithCancelCause(context.Background())
	w.client = New(w.options(ours, "client", w.event))
	return w
}

func (w *world) event(s string) {
	select {
	case w.events <- s:
	default:
	}
}

// connect is the gateway's: a CONNECT that has arrived.
func (w *world) connect(s *end, first bool, epoch, peer uint64) (uint64, error) {
	w.mu.Lock()
	g := w.gateway
	w.mu.Unlock()
	if first && g == nil {
		g = w.open()
	}
	if g == nil {
		return 0, errGone
	}
	received, err := g.Prepare(epoch)
	switch {
	case errors.Is(err, ErrEnded):
		return 0, errGone
	case err != nil:
		return 0, errStale
	}
	if err := g.Check(epoch, peer); errors.Is(err, ErrOffset) {
		g.Reset(err)
		return 0, errLies
	}
	if err := g.Attach(s, epoch, peer); err != nil {
		return 0, errStale
	}
	w.note("gateway: attachment %d, received %d, the client %d", epoch, received, peer)
	return received, nil
}

// open makes the gateway's end.
func (w *world) open() *End {
	ours, theirs := w.socket()
	w.app.conn = theirs
	ctx, cancel := context.WithCancelCause(context.Background())
	g := New(w.options(ours, "gateway", func(s string) {
		if s == "pending" {
			time.AfterFunc(w.upTo(100*time.Millisecond), func() { w.event("wake") })
		}
	}))
	done := make(chan error, 1)
	w.mu.Lock()
	w.gateway, w.restart, w.gatewayErr = g, cancel, done
	w.mu.Unlock()
	w.app.run()
	go func() {
		err := g.Run(ctx)
		w.note("gateway: Run returned %v", err)
		done <- err
	}()
	go func() { // the age of what is parked
		parked := 0
		for !g.finished() {
			time.Sleep(time.Minute)
			if parked++; g.Status().Attached {
				parked = 0
			}
			if parked > 60 {
				cancel(errAged)
				return
			}
		}
	}()
	return g
}

// attach is the client's: it asks for an attachment.
func (w *world) attach() {
	w.epoch++
	epoch, first := w.epoch, w.first
	received, err := w.client.Prepare(epoch)
	if err != nil {
		return
	}
	there, back := w.upTo(50*time.Millisecond), w.upTo(50*time.Millisecond)
	a, b := duplex(w.upTo(20*time.Millisecond), []int{w.few(), 3000, 200 << 10}[w.n(3)])
	a.late, b.late = w.chance(50), w.chance(50)
	l := &link{a, b}
	w.link = l
	w.note("client: asks for attachment %d, received %d", epoch, received)
	if first {
		w.first = false
		refused := w.chance(10)
		if w.client.Attach(a, epoch, 0) != nil {
			return
		}
		time.AfterFunc(there, func() {
			err := errRefused
			if !refused {
				_, err = w.connect(b, true, epoch, 0)
			} else {
				w.event("refused")
			}
			if err != nil {
				b.out.stop(err, back, 0)
				b.in.stop(err, back, everything)
			}
		})
		return
	}
	lost := w.chance(10)
	time.AfterFunc(there, func() {
		peer, err := w.connect(b, false, epoch, received)
		time.AfterFunc(back, func() {
			switch {
			case lost:
				cut(a, b, 0, w.upTo(time.Second), everything, 0)
				w.client.Detach(epoch)
				w.event("lost")
			case err == nil:
				w.client.Attach(a, epoch, peer)
			case err == errStale:
				w.client.Detach(epoch)
				w.event("stale")
			default:
				w.note("client: %v", err)
				w.kill(err)
			}
		})
	})
}

// finished says whether Run has nothing left to do.
func (e *End) finished() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}
