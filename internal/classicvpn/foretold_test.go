package classicvpn

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// TestHelperForetold says that there is no helper before anybody types anything, and
// finds one that comes.
func TestHelperForetold(t *testing.T) {
	in(t, func(w *world) {
		w.setOpens(errNoHelper)
		w.quit()
		<-w.ended
		w.boot()
		id := w.add("vpn.example.com")
		lacks := func() bool { p := w.now().Problem; return p != nil && p.Code == wire.Code(session.VPNNoHelper) }
		synctest.Wait()
		if !lacks() {
			t.Errorf("it says %+v", w.now().Problem)
		}
		w.setOpens(nil)
		time.Sleep(2 * bytesEvery)
		if lacks() {
			t.Error("it is not found")
		}
		w.setOpens(errNoHelper)
		if err := w.vpn.Connect(id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !lacks() {
			t.Error("it is not missed after it went")
		}
	})
}
