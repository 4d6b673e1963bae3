package notify

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

const (
	service = "org.freedesktop.Notifications"
	path    = "/org/freedesktop/Notifications"
	// appID is the desktop file's name, under which the desktop groups notices.
	appID = "org.tidegate.Tidegate"

	callTimeout  = 5 * time.Second
	clearTimeout = time.Second
	titleWidth   = 100
	bodyWidth    = 400
)

// The keys of a notification's actions.
const (
	actionOpen   = "default" // a click on the notification itself
	actionButton = "verify"
)

// desktop is the notification service, or none.
type desktop struct {
	log     *slog.Logger
	conn    *dbus.Conn // nil: no session bus
	stop    context.CancelFunc
	signals chan *dbus.Signal
	// owner is the connection that is the service, and has given the ids of what
	// shows. Another that takes its place gives the same ones to others' notices:
	// ids are told to their owner alone.
	owner string
	shown board
}

func connect(ctx context.Context, log *slog.Logger) *desktop {
	d := &desktop{log: log, shown: board{}}
	// What shows is taken away after ctx has ended. Until it is there, the
	// connection ends with ctx, and where the bus does not answer.
	began := ctx
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	patience, over := time.AfterFunc(callTimeout, d.stop), context.AfterFunc(began, d.stop)
	defer patience.Stop()
	defer over()
	// In order, however many wait: a click comes before the end of what was clicked.
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err == nil {
		d.conn, d.signals = conn, make(chan *dbus.Signal, 16)
		conn.Signal(d.signals)
		err = conn.Auth(nil)
	}
	if err == nil {
		err = conn.Hello()
	}
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(service), dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(service))
	}
	if err != nil {
		log.Info("no notifications: there is no session bus", "error", err)
		d.close()
		d.conn, d.signals = nil, nil
	}
	return d
}

func (d *desktop) close() {
	if d.conn != nil {
		d.conn.Close()
	}
	d.stop()
}

// clear takes all that shows away.
func (d *desktop) clear() {
	if d.conn == nil || len(d.shown) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), clearTimeout)
	defer cancel()
	for id := range d.shown {
		d.withdraw(ctx, id)
	}
}

// withdraw closes what shows under an id. It may be gone already, and so may its owner.
func (d *desktop) withdraw(ctx context.Context, id uint32) {
	d.conn.Object(d.owner, path).CallWithContext(ctx, service+".CloseNotification", 0, id)
}

// show shows what is new of ns, and takes away what is over.
func (d *desktop) show(ctx context.Context, ns []Notice) {
	if d.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := d.try(ctx, ns)
	for again := 0; err != nil && again < tries-1 && d.handedOver(ctx); again++ {
		err = d.try(ctx, ns)
	}
	if err != nil {
		d.log.Info("a notification was not shown", "error", err)
	}
}

// tries is how often news is told that the service did not take before it ended.
const tries = 3

// handedOver says whether there is a service and it is another than the one that was
// last asked.
func (d *desktop) handedOver(ctx context.Context) bool {
	was := d.owner
	return d.meet(ctx) == nil && d.owner != was
}

// meet finds out who the service is. What another one showed is forgotten.
func (d *desktop) meet(ctx context.Context) error {
	var owner string
	err := d.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, service).Store(&owner)
	if err == nil && owner != d.owner {
		d.owner = owner
		clear(d.shown)
	}
	return err
}

func (d *desktop) try(ctx context.Context, ns []Notice) error {
	to := d.owner
	if slices.ContainsFunc(ns, isNews) {
		to = service // which the bus may start
	} else if len(d.shown) == 0 {
		return nil
	}
	s := d.shown.plan(ns)
	if len(s.news) == 0 {
		for _, id := range s.closes {
			d.withdraw(ctx, id)
		}
		d.shown.done(ns, s, 0, 0)
		return nil
	}
	// Asked each time: the desktop may have gone over to another service.
	var can []string
	if err := d.conn.Object(to, path).CallWithContext(ctx, service+".GetCapabilities", 0).Store(&can); err != nil {
		return err
	}
	if to == service {
		if err := d.meet(ctx); err != nil {
			return err
		}
		s = d.shown.plan(ns)
	}
	var id uint32
	call := d.notify(ctx, bundle(s.news), s.replaces, can)
	if err := call.Store(&id); err != nil {
		return err
	}
	for _, gone := range s.closes {
		d.withdraw(ctx, gone)
	}
	d.shown.done(ns, s, id, call.ResponseSequence)
	return nil
}

// notify shows n as far as the service can.
func (d *desktop) notify(ctx context.Context, n Notice, replaces uint32, can []string) *dbus.Call {
	body, actions := n.Body, []string{}
	if !slices.Contains(can, "actions") {
		body = join(body, n.Else)
	} else {
		if n.Open != nil {
			actions = append(actions, actionOpen, lang.T("Open Tidegate"))
		}
		if n.Button != "" {
			actions = append(actions, actionButton, n.Button)
		}
	}
	body = plaintext.Short(body, bodyWidth)
	if slices.Contains(can, "body-markup") {
		body = escape.Replace(body)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant(appID), "urgency": dbus.MakeVariant(byte(1))}
	return d.conn.Object(d.owner, path).CallWithContext(ctx, service+".Notify", 0, "Tidegate", replaces, appID,
		plaintext.Short(n.Title, titleWidth), body, actions, hints, int32(-1))
}

// escape makes plain text markup that shows as that text.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// signal takes what the service says and returns what the user wants by it.
func (d *desktop) signal(s *dbus.Signal) session.Command {
	if s.Sender != d.owner || len(s.Body) < 2 {
		return nil
	}
	id, ok := s.Body[0].(uint32)
	on, known := d.shown[id]
	if !ok || !known || s.Sequence < on.since { // that was of what it replaces
		return nil
	}
	switch s.Name {
	case service + ".NotificationClosed":
		delete(d.shown, id)
	case service + ".ActionInvoked":
		switch s.Body[1] {
		case actionOpen:
			return on.news[0].Open
		case actionButton:
			return on.news[0].Do
		}
	}
	return nil
}
