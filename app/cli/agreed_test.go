package cli

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

func TestAgreed(t *testing.T) {
	t.Cleanup(func() { lang.Set("en") })
	for tag, answers := range map[string]string{
		"en": "yes Yes YES -ja -y -no -yess",
		"de": "ja Ja yes -oui -nein -j",
		"fr": "oui OUI yes -si",
		"es": "sí si SÍ Si yes s\u0069\u0301 -no -s",
	} {
		lang.Set(tag)
		for _, given := range strings.Fields(answers) {
			word, no := strings.CutPrefix(given, "-")
			if agreed(" "+word+"\r") == no {
				t.Errorf("%s: %q agrees: %v", tag, word, !no)
			}
		}
		if agreed("") {
			t.Errorf("%s: nothing agrees", tag)
		}
	}
}

// The word that is asked for is the one that agrees.
func TestYesInTheUsersLanguage(t *testing.T) {
	t.Cleanup(func() { lang.Set("en") })
	src := &apptest.Source{}
	s := kept()
	s.Choices.Language = "de"
	src.Publish(s)
	src.Answer = func(cmd session.Command) error {
		src.Change(func(s *session.State) { carryOut(s, cmd) })
		return nil
	}
	if got := invoke(t, src, "nein\n", "forget", "d2"); got.code != Denied || got.err != "tidegate: nichts wurde vergessen; das tut nur ja oder --yes\n" {
		t.Errorf("%+v", got)
	}
	if got := invoke(t, src, "ja\n", "forget", "d2"); got.code != Done || len(src.Commands()) != 1 {
		t.Errorf("%+v", got)
	}
}
