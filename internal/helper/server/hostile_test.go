//go:build linux

package server

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// Connections that say half, say too much, or take nothing of what they are given
// hold nobody up, and leave nothing.
func TestHostileConnections(t *testing.T) {
	p := &part{mode: osdns.ModeDirect}
	h, _ := serving(t, p, t.TempDir(), "")
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", h.Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	request, err := protocol.Encode(protocol.Request{Verb: protocol.OpenDNSSocket})
	if err != nil {
		t.Fatal(err)
	}
	open := func() {
		t.Helper()
		d, err := h.OpenDNSSocket(t.Context())
		for end := time.Now().Add(time.Minute); errors.Is(err, &protocol.Refusal{Code: protocol.Busy}) && time.Now().Before(end); time.Sleep(time.Millisecond) {
			d, err = h.OpenDNSSocket(t.Context()) // the last one's end is not noticed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	descriptors := func() int {
		t.Helper()
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	open()
	before := descriptors()
	for range 20 {
		half := dial()
		half.Write(request[:len(request)-3])
		open() // beside it
		half.Close()
		// It has the lease, and goes on talking on it: the second gets that where the end
		// of the one before was not noticed at the first.
		talker := dial()
		talker.Write(slices.Concat(request, request, request[:1]))
		open()
		talker.Close()
		deaf := dial() // it takes no reply
		deaf.Write(request)
		deaf.Close()
		open()
	}
	for end := time.Now().Add(time.Minute); descriptors() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("there are %d descriptors, and before %d", descriptors(), before)
		}
	}
}
