package cli

import (
	"context"
	"errors"
	"flag"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

func statusFlags(c *call, fs *flag.FlagSet) {
	fs.StringVar(&c.wait, "wait", "", "wait for `STATE`: active, inactive, signed-in, signed-out, enrolled, in-use or prompt")
	timeoutFlag(c, fs)
}

// awaited are what `status --wait` can wait for.
var awaited = map[string]func(*session.State) bool{
	"active":     func(s *session.State) bool { return s.ZTA.Active },
	"inactive":   func(s *session.State) bool { return !s.ZTA.Active },
	"signed-in":  func(s *session.State) bool { return s.User.Name != "" },
	"signed-out": func(s *session.State) bool { return s.Control.Phase == session.ControlSignedOut },
	"enrolled":   func(s *session.State) bool { return s.Enrolment.Enrolled() },
	"in-use":     func(s *session.State) bool { return s.ZTA.InUse },
	"prompt":     func(s *session.State) bool { return s.Prompt != nil },
}

func (c *call) status(ctx context.Context, _ []string) error {
	var s session.State
	var err error
	if c.wait == "" {
		s, err = c.client.State(ctx)
	} else {
		holds, ok := awaited[c.wait]
		if !ok {
			return usageError{lang.F("there is no %q to wait for", c.wait)}
		}
		s, err = c.until(ctx, func(s *session.State) (bool, error) { return holds(s), nil })
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.write(s, "  ")
	}
	c.printStatus(&s)
	return nil
}

// until returns the first state for which done says so, or its error; it waits
// for at most the --timeout.
func (c *call) until(ctx context.Context, done func(*session.State) (bool, error)) (session.State, error) {
	waiting, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var last session.State
	for s := range c.client.Watch(waiting) {
		last = s
		if ok, err := done(&s); ok || err != nil {
			return s, err
		}
	}
	switch {
	case ctx.Err() != nil:
		return last, ctx.Err()
	case waiting.Err() != nil:
		return last, errors.New(lang.F("not within %v: it is still %s", c.timeout, headline(&last)))
	}
	return last, errors.New(lang.T("Tidegate ended meanwhile; start it with: tidegate"))
}

func headline(s *session.State) string {
	title, detail := s.ZTA.Title, s.ZTA.Detail
	if title == "" {
		title = lang.T("starting")
	}
	if detail != "" {
		title += " (" + detail + ")"
	}
	return title
}

func (c *call) printStatus(s *session.State) {
	button := lang.T("inactive")
	if s.ZTA.Active {
		button = lang.T("active")
	}
	rows := [][]string{{"ZTA", button + ": " + headline(s)}}
	row := func(name, format string, args ...any) {
		rows = append(rows, []string{lang.T(name), lang.F(format, args...)})
	}
	if s.User.Name != "" {
		row("User", "%s", person(s.User))
	}
	if e := s.Enrolment; e.Enrolled() {
		row("Controller", "%s", strings.TrimSpace(e.Name+" "+e.Controller))
		row("Device", "%s, enrolled for %s", e.Device, e.User)
	}
	if s.Keychain != "" {
		row("Keychain", "%s", lang.T(string(s.Keychain)))
	}
	for _, site := range s.Sites {
		text := channel(site)
		if site.Flows > 0 {
			text += ", " + openAndResting(site.Flows, site.Parked)
		}
		row("Site", "%s: %s", site.Name, text)
	}
	if l := s.Local; l.Proxy.IsValid() {
		row("Proxy", "%s (SOCKS5 and HTTP), PAC file %s", l.Proxy, l.PAC)
	}
	switch l := s.Local; {
	case l.TUN:
		row("TUN", "on: programs reach applications at addresses of their own")
	case l.Problem != nil:
		row("TUN", "off: %s", join(l.Problem.Title))
	}
	if d := s.Local.DNS; d != nil && d.Mode != "" {
		row("Names", "on: programs find applications by their names; tidegate dns says how")
	}
	for _, v := range s.VPN.Connections {
		if v.Phase != session.VPNDisconnected {
			row("VPN", "%s: %s", v.Label(), lower(v.Title))
		}
	}
	for _, o := range s.VPN.Others {
		row("VPN", "another's: %s", o.Who())
	}
	for _, w := range s.VPN.Warnings {
		if !w.Ahead && !w.Served {
			row("Warning", "%s; tidegate vpn says more", w.Title)
		}
	}
	if p := s.Prompt; p != nil {
		row("Needs you", "%s", asked(c, s, p))
	}
	for _, p := range s.Problems {
		row("Problem", "%s", join(p.Title, p.Detail, p.Fix))
	}
	c.table(nil, rows)
}

// channel says how a data channel is, and why.
func channel(s session.Site) string {
	switch s.State {
	case session.Disconnected:
		return lang.T("disconnected")
	case session.Connected:
		if lane := lanes[s.Lane]; lane != "" {
			return lang.F("connected over %s", lane)
		}
	case session.Suspended:
		switch s.Cause {
		case session.CauseAdministrator:
			return lang.T("suspended by an administrator")
		case session.CauseUser:
			return lang.T("suspended by you")
		}
	}
	return lang.T(string(s.State))
}

var lanes = map[string]string{"h3": "HTTP/3", "h2": "HTTP/2"}

// openAndResting says how many connections are open, and how many of them rest.
func openAndResting(flows, parked int) string {
	switch {
	case parked >= flows:
		return lang.F("%d open and at rest", flows)
	case parked > 0:
		return lang.F("%d open (%d at rest)", flows, parked)
	}
	return lang.F("%d open", flows)
}

// resting says how many connections there are, and how many of them rest.
func resting(flows, parked int) string {
	switch {
	case parked >= flows:
		return lang.F("%d and at rest", flows)
	case parked > 0:
		return lang.F("%d (%d at rest)", flows, parked)
	}
	return strconv.Itoa(flows)
}

func person(u session.User) string {
	if u.DisplayName == "" || u.DisplayName == u.Name {
		return u.Name
	}
	return u.DisplayName + " (" + u.Name + ")"
}

func asked(c *call, s *session.State, p *session.Prompt) string {
	switch p.Kind {
	case session.PromptEnrol:
		return lang.F("enrol this device: %s", "tidegate enrol LINK")
	case session.PromptSignIn:
		return lang.F("sign in: %s", "tidegate sign-in")
	}
	var names []string
	for _, id := range p.Apps {
		for _, a := range s.Apps {
			if a.ID == id {
				names = append(names, a.Name)
			}
		}
	}
	const command = "tidegate answer"
	apps, before := strings.Join(names, ", "), c.clock(p.Deadline, s.At)
	switch {
	case p.Missed && before != "":
		return lang.F("verify again before %s for %s: %s", before, apps, command)
	case p.Missed:
		return lang.F("verify again for %s: %s", apps, command)
	case before != "":
		return lang.F("verify before %s for %s: %s", before, apps, command)
	}
	return lang.F("verify for %s: %s", apps, command)
}

// join makes one text of sentences, those that are there.
func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			if !strings.ContainsAny(p[len(p)-1:], ".!?") {
				p += "."
			}
			out = append(out, p)
		}
	}
	return strings.Join(out, " ")
}
