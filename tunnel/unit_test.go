package tunnel

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestLoopbackAddresses(t *testing.T) {
	net10 := netip.MustParsePrefix("127.64.0.0/10")
	seen := map[netip.Addr]bool{}
	for i := range 20000 {
		a := loopback("dev1", wire.AppID(fmt.Sprint("app", i)), func(a netip.Addr) bool { return seen[a] })
		if last := a.As4()[3]; !net10.Contains(a) || last == 0 || last == 255 {
			t.Fatalf("%v", a)
		}
		if seen[a] {
			t.Fatalf("%v twice", a)
		}
		seen[a] = true
	}
	none := func(netip.Addr) bool { return false }
	a := loopback("dev1", "wiki", none)
	if a != loopback("dev1", "wiki", none) {
		t.Error("not the same after a restart")
	}
	if a == loopback("dev2", "wiki", none) {
		t.Error("the same on another device")
	}
	if b := loopback("dev1", "wiki", func(x netip.Addr) bool { return x == a }); b == a {
		t.Error("a collision was not resolved")
	}
	if p := spare("dev1", "wiki"); p < 10000 || p >= 30000 || p != spare("dev1", "wiki") {
		t.Errorf("spare port %d", p)
	}
}
