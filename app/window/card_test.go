package window

import (
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

// Whatever keeps an application closed can be read on the narrowest card.
func TestCardSaysWhyInFull(t *testing.T) {
	newBench(t, alwaysDark)
	c := newCard(nil, nil)
	a := session.App{ID: "a", Name: "A", State: session.AppBlocked}
	c.bind(cardOf(&a, noon), false)
	c.Resize(fyne.NewSize(cardLeast, cardHeight))
	room := c.foot.Size().Width
	for _, text := range append(session.Briefs(), words.unknownWhy) {
		if text == "" {
			t.Error("a reason has no brief words")
		}
		if w := c.foot.font.measure(text).Width; w > room {
			t.Errorf("%q is %v wide, and a card has room for %v", text, w, room)
		}
	}
	a.Why = session.Why{Title: "This device does not meet the conditions", Brief: "Short"}
	if v := cardOf(&a, noon); v.foot != "Short" {
		t.Errorf("the card says %q", v.foot)
	}
}
