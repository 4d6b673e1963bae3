package window

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

func TestInspectNeverTellsSecrets(t *testing.T) {
	const secret = "correct-horse-918273"
	b := newBench(t, alwaysDark)
	b.apply(enrolPrompt())
	b.typed(secret)
	b.quiet(secret)
	b.apply(signInPrompt())
	b.typed(secret)
	b.press("Show password")
	b.quiet(secret)
	b.apply(everythingPrompt())
	b.typed("918273")
	d := b.layer.face.(*interacting)
	d.password.input.SetText(secret)
	d.reason.input.SetText("in clear")
	b.quiet(secret, "918273", "'9'", `"9"`)
	if e := b.labels()["Reason"]; e.Text != "in clear" {
		t.Errorf("the reason is %+v", e)
	}
}

func (b *bench) quiet(secrets ...string) {
	b.t.Helper()
	for _, e := range b.elements() {
		for _, s := range secrets {
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, s) {
				b.t.Errorf("Inspect tells %s", text)
			}
		}
		if e.Label == "9" && e.Enabled {
			b.t.Error("Inspect tells a digit of the code")
		}
	}
}

func TestInspectTellsWhereThingsAre(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	found := b.Inspect()
	size := b.canvas().Size()
	cards := 0
	for _, e := range found {
		if e.X < 0 || e.Y < 0 || e.X+e.W > size.Width+1 || e.Y+e.H > size.Height+1 || e.W <= 0 || e.H <= 0 {
			t.Errorf("outside of the window: %+v", e)
		}
		if e.Kind == "card" {
			cards++
		}
	}
	if cards < 6 || cards > 9 {
		t.Errorf("%d cards are visible", cards)
	}
	b.pages.apps.grid.scroll.ScrollToOffset(fyne.NewPos(0, 200))
	for _, e := range b.Inspect() {
		if e.Kind == "card" && e.Y < 130 {
			t.Errorf("a card reaches out of its scroll: %+v", e)
		}
	}
	b.canvas().(interface{ SetScale(float32) }).SetScale(2)
	if e := b.labels()["Applications"]; e.X < 600 {
		t.Errorf("the scale is not applied: %+v", e)
	}
	b.canvas().(interface{ SetScale(float32) }).SetScale(1)
	b.apply(signInPrompt())
	if e := b.labels()["Activity"]; e.Enabled {
		t.Error("what lies below a dialog can be used")
	}
	if e := b.labels()["Password"]; e.Kind != "secret" || !e.Enabled || !e.Focused {
		t.Errorf("the password is %+v", e)
	}
	b.apply(session.State{})
}
