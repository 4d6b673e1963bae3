package flow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// far is a far end that a test plays itself.
type far struct {
	end     *End
	program *end // the other end of App
	stream  *end
	run     chan error
	cancel  context.CancelCauseFunc
}

// play attaches an End to a stream that the test holds the other end of.
func play(t *testing.T, o Options) *far {
	t.Helper()
	ours, program := duplex(0, 64<<10)
	o.App = ours
	f := &far{end: New(o), program: program, run: make(chan error, 1)}
	var ctx context.Context
	ctx, f.cancel = context.WithCancelCause(context.Background())
	go func() { f.run <- f.end.Run(ctx) }()
	f.attach(t, 1, 0)
	return f
}

func (f *far) attach(t *testing.T, epoch, peer uint64) (received uint64) {
	t.Helper()
	received, err := f.end.Prepare(epoch)
	if err != nil {
		t.Fatal(err)
	}
	var s *end
	s, f.stream = duplex(0, 512<<10)
	if err := f.end.Attach(s, epoch, peer); err != nil {
		t.Fatal(err)
	}
	return received
}

// stop ends what a test has left.
func (f *far) stop() {
	f.cancel(nil)
	f.program.Close()
	f.stream.Abort()
}

// next reads one capsule of the End's.
func (f *far) next(t *testing.T) (capsule, []byte) {
	t.Helper()
	var b []byte
	for {
		c, n, err := parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			payload := make([]byte, c.size)
			if _, err := io.ReadFull(f.stream, payload); err != nil {
				t.Fatal(err)
			}
			return c, payload
		}
		var one [1]byte
		if _, err := io.ReadFull(f.stream, one[:]); err != nil {
			t.Fatalf("after %x: %v", b, err)
		}
		b = append(b, one[0])
	}
}

func data(offset uint64, payload string) []byte {
	return append(appendData(nil, offset, len(payload)), payload...)
}

func join(bb ...[]byte) []byte { return bytes.Join(bb, nil) }

func TestHostileFarEnd(t *testing.T) {
	huge := appendType(nil, typeData)
	huge = append(huge, 0x80, 0x10, 0, 0) // a megabyte
	unknown := appendType(nil, 0x123456)
	unknown = append(unknown, 0x80, 0x10, 0, 0)
	for _, tt := range []struct {
		name string
		send []byte
		want error
	}{
		{"a capsule of a megabyte", huge, errCapsule},
		{"an unknown one of a megabyte", unknown, errCapsule},
		{"payload before the first byte's offset", data(5, "x"), ErrOffset},
		{"payload once more", join(data(0, "x"), data(0, "x")), ErrOffset},
		{"payload that leaves a gap", join(data(0, "x"), data(2, "x")), ErrOffset},
		{"payload after the end", join(data(0, "x"), appendFin(nil, 1), data(1, "x")), errCapsule},
		{"a second end", join(appendFin(nil, 0), appendFin(nil, 0)), errCapsule},
		{"an end before the payload's", join(data(0, "x"), appendFin(nil, 0)), ErrOffset},
		{"an end beyond the payload's", join(data(0, "x"), appendFin(nil, 9)), ErrOffset},
		{"an acknowledgement of what was not sent", appendAck(nil, 6), ErrOffset},
		{"an acknowledgement taken back", join(appendAck(nil, 5), appendAck(nil, 4)), ErrOffset},
		{"an acknowledgement of the largest offset", appendAck(nil, 1<<62-1), errCapsule},
		{"an acknowledgement with more in it", append(append(appendType(nil, typeAck), 9), make([]byte, 9)...), errCapsule},
		{"a reset with something in it", append(appendType(nil, typeReset), 1, 0), errCapsule},
		{"payload without an offset", append(appendType(nil, typeData), 0), errCapsule},
		{"an offset longer than its capsule", append(appendType(nil, typeData), 1, 0xc0), errCapsule},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := play(t, Options{})
				defer f.stop()
				f.program.Write([]byte("hello"))
				if c, b := f.next(t); c.kind != typeData || string(b) != "hello" {
					t.Fatalf("%x %q, want the payload", c.kind, b)
				}
				f.stream.Write(tt.send)
				c, _ := f.next(t)
				for c.kind == typeAck {
					c, _ = f.next(t)
				}
				if c.kind != typeReset {
					t.Fatalf("answered by %x, want a reset", c.kind)
				}
				// It never ends its direction: the End waits for that a minute.
				if err := <-f.run; !errors.Is(err, tt.want) {
					t.Errorf("Run returned %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// An end that resumes has not sent again what an older stream carried: a far end
// that acknowledges it lies.
func TestAcknowledgementAheadOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := play(t, Options{})
		defer f.stop()
		first := f.stream
		f.program.Write(make([]byte, 50<<10))
		io.CopyN(io.Discard, first, 50<<10)
		if _, err := f.end.Prepare(2); err != nil {
			t.Fatal(err)
		}
		s, far := duplex(0, 100) // takes little of what is sent again
		far.Write(appendAck(nil, 50<<10))
		if err := f.end.Attach(s, 2, 0); err != nil {
			t.Fatal(err)
		}
		f.program.Write(make([]byte, 50<<10))
		// It does not read, so the End cannot tell it: it waits a minute.
		if err := <-f.run; err != ErrOffset {
			t.Errorf("Run returned %v", err)
		}
	})
}

// What a reset far end still sends is read, and dropped.
func TestResetIsHeardOverPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := play(t, Options{})
		defer f.stop()
		cause := errors.New("the lease ended")
		f.end.Reset(cause)
		f.stream.Write(join(data(0, "x"), data(7, "no matter"), appendReset(nil)))
		f.stream.CloseWrite()
		if c, _ := f.next(t); c.kind != typeReset {
			t.Fatalf("%x, want a reset", c.kind)
		}
		if n, err := f.stream.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%d bytes, %v after the reset, want the end", n, err)
		}
		start := time.Now()
		if err := <-f.run; err != cause || time.Since(start) > 0 {
			t.Errorf("Run returned %v after %v, want %v at once", err, time.Since(start), cause)
		}
		if _, err := f.program.Read(make([]byte, 1)); err != errAppGone {
			t.Errorf("the program met %v, want a reset", err)
		}
	})
}

func TestUnknownCapsulesAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := play(t, Options{})
		defer f.stop()
		unknown := append(append([]byte{0x17}, 0x80, 0, 0xff, 0xff), make([]byte, 65535)...)
		f.stream.Write(join(unknown, data(0, "he"), []byte{0x40, 0x40, 0}, unknown, data(2, "llo")))
		b := make([]byte, 5)
		if _, err := io.ReadFull(f.program, b); err != nil || string(b) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// A far end that sends what it likes, to a program that does not read, costs no
// more memory than twice Window and a few buffers.
func TestMemoryOfSlowReader(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload int
		window  int
	}{{"bytes alone", 1, 100 << 10}, {"hundreds", 300, 1 << 20}, {"large", 100 << 10, 1 << 20}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				budget := NewBudget(32 << 20)
				f := play(t, Options{Budget: budget, Window: tt.window})
				defer f.stop()
				payload := string(make([]byte, tt.payload))
				go func() {
					for offset := 0; ; offset += len(payload) {
						if _, err := f.stream.Write(data(uint64(offset), payload)); err != nil {
							return
						}
					}
				}()
				time.Sleep(time.Minute)
				if used := budget.Used(); used < tt.window || used > swell*(tt.window+512<<10) {
					t.Errorf("%d KiB are held", used>>10)
				}
				f.end.mu.Lock()
				pieces := cap(f.end.in.pieces)
				f.end.mu.Unlock()
				if pieces > 2000 {
					t.Errorf("in %d pieces", pieces)
				}
			})
		})
	}
}

// garbage of any kind ends in a reset or goes nowhere.
func FuzzFarEnd(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(join(data(0, "hello"), appendAck(nil, 0), appendFin(nil, 5)))
	f.Add(appendReset(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			f := play(t, Options{Budget: NewBudget(1 << 20)})
			defer f.stop()
			go io.Copy(io.Discard, f.program)
			go io.Copy(io.Discard, f.stream)
			f.stream.Write(b)
			f.stream.CloseWrite()
			time.Sleep(2 * lingerTime)
			f.cancel(errors.New("over"))
			<-f.run
		})
	})
}
