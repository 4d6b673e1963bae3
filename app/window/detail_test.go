package window

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestOpeningApplications(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	b.press("Order desk")
	b.press("Open in browser")
	if got := b.sent(); got != (session.OpenApp{App: "orders"}) {
		t.Errorf("sent %#v", got)
	}
	b.key(fyne.KeyEscape)
	b.press("Bastion host")
	b.press("Copy Local address")
	if got := b.app.Clipboard().Content(); got != "127.83.14.6:2222" {
		t.Errorf("copied %q", got)
	}
	b.press("Copy Decision")
	if got := b.app.Clipboard().Content(); got != "d-9c4b7v2n" {
		t.Errorf("copied %q", got)
	}
	b.press("Copy command")
	if got := b.app.Clipboard().Content(); got != "ssh -p 2222 127.83.14.6" {
		t.Errorf("copied %q", got)
	}
	b.says(openedWord(session.OpenTerminal))
	if got := b.sent(); got != nil {
		t.Errorf("sent %#v", got)
	}
	if e := b.labels()["Close"]; !e.Enabled {
		t.Error("the layer cannot be closed")
	}
	test.TapCanvas(b.canvas(), fyne.NewPos(5, 5))
	if b.layer.modal != nil {
		t.Error("a press beside the layer does not close it")
	}
}

func TestDetailSaysWhatDecides(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(denied(false))
	b.pages.apps.open("scada")
	b.says("What decides", "One-time code", "answered 13:30", "Firewall", "off", "Agent running", "not reported", "Since", "14:18:35", "d-2w8h5t1x")
	b.silent("Your administrator hides the values.")
	b.press("Enter a code")
	if got := b.sent(); got != (session.ShowPrompt{App: "scada"}) {
		t.Errorf("sent %#v", got)
	}
	b.apply(denied(true))
	b.says("One-time code", "This device", "Something that is not known", "Your administrator hides the values.")
	b.silent("Firewall", "off", "answered 13:30")
	s := denied(false)
	for range 5 {
		s.Apps[3].Failing = append(s.Apps[3].Failing, session.Failing{Kind: wire.ReasonGroup, Title: "Groups"})
	}
	b.apply(s)
	b.says("3 more")
	b.apply(signedIn())
	b.silent("What decides", "Firewall")
}

// Until is when access ends, and of what is denied when it is decided again.
func TestDetailSaysWhatUntilMeans(t *testing.T) {
	for _, c := range []struct {
		name    string
		state   session.AppState
		allowed bool
		want    string
	}{
		{"in use", session.AppInUse, true, "Access until"},
		{"about to lapse", session.AppNeedsYou, true, "Access until"},
		{"denied, and curable", session.AppNeedsYou, false, "Decided again"},
		{"denied", session.AppBlocked, false, "Decided again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := signedIn()
			a := &s.Apps[1]
			a.State, a.Allowed, a.Until = c.state, c.allowed, noon.Add(9*time.Minute+5*time.Second)
			if v := detailOf(s, a); v.untilIs != c.want || v.until != "14:45:05" {
				t.Errorf("%q %q", v.untilIs, v.until)
			}
		})
	}
}
