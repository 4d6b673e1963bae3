package window

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Element is one visible thing of the window, for tests from outside: Fyne
// has no tree for assistance yet. Label is what it says or is called, never
// what was typed into a secret field. X, Y, W and H are pixels of the window.
type Element struct {
	Label   string  `json:"label"`
	Kind    string  `json:"kind"` // text, button, tab, check, switch, field, secret, code, card, tile, pin, day, zta, user, enrolment
	X       float32 `json:"x"`
	Y       float32 `json:"y"`
	W       float32 `json:"w"`
	H       float32 `json:"h"`
	Focused bool    `json:"focused"`
	// Enabled: it can be used now. What lies below a dialog cannot.
	Enabled bool `json:"enabled"`
	// Text is what a field holds, and "on" for a check that is ticked and a switch that is on; empty for secrets.
	Text string `json:"text,omitempty"`
}

// Inspect lists what is visible, in the order of Tab. It may be called from
// any goroutine but Fyne's; it is empty when Fyne's loop does not answer.
func (w *Window) Inspect() []Element {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var found []Element
	if w.enter(ctx, func() { found = w.elements() }) != nil {
		return nil
	}
	return found
}

func (w *Window) elements() []Element {
	i := inspection{scale: w.canvas().Scale(), focused: w.canvas().Focused()}
	size := w.canvas().Size()
	i.enabled = w.layer.modal == nil
	i.walk(w.root, fyne.Position{}, area{0, 0, size.Width, size.Height})
	if m := w.layer.modal; m != nil {
		i.enabled = true
		i.walk(m, fyne.Position{}, area{0, 0, size.Width, size.Height})
	}
	return i.found
}

// inspection walks the widgets.
type inspection struct {
	scale   float32
	focused fyne.Focusable
	enabled bool
	found   []Element
}

// area is a rectangle by its corners.
type area struct{ left, top, right, bottom float32 }

func (a area) meet(b area) area {
	return area{max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom)}
}

func (i *inspection) walk(o fyne.CanvasObject, at fyne.Position, clip area) {
	if !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	size := o.Size()
	seen := clip.meet(area{at.X, at.Y, at.X + size.Width, at.Y + size.Height})
	if s, ok := o.(*container.Scroll); ok {
		i.walk(s.Content, at, seen)
		return
	}
	if e, ok := i.describe(o); ok && seen.left < seen.right && seen.top < seen.bottom {
		e.X, e.Y = seen.left*i.scale, seen.top*i.scale
		e.W, e.H = (seen.right-seen.left)*i.scale, (seen.bottom-seen.top)*i.scale
		e.Enabled = e.Enabled && i.enabled
		if f, ok := o.(fyne.Focusable); ok && f == i.focused {
			e.Focused = true
		}
		i.found = append(i.found, e)
	}
	switch o := o.(type) {
	case *input:
		if o.ActionItem != nil {
			i.walk(o.ActionItem, at, seen)
		}
	case interface{ base() *node }:
		switch o.(type) {
		case *button, *codeField, *check, *toggle: // what they are made of says the same, or too much
			return
		}
		for _, p := range o.base().parts {
			i.walk(p, at, clip)
		}
	}
}

func (i *inspection) describe(o fyne.CanvasObject) (Element, bool) {
	switch o := o.(type) {
	case *button:
		kind := "button"
		if o.style == tab {
			kind = "tab"
		}
		return Element{Label: o.name, Kind: kind, Enabled: !o.Disabled()}, true
	case *check:
		e := Element{Label: o.name, Kind: "check", Enabled: !o.Disabled()}
		if o.on {
			e.Text = "on"
		}
		return e, true
	case *toggle:
		e := Element{Label: o.name, Kind: "switch", Enabled: true}
		if o.on {
			e.Text = "on"
		}
		return e, true
	case *input:
		if o.secret {
			return Element{Label: o.name, Kind: "secret", Enabled: !o.Disabled()}, true
		}
		return Element{Label: o.name, Kind: "field", Enabled: !o.Disabled(), Text: o.Text}, true
	case *codeField:
		return Element{Label: o.name, Kind: "code", Enabled: !o.Disabled()}, true
	case *card:
		return Element{Label: o.shows.name, Kind: "card", Enabled: true, Focused: o.cursor}, true
	case *appRow:
		return Element{Label: o.shows.name, Kind: "card", Enabled: true, Focused: o.cursor}, true
	case *tile:
		return Element{Label: o.says(), Kind: "tile", Enabled: true, Focused: o.cursor}, true
	case *tilePin:
		return Element{Label: o.name, Kind: "pin", Enabled: true}, true
	case *todayRowView:
		return Element{Label: o.says, Kind: "day", Enabled: true, Focused: o.cursor}, true
	case *ztaButton:
		return Element{Label: o.shows.says, Kind: "zta", Enabled: true}, true
	case *enrolmentRow:
		return Element{Label: o.says, Kind: "enrolment", Enabled: true}, true
	case *userRow:
		return Element{Label: o.name.text, Kind: "user", Enabled: true}, true
	case *label:
		return Element{Label: o.text, Kind: "text"}, o.text != ""
	case *paragraph:
		return Element{Label: o.text, Kind: "text"}, o.text != ""
	}
	return Element{}, false
}
