package window

import (
	"testing"

	"fyne.io/fyne/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/session"
)

func TestQuitAsksOnlyWhereItCutsSomething(t *testing.T) {
	b := newBench(t, alwaysDark)
	quiet := signedOut()
	b.apply(quiet)
	b.quit()
	if got := b.sent(); got != (session.Quit{}) {
		t.Errorf("sent %#v", got)
	}
	b.apply(signedIn())
	b.quit()
	if got := b.sent(); got != nil {
		t.Fatalf("sent %#v without a question", got)
	}
	b.says("2 applications are in use. Quitting closes their connections.")
	b.key(fyne.KeyEscape)
	quiet.VPN = vpnUp().VPN
	b.apply(quiet)
	b.quit()
	if got := b.sent(); got != nil {
		t.Fatalf("sent %#v without a question, and a VPN is connected", got)
	}
	b.says("The VPN Head office is connected. Quitting disconnects it.")
	b.key(fyne.KeyEscape)
	b.apply(signedIn())
	b.quit()
	b.press("Quit")
	if d := cmp.Diff(session.Command(session.Quit{}), b.sent()); d != "" {
		t.Error(d)
	}
}
