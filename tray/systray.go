package tray

import (
	"context"
	"sync"

	"fyne.io/systray"
)

// shownTray is the icon on the desktop. Its menu has one place for each
// item of a Menu, so that a change of state is a change of labels and never of
// the layout. One goroutine owns it.
type shownTray struct {
	icons  func(i Icon, light bool) []byte
	places []*place
	menu   Menu
	icon   Icon
	light  bool
	bus    int // that it is on
	start  func()
	end    func()
	stop   context.CancelFunc
	clicks sync.WaitGroup
}

// show puts the icon on the desktop. Clicks are of what was shown.
func show(ctx context.Context, m Menu, i Icon, d desk, icons func(Icon, bool) []byte, clicks chan<- choice) *shownTray {
	ctx, stop := context.WithCancel(ctx)
	t := &shownTray{icons: icons, menu: m, icon: i, light: d.light, bus: d.bus, stop: stop}
	click := func(c choice) {
		select {
		case clicks <- c:
		case <-ctx.Done():
		}
	}
	// All of this comes before the start: nothing is announced item by item,
	// and the host's first look sees the whole menu.
	t.start, t.end = systray.RunWithExternalLoop(nil, nil)
	systray.SetTitle("Tidegate")
	setIcon(icons(i, d.light))
	systray.SetTooltip(i.Tooltip)
	systray.SetOnTapped(func() { click(opened) })
	for i, it := range m.items() {
		if ruleAbove(i) {
			systray.AddSeparator()
		}
		p := newPlace(it, m.choice(it), fixed(i))
		t.places = append(t.places, p)
		for _, l := range p.lines {
			t.clicks.Go(func() {
				for {
					select {
					case <-l.item.ClickedCh:
						click(*l.is.Load())
					case <-ctx.Done():
						return
					}
				}
			})
		}
	}
	t.start()
	return t
}

// apply changes what differs and nothing else, on the bus that is there now.
func (t *shownTray) apply(m Menu, i Icon, d desk) {
	if i.State != t.icon.State || d.light != t.light {
		setIcon(t.icons(i, d.light))
	}
	if i.Tooltip != t.icon.Tooltip {
		systray.SetTooltip(i.Tooltip)
	}
	t.icon, t.light = i, d.light
	if m != t.menu {
		t.menu = m
		for n, it := range m.items() {
			t.places[n].set(it, m.choice(it))
		}
	}
	if d.host && d.bus != t.bus {
		t.bus = d.bus
		t.start()
	}
}

// setIcon has the library keep a picture. Where the bus is gone it panics then, and
// with nothing of it locked: that is left to watchDesk to see.
func setIcon(picture []byte) {
	defer func() { _ = recover() }()
	systray.SetIcon(picture)
}

// remove takes the icon away; it cannot be shown again in this process.
func (t *shownTray) remove() {
	t.stop()
	t.clicks.Wait()
	// The library's end panics where its start could not reach the bus, which
	// may die at any moment; all that is left to do then is to go.
	defer func() { _ = recover() }()
	t.end()
}
