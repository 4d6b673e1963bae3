package flow

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pair is two Ends, with a program each, and what was called.
type pair struct {
	client, gateway   *End
	program, app      *end
	runs              chan error
	pending, detached atomic.Int32
}

func newPair(o Options) *pair {
	p := &pair{runs: make(chan error, 2)}
	o.Pending = func() { p.pending.Add(1) }
	o.Detached = func(uint64, error) { p.detached.Add(1) }
	var a, b *end
	a, p.program = duplex(0, 64<<10)
	b, p.app = duplex(0, 64<<10)
	o.App = a
	p.client = New(o)
	o.App = b
	p.gateway = New(o)
	return p
}

func (p *pair) run(ctx context.Context) {
	go func() { p.runs <- p.client.Run(ctx) }()
	go func() { p.runs <- p.gateway.Run(ctx) }()
}

// attach joins both by a new stream, and returns it.
func (p *pair) attach(t *testing.T, epoch uint64) *link {
	t.Helper()
	toGateway, err := p.client.Prepare(epoch)
	if err != nil {
		t.Fatal(err)
	}
	toClient, err := p.gateway.Prepare(epoch)
	if err != nil {
		t.Fatal(err)
	}
	a, b := duplex(10*time.Millisecond, 4<<20)
	if err := p.gateway.Attach(b, epoch, toGateway); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Attach(a, epoch, toClient); err != nil {
		t.Fatal(err)
	}
	return &link{a, b}
}

func TestFinishInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(Options{})
		p.attach(t, 1)
		p.run(t.Context())
		io.WriteString(p.program, "question")
		p.program.CloseWrite()
		if b, err := io.ReadAll(p.app); string(b) != "question" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		io.WriteString(p.app, "answer")
		p.app.CloseWrite()
		if b, err := io.ReadAll(p.program); string(b) != "answer" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		start := time.Now()
		for range 2 {
			if err := <-p.runs; err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		if p.detached.Load() > 0 || p.pending.Load() > 0 {
			t.Errorf("%d attachments failed, %d calls for another", p.detached.Load(), p.pending.Load())
		}
		if _, err := p.client.Prepare(2); err != ErrEnded {
			t.Errorf("Prepare after the end: %v", err)
		}
		s, _ := duplex(0, 1)
		if err := p.client.Attach(s, 2, 0); err != ErrEnded {
			t.Errorf("Attach after the end: %v", err)
		}
		if _, err := s.Write([]byte("x")); err != errAborted {
			t.Errorf("the stream was not aborted: %v", err)
		}
	})
}

// What the far program does not read is kept, whatever its end has taken.
func TestAcknowledgedMeansAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(Options{})
		p.attach(t, 1)
		p.run(t.Context())
		p.program.Write(make([]byte, 300<<10))
		synctest.Wait()
		time.Sleep(time.Second)
		s := p.client.Status()
		if got := 300<<10 - s.Unacked; got > 64<<10 {
			t.Errorf("%d bytes are acknowledged, the application's kernel took 64 KiB: %+v", got, s)
		}
		io.CopyN(io.Discard, p.app, 300<<10)
		time.Sleep(time.Second)
		if s := p.client.Status(); s.Unacked > 0 {
			t.Errorf("%+v after all was read", s)
		}
		p.client.mu.Lock()
		held := p.client.out.held
		p.client.mu.Unlock()
		if held > smallChunk+largeChunk {
			t.Errorf("%d bytes are held", held)
		}
		p.client.Reset(io.ErrClosedPipe)
	})
}

// The end of a direction counts as received when App has been told, not before:
// the far end takes its acknowledgement for everything.
func TestEndIsReceivedWhenAppKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := play(t, Options{})
		defer f.stop()
		const size = 100 << 10
		f.stream.Write(join(data(0, string(make([]byte, size))), appendFin(nil, size)))
		synctest.Wait() // the program's kernel takes 64 KiB
		if received := f.attach(t, 2, 0); received != size {
			t.Errorf("received %d, want %d: the program does not know of the end", received, size)
		}
		f.stream.Write(appendFin(nil, size)) // once more: it was not acknowledged
		if b, err := io.ReadAll(f.program); len(b) != size || err != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if c, _ := f.next(t); c.kind != typeAck || c.offset != size+1 {
			t.Errorf("%+v, want the end acknowledged", c)
		}
		if received := f.attach(t, 3, 0); received != size+1 {
			t.Errorf("received %d, want the end too", received)
		}
		f.end.Reset(io.ErrClosedPipe)
	})
}

