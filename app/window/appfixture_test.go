package window

import (
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// The scenes of the applications' page and of one application.

func appScenes() []scene {
	list := func(b *bench) { b.pages.show(session.PageApplications); b.pages.apps.shape.choose(1) }
	return []scene{
		{"apps-pinned", atHand(), func(b *bench) { b.pages.show(session.PageApplications) }},
		{"apps-list", atHand(), list},
		{"apps-list-cursor", atHand(), func(b *bench) { list(b); b.canvas().Focus(b.pages.apps.grid); b.key("Down") }},
		{"apps-search", atHand(), func(b *bench) { list(b); b.canvas().Focus(b.pages.apps.search); b.typed("co") }},
		{"apps-many", lately(manyApps(many)), func(b *bench) { b.pages.show(session.PageApplications) }},
		{"apps-many-list", lately(manyApps(many)), list},
		{"detail-flows", atHand(), func(b *bench) { b.pages.apps.open("orders") }},
		{"detail-flows-all", atHand(), func(b *bench) {
			b.pages.apps.open("orders")
			b.layer.modal.scroll.ScrollToBottom()
			b.press("Show all 9")
			b.layer.modal.scroll.ScrollToBottom()
		}},
		{"small-apps-list", atHand(), func(b *bench) { small(b); list(b) }},
		{"small-detail-flows", atHand(), func(b *bench) { small(b); b.pages.apps.open("orders") }},
	}
}

// atHand is signed in, with applications that are pinned and some that were used.
func atHand() session.State {
	s := signedIn()
	s.Choices.Pinned = []wire.AppID{"bastion", "scada", "gone"}
	s.Apps[1].LastUsed = noon.Add(-20 * time.Second)
	s.Apps[0].LastUsed = noon.Add(-40 * time.Minute)
	s.Apps[7].LastUsed = noon.Add(-26 * time.Hour)
	o := &s.Apps[1]
	o.Flows, o.Parked, o.Up, o.Down = 9, 3, 2_048_000, 61_400_000
	o.Listen, o.Site, o.Decision = netip.MustParseAddrPort("127.83.14.7:443"), "north", "d-5k8n3r7w"
	o.Since = noon.Add(-51 * time.Minute)
	o.Addresses = []netip.Addr{netip.MustParseAddr("100.96.0.12"), netip.MustParseAddr("fd54:6964:6567::c")}
	for i, via := range []session.Via{session.ViaName, session.ViaName, session.ViaProxy, session.ViaAddress, session.ViaName, session.ViaName, session.ViaProxy, session.ViaName, ""} {
		o.Connections = append(o.Connections, session.Connection{Via: via, Since: noon.Add(-time.Duration(i*i) * 11 * time.Minute),
			Up: int64(11_000 * i * i), Down: int64(970_000 * i * i), Resting: i%3 == 2})
	}
	return s
}

// lately has some applications used.
func lately(s session.State) session.State {
	for i := range 12 {
		s.Apps[i*97].LastUsed = noon.Add(-time.Duration(i) * time.Minute)
	}
	s.Choices.Pinned = []wire.AppID{s.Apps[42].ID, s.Apps[1942].ID}
	return s
}
