package window

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/session"
)

// Of everything at once the banner says the most urgent, and the next when that is over.
func TestBannerGoesByUrgency(t *testing.T) {
	s := vpnUp() // its warnings come last in the state, and before what can wait
	p := mfaPrompt().Prompt
	p.Dismissed = true
	s.Prompt = p
	informs, warns := informed().Problems[0], competed().Problems[0]
	broken := session.Problem{Code: "broken", Title: "Something does not work"}
	second := session.Problem{Code: "second", Title: "Something else does not work"}
	s.Problems = []session.Problem{informs, warns, broken, second}
	var inTheWay string
	for _, w := range s.VPN.Warnings {
		if inTheWay == "" && hurts(w) {
			inTheWay = w.Title
		}
	}
	var said []string
	say := func() { said = append(said, bannerOf(s).title) }

	s.Control.Phase = session.ControlLost // then nobody would hear an answer
	s.ZTA.Allowed = false
	s.Problems = append(s.Problems, lost().Problems...)
	shut := s
	shut.Problems = lost().Problems
	said = append(said, bannerOf(shut).title)
	s.Control.Phase, s.ZTA.Allowed = session.ControlEstablished, true
	s.Problems = s.Problems[:4]
	say()
	s.Prompt = nil
	say()
	s.Problems = []session.Problem{informs, warns, second}
	say()
	s.Problems = []session.Problem{informs, warns}
	say()
	s.VPN.Warnings = nil
	say()
	s.Problems = []session.Problem{informs}
	say()
	s.Problems = nil
	say()
	want := []string{"The controller is not reached", "Verify to keep Bastion host and Sluice control", broken.Title, second.Title, inTheWay, warns.Title, informs.Title, ""}
	if d := cmp.Diff(want, said); d != "" {
		t.Error(d)
	}
}