// So the acknowledgement of an end may come before it has been sent again.
func TestEndIsAcknowledgedOnTheNextStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := play(t, Options{})
		defer f.stop()
		io.WriteString(f.program, "hello")
		f.program.CloseWrite()
		f.next(t)
		f.next(t)
		if _, err := f.end.Prepare(2); err != nil {
			t.Fatal(err)
		}
		s, far := duplex(0, 1<<10)
		far.Write(join(appendAck(nil, 6), appendFin(nil, 0)))
		far.CloseWrite()
		if err := f.end.Attach(s, 2, 5); err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, far)
		if err := <-f.run; err != nil {
			t.Error(err)
		}
	})
}

func TestPendingIsCalledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(Options{})
		p.attach(t, 1)
		p.run(t.Context())
		synctest.Wait()
		p.client.Detach(1)
		p.gateway.Detach(1)
		time.Sleep(time.Hour)
		if n := p.pending.Load(); n > 0 {
			t.Errorf("%d calls of a flow with nothing to send", n)
		}
		for range 3 {
			io.WriteString(p.program, "x")
			synctest.Wait()
		}
		p.program.CloseWrite()
		synctest.Wait()
		if n := p.pending.Load(); n != 1 || !p.client.Status().Pending || p.gateway.Status().Pending {
			t.Errorf("%d calls; %+v, %+v", n, p.client.Status(), p.gateway.Status())
		}
		p.attach(t, 2)
		if b, err := io.ReadAll(p.app); string(b) != "xxx" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		time.Sleep(time.Second)
		p.client.Detach(2)
		p.gateway.Reset(errors.New("the lease ended"))
		synctest.Wait()
		if n := p.pending.Load(); n != 2 {
			t.Errorf("%d calls with the reset, want 2", n)
		}
		p.attach(t, 3)
		<-p.runs
		<-p.runs
		if n := p.detached.Load(); n != 1 {
			t.Errorf("%d attachments failed, want the gateway's in the second", n)
		}
	})
}

// An attempt that comes to nothing is told by Detach, and Pending is called anew.
func TestPendingAfterAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(Options{})
		p.run(t.Context())
		io.WriteString(p.program, "x")
		synctest.Wait()
		for epoch := uint64(1); epoch < 4; epoch++ {
			if n := p.pending.Load(); n != int32(epoch) {
				t.Errorf("%d calls, want %d", n, epoch)
			}
			p.client.Prepare(epoch)
			synctest.Wait()
			p.client.Detach(epoch)
			synctest.Wait()
		}
		p.client.Reset(nil)
		p.gateway.Reset(nil)
	})
}

func TestEpochsAndOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := play(t, Options{})
		defer f.stop()
		io.WriteString(f.program, "hello")
		f.next(t)
		f.stream.Write(join(appendAck(nil, 2), data(0, "abc")))
		synctest.Wait()
		if _, err := f.end.Prepare(1); err != ErrEpoch {
			t.Errorf("Prepare of the same epoch: %v", err)
		}
		if received := f.attach(t, 5, 2); received != 3 {
			t.Errorf("received %d, want 3", received)
		}
		if c, b := f.next(t); c.offset != 2 || string(b) != "llo" {
			t.Errorf("from %d %q, want the rest", c.offset, b)
		}
		for _, tt := range []struct {
			epoch, prepare, peer uint64
			want                 error
		}{
			{epoch: 6, want: ErrEpoch},                             // never prepared
			{epoch: 5, want: ErrEpoch, peer: 2},                    // attached before
			{prepare: 6, epoch: 6, peer: 1, want: ErrOffset},       // lacks what it has acknowledged
			{epoch: 6, peer: 6, want: ErrOffset},                   // has what was not sent
			{epoch: 6, peer: 1 << 60, want: ErrOffset},             // likewise
			{prepare: 8, epoch: 7, peer: 2, want: ErrEpoch},        // of a skipped epoch
			{epoch: 6, peer: 2, want: ErrEpoch},                    // of an older
			{epoch: 7, peer: 0, want: ErrEpoch},                    // whose offset the newer has overtaken
			{prepare: 9, epoch: 9, peer: 5},                        // has all
			{prepare: 10, epoch: 10, peer: 4, want: ErrOffset},     // and takes it back
			{prepare: 11, epoch: 11, peer: 5 + 1, want: ErrOffset}, // the end, which was not sent
		} {
			if tt.prepare > 0 {
				if _, err := f.end.Prepare(tt.prepare); err != nil {
					t.Fatal(err)
				}
			}
			s, _ := duplex(0, 1<<10)
			if err := f.end.Check(tt.epoch, tt.peer); err != tt.want {
				t.Errorf("%+v: Check says %v", tt, err)
			}
			if err := f.end.Attach(s, tt.epoch, tt.peer); err != tt.want {
				t.Errorf("%+v: %v", tt, err)
			}
			if _, err := s.Write(nil); tt.want != nil && s.out.writeErr != errAborted {
				t.Errorf("%+v: the stream was left open: %v", tt, err)
			}
		}
		f.end.Detach(3)
		f.end.Prepare(12)
		s, _ := duplex(0, 1<<10)
		f.end.Detach(12)
		if err := f.end.Attach(s, 12, 5); err != ErrEpoch {
			t.Errorf("Attach after Detach: %v", err)
		}
		f.cancel(nil)
		<-f.run
	})
}

