package desktoptest

import (
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = "/org/freedesktop/Notifications"
)

// Notification is what a program asked the desktop to show.
type Notification struct {
	ID, Replaces  uint32
	App           string
	Summary, Body string
	Actions       []string
	Hints         map[string]dbus.Variant
	Timeout       int32
}

// Notifications is a notification service.
type Notifications struct {
	conn   *dbus.Conn
	mu     sync.Mutex
	last   uint32
	shown  []Notification
	closed []uint32
	// buttons says whether it shows any.
	buttons bool
}

// NewNotifications puts a notification service on the bus until its test ends.
func NewNotifications(t testing.TB, address string) *Notifications {
	t.Helper()
	n := &Notifications{conn: Connect(t, address), buttons: true}
	if err := n.conn.Export(notifier{n}, notifyPath, notifyName); err != nil {
		t.Fatal(err)
	}
	own(t, n.conn, notifyName)
	return n
}

type notifier struct{ n *Notifications }

// GetCapabilities implements the service's method.
func (s notifier) GetCapabilities() ([]string, *dbus.Error) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	can := []string{"body", "body-markup"}
	if s.n.buttons {
		can = append(can, "actions")
	}
	return can, nil
}

// Notify implements the service's method.
func (s notifier) Notify(app string, replaces uint32, icon, summary, body string, actions []string, hints map[string]dbus.Variant, timeout int32) (uint32, *dbus.Error) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	id := replaces
	if id == 0 {
		s.n.last++
		id = s.n.last
	}
	s.n.shown = append(s.n.shown, Notification{id, replaces, app, summary, body, actions, hints, timeout})
	return id, nil
}

// CloseNotification implements the service's method.
func (s notifier) CloseNotification(id uint32) *dbus.Error {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.n.closed = append(s.n.closed, id)
	return nil
}

// Close takes it off the bus; another can have its name then.
func (n *Notifications) Close() {
	n.conn.ReleaseName(notifyName)
	n.conn.Close()
}

// Dismiss closes a notification as its user does.
func (n *Notifications) Dismiss(id uint32) error {
	return n.conn.Emit(notifyPath, notifyName+".NotificationClosed", id, uint32(2))
}

// WithoutButtons makes it one that shows no buttons.
func (n *Notifications) WithoutButtons() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buttons = false
}

// Shown are all notifications so far.
func (n *Notifications) Shown() []Notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.shown)
}

// Closed are the ids that were withdrawn.
func (n *Notifications) Closed() []uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.closed)
}

// Act presses a notification's button.
func (n *Notifications) Act(id uint32, action string) error {
	return n.conn.Emit(notifyPath, notifyName+".ActionInvoked", id, action)
}
