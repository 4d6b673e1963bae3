package window

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/colorscheme"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Client is the tray process, as the window sees it.
type Client interface {
	// Watch yields each state, the latest first, until ctx ends or the client does.
	Watch(ctx context.Context) iter.Seq[session.State]
	// Do sends a command; see session.Command for what its error means.
	Do(ctx context.Context, c session.Command) error
	// Diagnose finds out what is wrong, which takes some seconds. told is called with
	// the progress, on the caller's goroutine.
	Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error)
	// History tells of what happened, further back than a state does.
	History(ctx context.Context, q session.HistoryQuery) (session.History, error)
}

// Options are all optional.
type Options struct {
	// OnClose is called on Fyne's thread after the user closed the window,
	// which is hidden by then. Nil: closing ends the window.
	OnClose func()
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log is where programming faults go; nil: nowhere. No text of the user's
	// is ever logged.
	Log *slog.Logger
}

// Window is the window. New makes it on Fyne's thread; Run feeds it.
type Window struct {
	app     fyne.App
	win     fyne.Window
	client  Client
	options Options
	look    *look
	thread  func(func()) // enters Fyne's thread; tests have none to enter
	follow  func(context.Context, func(*time.Location)) error
	schemes func(context.Context, func(colorscheme.Scheme)) error

	clock clock
	queue chan order
	asks  chan question
	slow  chan question // those that take long

	state  session.State
	seen   bool           // a state has been rendered
	spoken string         // the language of what it shows
	zone   *time.Location // and its time zone
	hidden bool           // nobody looks
	raised uint64         // the last Window.Seq that was obeyed

	root  *root
	side  *side
	pages *pages

	layer layer // what lies over the window now
	menu  bool  // the user's menu is open

	forgetting wire.DeviceID // whose enrolment waits for a confirmation to be removed
	ending     bool          // quitting waits for a confirmation
	stopped    func()        // starts the client, which has died, again; nil: it has not
	detail     wire.AppID    // the application that is looked at; empty: none
	toast      *toast
	hint       *hint

	diagnosis *diagnosing // that the user asked for; nil: none
}

// order is a command on its way, and what becomes of it.
type order struct {
	command session.Command
	done    func(error) // on Fyne's thread; may be nil
}

// question asks the client for what no state holds. It runs beside Fyne's thread;
// what it returns runs on it, and may be nil.
type question func(ctx context.Context) func()

// ask has a question asked after those before it, and says whether it will be.
func (w *Window) ask(q question) bool {
	select {
	case w.asks <- q:
		return true
	default:
		return false
	}
}

// askSlow is ask for what takes long: it holds up none of those.
func (w *Window) askSlow(q question) bool {
	select {
	case w.slow <- q:
		return true
	default:
		return false
	}
}

// New builds the window, hidden, with the state of a client that has not
// spoken yet. Call it, Show and everything of Fyne's on Fyne's thread.
func New(a fyne.App, c Client, o Options) *Window {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Window{app: a, client: c, options: o, queue: make(chan order, 32), asks: make(chan question, 8), slow: make(chan question, 2), thread: fyne.Do, follow: timezone.Follow, schemes: schemes}
	w.clock.wake = make(chan struct{}, 1)
	translate()
	w.spoken, w.zone = lang.Tag(), timezone.Local()
	w.wear(appearance(a.Preferences().StringWithFallback(prefAppearance, string(followSystem))))
	w.win = a.NewWindow(words.title)
	w.win.SetIcon(assets.AppIcon())
	w.win.SetPadded(false)
	w.toast, w.hint = newToast(), newHint()
	w.side = w.newSide()
	w.pages = w.newPages()
	w.root = newRoot(w)
	w.win.SetContent(w.root)
	w.bindKeys()
	w.restoreSize()
	w.win.SetCloseIntercept(w.closed)
	w.apply(session.State{At: o.Now()})
	return w
}

func (w *Window) canvas() fyne.Canvas { return w.win.Canvas() }

// Show maps the window, or raises it.
func (w *Window) Show() {
	w.win.Show()
	w.win.RequestFocus()
	if w.hidden {
		w.hidden = false
		w.pages.today.look()
	}
}

// Hide unmaps the window and remembers its size.
func (w *Window) Hide() {
	w.saveSize()
	w.hidden = true
	w.win.Hide()
}

func (w *Window) closed() {
	w.Hide()
	if w.options.OnClose != nil {
		w.options.OnClose()
		return
	}
	w.win.SetCloseIntercept(nil)
	w.win.Close()
}

// The preferences.
const (
	prefAppearance = "appearance"
	prefWidth      = "window.width"
	prefHeight     = "window.height"
)

// The window's size, in Fyne's units, until the user chose another.
const (
	defaultWidth  = 1160
	defaultHeight = 760
)

func (w *Window) restoreSize() {
	p := w.app.Preferences()
	size := fyne.NewSize(float32(p.FloatWithFallback(prefWidth, defaultWidth)), float32(p.FloatWithFallback(prefHeight, defaultHeight)))
	w.win.Resize(w.root.fitting(size))
}

func (w *Window) saveSize() {
	s := w.canvas().Size()
	w.app.Preferences().SetFloat(prefWidth, float64(s.Width))
	w.app.Preferences().SetFloat(prefHeight, float64(s.Height))
}

// choose changes the theme and keeps the choice.
func (w *Window) choose(a appearance) {
	w.app.Preferences().SetString(prefAppearance, string(a))
	w.wear(a)
	w.pages.settings.chosen(a)
}

// wear sets the theme, unless it is the one that is set: Fyne reads all fonts
// again for it.
func (w *Window) wear(a appearance) {
	next := look{choice: a, text: textScale(w.app.Preferences())}
	if w.look != nil {
		next.desktop = w.look.desktop
	}
	w.put(next)
}

func (w *Window) put(next look) {
	if worn, ok := w.app.Settings().Theme().(*look); ok && *worn == next {
		w.look = worn
		return
	}
	w.look = &next
	w.app.Settings().SetTheme(w.look)
}

// do sends a command; done, where it is not nil, hears on Fyne's thread what
// became of it, in place of the user.
func (w *Window) do(c session.Command, done func(error)) {
	full := done
	if done == nil {
		full = func(err error) { w.say(err.Error()) }
		done = func(err error) {
			if err != nil {
				w.say(fmt.Sprintf(words.failed, err))
			}
		}
	}
	select {
	case w.queue <- order{c, done}:
	default:
		full(errors.New(words.busy))
	}
}

// copy puts text on the clipboard and says so.
func (w *Window) copy(text, said string) {
	w.app.Clipboard().SetContent(text)
	w.say(said)
}
