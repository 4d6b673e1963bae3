package tray

import (
	"strings"
	"sync/atomic"

	"fyne.io/systray"
)

// place is a line of the menu. The desktop chooses by an id what it drew a while ago:
// an id must not stand for something else when the menu has changed meanwhile. So where
// the choice of a line changes there are lines behind it, each with its id and one of
// them shown, and another choice gets the one that was hidden for longest.
type place struct {
	lines []*line
	at    int // which is shown, where one is
	shown Item
	turns int
}

// line is an item of the desktop's menu.
type line struct {
	item  *systray.MenuItem
	label string
	is    atomic.Pointer[choice] // set by the tray, read where the desktop's clicks arrive
	turn  int                    // when it was last shown
}

// behind is how many lines a place has whose choice changes.
const behind = 3

// newPlace adds a place at the menu's end, before anything of the menu shows.
func newPlace(it Item, is choice, fixed bool) *place {
	n := behind
	if fixed {
		n = 1
	}
	p := &place{}
	for range n {
		l := &line{item: systray.AddMenuItem("", "")}
		l.is.Store(&choice{})
		l.item.Hide()
		p.lines = append(p.lines, l)
	}
	p.set(it, is)
	return p
}

// set shows another item, or none, and changes no more than that takes.
func (p *place) set(it Item, is choice) {
	was := p.shown
	p.shown = it
	old := p.lines[p.at]
	if it.Label == "" {
		if was.Label != "" {
			old.item.Hide()
		}
		return
	}
	if it.Do == nil { // grey: nobody can have chosen it
		is = choice{}
	} else {
		p.at = p.lineOf(is)
	}
	l := p.lines[p.at]
	p.turns++
	l.turn = p.turns
	if l != old && was.Label != "" {
		old.item.Hide()
	}
	if *l.is.Load() != is {
		l.is.Store(&is)
	}
	if it.Label != l.label {
		l.label = it.Label
		l.item.SetTitle(mnemonic(it.Label))
	}
	switch {
	case it.Do == nil && !l.item.Disabled():
		l.item.Disable()
	case it.Do != nil && l.item.Disabled():
		l.item.Enable()
	}
	if l != old || was.Label == "" {
		l.item.Show()
	}
}

// lineOf is the line of a choice: its own, or the one that was hidden for longest.
func (p *place) lineOf(is choice) int {
	oldest := 0
	for i, l := range p.lines {
		if *l.is.Load() == is {
			return i
		}
		if l.turn < p.lines[oldest].turn {
			oldest = i
		}
	}
	return oldest
}

// mnemonic keeps an underscore an underscore: in a menu's label a single one
// marks a key.
func mnemonic(label string) string { return strings.ReplaceAll(label, "_", "__") }
