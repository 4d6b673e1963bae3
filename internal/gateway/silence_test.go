package gateway

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestVanishedClient: the connection of a client that is gone without a word is
// ended when it is sent something, so that its flows are parked and it is woken;
// until then it is left alone.
func TestVanishedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		k := s.lastingTicket()
		path := s.ends[0]
		c := s.client(t, s.device)
		c.admit(k)
		e := newEnd(t, "app.test:22")
		e.attach(c)
		app := <-s.apps
		say(t, e.program, "hello")
		line(t, app, "hello")
		time.Sleep(time.Minute)

		path.Close()
		e.end.Detach(1)
		time.Sleep(12 * time.Hour)
		ss := s.g.registry.session("s-1")
		attends := func() (attends bool) {
			ss.call(func() { attends = ss.feed != nil })
			return attends
		}
		if !attends() {
			t.Error("a connection was closed on which nothing was sent")
		}
		wantWoken(t, s.ledger, "while nothing is sent")
		go io.WriteString(app, "are you there?")
		time.Sleep(14 * time.Second)
		if !attends() {
			t.Error("a connection was closed too soon")
		}
		time.Sleep(10 * time.Second)
		if attends() {
			t.Error("the client is thought to be there")
		}
		wantWoken(t, s.ledger, "when it is not", "s-1")

		c = s.client(t, s.device)
		c.admit(k)
		e.attach(c)
		line(t, e.program, "are you there?")
	})
}

// TestQuietConnection: what is answered and then quiet for half a day, again and
// again, is never thought gone, and has no timer.
func TestQuietConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		c := s.client(t, s.device)
		c.admit(s.lastingTicket())
		e := newEnd(t, "app.test:22")
		e.attach(c)
		app := <-s.apps
		for n := range 20 {
			say(t, e.program, "hello")
			line(t, app, "hello")
			say(t, app, "hello yourself")
			line(t, e.program, "hello yourself")
			time.Sleep(time.Duration(n) * time.Second)
		}
		began := c.quic.ConnectionStats().PacketsReceived
		time.Sleep(12 * time.Hour)
		if n := c.quic.ConnectionStats().PacketsReceived - began; n > 0 {
			t.Errorf("%d packets in 12 hours of silence", n)
		}
		say(t, app, "still here")
		line(t, e.program, "still here")
		if c.quic.Context().Err() != nil {
			t.Error("the connection has been closed")
		}
	})
}

// beats is a pulse that a test leads.
type beats struct {
	mu        sync.Mutex
	received  uint64
	owes, off bool
	asked     int
}

func (b *beats) beat() (uint64, bool, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return b.received, b.owes, !b.off
}

