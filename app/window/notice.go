package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// notice is a tinted box that says what is so, what that means and what to do,
// with what was seen folded away below a button.
type notice struct {
	*line
	shows            noticeView
	back             *surface
	glyph            *glyph
	title, text, fix *paragraph
	fold             *button
	evidence         *paragraph
	open             bool
	unfolded         func() // the box has another height now
}

// noticeView is what a notice says; whatever is empty is left out.
type noticeView struct {
	tone                       tone
	icon                       string
	title, text, fix, evidence string
}

func (w *Window) newNotice(unfolded func()) *notice {
	n := &notice{unfolded: unfolded, back: newSurface(roleWarnSoft, "", 12), glyph: newGlyph("warning", true, 22, roleWarn)}
	n.title = newParagraph("", font{size: 14, weight: assets.SemiBold, role: roleText}, 0)
	n.text = newParagraph("", font{size: 13, role: roleMuted}, 0)
	n.fix = newParagraph("", font{size: 13, weight: assets.Medium, role: roleText}, 0)
	n.evidence = newParagraph("", font{size: 12, role: roleMuted, mono: true}, 0)
	n.fold = w.newButton(quiet, vpnWords.details, "chevron_right", n.toggle)
	n.fold.high, n.fold.left = 30, true
	n.fold.label.font.size = 13
	n.fold.label.Refresh()
	fold := newLine(0, insets{left: -12}, nil, n.fold)
	texts := newStack(3, insets{}, nil, n.title, n.text, n.fix, fold, n.evidence)
	n.line = newLine(12, insets{12, 16, 12, 14}, n.back, n.glyph, texts).growing(texts)
	n.line.top = true
	return n
}

// toggle shows or folds what was seen.
func (n *notice) toggle() {
	n.open = !n.open
	n.draw()
	n.unfolded()
}

// set says something else, and tells whether it did.
func (n *notice) set(v noticeView) bool {
	if n.shows == v {
		return false
	}
	n.shows = v
	n.draw()
	return true
}

func (n *notice) draw() {
	v := n.shows
	n.back.set(v.tone.soft(), "")
	n.glyph.set(v.icon, true, v.tone.ink())
	n.title.set(v.title)
	n.text.set(v.text)
	n.fix.set(v.fix)
	n.evidence.set(v.evidence)
	icon := "chevron_right"
	if n.open {
		icon = "keyboard_arrow_down"
	}
	n.fold.set(vpnWords.details, icon)
	n.fold.name = captioned(vpnWords.details, v.title)
	shown(n.text, v.text != "")
	shown(n.fix, v.fix != "")
	shown(n.fold, v.evidence != "")
	shown(n.evidence, v.evidence != "" && n.open)
	shown(n.line, v.title != "")
}

// notices are some of them below each other.
type notices struct {
	*stack
	w        *Window
	all      map[string]*notice
	unfolded func()
}

func (w *Window) newNotices(gap float32, unfolded func()) *notices {
	return &notices{stack: newStack(gap, insets{}, nil), w: w, all: map[string]*notice{}, unfolded: unfolded}
}

// set shows one notice for each key, in that order; what was unfolded stays so.
func (n *notices) set(keys []string, views []noticeView) {
	kept := map[string]*notice{}
	items := make([]fyne.CanvasObject, len(keys))
	for i, k := range keys {
		for kept[k] != nil {
			k += " again"
		}
		box := n.all[k]
		if box == nil {
			box = n.w.newNotice(n.unfolded)
		}
		box.set(views[i])
		kept[k], items[i] = box, box.line
	}
	n.all = kept
	n.stack.set(items...)
	shown(n.stack, len(items) > 0)
}
