package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// node is what every widget here is built on: a widget that is its own
// renderer, with functions in place of methods to override. Unlike a renderer
// of Fyne's its parts can be walked, which layout and Inspect need.
type node struct {
	widget.BaseWidget
	parts   []fyne.CanvasObject
	arrange func(fyne.Size)         // places the parts
	least   func() fyne.Size        // the smallest size
	paint   func()                  // gives the node's own primitives their present look
	grows   func(w float32) float32 // the height that a width needs; nil: that of least
	worn    worn                    // what it was painted in
}

// ExtendBaseWidget is called by whatever makes a node, which paints it then.
func (n *node) ExtendBaseWidget(w fyne.Widget) {
	n.BaseWidget.ExtendBaseWidget(w)
	n.worn = wornNow()
}

// CreateRenderer implements fyne.Widget.
func (n *node) CreateRenderer() fyne.WidgetRenderer { return (*view)(n) }

func (n *node) heightFor(w float32) float32 {
	if n.grows != nil {
		return n.grows(w)
	}
	return n.least().Height
}

func (n *node) base() *node { return n }

// view is a node as its renderer.
type view node

func (v *view) Destroy() {}

// Objects implements fyne.WidgetRenderer. Fyne asks for them whenever it draws, and
// refreshes what is there when the theme becomes another: what is put there later may
// have been painted in the one before.
func (v *view) Objects() []fyne.CanvasObject {
	if v.worn != wornNow() {
		v.Refresh()
	}
	return v.parts
}

func (v *view) Layout(s fyne.Size) {
	if v.arrange != nil {
		v.arrange(s)
	}
}

func (v *view) MinSize() fyne.Size {
	if v.least == nil {
		return fyne.Size{}
	}
	return v.least()
}

func (v *view) Refresh() {
	v.worn = wornNow()
	if v.paint != nil {
		v.paint()
	}
}

// heightOf is the height that an object needs when it is w wide.
func heightOf(o fyne.CanvasObject, w float32) float32 {
	if t, ok := o.(interface{ heightFor(w float32) float32 }); ok {
		return t.heightFor(w)
	}
	return o.MinSize().Height
}

// place moves and resizes an object.
func place(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(w, h))
}

// relayout places anew everything below o, after texts or visibility changed:
// an object whose own size stays the same is not laid out by Fyne.
func relayout(o fyne.CanvasObject) {
	if !o.Visible() {
		return
	}
	if b, ok := o.(interface{ base() *node }); ok {
		n := b.base()
		if n.arrange != nil {
			n.arrange(n.Size())
		}
		for _, p := range n.parts {
			relayout(p)
		}
	}
}

// below says how far below the top of root an object is that is somewhere in it.
func below(root, o fyne.CanvasObject) (y float32, ok bool) {
	if root == o {
		return 0, true
	}
	b, branches := root.(interface{ base() *node })
	if !branches || !root.Visible() {
		return 0, false
	}
	for _, p := range b.base().parts {
		if y, ok := below(p, o); ok {
			return p.Position().Y + y, true
		}
	}
	return 0, false
}
