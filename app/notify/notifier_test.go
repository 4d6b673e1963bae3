package notify

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

// run runs a Notifier on the bus for the test's life.
func run(t *testing.T, bus string, src *apptest.Source) *Notifier {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	n := New(Options{Client: src})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, leaks)
	})
	return n
}

func TestOnADesktop(t *testing.T) {
	bus := desktoptest.Bus(t)
	desk := desktoptest.NewNotifications(t, bus)
	var refuses atomic.Bool
	src := &apptest.Source{Answer: func(session.Command) error {
		if refuses.Load() {
			return errors.New("this is no longer asked")
		}
		return nil
	}}
	src.Publish(with(inUse(0)))
	n := run(t, bus, src)
	// Until this one shows, the first state may not have been seen.
	n.Tell(Notice{Key: "hello", Title: "Hello"})
	shown := func(count int) desktoptest.Notification {
		t.Helper()
		desktoptest.Eventually(t, "a notification", func() bool { return len(desk.Shown()) == count })
		return desk.Shown()[count-1]
	}
	shown(1)
	src.Publish(with(inUse(0)))

	src.Change(func(s *session.State) {
		needsYou(0)(s)
		s.Apps[0].Flows = 0
		s.Apps[0].Cut = 1
		s.Apps[0].Name = "<b>Pay</b>\x1b[31m & \"roll\""
		s.Apps[0].Why.Detail, s.Apps[0].Why.Title = "", "<img src='http://evil/'>"
	})
	got := shown(2)
	if diff := cmp.Diff([]any{"Tidegate", `<b>Pay</b>[31m & "roll" was cut off`, "&lt;img src='http://evil/'&gt;. Enter a code.", []string{"default", "Open Tidegate", "verify", "Verify"}, int32(-1), uint32(0)},
		[]any{got.App, got.Summary, got.Body, got.Actions, got.Timeout, got.Replaces}); diff != "" {
		t.Error(diff)
	}
	if entry := got.Hints["desktop-entry"].Value(); entry != "org.tidegate.Tidegate" {
		t.Errorf("desktop-entry %v", entry)
	}
	act := func(id uint32, action string, count int) {
		t.Helper()
		if err := desk.Act(id, action); err != nil {
			t.Fatal(err)
		}
		desktoptest.Eventually(t, "a command", func() bool { return len(src.Commands()) == count })
	}
	act(got.ID, "verify", 1)
	act(got.ID, "default", 2)
	if diff := cmp.Diff([]session.Command{session.ShowPrompt{App: "pay"}, session.ShowWindow{Page: session.PageApplications, App: "pay"}}, src.Commands()); diff != "" {
		t.Error(diff)
	}

	// A later notice of the same kind takes its place; what is over goes.
	src.Change(func(s *session.State) { blocked(1)(s) })
	if again := shown(3); again.Replaces != got.ID || again.ID != got.ID {
		t.Errorf("replaces %d with %d, want %d", again.Replaces, again.ID, got.ID)
	}
	src.Publish(base())
	desktoptest.Eventually(t, "the notification to go", func() bool { return cmp.Equal(desk.Closed(), []uint32{got.ID}) })

	// A button that leads to nothing says so.
	refuses.Store(true)
	n.Tell(Notice{Key: "x", Title: "X", Button: "Try", Do: session.Retry{}})
	x := shown(4)
	act(999, "verify", 2) // nobody's
	act(x.ID, "verify", 3)
	if failed := shown(5); failed.Body != "this is no longer asked." {
		t.Errorf("failure %+v", failed)
	}
}

// The session's bus may come after us, and end and come again.
func TestBusComesAndGoes(t *testing.T) {
	dir := desktoptest.Folder(t)
	src := &apptest.Source{}
	n := run(t, "unix:path="+filepath.Join(dir, "bus"), src)
	for range 2 {
		_, end := desktoptest.BusIn(t, dir)
		desk := desktoptest.NewNotifications(t, "unix:path="+filepath.Join(dir, "bus"))
		desktoptest.Eventually(t, "a notification", func() bool {
			n.Tell(Notice{Key: "hello", Title: "Hello"})
			return len(desk.Shown()) > 0
		})
		end()
	}
}

// A bus that takes connections and never answers is none, and holds up no end.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(Options{Client: &apptest.Source{}}).Run(ctx) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the bus")
	}
}

func TestNoService(t *testing.T) {
	for _, tt := range []struct{ name, bus string }{
		{"no bus", "unix:path=/nonexistent/bus"},
		{"no service", desktoptest.Bus(t)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			n := run(t, tt.bus, src)
			src.Publish(with(inUse(0)))
			src.Publish(with(blocked(0)))
			n.Tell(Notice{Key: "x", Title: "X"})
		})
	}
}

// A desktop without buttons gets words in their place.
func TestWithoutButtons(t *testing.T) {
	bus := desktoptest.Bus(t)
	desk := desktoptest.NewNotifications(t, bus)
	desk.WithoutButtons()
	n := run(t, bus, &apptest.Source{})
	n.Tell(Notice{Key: "x", Title: "X", Body: "It waits", Open: session.ShowPrompt{}, Button: "Verify", Do: session.ShowPrompt{}, Else: "Open Tidegate to verify."})
	desktoptest.Eventually(t, "a notification", func() bool { return len(desk.Shown()) == 1 })
	got := desk.Shown()[0]
	if diff := cmp.Diff([]any{"It waits. Open Tidegate to verify.", []string{}}, []any{got.Body, got.Actions}); diff != "" {
		t.Error(diff)
	}
}

// What shows when Tidegate ends goes with it: its buttons would do nothing.
func TestEndsWithNotifier(t *testing.T) {
	bus := desktoptest.Bus(t)
	desk := desktoptest.NewNotifications(t, bus)
	t.Run("while it runs", func(t *testing.T) {
		n := run(t, bus, &apptest.Source{})
		n.Tell(Notice{Key: "x", Title: "X"})
		n.Tell(Notice{Key: "y", Title: "Y"})
		desktoptest.Eventually(t, "the notifications", func() bool { return len(desk.Shown()) == 2 })
	})
	closed := desk.Closed()
	slices.Sort(closed)
	if diff := cmp.Diff([]uint32{desk.Shown()[0].ID, desk.Shown()[1].ID}, closed); diff != "" {
		t.Error(diff)
	}
}
