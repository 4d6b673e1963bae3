package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/mistyped"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/script"
	"github.com/tidegate/tidegate/internal/wire"
)

func sortedUsers(users map[string]*User) []string { return slices.Sorted(maps.Keys(users)) }

func (l *linter) entitlement(d *resource.Document) {
	e := l.Entitlements[wire.EntitlementID(d.Name)]
	if e == nil {
		return
	}
	if !slices.ContainsFunc(l.Policies, func(p *Policy) bool { return slices.Contains(p.Entitlements, e.ID) }) {
		l.warn(d.AtName(), "unused", "no policy gives the entitlement %s; write it under entitlements of one, or remove it", d.Name)
	}
	l.wildcards(d, e)
	l.shadowed(d, e)
	for i, s := range e.Shortcuts {
		host, port, wrong := splitLink(s.Link)
		for _, a := range e.Actions {
			if wrong == "" && a.Effect != wire.EffectAllow && meets(a, host, port) == always {
				l.warn(d.At("shortcuts", i, "link"), "closed-shortcut", "an action with effect: %s is about %s port %d too, so the shortcut opens nothing; remove one of them", a.Effect, host, port)
				break
			}
		}
	}
}

func (l *linter) policy(d *resource.Document) {
	i := slices.IndexFunc(l.Policies, func(p *Policy) bool { return p.Name == d.Name })
	if i < 0 {
		return
	}
	p := l.Policies[i]
	if len(p.Entitlements) == 0 && !p.RequireCode && p.ClaimsLifetime == 0 && p.EntitlementLifetime == 0 {
		l.warn(d.AtName(), "unused", "the policy %s gives nothing; write entitlements, or remove it", d.Name)
	}
	for i, g := range p.Groups {
		if !slices.ContainsFunc(sortedUsers(l.Users), func(u string) bool { return slices.Contains(l.Users[u].Groups, g) }) {
			l.warn(d.At("assign", "groups", i), "empty-group", "nobody is in the group %s%s; write it under groups of a User, or members of a Group", g, mistyped.Hint(g, l.groupNames()))
		}
	}
}

// groupNames are all groups that somebody is in, or that are declared.
func (l *linter) groupNames() []string {
	names := slices.Collect(maps.Keys(l.Groups))
	for _, u := range l.Users {
		names = append(names, u.Groups...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (l *linter) user(d *resource.Document) {
	u := l.Users[d.Name]
	if u != nil && !u.Disabled && !slices.ContainsFunc(l.Policies, func(p *Policy) bool { return p.mayBe(u, "") }) {
		l.warn(d.AtName(), "no-policy", "no policy is assigned to %s, who can reach nothing; add the user to one, or write disabled: true", d.Name)
	}
}

func (l *linter) group(d *resource.Document) {
	if slices.ContainsFunc(l.Policies, func(p *Policy) bool { return slices.Contains(p.Groups, d.Name) || mayRead(p.Criteria, d.Name) }) {
		return
	}
	for _, c := range l.Conditions {
		if mayRead(c.Criteria, d.Name) {
			return
		}
	}
	if l.inScripts("groups") {
		return
	}
	l.warn(d.AtName(), "unused", "no policy and no condition asks for the group %s; write it under assign of a policy, or remove it", d.Name)
}

// membership is how criteria look for one group.
var membership = regexp.MustCompile(`["']\s+in\s+user\.groups\b`)

// mayRead says whether criteria look for a group by name, or look at all groups.
func mayRead(criteria, group string) bool {
	return strings.Contains(criteria, "user.groups") &&
		(strings.Contains(criteria, strconv.Quote(group)) || strings.Contains(criteria, "'"+group+"'") ||
			strings.Contains(membership.ReplaceAllString(criteria, ""), "user.groups"))
}

// inScripts says whether a word stands in a script, which may then read what it
// names of its input.
func (l *linter) inScripts(word string) bool {
	return slices.ContainsFunc(l.Scripts, func(s wire.Script) bool { return strings.Contains(s.Source, word) })
}

func (l *linter) site(d *resource.Document) {
	for _, g := range l.Gateways {
		if g.Site == wire.SiteID(d.Name) {
			return
		}
	}
	l.warn(d.AtName(), "no-gateway", "no gateway protects the site %s, so nothing at it can be reached; write a Gateway with site: %s, or remove it", d.Name, d.Name)
}

func (l *linter) script(d *resource.Document) {
	i := slices.IndexFunc(l.Scripts, func(s wire.Script) bool { return s.Name == d.Name })
	if i < 0 {
		return
	}
	s := l.Scripts[i]
	if p, err := script.Compile(s.Name, s.Source); err == nil {
		for _, w := range p.Check(s.HTTP) {
			at := d.At("script").Inside(int(w.Line), int(w.Column))
			if w.Line == 0 {
				at = d.At("http")
			}
			l.warn(at, "script", "%s", w.Msg)
		}
	}
	if s.Kind == wire.ScriptCriteria && !l.read("scripts."+wire.Variable(s.Name)) {
		l.warn(d.AtName(), "unused", "no condition reads scripts.%s; read it, or remove the script", wire.Variable(s.Name))
	}
	runs := func(e *Entitlement) bool {
		return slices.ContainsFunc(e.Actions, func(a wire.Action) bool { return a.Script == s.Name })
	}
	if s.Kind == wire.ScriptEntitlement && !slices.ContainsFunc(slices.Collect(maps.Values(l.Entitlements)), runs) {
		l.warn(d.AtName(), "unused", "no action has script: %s; write it in one, or remove the script", s.Name)
	}
}

func (l *linter) deviceClaim(d *resource.Document) {
	if name := "device." + wire.Variable(d.Name); !l.read(name) && !l.inScripts("device") {
		l.warn(d.AtName(), "unused", "no condition reads %s; read it, or remove the claim, which each device finds out", name)
	}
}

// read says whether any condition reads a declared variable.
func (l *linter) read(name string) bool {
	for _, c := range l.Conditions {
		if _, ok := c.Variables[name]; ok {
			return true
		}
	}
	return false
}
