package proxy

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// A page is in the user's language; a program's line is in English.
func TestPagesSpeakTheLanguage(t *testing.T) {
	lang.Set("de")
	defer lang.Set("en")
	p := New(Options{Router: strictRouter{t}})
	p.Apply(session.Wanted{})
	for _, row := range []struct {
		problem *wire.Problem
		want    string
	}{
		{p.notOurs(front.Target{Host: "www.example.com"}), "Es gibt jetzt keine Anwendungen"},
		{unreadable(errors.New("x")), "Das Ziel ist nicht lesbar"},
		{ending(), "Tidegate wird gerade beendet"},
		{&wire.Problem{Code: wire.CodeAppUnreachable, Title: lang.English("The gateway %s does not answer", "gw-1")}, "gw-1"},
	} {
		_, page := describe(row.problem, "text/html")
		if !strings.Contains(page, `<html lang="de">`) || !strings.Contains(page, row.want) || strings.Contains(page, row.problem.Title) {
			t.Errorf("a page says:\n%s", page)
		}
		if _, line := describe(row.problem, "*/*"); !strings.HasPrefix(line, row.problem.Title) {
			t.Errorf("a program is told %q", line)
		}
	}
}
