package cli

import (
	"context"
	"errors"
	"flag"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// vpnGiven are the flags of `tidegate vpn add` and `edit`.
type vpnGiven struct {
	name, address, protocol, user, group, features string
	forget                                         bool
	set                                            map[string]bool // those that were given
}

func vpnFlags(c *call, fs *flag.FlagSet) {
	timeoutFlag(c, fs)
	c.vpnSet = vpnGiven{set: map[string]bool{}}
	text := func(to *string, name, usage string) {
		fs.Func(name, usage, func(s string) error {
			*to, c.vpnSet.set[name] = s, true
			return nil
		})
	}
	text(&c.vpnSet.name, "name", "of add and edit: `TEXT` to call it by")
	text(&c.vpnSet.address, "address", "of edit: `HOST`, or HOST:PORT, where its server is")
	text(&c.vpnSet.protocol, "protocol", "of add and edit: `PROTOCOL`, what it speaks: "+protocols())
	text(&c.vpnSet.user, "user", "of add and edit: `TEXT` to sign in there as")
	text(&c.vpnSet.group, "group", "of add and edit: `TEXT`, the group or realm to sign in to")
	text(&c.vpnSet.features, "features", "of add and edit: `FEATURES` that its administrator has set up, with commas: route-monitoring, traffic-enforcement, stealth-mode, always-on, location-awareness, ipv6")
	fs.BoolVar(&c.vpnSet.forget, "forget-certificate", false, "of edit: ask again which server is the right one")
}

// vpnVerbs are what `tidegate vpn` does with a VPN.
var vpnVerbs = []verb{
	{"add", "HOST", "add one, by its server's address; --protocol says what it speaks"},
	{"edit", "VPN", "change what the flags say"},
	{"remove", "VPN", "remove one that is not connected"},
	{"connect", "VPN", "connect one; asks what its server asks, or reads a line for each"},
	{"disconnect", "[VPN]", "disconnect one, or all"},
}

const vpnUsage = "it is: tidegate vpn [add ADDRESS|edit VPN|remove VPN|connect VPN|disconnect [VPN]]"

// vpn lists classic VPNs, or does something with one.
func (c *call) vpn(ctx context.Context, args []string) error {
	if len(args) == 0 {
		if len(c.vpnSet.set) > 0 || c.vpnSet.forget {
			return usageError{lang.Told(vpnUsage)}
		}
		return c.vpnList(ctx)
	}
	verb, rest := args[0], args[1:]
	do, known := map[string]func(context.Context, string) error{
		"add": c.vpnAdd, "edit": c.vpnEdit, "remove": c.vpnRemove, "connect": c.vpnConnect, "disconnect": c.vpnDisconnect,
	}[verb]
	changes := verb == "add" || verb == "edit"
	switch {
	case !known:
		return usageError{lang.F("there is no `tidegate vpn %s`; %s", verb, lang.Told(vpnUsage))}
	case len(rest) == 0 && verb != "disconnect", !changes && (len(c.vpnSet.set) > 0 || c.vpnSet.forget):
		return usageError{lang.Told(vpnUsage)}
	case len(rest) == 0:
		return do(ctx, "")
	}
	return do(ctx, rest[0])
}

// vpnOf finds a connection by its id, or by its name or address where only one has it.
func (c *call) vpnOf(ctx context.Context, what string) (session.VPNConnection, error) {
	s, err := c.client.State(ctx)
	if err != nil {
		return session.VPNConnection{}, err
	}
	return findVPN(s.VPN.Connections, what)
}

func findVPN(all []session.VPNConnection, what string) (found session.VPNConnection, err error) {
	n := 0
	var known []string
	for _, c := range all {
		known = append(known, c.Label())
		switch {
		case c.ID == what:
			return c, nil
		case strings.EqualFold(c.Name, what), strings.EqualFold(c.Address, what):
			found = c
			n++
		}
	}
	switch n {
	case 0:
		return found, errors.New(lang.F("there is no VPN %q%s; `tidegate vpn` lists them", what, hint(what, known)))
	case 1:
		return found, nil
	}
	return found, errors.New(lang.F("there are several VPNs %q; name one by its id: `tidegate vpn --json` has it", what))
}

// change makes settings what the flags say.
func (g *vpnGiven) change(s *session.VPNSettings) {
	for _, f := range []struct {
		name     string
		from, to *string
	}{{"name", &g.name, &s.Name}, {"address", &g.address, &s.Address}, {"user", &g.user, &s.User}, {"group", &g.group, &s.Group}} {
		if g.set[f.name] {
			*f.to = *f.from
		}
	}
	if g.set["protocol"] {
		s.Protocol = session.VPNProtocol(g.protocol)
	}
	if g.set["features"] {
		s.Features = nil
		for f := range strings.SplitSeq(g.features, ",") {
			if f = strings.TrimSpace(f); f != "" {
				s.Features = append(s.Features, session.VPNFeature(f))
			}
		}
	}
	if g.forget {
		s.Fingerprint = ""
	}
}

// speaks says whether the protocol is one of those there are.
func (g *vpnGiven) speaks() bool {
	return slices.Contains(session.VPNProtocols, session.VPNProtocol(g.protocol))
}

func (c *call) vpnAdd(ctx context.Context, address string) error {
	if c.vpnSet.set["address"] || c.vpnSet.forget {
		return usageError{lang.F("it is: %s", "tidegate vpn add ADDRESS --protocol PROTOCOL")}
	}
	if !c.vpnSet.speaks() {
		return usageError{lang.F("say what the VPN speaks: %s", "--protocol "+protocols())}
	}
	before, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	s := session.VPNSettings{Address: address}
	c.vpnSet.change(&s)
	if err := c.client.Do(ctx, session.SaveVPN{VPNSettings: s}); err != nil {
		return err
	}
	var added session.VPNConnection
	err = c.untilVPN(ctx, lang.T("it is not listed yet"), func(now *session.State) (bool, error) {
		for _, v := range now.VPN.Connections {
			was := func(w session.VPNConnection) bool { return w.ID == v.ID }
			if !slices.ContainsFunc(before.VPN.Connections, was) {
				added = v
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if c.json {
		return c.write(added, "  ")
	}
	if added.Untested {
		c.say("%s is not tested with Tidegate: openconnect alone answers for it.", added.Protocol.Name())
	}
	c.say("Added. Connect it: tidegate vpn connect %q", added.Label())
	return nil
}

func protocols() string {
	var names []string
	for _, p := range session.VPNProtocols {
		names = append(names, string(p))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func (c *call) vpnEdit(ctx context.Context, what string) error {
	if len(c.vpnSet.set) == 0 && !c.vpnSet.forget {
		return usageError{lang.F("say what to change: %s", "--name, --address, --protocol, --user, --group, --features or --forget-certificate")}
	}
	if c.vpnSet.set["protocol"] && !c.vpnSet.speaks() {
		return usageError{lang.F("it speaks one of these: %s", "--protocol "+protocols())}
	}
	v, err := c.vpnOf(ctx, what)
	if err != nil {
		return err
	}
	c.vpnSet.change(&v.VPNSettings)
	if err := c.client.Do(ctx, session.SaveVPN{VPNSettings: v.VPNSettings}); err != nil {
		return err
	}
	return c.done("Saved.")
}

func (c *call) vpnRemove(ctx context.Context, what string) error {
	v, err := c.vpnOf(ctx, what)
	if err != nil {
		return err
	}
	if err := c.client.Do(ctx, session.RemoveVPN{Connection: v.ID}); err != nil {
		return err
	}
	err = c.untilVPN(ctx, lang.T("it is still listed"), func(now *session.State) (bool, error) {
		_, err := findVPN(now.VPN.Connections, v.ID)
		return err != nil, nil
	})
	if err != nil {
		return err
	}
	return c.done("%s was removed.", v.Label())
}

func (c *call) vpnDisconnect(ctx context.Context, what string) error {
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	var of []session.VPNConnection
	if what != "" {
		v, err := findVPN(s.VPN.Connections, what)
		if err != nil {
			return err
		}
		of = append(of, v)
	} else {
		for _, v := range s.VPN.Connections {
			if v.Phase != session.VPNDisconnected {
				of = append(of, v)
			}
		}
	}
	for _, v := range of {
		if v.Phase == session.VPNDisconnected {
			continue
		}
		if err := c.client.Do(ctx, session.DisconnectVPN{Connection: v.ID}); err != nil {
			return err
		}
		err := c.untilVPN(ctx, lang.F("%s is still connected", v.Label()), func(now *session.State) (bool, error) {
			is, err := findVPN(now.VPN.Connections, v.ID)
			return err != nil || is.Phase == session.VPNDisconnected, nil
		})
		if err != nil {
			return err
		}
	}
	if what == "" && len(of) == 0 {
		return c.done("No VPN is connected.")
	}
	return c.done("Disconnected.")
}

// untilVPN returns when done says so, or with its error; it waits for at most the
// --timeout, and says otherwise how it still is.
func (c *call) untilVPN(ctx context.Context, still string, done func(*session.State) (bool, error)) error {
	waiting, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for s := range c.client.Watch(waiting) {
		if ok, err := done(&s); ok || err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case waiting.Err() != nil:
		return errors.New(lang.F("not within %v: %s", c.timeout, still))
	}
	return errors.New(lang.T("Tidegate ended meanwhile; start it with: tidegate"))
}
