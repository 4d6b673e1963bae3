package window

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/session"
)

// helpdeskText is what the helpdesk wants to know of an application, as a block of
// text. Its names are English in any language, like a log's, for those who read many.
// It has what the window shows, and no link, command, answer or token.
func helpdeskText(s session.State, a *session.App, now time.Time) string {
	var b strings.Builder
	row := func(name, value string) {
		if value = plaintext.Line(value); value != "" {
			fmt.Fprintf(&b, "%-14s %s\n", name+":", value)
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return timezone.In(t).Format("2006-01-02 15:04:05 -07:00")
	}
	until := "Access until"
	if !a.Allowed && a.State != session.AppReady && a.State != session.AppInUse {
		until = "Decided again"
	}
	row("Application", a.Name+" ("+string(a.ID)+")")
	row("Address", a.Protocol+" "+net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))))
	row("State", string(a.State))
	row("Why", sentences(a.Why.Title, a.Why.Detail))
	row("To do", a.Why.Fix)
	for _, x := range a.Failing {
		if x.Found == "" {
			row("Criterion", x.Title)
			continue
		}
		row("Criterion", strings.TrimSpace(x.Title+": "+x.Found+" "+at(x.Answered)))
	}
	row("Decision", string(a.Decision))
	row("Entitlement", string(a.Entitlement))
	row("Condition", string(a.Why.Condition))
	row("Since", at(a.Since))
	row(until, at(a.Until))
	row("Last used", at(a.LastUsed))
	row("Connections", fmt.Sprintf("%d open, %d at rest, %d cut", a.Flows, a.Parked, a.Cut))
	for _, site := range s.Sites {
		if site.ID == a.Site {
			row("Gateway site", strings.Join(strings.Fields(fmt.Sprintf("%s (%s) %s %s", site.Name, site.ID, site.State, at(site.Since))), " "))
		}
	}
	row("Controller", strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Enrolment.Controller, s.Control.Phase, at(s.Control.Since))))
	row("User", s.Enrolment.User)
	row("Device", string(s.Enrolment.Device))
	row("Tidegate", s.Version)
	row("Copied at", at(now))
	return b.String()
}
