package classicvpn

import (
	"testing"

	"github.com/tidegate/tidegate/session"
)

// Whoever has a tunnel by the helper is not told that there is none.
func TestHelperComes(t *testing.T) {
	in(t, func(w *world) {
		w.setOpens(errNoHelper)
		id := w.add("vpn.example.com")
		w.must(w.vpn.Connect(id))
		w.failed(session.VPNNoHelper)
		if w.now().Problem == nil {
			t.Error("it is not told that there is no helper")
		}
		w.setOpens(nil)
		w.must(w.vpn.Connect(id))
		w.phase(session.VPNConnecting)
		if p := w.now().Problem; p != nil {
			t.Errorf("beside a helper it is told %+v", *p)
		}
	})
}
