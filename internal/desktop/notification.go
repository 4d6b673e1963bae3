//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Notification is one that some program asked the desktop to show.
type Notification struct {
	App      string
	Replaces uint32 // the one that it takes the place of; 0: none
	Icon     string
	Summary  string
	Body     string
	Actions  []string // pairs of key and label
	Urgency  byte     // 0 low, 1 normal, 2 critical
}

// String is the notification's text on one line.
func (n Notification) String() string {
	return strings.TrimSpace(n.Summary + ": " + strings.Join(strings.Fields(n.Body), " "))
}

// notes records the notifications that pass over the bus.
type notes struct {
	conn *dbus.Conn
	done chan struct{}

	mu   sync.Mutex
	seen []Notification
}

// startNotifications starts the record of what the notification service is sent, and
// then the service.
func (d *Desktop) startNotifications(ctx context.Context) error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	n := &notes{conn: conn, done: make(chan struct{})}
	messages := make(chan *dbus.Message, 256)
	rule := "type='method_call',interface='org.freedesktop.Notifications',member='Notify'"
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, []string{rule}, uint32(0)).Err
	if err != nil {
		conn.Close()
		return fmt.Errorf("listen for notifications: %w", err)
	}
	conn.Eavesdrop(messages)
	go n.record(messages)
	d.note = n
	return d.StartNotifications(ctx)
}

const notificationsName = "org.freedesktop.Notifications"

// StartNotifications starts the notification service, after [Desktop.StopNotifications].
func (d *Desktop) StartNotifications(ctx context.Context) error {
	p, _, err := d.launch(ctx, spec{name: "dunst", args: []string{"-config", d.tree.path("config/dunst/dunstrc")}})
	if err != nil {
		return err
	}
	return d.waitName(ctx, p, notificationsName, true)
}

// StopNotifications ends the notification service, and with it what it shows.
func (d *Desktop) StopNotifications(ctx context.Context) error {
	p := d.program("dunst")
	if p == nil {
		return errors.New("stop the notifications: their service does not run")
	}
	d.forget(p)
	p.stop()
	return d.waitName(ctx, p, notificationsName, false)
}

func (n *notes) record(messages <-chan *dbus.Message) {
	defer close(n.done)
	for {
		select {
		case <-n.conn.Context().Done():
			return
		case m, open := <-messages:
			if !open {
				return
			}
			note, ok := notification(m)
			if !ok {
				continue
			}
			n.mu.Lock()
			n.seen = append(n.seen, note)
			n.mu.Unlock()
		}
	}
}

// notification decodes a call of Notify; ok is false if m is not one.
func notification(m *dbus.Message) (n Notification, ok bool) {
	if member, _ := m.Headers[dbus.FieldMember].Value().(string); m.Type != dbus.TypeMethodCall || member != "Notify" {
		return n, false
	}
	var hints map[string]dbus.Variant
	var timeout int32
	err := dbus.Store(m.Body, &n.App, &n.Replaces, &n.Icon, &n.Summary, &n.Body, &n.Actions, &hints, &timeout)
	if err != nil {
		return n, false
	}
	n.Urgency = 1
	if u, ok := hints["urgency"].Value().(byte); ok {
		n.Urgency = u
	}
	return n, true
}

func (n *notes) stop() {
	n.conn.Close()
	<-n.done
}

// Notifications are all that programs have asked for so far, oldest first.
func (d *Desktop) Notifications() []Notification {
	if d.note == nil {
		return nil
	}
	d.note.mu.Lock()
	defer d.note.mu.Unlock()
	return slices.Clone(d.note.seen)
}

// WaitNotification returns the first notification, of all there ever were,
// whose text has the given one in it.
func (d *Desktop) WaitNotification(ctx context.Context, text string) (Notification, error) {
	var found Notification
	err := d.poll(ctx, fmt.Sprintf("a notification with %q", text), func() (bool, string, error) {
		all := d.Notifications()
		for _, n := range all {
			if strings.Contains(n.String(), text) {
				found = n
				return true, "", nil
			}
		}
		return false, fmt.Sprint(all), nil
	})
	return found, err
}

// CloseNotifications takes all notifications off the display.
func (d *Desktop) CloseNotifications(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := d.bus.Object(notificationsName, "/org/freedesktop/Notifications").
		CallWithContext(ctx, "org.dunstproject.cmd0.NotificationCloseAll", 0).Err
	if err != nil {
		return fmt.Errorf("close the notifications: %w", err)
	}
	return nil
}
