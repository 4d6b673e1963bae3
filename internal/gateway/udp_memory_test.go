package gateway

import (
	"net/http"
	"runtime"
	"testing"
)

// TestQuietUDPFootprint: a UDP flow that waits for its application holds no buffer
// for the largest packet.
func TestQuietUDPFootprint(t *testing.T) {
	const flows = 64
	s := newSite(t, echo, nil)
	port := udpApplication(t)
	c := s.foreignH3(t, s.g.Addr(), s.device, true)
	bearer := s.udpTicket(port).bearer()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for range flows {
		str := c.udp(udpPathTo("app.test", port), bearer)
		if status, _ := str.answer(t); status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
	}
	s.waitForFlows(t, flows)
	if each := (heap() - before) / flows; each > 48<<10 {
		t.Errorf("%d bytes each", each)
	}
}
