package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// vpnList says what there is of classic VPNs.
func (c *call) vpnList(ctx context.Context) error {
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.write(s.VPN, "  ")
	}
	c.table(nil, c.vpnRows(&s))
	return nil
}

// vpnRows are what there is to say of classic VPNs.
func (c *call) vpnRows(s *session.State) (rows [][]string) {
	row := func(name, format string, args ...any) {
		rows = append(rows, []string{name, lang.F(format, args...)})
	}
	v := &s.VPN
	if p := v.Engine.Problem; p != nil {
		row(lang.T("Problem"), "%s", join(p.Title, p.Detail, p.Fix))
	}
	for _, x := range v.Connections {
		text := lower(x.Title)
		if !x.Since.IsZero() {
			text = lang.F("%s since %s", text, c.clock(x.Since, s.At))
		}
		text += ", " + x.Address + " (" + x.Protocol.Name()
		if x.Untested {
			text += ", " + lang.T("untested")
		}
		row(x.Label(), "%s)", text)
		c.linkRows(row, &x.VPNLink)
		if p := x.Problem; p != nil {
			row("", "%s", join(p.Title, p.Detail, p.Fix))
		}
	}
	for _, o := range v.Others {
		row(lang.T("Another's"), "%s", o.Who())
		c.linkRows(row, &o.VPNLink)
	}
	for _, w := range v.Warnings {
		name := lang.T("Warning")
		switch {
		case w.Served:
			name = lang.T("Served")
		case w.Ahead:
			name = lang.T("Ahead")
		}
		row(name, "%s", join(w.Title, w.Detail, w.Fix))
		if w.Evidence != "" {
			row("", "seen: %s", w.Evidence)
		}
	}
	if len(rows) == 0 {
		row(lang.T("VPNs"), "none; add one: %s", "tidegate vpn add ADDRESS --protocol "+protocols())
	}
	return rows
}

// linkRows say what a tunnel has.
func (c *call) linkRows(row func(string, string, ...any), l *session.VPNLink) {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, lang.F(format, args...)) }
	if len(l.Addresses) > 0 {
		var all []string
		for _, a := range l.Addresses {
			all = append(all, a.Addr().String())
		}
		add("%s", strings.Join(all, " "+lang.T("and")+" "))
	}
	if l.Adapter != "" {
		add("adapter %s", l.Adapter)
	}
	if l.Transport != "" {
		add("over %s", l.Transport)
	}
	if l.Up > 0 || l.Down > 0 {
		add("%s up, %s down", size(l.Up), size(l.Down))
	}
	if len(parts) > 0 {
		row("", "%s", strings.Join(parts, ", "))
	}
	if to := leads(l); to != "" {
		row("", "leads to %s", to)
	}
	if names := answersFor(l); names != "" {
		row("", "answers for %s", names)
	}
}

func leads(l *session.VPNLink) string {
	switch {
	case l.Full4 && l.Full6:
		return lang.T("everything that is not your applications'")
	case l.Full4:
		return lang.T("everything over IPv4 that is not your applications'")
	case l.Full6:
		return lang.T("everything over IPv6 that is not your applications'")
	}
	var nets []string
	for _, p := range l.Routes {
		nets = append(nets, network(p))
	}
	return few(nets)
}

// network writes a network of one address as that.
func network(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func answersFor(l *session.VPNLink) string {
	if len(l.Servers) == 0 {
		return ""
	}
	names := few(l.Domains)
	if l.AllNames {
		names = lang.T("all names but your applications'")
	}
	if names == "" {
		return ""
	}
	return lang.F("%s, at %s", names, addresses(l.Servers))
}

// size writes a number of bytes for people.
func size(n int64) string {
	const k = 1000
	if n < k {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), []string{"kB", "MB", "GB", "TB"}
	i := -1
	for f >= k && i < len(units)-1 {
		f /= k
		i++
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