// set changes it between two looks.
func (b *beats) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// TestSilence drives the looks alone.
func TestSilence(t *testing.T) {
	const never = 0
	owned := map[bool]*session{true: {bond: bond{instance: "client-1"}}} // a foreign client's has none
	for name, row := range map[string]struct {
		foreign bool
		lead    func(*beats, *silence)
		ends    time.Duration
		looks   int // at most
	}{
		"nothing was sent": {lead: func(b *beats, s *silence) {}, ends: never},
		"nothing comes":    {lead: func(b *beats, s *silence) { s.note(); b.set(func() { b.owes = true }) }, ends: 20 * time.Second, looks: 5},
		"nothing comes from a foreign client": {foreign: true, lead: func(b *beats, s *silence) { s.note(); b.set(func() { b.owes = true }) },
			ends: 65 * time.Second, looks: 14},
		"it is answered": {lead: func(b *beats, s *silence) { s.note(); b.set(func() { b.received++ }) }, ends: never, looks: 8},
		"it is answered at last": {lead: func(b *beats, s *silence) {
			s.note()
			b.set(func() { b.owes = true })
			time.Sleep(19 * time.Second)
			b.set(func() { b.received++; b.owes = false })
		}, ends: never, looks: 12},
		"it is silent after an hour": {lead: func(b *beats, s *silence) {
			s.note()
			b.set(func() { b.received++ })
			time.Sleep(time.Hour)
			s.note()
			b.set(func() { b.owes = true })
		}, ends: time.Hour + 20*time.Second, looks: 13},
		"it was quiet just before": {lead: func(b *beats, s *silence) {
			s.note()
			b.set(func() { b.received++ })
			time.Sleep(24*time.Second + 999*time.Millisecond) // the look that would let it rest is due
			s.note()
			time.Sleep(2 * time.Millisecond)
			b.set(func() { b.owes = true })
		}, ends: 45 * time.Second, looks: 10},
		"a write waits for the client": {lead: func(b *beats, s *silence) {
			s.begin()
			time.Sleep(10*time.Minute + time.Millisecond) // between two looks
			b.set(func() { b.received++ })
			time.Sleep(10 * time.Minute)
			b.set(func() { b.owes = true })
			time.Sleep(time.Minute)
			s.finish()
		}, ends: 20*time.Minute + 20*time.Second, looks: 250},
		"its transport tells nothing more": {lead: func(b *beats, s *silence) { s.note(); b.set(func() { b.owes, b.off = true, true }) }, ends: never, looks: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &beats{}
				began := time.Now()
				var ended atomic.Int64
				s := &silence{pulse: b, every: lookEvery, session: func() *session { return owned[!row.foreign] }, gone: make(chan struct{}), end: func(string) { ended.Store(int64(time.Since(began))) }}
				row.lead(b, s)
				time.Sleep(time.Hour)
				if ended := time.Duration(ended.Load()); ended != row.ends {
					t.Errorf("ended after %s, want %s", ended, row.ends)
				}
				b.set(func() {
					if b.asked > row.looks {
						t.Errorf("looked at %d times", b.asked)
					}
				})
			})
		})
	}
	t.Run("it has ended by itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			b := &beats{owes: true}
			s := &silence{pulse: b, every: lookEvery, session: func() *session { return owned[true] }, gone: gone, end: func(string) { t.Error("ended again") }}
			s.note()
			close(gone)
			time.Sleep(time.Hour)
			b.set(func() {
				if b.asked > 2 {
					t.Errorf("looked at %d times", b.asked)
				}
			})
		})
	})
}

// TestRetire: a connection without a session is ended, and no other.
func TestRetire(t *testing.T) {
	const never = 0
	for name, row := range map[string]struct {
		lead func(b *beats, s *silence, has func(bool))
		ends time.Duration
	}{
		"nothing comes": {lead: func(*beats, *silence, func(bool)) {}, ends: retireAfter},
		"it has a session": {lead: func(_ *beats, _ *silence, has func(bool)) {
			time.Sleep(retireAfter - time.Second)
			has(true)
		}, ends: never},
		"its session ends": {lead: func(_ *beats, s *silence, has func(bool)) {
			has(true)
			time.Sleep(10 * time.Minute)
			has(false)
			s.retire()
			s.retire()
		}, ends: 10*time.Minute + retireAfter},
		"another takes its place": {lead: func(_ *beats, s *silence, has func(bool)) {
			has(true)
			time.Sleep(10 * time.Minute)
			has(false)
			s.retire()
			time.Sleep(time.Second)
			has(true)
		}, ends: never},
		"a request is under way": {lead: func(b *beats, s *silence, _ func(bool)) {
			s.begin()
			time.Sleep(10*time.Minute - time.Second)
			s.finish()
		}, ends: 10*time.Minute + 2*retireAfter},
		"it was taken over, and is gone": {lead: func(b *beats, _ *silence, _ func(bool)) { b.set(func() { b.off = true }) }, ends: never},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &beats{}
				began := time.Now()
				var ended, had atomic.Int64
				s := &silence{pulse: b, every: lookEvery, gone: make(chan struct{}), end: func(string) { ended.Store(int64(time.Since(began))) }, session: func() *session {
					if had.Load() == 0 {
						return nil
					}
					return &session{}
				}}
				s.retire()
				row.lead(b, s, func(has bool) {
					had.Store(0)
					if has {
						had.Store(1)
					}
				})
				time.Sleep(time.Hour)
				if ended := time.Duration(ended.Load()); ended != row.ends {
					t.Errorf("ended after %s, want %s", ended, row.ends)
				}
			})
		})
	}
}
