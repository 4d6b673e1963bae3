package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// link keeps the control channel on its task: one goroutine at a time, ended
// and started anew when the task changes. Owned by the session's goroutine.
//
//	        ┌────────────── taskNone: no device, no key, or quitting
//	device ─┼─ no cookie ─► taskHello ─► (what to ask) ─► taskRest
//	        └─ cookie ────► taskEvents, for as long as the app runs
type link struct {
	post func(func(*core))
	jobs *sync.WaitGroup

	now    task
	gen    uint64 // tells a live runner's messages from a dead one's
	cancel context.CancelFunc
	kick   chan struct{}
	client ControlClient
	calls  *sync.WaitGroup // that client must not be closed under
	anew   bool            // the next runner makes a new connection
}

type taskKind int

const (
	taskNone taskKind = iota
	taskHello
	taskEvents
	taskRest
)

type task struct {
	kind     taskKind
	client   Controller
	enrolled Enrolled
	identity Identity
	cookie   Secret
}

func newLink(post func(func(*core)), jobs *sync.WaitGroup) *link {
	return &link{post: post, jobs: jobs}
}

func (l *link) set(ctx context.Context, t task) {
	device := t.identity.Device
	if l.cancel != nil && t.kind == l.now.kind && t.cookie == l.now.cookie && device == l.now.identity.Device {
		return
	}
	if l.cancel != nil {
		l.cancel()
		l.cancel = nil
	}
	if l.client != nil && device != l.now.identity.Device {
		client, calls := l.client, l.calls
		l.jobs.Go(func() {
			calls.Wait()
			client.Close() // it may wait for a dial to end
		})
		l.client = nil
	}
	if l.client == nil && t.client != nil {
		l.client, l.calls = t.client.Connect(t.enrolled, t.identity), &sync.WaitGroup{}
	}
	l.now = t
	l.gen++
	ctx, l.cancel = context.WithCancel(ctx)
	l.kick = make(chan struct{}, 1)
	r := runner{client: l.client, cookie: t.cookie, kick: l.kick, gen: l.gen, post: l.post, anew: l.anew}
	l.anew = false
	switch t.kind {
	case taskHello:
		l.jobs.Go(func() { r.hello(ctx) })
	case taskEvents:
		l.jobs.Go(func() { r.events(ctx) })
	}
}

// call is the client, which is not closed before done is called: who is signed in or
// out does not depend on what is active when the answer comes.
func (l *link) call() (client ControlClient, done func()) {
	l.calls.Add(1)
	return l.client, l.calls.Done
}

// idle says whether there is nothing to do: no connection has to stand.
func (l *link) idle() bool { return l.now.kind == taskNone || l.now.kind == taskRest }

// restart has the next set begin the task anew, over a new connection.
func (l *link) restart() {
	if l.cancel != nil && (l.now.kind == taskHello || l.now.kind == taskEvents) {
		l.cancel()
		l.cancel, l.anew = nil, true
	}
}

// close drops the connection, after every job has ended.
func (l *link) close() {
	if l.client != nil {
		l.client.Close()
	}
}

// retry ends a back-off at once.
func (l *link) retry() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// runner is one run of a task.
type runner struct {
	client ControlClient
	cookie Secret
	kick   chan struct{}
	gen    uint64
	post   func(func(*core))
	anew   bool
}

// tell posts a message that counts only while this runner is the live one.
func (r *runner) tell(msg func(*core)) {
	r.post(func(c *core) {
		if c.link.gen == r.gen {
			msg(c)
		}
	})
}

func (r *runner) hello(ctx context.Context) {
	if r.anew {
		r.client.Close()
	}
	for n := 0; ; n++ {
		h, err := r.client.Hello(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			r.tell(func(c *core) {
				c.hello = &h
				c.tells(h.At)
				c.control = controlFact{since: time.Now()}
			})
			return
		}
		if p := ending(err); p != nil {
			r.tell(func(c *core) { c.signedOut(p) })
			return
		}
		if !r.rest(ctx, n, err) {
			return
		}
	}
}

func (r *runner) events(ctx context.Context) {
	if r.anew {
		r.client.Close()
	}
	for n := 0; ; n++ {
		var stood time.Time
		err := r.client.Events(ctx, r.cookie, Heard{
			Established: func(transport string) {
				stood = time.Now()
				r.tell(func(c *core) {
					c.control = controlFact{established: true, ever: true, transport: transport, since: stood, asked: c.control.asked}
					c.device.failed, c.device.after = 0, time.Time{}
				})
			},
			Snapshot: func(s wire.Snapshot) { r.tell(func(c *core) { c.snapshotCame(s) }) },
			Notice:   func(event string, n wire.ChannelNotice) { r.tell(func(c *core) { c.noticed(event, n) }) },
		})
		if ctx.Err() != nil {
			return
		}
		if p := ending(err); p != nil {
			r.tell(func(c *core) { c.signedOut(p) })
			return
		}
		if !stood.IsZero() && time.Since(stood) > backoffFirst {
			n = 0
		}
		if !r.rest(ctx, n, err) {
			return
		}
	}
}

// rest reports the interruption and waits for the next try; false when ctx ended.
func (r *runner) rest(ctx context.Context, n int, err error) bool {
	d := backoff(n)
	retry := time.Now().Add(d)
	r.tell(func(c *core) {
		if c.control.established || c.control.lost.IsZero() {
			c.control.since = c.now()
			c.control.lost = c.now()
		}
		c.control.established, c.control.transport, c.control.asked = false, "", false
		c.control.retry, c.control.why = retry, err
		c.o.Log.Info("control channel interrupted", "error", err, "retry_in", d)
	})
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.kick:
		r.tell(func(c *core) { c.control.asked = true })
	case <-ctx.Done():
		return false
	}
	return true
}

// The bounds of the back-off: a restarted controller is found again within a
// second, an absent one is asked every few seconds (a handshake costs nothing
// beside what a user loses by waiting), and no two clients keep step.
const (
	backoffFirst = 400 * time.Millisecond
	backoffMost  = 8 * time.Second
)

func backoff(n int) time.Duration {
	d := backoffMost
	if n < 5 {
		d = min(d, backoffFirst<<n)
	}
	return d/2 + rand.N(d/2)
}

// ending returns the controller's word that the session is over, if err is one.
func ending(err error) *wire.Problem {
	var p *wire.Problem
	if !errors.As(err, &p) {
		return nil
	}
	switch p.Code {
	case wire.CodeNoSession, wire.CodeSignedOut, wire.CodeRevoked, wire.CodeDevice, wire.CodeOtherUser:
		return p
	}
	return nil
}
