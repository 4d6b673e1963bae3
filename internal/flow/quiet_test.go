//go:build unix

package flow

import (
	"context"
	"testing"
)

// A program's reset, which the kernel tells once: to a write or to a read. Where
// it was the write, the read sees an end in order, and the far end must not.
func TestResetIsNoEnd(t *testing.T) {
	program, app := tcpPair(t)
	program.SetLinger(0)
	program.Close()
	for {
		if _, err := app.Write([]byte("x")); err != nil {
			break
		}
	}
	e := New(Options{App: app})
	e.Prepare(1)
	a, b := duplex(0, 1<<20)
	if err := e.Attach(a, 1, 0); err != nil {
		t.Fatal(err)
	}
	run := make(chan error, 1)
	go func() { run <- e.Run(context.Background()) }()
	f := &far{stream: b}
	if c, _ := f.next(t); c.kind != typeReset {
		t.Fatalf("%x, want a reset", c.kind)
	}
	b.Write(appendReset(nil))
	b.CloseWrite()
	if err := <-run; err == nil {
		t.Error("Run returned nil")
	}
}
