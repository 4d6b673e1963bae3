package window

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		at          time.Time
		long, brief string
	}{
		{noon.Add(time.Hour), "15:36", "until 15:36"},
		{noon.Add(12 * time.Hour), "tomorrow 02:36", "until Sat 02:36"},
		{noon.Add(72 * time.Hour), "Mon 14:36", "until Mon 14:36"},
		{noon.Add(20 * 24 * time.Hour), "10 Dec 14:36", "until 10 Dec"},
		{noon.Add(60 * 24 * time.Hour), "19 Jan 2027 14:36", "until 19 Jan"},
		{noon.Add(-24 * time.Hour), "yesterday 14:36", "until 19 Nov"},
		{noon.Add(-48 * time.Hour), "18 Nov 14:36", "until 18 Nov"},
	} {
		if got := moment(c.at, noon); got != c.long {
			t.Errorf("moment: got %q, want %q", got, c.long)
		}
		if got := briefUntil(c.at, noon); got != c.brief {
			t.Errorf("briefUntil: got %q, want %q", got, c.brief)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{countdown(4*time.Minute + 3*time.Second), "Access lapses in 4:03"},
		{countdown(61*time.Minute + time.Second), "Access lapses in 1:01:01"},
		{countdown(-time.Second), "Access has lapsed until you answer"},
		{bytesText(0), "0 B"}, {bytesText(999), "999 B"}, {bytesText(1500), "1.5 kB"}, {bytesText(123456), "123 kB"}, {bytesText(7_300_000_000), "7.3 GB"},
		{listed(nil, 2), "your applications"}, {listed([]string{"A"}, 2), "A"}, {listed([]string{"A", "B"}, 2), "A and B"}, {listed([]string{"A", "B", "C"}, 2), "A, B and 1 more"},
		{hits(9, 9), "9"}, {hits(2, 9), "2 of 9"},
		{sentence(errors.New("the link is damaged; copy it again")), "The link is damaged; copy it again."},
		{sentences("A", "B"), "A. B"}, {sentences("A.", ""), "A."}, {sentences("", "B"), "B"},
		{protocolWord("https"), "Web"}, {protocolWord("ssh"), "SSH"},
		{quitText(session.State{Apps: []session.App{{Flows: 3}}}), "One application is in use. Quitting closes its connections."},
		{cureWord([]wire.InteractionKind{wire.InteractionReason}), "Give a reason"},
		{cureWord([]wire.InteractionKind{wire.InteractionReason, wire.InteractionMFA}), "Verify"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestNamesText(t *testing.T) {
	signedIn := session.User{Name: "ada"}
	on := session.NameService{Mode: "direct", Zones: []string{"corp.example"}}
	for _, tt := range []struct {
		name string
		user session.User
		dns  *session.DNS
		word string
		text string // what must be in there
		tone tone
	}{
		{"signed out", session.User{}, nil, "Off", "Nobody is signed in", neutral},
		{"not yet", signedIn, nil, "Unknown", "Not set up yet", neutral},
		{"on", signedIn, &session.DNS{NameService: on}, "On", "asked for elsewhere", good},
		{"all come here", signedIn, &session.DNS{NameService: session.NameService{Mode: "direct", All: true}}, "On", "passed on", good},
		{"no helper", signedIn, &session.DNS{NameService: session.NameService{Rootless: true}}, "Off", "With tidegate-helper", neutral},
		{"no device", signedIn, &session.DNS{NameService: session.NameService{Why: "There is no device."}}, "Off", "There is no device.", neutral},
		{"wrong", signedIn, &session.DNS{NameService: on, Problem: &session.Problem{Title: "It is bob's", Fix: "Ask him."}}, "Look", "It is bob's. Ask him.", warn},
	} {
		s := session.State{User: tt.user}
		s.Local.DNS = tt.dns
		if word, text, tn := namesText(s); word != tt.word || !strings.Contains(text, tt.text) || tn != tt.tone {
			t.Errorf("%s: %q, %q, %v", tt.name, word, text, tn)
		}
	}
}
