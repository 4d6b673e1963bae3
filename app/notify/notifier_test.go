package notify

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
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
	n.Tell(Notice{Key: "hello", Title: "Hello"})
	shown := func(count int) desktoptest.Notification {
		t.Helper()
		desktoptest.Eventually(t, "a notification", func() bool { return len(desk.Shown()) == count })
		return desk.Shown()[count-1]
	}
	shown(1)
	desktoptest.Eventually(t, "the first state's being seen", src.Taken)
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

// A service that takes another's place gives the same ids to others' notices: those are
// neither replaced nor taken away, and a click on them is not for us.
func TestServiceComesAgain(t *testing.T) {
	bus := desktoptest.Bus(t)
	src := &apptest.Source{}
	first := desktoptest.NewNotifications(t, bus)
	n := run(t, bus, src)
	n.Tell(Notice{Key: "x", Title: "X"})
	n.Tell(Notice{Key: "y", Title: "Y", Open: session.SignOut{}})
	desktoptest.Eventually(t, "the notifications", func() bool { return len(first.Shown()) == 2 })
	first.Close()
	second := desktoptest.NewNotifications(t, bus)
	n.Tell(Notice{Key: "x", Over: true})
	n.Tell(Notice{Key: "z", Title: "Z", Open: session.ShowWindow{}})
	desktoptest.Eventually(t, "a notification", func() bool { return len(second.Shown()) == 1 })
	for _, id := range []uint32{2, 1} { // the other's Y, and Z
		if err := second.Act(id, "default"); err != nil {
			t.Fatal(err)
		}
	}
	desktoptest.Eventually(t, "a command", func() bool { return slices.Contains(src.Commands(), session.Command(session.ShowWindow{})) })
	n.Tell(Notice{Key: "y", Title: "Y again"})
	desktoptest.Eventually(t, "another", func() bool { return len(second.Shown()) == 2 })
	if got := second.Shown()[1]; got.Replaces != 0 || len(src.Commands()) != 1 || len(second.Closed()) != 0 {
		t.Errorf("it replaces %d, does %v and closes %v", got.Replaces, src.Commands(), second.Closed())
	}
}

// What is bundled with something that is over is told by itself then, in its place, while
// the user has not closed it.
func TestBundleOutlivesItsLead(t *testing.T) {
	ended := office(session.VPNDisconnected, &session.Problem{Title: "The VPN's server ended the connection"})
	for _, tt := range []struct {
		name string
		does func(*testing.T, *desktoptest.Notifications, uint32)
		then session.State
		want string // and what is told below it
	}{
		{"open", func(*testing.T, *desktoptest.Notifications, uint32) {}, with(cut(0), ended),
			"The VPN Office has ended"},
		{"open, and there is more", func(*testing.T, *desktoptest.Notifications, uint32) {}, with(cut(0), ended, warns(session.VPNWarning{Title: "It hurts"})),
			"It hurts. Also: The VPN Office has ended."},
		{"closed by its user", func(t *testing.T, desk *desktoptest.Notifications, id uint32) {
			if err := desk.Dismiss(id); err != nil {
				t.Fatal(err)
			}
		}, with(cut(0), ended, warns(session.VPNWarning{Title: "It hurts"})), "It hurts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bus := desktoptest.Bus(t)
			desk := desktoptest.NewNotifications(t, bus)
			src := &apptest.Source{}
			src.Publish(with(inUse(0), office(session.VPNConnected, nil)))
			n := run(t, bus, src)
			last := func(count int) desktoptest.Notification {
				t.Helper()
				desktoptest.Eventually(t, "a notification", func() bool { return len(desk.Shown()) == count })
				return desk.Shown()[count-1]
			}
			n.Tell(Notice{Key: "hello", Title: "Hello", Open: session.Retry{}})
			hello := last(1)
			desktoptest.Eventually(t, "the first state's being seen", src.Taken)
			src.Publish(with(blocked(0), cut(0), ended))
			told := last(2)
			if want := "Outside the hours. Come back at 8. Also: The VPN Office has ended."; told.Body != want {
				t.Fatalf("told %q, not %q", told.Body, want)
			}
			tt.does(t, desk, told.ID)
			if err := desk.Act(hello.ID, "default"); err != nil { // what came before that has been heard
				t.Fatal(err)
			}
			desktoptest.Eventually(t, "the click", func() bool { return len(src.Commands()) == 1 })
			src.Publish(tt.then)
			got := last(3)
			said := got.Summary
			if _, also, ok := strings.Cut(got.Body, "Also: "); ok {
				said += ". Also: " + also
			}
			if said != tt.want {
				t.Errorf("told %q, not %q", said, tt.want)
			}
		})
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
