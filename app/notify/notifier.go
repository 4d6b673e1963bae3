package notify

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sync/errgroup"

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

// Client is the part of the session that a Notifier needs.
type Client interface {
	Watch(ctx context.Context) iter.Seq[session.State]
	Do(ctx context.Context, cmd session.Command) error
}

// Options make a Notifier. Client is needed.
type Options struct {
	Client Client
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Notifier shows notices on the desktop. Tell is safe for concurrent use.
type Notifier struct {
	o    Options
	told chan Notice
}

// New makes a Notifier; Run starts it.
func New(o Options) *Notifier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Notifier{o: o, told: make(chan Notice, 8)}
}

// Tell shows n as soon as may be. It does not block; of too many some are lost.
func (n *Notifier) Tell(notice Notice) {
	select {
	case n.told <- notice:
	default:
	}
}

// Run shows what the states' differences give, and what Tell is told, until
// ctx ends; then it takes away what still shows, whose buttons would do nothing any
// more, and returns nil.
func (n *Notifier) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	states, notices := make(chan session.State), make(chan Notice)
	g.Go(func() error {
		for s := range n.o.Client.Watch(ctx) {
			select {
			case states <- s:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	g.Go(func() error {
		var p pace
		p.follow(ctx, states, func(all []Notice) {
			for _, notice := range all {
				select {
				case notices <- notice:
				case <-ctx.Done():
				}
			}
		})
		return nil
	})
	g.Go(func() error {
		n.own(ctx, notices)
		return nil
	})
	return g.Wait()
}

// own is the one goroutine that knows what shows.
func (n *Notifier) own(ctx context.Context, notices <-chan Notice) {
	d := connect(ctx, n.o.Log)
	defer func() { d.clear(); d.close() }()
	show := func(notice Notice) {
		if d.conn == nil && !notice.Over { // a bus may have come, or come again
			d = connect(ctx, n.o.Log)
		}
		d.show(ctx, notice)
	}
	for {
		select {
		case notice := <-notices:
			show(notice)
		case notice := <-n.told:
			show(notice)
		case s, ok := <-d.signals:
			if !ok { // the bus is gone
				d.close()
				d.conn, d.signals = nil, nil
				continue
			}
			if cmd := d.signal(s); cmd != nil {
				n.do(ctx, cmd)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (n *Notifier) do(ctx context.Context, cmd session.Command) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := n.o.Client.Do(ctx, cmd); err != nil {
		n.Tell(Failed(err))
	}
}

// desktop is the notification service, or none.
type desktop struct {
	log     *slog.Logger
	conn    *dbus.Conn // nil: no session bus
	stop    context.CancelFunc
	signals chan *dbus.Signal
	shown   map[uint32]Notice
}

func connect(ctx context.Context, log *slog.Logger) *desktop {
	d := &desktop{log: log, shown: map[uint32]Notice{}}
	// What shows is taken away after ctx has ended. Until it is there, the
	// connection ends with ctx, and where the bus does not answer.
	began := ctx
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	patience, over := time.AfterFunc(callTimeout, d.stop), context.AfterFunc(began, d.stop)
	defer patience.Stop()
	defer over()
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
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
		d.conn.Object(service, path).CallWithContext(ctx, service+".CloseNotification", 0, id) // it may be gone already
	}
}

func (d *desktop) show(ctx context.Context, n Notice) {
	if d.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	object := d.conn.Object(service, path)
	var replaces uint32
	for id, shown := range d.shown {
		if shown.Key == n.Key {
			replaces = id
		}
	}
	if n.Over {
		if replaces != 0 {
			delete(d.shown, replaces)
			object.CallWithContext(ctx, service+".CloseNotification", 0, replaces) // it may be gone already
		}
		return
	}
	// Asked each time: the desktop may have gone over to another service.
	var can []string
	if err := object.CallWithContext(ctx, service+".GetCapabilities", 0).Store(&can); err != nil {
		d.log.Info("a notification was not shown", "error", err)
		return
	}
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
	var id uint32
	err := object.CallWithContext(ctx, service+".Notify", 0, "Tidegate", replaces, appID,
		plaintext.Short(n.Title, titleWidth), body, actions, hints, int32(-1)).Store(&id)
	if err != nil {
		d.log.Info("a notification was not shown", "error", err)
		return
	}
	delete(d.shown, replaces)
	d.shown[id] = n
}

// escape makes plain text markup that shows as that text.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// signal takes what the service says and returns what the user wants by it.
func (d *desktop) signal(s *dbus.Signal) session.Command {
	if len(s.Body) < 2 {
		return nil
	}
	id, ok := s.Body[0].(uint32)
	n, known := d.shown[id]
	if !ok || !known {
		return nil
	}
	switch s.Name {
	case service + ".NotificationClosed":
		delete(d.shown, id)
	case service + ".ActionInvoked":
		switch s.Body[1] {
		case actionOpen:
			return n.Open
		case actionButton:
			return n.Do
		}
	}
	return nil
}
