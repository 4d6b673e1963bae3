package cli

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// dnsVerbs are what `tidegate dns` does with a name.
var dnsVerbs = []verb{{"explain", "NAME", "say who answers for a name, through which adapter, why, and who competes"}}

// dns says how programs find the applications by their names, or who answers for
// one name.
func (c *call) dns(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
	case args[0] != "explain":
		return usageError{lang.F("there is no `tidegate dns %s`; it is: tidegate dns, or tidegate dns explain NAME", args[0])}
	case len(args) != 2:
		return usageError{lang.F("it is: %s", "tidegate dns explain NAME")}
	default:
		return c.explain(ctx, args[1])
	}
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.write(s.Local.DNS, "  ")
	}
	c.table(nil, dnsRows(&s))
	return nil
}

// told says how the system was told.
var told = map[string]string{
	"resolved-delegate": "systemd-resolved asks Tidegate for your applications' names, by a delegate of its own",
	"resolved-link":     "systemd-resolved asks Tidegate for your applications' names, by a link of its own",
	"resolvconf":        "resolvconf has every name asked of Tidegate, which passes on what is not yours",
	"openresolv":        "openresolv has every name asked of Tidegate, which passes on what is not yours",
	"direct":            "/etc/resolv.conf has every name asked of Tidegate, which passes on what is not yours",
}

// dnsRows are what there is to say of names.
func dnsRows(s *session.State) (rows [][]string) {
	row := func(name, format string, args ...any) {
		rows = append(rows, []string{lang.T(name), lang.F(format, args...)})
	}
	d := s.Local.DNS
	switch {
	case d == nil && s.User.Name == "":
		row("Names", "off: nobody is signed in")
		return rows
	case d == nil:
		row("Names", "off: not set up yet")
		return rows
	case d.Mode == "" && d.Rootless:
		row("Names", "off: there is no helper on this machine, and without it nothing of the system is touched")
		row("Not possible", "programs that you start as ever do not find your applications by their names")
		row("Instead", "addresses of this machine lead to them: tidegate apps")
		row("Instead", "by their names, in a network of its own: tidegate run -- PROGRAM")
		if l := s.Local; l.Proxy.IsValid() {
			row("Instead", "by their names, through the proxy %s (PAC file %s): tidegate proxy", l.Proxy, l.PAC)
		}
		row("To have it", "set the helper up in the window's settings, or as `tidegate settings` says; Tidegate's package brings it")
		return rows
	case d.Mode == "":
		if d.Why != "" {
			row("Names", "off: %s", strings.TrimSuffix(d.Why, "."))
		} else {
			row("Names", "off")
		}
	default:
		on := told[d.Mode]
		if on == "" {
			on = d.Mode
		}
		row("Names", "on: %s", lang.T(on))
		if d.Why != "" {
			row("Because", "%s", d.Why)
		}
		row("Answered at", "%s", netip.AddrPortFrom(d.Server, 53))
		row("Yours", "%s", few(d.Zones))
		row("All others", "%s", others(d))
		for _, u := range d.Upstreams {
			row("Asked there", "%s", upstream(u))
		}
	}
	for _, x := range d.Competitors {
		if x.Wins {
			row("Competes", "%s has %s: names of yours are asked there too, or instead", x.Who(), x.Domain)
		} else {
			row("Beside", "%s has %s; yours win, as they are longer", x.Who(), x.What())
		}
	}
	if p := d.Problem; p != nil {
		row("Problem", "%s", join(p.Title, p.Detail, p.Fix))
	}
	if p := s.Local.Problem; p != nil && d.Mode == "" {
		row("TUN", "off: %s", join(p.Title, p.Detail))
	}
	return rows
}

// manyZones is how many are listed.
const manyZones = 12

func few(all []string) string {
	if len(all) > manyZones {
		return lang.N("%s and %d more", "%s and %d more", len(all)-manyZones, strings.Join(all[:manyZones], ", "), len(all)-manyZones)
	}
	return strings.Join(all, ", ")
}

// others says where names go that are not ours.
func others(d *session.DNS) string {
	where, adapter := lang.T("to the network's own servers"), d.Adapter
	rest := slices.IndexFunc(d.Upstreams, func(u session.Upstream) bool { return len(u.Domains) == 0 })
	if rest >= 0 && adapter != "" && d.Upstreams[rest].Adapter != "" && d.Upstreams[rest].Adapter != adapter {
		where, adapter = lang.T("to a VPN's servers"), d.Upstreams[rest].Adapter
	}
	if adapter != "" {
		where = lang.F("%s, through %s", where, adapter)
	}
	if d.All {
		return lang.F("passed on unchanged %s", where)
	}
	for _, x := range d.Competitors {
		if x.All() {
			where = lang.F("to the servers of %s, which has all names", x.Who())
		}
	}
	return lang.F("asked by the system, as ever, and not of Tidegate: %s", where)
}

func upstream(u session.Upstream) string {
	var servers []string
	for _, a := range u.Servers {
		if a.Port() == 53 {
			servers = append(servers, a.Addr().String())
		} else {
			servers = append(servers, a.String())
		}
	}
	text := strings.Join(servers, ", ")
	if u.Adapter != "" {
		text = lang.F("%s through %s", text, u.Adapter)
	}
	if len(u.Domains) > 0 {
		text = lang.F("%s, for %s", text, few(u.Domains))
	}
	return text
}

// answerers say who answers.
var answerers = map[session.Answerer]string{
	session.AnswerTidegate: "Tidegate, on this machine",
	session.AnswerNobody:   "Tidegate: there is no such name",
	session.AnswerNetwork:  "the network's own servers",
	session.AnswerVPN:      "a VPN's servers",
	session.AnswerFile:     "the hosts file",
	session.AnswerSystem:   "whoever this system asks",
}

// explain says who answers for a name, and why.
func (c *call) explain(ctx context.Context, name string) error {
	l, err := c.client.Lookup(ctx, name)
	if err != nil {
		return err
	}
	if c.json {
		return c.write(l, "  ")
	}
	by := lang.T(answerers[l.Answers])
	switch {
	case by == "":
		by = lang.T("not known")
	case l.Answers == session.AnswerNobody && l.Zone == "":
		by = lang.T("nobody")
	}
	rows := [][]string{{lang.T("Name"), l.Name}, {lang.T("Answered by"), by}}
	row := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{lang.T(name), text})
		}
	}
	if len(l.Servers) > 0 {
		row("Asked at", upstream(session.Upstream{Servers: l.Servers}))
	}
	row("Through", l.Adapter)
	row("Zone", l.Zone)
	if len(l.Addresses) > 0 {
		row("Answer", addresses(l.Addresses))
	}
	row("Application", string(l.App))
	row("Why", l.Why)
	for _, x := range l.Competitors {
		if x.Wins {
			row("Competes", lang.F("%s has %s, and is asked too, or instead", x.Who(), x.What()))
		} else {
			row("Beside", lang.F("%s has %s", x.Who(), x.What()))
		}
	}
	row("What to do", l.Fix)
	c.table(nil, rows)
	return nil
}
