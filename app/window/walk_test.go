package window

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/google/go-cmp/cmp"
)

// What everybody has to be able to see and to press: WCAG 2.2, AA.
const (
	leastTarget   = 24  // pixels, of what is pressed
	leastContrast = 4.5 // of a text with what lies under it
	leastSign     = 3   // of a sign that is not text
)

// wordy are the scenes with many words in narrow places.
var wordy = []string{"home", "home-signed-out", "applications", "apps-list", "detail-needs-you", "detail-flows", "today", "activity", "settings", "menu",
	"choice", "stopped", "sign-in-locked", "enrol", "enrolments", "lost", "quit", "vpn", "vpn-edit", "vpn-trust", "diag", "search-none"}

// Every page, dialog and banner is walked in both themes, with usual and with
// large texts, in the least window, the least that is not narrow, the usual one and a
// wide one, as far as one does not tell what another has told: no text is cut, lies on
// another or is too faint; whatever can be pressed is large enough, has a name, is
// reached by Tab, and shows that it has been; and no colour stands without a sign or a
// word. In other languages those are walked that have the most words, and in what room
// there is least of.
func TestEverybodyCanUseIt(t *testing.T) {
	for _, l := range []struct {
		choice  appearance
		percent int
		tag     string
	}{{alwaysDark, 100, ""}, {alwaysDark, 150, ""}, {alwaysLight, 150, ""}, {alwaysDark, 100, "de"}, {alwaysDark, 150, "de"}, {alwaysDark, 100, "fr"}, {alwaysDark, 100, "es"}} {
		for i, c := range scenes() {
			if i%oneIn != 0 || strings.HasPrefix(c.name, "small-") {
				continue // each is walked in a small window anyway
			}
			if l.tag != "" && (oneIn > 1 || !slices.Contains(wordy, c.name)) {
				continue
			}
			t.Run(fmt.Sprintf("%s-%s-%d%s", c.name, l.choice, l.percent, l.tag), func(t *testing.T) {
				english(t)
				c.state.Choices.Language = l.tag
				b := newSized(t, l.choice, l.percent)
				b.apply(c.state)
				if c.do != nil {
					c.do(b)
				}
				sizes := []fyne.Size{fyne.NewSize(1900, 1000), b.root.fitting(fyne.NewSize(defaultWidth, defaultHeight)),
					fyne.NewSize(leastWide(), b.root.MinSize().Height), b.root.MinSize()}
				switch {
				case l.tag != "":
					sizes = sizes[2:] // wide, and narrow
				case l.choice == alwaysLight:
					sizes = sizes[1:2] // the colours alone are others
				case l.percent > 100:
					sizes = sizes[1:] // there is room in a wide one
				}
				for _, size := range sizes {
					b.win.Resize(size.Max(b.root.MinSize()))
					s := b.survey()
					s.judge()
					for _, f := range s.faults {
						t.Errorf("%v: %s", b.canvas().Size(), f)
					}
				}
				if l.choice == alwaysDark && l.percent > 100 && l.tag == "" {
					b.tour()
				}
			})
		}
	}
}

// The size of text changes at once, whatever is open: what is there then is what
// a window that has it from the beginning shows, and where.
func TestTextSizeChangesAtOnce(t *testing.T) {
	seen := map[string][]Element{}
	for _, first := range []int{150, 100} {
		for _, c := range scenes() {
			if !slices.Contains([]string{"detail-terms", "settings", "vpn-edit"}, c.name) {
				continue
			}
			t.Run(fmt.Sprintf("%s-%d", c.name, first), func(t *testing.T) {
				b := newSized(t, alwaysDark, first)
				b.apply(c.state)
				c.do(b)
				if first == 150 {
					seen[c.name] = b.elements()
					return
				}
				b.chooseText(150)
				if d := cmp.Diff(seen[c.name], b.elements()); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// judge finds what is wrong with what was seen.
func (s *survey) judge() {
	for i, a := range s.texts {
		for _, b := range s.texts[:i] {
			if m := a.ink.meet(b.ink); m.right-m.left > 2 && m.bottom-m.top > 3 {
				s.fault("%q lies on %q", a.text, b.text)
			}
		}
	}
	for _, x := range s.targets {
		if w, h := x.at.right-x.at.left, x.at.bottom-x.at.top; w < leastTarget || h < leastTarget {
			s.fault("%s is %.0f by %.0f", x.name, w, h)
		}
		if x.name == "" {
			s.fault("a %T has no name", x.object)
		}
	}
	for _, tinted := range s.tints {
		if !slices.ContainsFunc(s.signs, tinted.near(16).touches) {
			s.fault("at %v something is told by its colour alone", tinted)
		}
	}
}

// tour goes round by Tab.
func (b *bench) tour() {
	b.t.Helper()
	b.canvas().Unfocus()
	seen := map[fyne.CanvasObject]bool{}
	for {
		b.canvas().FocusNext()
		o, ok := b.canvas().Focused().(fyne.CanvasObject)
		if !ok || seen[o] {
			break
		}
		seen[o] = true
		s := b.survey()
		at, ok := s.spots[o]
		if !ok {
			b.t.Errorf("Tab reaches a %T that is not to be seen", o)
			continue
		}
		if seen := at.at.meet(at.clip); seen.bottom-seen.top < min(at.at.bottom-at.at.top, leastTarget) {
			b.t.Errorf("%v: what has the focus, %s, is out of sight", b.canvas().Size(), at.name)
		}
		i := slices.IndexFunc(s.rings, func(r target) bool { return at.at.near(8).touches(r.at) })
		if i < 0 {
			b.t.Errorf("%v: %s does not show that it has the focus", b.canvas().Size(), at.name)
		} else if r := s.rings[i]; r.at.left < r.clip.left-1 || r.at.right > r.clip.right+1 {
			b.t.Errorf("%v: the ring around %s is cut: %v in %v", b.canvas().Size(), at.name, r.at, r.clip)
		}
	}
	for _, x := range b.survey().targets {
		d, can := x.object.(fyne.Disableable)
		// From what is one stop for Tab, the arrow keys lead on to its parts.
		reached := slices.ContainsFunc(x.within, func(o fyne.CanvasObject) bool { return seen[o] })
		if !reached && !(can && d.Disabled()) {
			b.t.Errorf("Tab does not reach %s", x.name)
		}
	}
}