func TestAdmit(t *testing.T) {
	for _, from := range []string{"program", "far end"} {
		t.Run(from, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				allow := make(chan bool)
				var in, out int
				f := play(t, Options{
					Admit: func() bool { return <-allow },
					Moved: func(n int, inward bool) {
						if inward {
							in += n
						} else {
							out += n
						}
					},
				})
				defer f.stop()
				send := func() {
					if from == "program" {
						io.WriteString(f.program, "hello")
					} else {
						f.stream.Write(data(uint64(in), "hello"))
					}
				}
				send()
				time.Sleep(time.Minute)
				if f.stream.in.queued+f.program.in.queued > 0 {
					t.Error("something passed before it was admitted")
				}
				allow <- true
				synctest.Wait()
				if f.stream.in.queued+f.program.in.queued < 5 || in+out != 5 {
					t.Errorf("nothing passed that was admitted, %d counted", in+out)
				}
				send()
				allow <- false
				synctest.Wait()
				f.stream.Write(appendReset(nil))
				f.stream.CloseWrite()
				go io.Copy(io.Discard, f.stream)
				if err := <-f.run; err != ErrDenied || in+out != 5 {
					t.Errorf("Run returned %v, %d counted", err, in+out)
				}
			})
		})
	}
}

// The last acknowledgement is lost: the end that finished answers for a minute.
func TestLastAcknowledgementIsLost(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
		want  error
	}{{"soon", 50 * time.Second, nil}, {"late", 70 * time.Second, ErrEnded}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := play(t, Options{})
				defer f.stop()
				f.program.CloseWrite()
				f.next(t)
				f.stream.Write(join(appendFin(nil, 0), appendAck(nil, 1)))
				synctest.Wait()
				f.stream.Abort() // without having read the acknowledgement
				time.Sleep(tt.after)
				if s := f.end.Status(); !s.Over && tt.want == nil {
					t.Errorf("%+v", s)
				}
				received, err := f.end.Prepare(2)
				if err != tt.want || err == nil && received != 1 {
					t.Errorf("received %d, %v", received, err)
				}
				if err == nil {
					f.attach(t, 3, 1)
					f.stream.CloseWrite()
				}
				if err := <-f.run; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// An optimistic first attachment is refused: the bytes go with the next.
func TestRefusedAttachmentKeepsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusal := errors.New("403")
		var got error
		f := play(t, Options{Detached: func(epoch uint64, err error) { got = err }})
		defer f.stop()
		io.WriteString(f.program, "hello")
		f.next(t)
		f.stream.out.refuse(refusal, everything)
		synctest.Wait()
		if s := f.end.Status(); got != refusal || s.Attached || !s.Pending || s.Unacked != 5 {
			t.Errorf("%v, %+v", got, s)
		}
		f.attach(t, 2, 0)
		if c, b := f.next(t); c.offset != 0 || string(b) != "hello" {
			t.Errorf("from %d %q", c.offset, b)
		}
		f.end.Reset(refusal)
	})
}

func TestAbandon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		p.attach(t, 1)
		p.run(ctx)
		io.WriteString(p.program, strings.Repeat("x", 1<<20))
		cancel(errors.New("410"))
		for range 2 {
			if err := <-p.runs; err == nil || err.Error() != "410" {
				t.Errorf("Run returned %v", err)
			}
		}
		if _, err := p.program.Write([]byte("x")); err != errAppGone {
			t.Errorf("the program met %v, want a reset", err)
		}
	})
}

// A reset that the far end does not answer gives the stream up after a while,
// and is told again on the next.
func TestResetUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		detached := make(chan error, 1)
		f := play(t, Options{Detached: func(_ uint64, err error) { detached <- err }})
		defer f.stop()
		cause := errors.New("the lease ended")
		f.end.Reset(cause)
		if c, _ := f.next(t); c.kind != typeReset {
			t.Errorf("%x, want a reset", c.kind)
		}
		if err := <-detached; err != errUnanswered {
			t.Errorf("Detached was told %v", err)
		}
		time.Sleep(24 * time.Hour)
		if s := f.end.Status(); !s.Over || !s.Pending {
			t.Errorf("%+v", s)
		}
		f.attach(t, 2, 0)
		if c, _ := f.next(t); c.kind != typeReset {
			t.Errorf("%x, want a reset", c.kind)
		}
		f.stream.Write(appendReset(nil))
		f.stream.CloseWrite()
		if err := <-f.run; err != cause {
			t.Errorf("Run returned %v", err)
		}
	})
}
