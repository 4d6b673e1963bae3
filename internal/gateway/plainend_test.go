package gateway

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// witnessed is a client's stream that says how it has ended.
type witnessed struct {
	*io.PipeReader
	mu      sync.Mutex
	ordered bool
	aborted bool
}

func (w *witnessed) Write(b []byte) (int, error) { return len(b), nil }

func (w *witnessed) CloseWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ordered = true
	return w.PipeReader.Close()
}

func (w *witnessed) reset(quic.StreamErrorCode) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aborted = true
	w.PipeReader.Close()
}

// TestResetIsNoEnd: an application's reset is told once, to a write or to a read.
// Where it was the write, the read sees an end in order, and the client must not.
func TestResetIsNoEnd(t *testing.T) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	app, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	far, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	far.SetLinger(0)
	far.Close()
	for {
		if _, err := app.Write([]byte("x")); err != nil {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	never, _ := io.Pipe()
	client := &witnessed{PipeReader: never}
	e := &entitlement{now: time.Now}
	e.lease.Store(time.Now().Add(time.Hour).UnixNano())
	f := &flow{session: &session{quota: newQuota(Limits{}.whole())}, entitlement: e, cancel: cancel, gone: ctx.Done()}
	f.attach(client, app)
	f.copy()
	if client.ordered || !client.aborted {
		t.Errorf("ended in order %v, reset %v", client.ordered, client.aborted)
	}
}
