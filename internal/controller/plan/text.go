package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// WriteText writes the plan for people: the difference, and its effects summed
// up by entitlement and instant, users named where they are few.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	if len(p.Changes) == 0 {
		b.WriteString("No resource changes.\n")
	}
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "  %s\n", c)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	fmt.Fprintf(&b, "\n%s looked at, as of %s.\n", count(p.Sessions, "live session"), p.At.UTC().Format(time.RFC3339))
	groups := p.groups()
	if len(groups) == 0 {
		b.WriteString("Nothing changes for them.\n")
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "  %s\n", g.text(p.At))
	}
	fmt.Fprintf(&b, "\nplan %s\n", p.ID)
	_, err := io.WriteString(w, b.String())
	return err
}

// group are the effects of one kind on one entitlement at one instant.
type group struct {
	Effect
	sessions int
	users    []string
}

func (p *Plan) groups() []*group {
	var out []*group
	for _, e := range p.Effects {
		i := slices.IndexFunc(out, func(g *group) bool {
			return g.Kind == e.Kind && g.Entitlement == e.Entitlement && g.At.Equal(e.At) && g.Was.Equal(e.Was) && g.Reason == e.Reason && slices.Equal(g.Cure, e.Cure)
		})
		if i < 0 {
			out, i = append(out, &group{Effect: e}), len(out)
		}
		g := out[i]
		g.sessions++
		if !slices.Contains(g.users, e.User) {
			g.users = append(g.users, e.User)
		}
	}
	return out
}

// maxNamed is how many users are named; of more the number is told.
const maxNamed = 5

func (g *group) text(now time.Time) string {
	who := count(g.sessions, "session") + " of " + count(len(g.users), "user")
	if len(g.users) <= maxNamed {
		who += " (" + strings.Join(g.users, ", ") + ")"
	}
	at := "now"
	if g.At.After(now) {
		at = "at " + clock(g.At)
	}
	why := ""
	if g.Reason != "" {
		why = ": " + string(g.Reason)
	}
	switch g.Kind {
	case Ends:
		return "ends now: " + who
	case Loses:
		if len(g.Cure) > 0 {
			who += ", until " + kindsOf(g.Cure) + " is answered"
		}
		return fmt.Sprintf("%s is lost now by %s%s", g.Entitlement, who, why)
	case Prompted:
		return fmt.Sprintf("%s asks for %s %s: %s", g.Entitlement, kindsOf(g.Cure), at, who)
	case Sooner, Later:
		return fmt.Sprintf("%s ends %s instead of %s for %s%s", g.Entitlement, when(g.At), when(g.Was), who, why)
	case Unknown:
		return fmt.Sprintf("%s is decided by a script at the gateway for %s", g.Entitlement, who)
	case Differs:
		return fmt.Sprintf("%s leads to other destinations for %s", g.Entitlement, who)
	case Gains:
		if len(g.Cure) > 0 {
			return fmt.Sprintf("%s is gained now, for %s, by %s", g.Entitlement, kindsOf(g.Cure), who)
		}
		return fmt.Sprintf("%s is gained %s by %s", g.Entitlement, at, who)
	}
	return fmt.Sprintf("%s %s: %s", g.Entitlement, g.Kind, who)
}

func kindsOf(list []wire.InteractionKind) string {
	words := make([]string, 0, len(list))
	for _, k := range list {
		words = append(words, string(k))
	}
	return strings.Join(words, " and ")
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return "at " + clock(t)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
