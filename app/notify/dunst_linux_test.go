package notify

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/app/apptest"
	real "github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/desktoptest"
)

// A real service ends and comes again, and another program's notices get the ids that ours
// had: ours come on, and theirs stay.
func TestDunstComesAgain(t *testing.T) {
	ctx := t.Context()
	d, err := real.Start(ctx, real.Options{Parts: real.Notifications})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	n := run(t, d.Bus(), &apptest.Source{})
	count := 0
	tell := func(ns Notice, title string) (replaces uint32) {
		t.Helper()
		n.Tell(ns)
		count++
		desktoptest.Eventually(t, title, func() bool { return len(d.Notifications()) == count })
		got := d.Notifications()[count-1]
		if got.Summary != title {
			t.Fatalf("told %q, not %q", got.Summary, title)
		}
		return got.Replaces
	}
	tell(Notice{Key: "x", Title: "X"}, "X")
	tell(Notice{Key: "y", Title: "Y"}, "Y")
	y := tell(Notice{Key: "y", Title: "Y again"}, "Y again")
	if y == 0 {
		t.Error("it does not replace its own")
	}
	if err := d.StopNotifications(ctx); err != nil {
		t.Fatal(err)
	}
	n.Tell(Notice{Key: "x", Over: true}) // with nobody there
	if err := d.StartNotifications(ctx); err != nil {
		t.Fatal(err)
	}
	theirs := desktoptest.Connect(t, d.Bus())
	closed := make(chan *dbus.Signal, 64)
	theirs.Signal(closed)
	if err := theirs.AddMatchSignalContext(ctx, dbus.WithMatchInterface(service), dbus.WithMatchMember("NotificationClosed")); err != nil {
		t.Fatal(err)
	}
	others := map[uint32]string{}
	for _, title := range []string{"Mail", "Chat"} {
		var id uint32
		call := theirs.Object(service, path).CallWithContext(ctx, service+".Notify", 0, "other", uint32(0), "", title, "", []string{}, map[string]dbus.Variant{}, int32(0))
		if err := call.Store(&id); err != nil {
			t.Fatal(err)
		}
		count++
		others[id] = title
	}
	if others[y] == "" {
		t.Fatalf("no notice of the other's has the id %d: this tests nothing", y)
	}
	if replaces := tell(Notice{Key: "y", Title: "Y anew"}, "Y anew"); replaces != 0 {
		t.Errorf("it replaces %d, which is the other's", replaces)
	}
	n.Tell(Notice{Key: "x", Over: true})
	if replaces := tell(Notice{Key: "y", Title: "Y once more"}, "Y once more"); replaces == 0 {
		t.Error("it does not replace its own that came after")
	}
	tell(Notice{Key: "z", Title: "Z"}, "Z")
	n.Tell(Notice{Key: "z", Over: true})
	// Mail, Chat and Y are left, and who showed Mail and Chat would have been told.
	desktoptest.Eventually(t, "Z's end", func() bool { return showing(t, theirs) <= 3 })
	for len(closed) > 0 {
		if s := <-closed; s.Name == service+".NotificationClosed" {
			t.Errorf("%v was closed", s.Body)
		}
	}
}

// showing is how many notices dunst shows.
func showing(t *testing.T, conn *dbus.Conn) uint32 {
	t.Helper()
	var v dbus.Variant
	err := conn.Object(service, path).CallWithContext(t.Context(), "org.freedesktop.DBus.Properties.Get", 0, "org.dunstproject.cmd0", "displayedLength").Store(&v)
	if err != nil {
		t.Fatal(err)
	}
	length, ok := v.Value().(uint32)
	if !ok {
		t.Fatalf("displayedLength is %v", v)
	}
	return length
}
