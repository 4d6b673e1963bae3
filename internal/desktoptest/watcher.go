package desktoptest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
	itemFace    = "org.kde.StatusNotifierItem"
	menuFace    = "com.canonical.dbusmenu"
	menuPath    = "/StatusNotifierItem/menu"
)

// Watcher is a tray host: what registers with it can be read and clicked.
type Watcher struct {
	t       testing.TB
	conn    *dbus.Conn
	mu      sync.Mutex
	items   []dbus.BusObject
	signals map[string]int
}

// NewWatcher puts a tray host on the bus, until its test ends or Close.
func NewWatcher(t testing.TB, address string) *Watcher {
	t.Helper()
	w := &Watcher{t: t, conn: Connect(t, address), signals: map[string]int{}}
	if err := w.conn.Export(registrar{w}, watcherPath, watcherName); err != nil {
		t.Fatal(err)
	}
	signals := make(chan *dbus.Signal, 1024)
	w.conn.Signal(signals)
	for _, face := range []string{itemFace, menuFace} {
		if err := w.conn.AddMatchSignal(dbus.WithMatchInterface(face)); err != nil {
			t.Fatal(err)
		}
	}
	go func() { // ends when the connection closes
		for s := range signals {
			w.mu.Lock()
			w.signals[s.Name[strings.LastIndexByte(s.Name, '.')+1:]]++
			w.mu.Unlock()
		}
	}()
	own(t, w.conn, watcherName)
	return w
}

// Close takes the host off the bus, as a panel that crashes.
func (w *Watcher) Close() { w.conn.Close() }

type registrar struct{ w *Watcher }

// RegisterStatusNotifierItem implements the watcher's one method.
func (r registrar) RegisterStatusNotifierItem(sender dbus.Sender, service string) *dbus.Error {
	path := dbus.ObjectPath("/StatusNotifierItem")
	dest := service
	if strings.HasPrefix(service, "/") {
		path, dest = dbus.ObjectPath(service), string(sender)
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.items = append(r.w.items, r.w.conn.Object(dest, path))
	return nil
}

// Registered is how many items have registered.
func (w *Watcher) Registered() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.items)
}

// Signals is how many signals of that name ("LayoutUpdated") have come.
func (w *Watcher) Signals(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.signals[name]
}

// item is the one that registered last; it waits for it.
func (w *Watcher) item() dbus.BusObject {
	w.t.Helper()
	Eventually(w.t, "a tray icon", func() bool { return w.Registered() > 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.items[len(w.items)-1]
}

// Property reads a property of the icon ("Title", "ItemIsMenu").
func (w *Watcher) Property(name string) any {
	w.t.Helper()
	v, err := w.item().GetProperty(itemFace + "." + name)
	if err != nil {
		w.t.Fatalf("read %s: %v", name, err)
	}
	return v.Value()
}

// Tooltip is the icon's tooltip.
func (w *Watcher) Tooltip() string {
	w.t.Helper()
	fields, ok := w.Property("ToolTip").([]any)
	if !ok || len(fields) != 4 {
		w.t.Fatalf("tooltip is %v", fields)
	}
	return fmt.Sprint(fields[2])
}

// Pixmap is the icon's picture: its width, height and ARGB bytes.
func (w *Watcher) Pixmap() (width, height int32, argb []byte) {
	w.t.Helper()
	v := w.Property("IconPixmap").([][]any)
	if len(v) != 1 {
		w.t.Fatalf("the icon has %d pictures", len(v))
	}
	return v[0][0].(int32), v[0][1].(int32), v[0][2].([]byte)
}

// Activate clicks the icon.
func (w *Watcher) Activate() {
	w.t.Helper()
	if err := w.item().Call(itemFace+".Activate", 0, int32(0), int32(0)).Err; err != nil {
		w.t.Fatalf("click the icon: %v", err)
	}
}

// MenuItem is a visible item of the icon's menu.
type MenuItem struct {
	ID      int32
	Label   string // without mnemonics; "---" for a separator
	Enabled bool
}

type layout struct {
	ID       int32
	Props    map[string]dbus.Variant
	Children []dbus.Variant
}

func (w *Watcher) menu() dbus.BusObject {
	return w.conn.Object(w.item().Destination(), menuPath)
}

// Menu reads the menu as a panel shows it: what is hidden is left out.
func (w *Watcher) Menu() []MenuItem {
	w.t.Helper()
	var revision uint32
	var root layout
	if err := w.menu().Call(menuFace+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
		w.t.Fatalf("read the menu: %v", err)
	}
	var items []MenuItem
	for _, c := range root.Children {
		var l layout
		if err := dbus.Store([]any{c.Value()}, &l); err != nil {
			w.t.Fatal(err)
		}
		if v, ok := l.Props["visible"].Value().(bool); ok && !v {
			continue
		}
		it := MenuItem{ID: l.ID, Enabled: true}
		it.Label, _ = l.Props["label"].Value().(string)
		it.Label = strings.ReplaceAll(it.Label, "__", "_")
		if l.Props["type"].Value() == "separator" {
			it.Label = "---"
		}
		if e, ok := l.Props["enabled"].Value().(bool); ok {
			it.Enabled = e
		}
		items = append(items, it)
	}
	return items
}

// MenuText writes the menu, one item a line, grey ones in parentheses.
func (w *Watcher) MenuText() string {
	w.t.Helper()
	var b strings.Builder
	for _, it := range w.Menu() {
		label := it.Label
		if !it.Enabled {
			label = "(" + label + ")"
		}
		b.WriteString(label + "\n")
	}
	return b.String()
}

// Click chooses the item with that label.
func (w *Watcher) Click(label string) {
	w.t.Helper()
	items := w.Menu()
	i := slices.IndexFunc(items, func(it MenuItem) bool { return it.Label == label })
	if i < 0 {
		w.t.Fatalf("the menu has no item %q:\n%s", label, w.MenuText())
	}
	w.Press(items[i])
}

// Press chooses an item that Menu has returned, without another look at the
// menu: the library that draws it answers a second look with a data race.
func (w *Watcher) Press(it MenuItem) {
	w.t.Helper()
	err := w.menu().Call(menuFace+".Event", 0, it.ID, "clicked", dbus.MakeVariant(0), uint32(0)).Err
	var said dbus.Error
	if errors.As(err, &said) && said.Name == "org.freedesktop.DBus.Error.NoReply" {
		return // whom the click ends may be gone before it replies
	}
	if err != nil {
		w.t.Fatalf("click %q: %v", it.Label, err)
	}
}
