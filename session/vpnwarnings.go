package session

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
)

// deriveWarnings are the features of classic VPNs that are in the way of ZTA, or
// would be: those that the kernel shows, and those that stand in the settings of
// the user's connections. One feature of one VPN is warned of once; what is most
// urgent comes first. Pure.
func deriveWarnings(f *facts, in *intent) []VPNWarning {
	var found []conflict
	for _, c := range f.vpn.Conflicts {
		found = merge(found, f.owned(c))
	}
	for _, c := range f.vpn.Connections {
		for _, feature := range c.Features {
			if _, known := vpnFeatures[feature]; !known {
				continue
			}
			found = merge(found, conflict{set: true, VPNConflict: VPNConflict{Feature: feature, Connection: c.ID, Ahead: !c.up()}})
		}
	}
	slices.SortStableFunc(found, func(a, b conflict) int {
		return cmp.Or(cmp.Compare(a.urgency(), b.urgency()),
			cmp.Compare(slices.Index(VPNFeatures, a.Feature), slices.Index(VPNFeatures, b.Feature)))
	})
	var ws []VPNWarning
	for _, c := range found {
		w := c.warning(f)
		w.Again = in.beside.past[w.Key()]
		ws = append(ws, w)
	}
	return ws
}

// conflict is a feature of one VPN, with all that is known of it.
type conflict struct {
	VPNConflict
	set bool // it stands in the settings of the connection, and nothing shows it
}

// served says whether both work.
func (c *conflict) served() bool {
	_, known := vpnServed[c.How]
	return known && (c.Harm == VPNHarmNone || c.Harm == VPNHarmUnderlay)
}

// urgency orders them: what hurts now, what is so now, what will be, and last what
// is served.
func (c *conflict) urgency() int {
	const step = 10
	n := vpnHarms[c.Harm].urgency
	switch {
	case c.served():
		return 3*step + n
	case c.Ahead:
		return 2*step + n
	case c.set:
		return step + n
	}
	return n
}

// owned says of whose VPN a conflict is as much as is known.
func (f *facts) owned(c VPNConflict) conflict {
	if c.Connection == "" && c.Adapter != "" {
		for _, own := range f.vpn.Connections {
			if own.Adapter == c.Adapter && own.Phase != VPNDisconnected {
				c.Connection = own.ID
			}
		}
	}
	if c.Connection != "" {
		return conflict{VPNConflict: c}
	}
	var of []VPNOther
	for _, o := range f.vpn.Others {
		if c.Adapter != "" && o.Adapter == c.Adapter || c.Adapter == "" && c.Program != "" && o.Program == c.Program {
			of = append(of, o)
		}
	}
	if len(of) == 1 {
		c.Adapter, c.Program = of[0].Adapter, cmp.Or(c.Program, of[0].Program)
	}
	return conflict{VPNConflict: c}
}

// same says whether both are of one feature of one VPN.
func (c *conflict) same(d *conflict) bool {
	switch {
	case c.Feature != d.Feature || c.Connection != d.Connection:
		return false
	case c.Connection != "":
		return true
	case c.Adapter != "" && d.Adapter != "":
		return c.Adapter == d.Adapter
	}
	return c.Adapter == d.Adapter && c.Program == d.Program
}

// merge puts c to what is found already: what is worse stands, and what the kernel
// shows stands over what settings say.
func merge(found []conflict, c conflict) []conflict {
	for i := range found {
		is := &found[i]
		if !is.same(&c) {
			continue
		}
		if c.set {
			return found
		}
		worse, other := *is, c
		if c.urgency() < is.urgency() {
			worse, other = c, *is
		}
		worse.Program, worse.Adapter = cmp.Or(worse.Program, other.Program), cmp.Or(worse.Adapter, other.Adapter)
		if other.Evidence != "" && !strings.Contains(worse.Evidence, other.Evidence) {
			worse.Evidence = strings.TrimPrefix(worse.Evidence+"; "+other.Evidence, "; ")
		}
		*is = worse
		return found
	}
	return append(found, c)
}

// maxVPNLabel is the most of a connection's name in a warning, in runes: what is said of
// it is to be seen in a notification, too.
const maxVPNLabel = 48

// warning puts a conflict into words.
func (c *conflict) warning(f *facts) VPNWarning {
	var label string
	if c.Connection != "" {
		own := f.vpn.fact(c.Connection)
		label = cmp.Or(own.Label(), c.Connection)
		if r := []rune(label); len(r) > maxVPNLabel {
			label = strings.TrimSpace(string(r[:maxVPNLabel-1])) + "…"
		}
	}
	who := vpnWho(label, c.Program, c.Adapter)
	ours := lang.T("the controller and the gateways")
	if hosts := underlayHosts(f); len(hosts) > 0 {
		ours = someOf(hosts)
	}
	switch {
	case c.Harm == VPNHarmDevice && c.Device == "":
		ours = lang.T("what leaves by Tidegate's device")
	case c.Harm == VPNHarmDevice:
		ours = lang.F("what leaves by Tidegate's device %s", c.Device)
	case c.Device != "":
		ours = lang.F("%s, and what leaves by Tidegate's device %s,", ours, c.Device)
	}
	w := VPNWarning{Feature: c.Feature, Connection: c.Connection, Program: c.Program, Adapter: c.Adapter, Evidence: c.Evidence,
		Ahead: c.Ahead, Served: c.served()}
	say := func(text string) string { return spoken(text, who, ours) }
	feature, known := vpnFeatures[c.Feature]
	if !known {
		feature = otherFeature(c.Feature)
	}
	harm, known := vpnHarms[c.Harm]
	if !known {
		harm = vpnHarms[VPNHarmAll]
	}
	served := vpnServed[c.How]
	if c.Feature == VPNRouteMonitoring && label+c.Program+c.Adapter == "" { // it may be any program
		who, feature.cure = lang.T("another program"), feature.ownCure
	}
	if label != "" {
		feature.seen, feature.cure = cmp.Or(feature.own, feature.seen), cmp.Or(feature.ownCure, feature.cure)
		served.title = cmp.Or(served.own, served.title)
	}
	switch {
	case c.set && c.Ahead:
		w.Title, w.Detail, w.Fix = lang.F("%s of %s will not be applied", lang.T(feature.name), who), say(feature.set), say(feature.instead)
	case c.set:
		w.Title, w.Detail, w.Fix = lang.F("%s of %s is not applied", lang.T(feature.name), who), say(feature.set), say(feature.instead)
	case w.Served:
		w.Title, w.Detail = say(served.title), say(served.detail)
	default:
		w.Title, w.Detail, w.Fix = say(cmp.Or(harm.title, feature.seen)), say(harm.detail), say(cmp.Or(harm.cure, feature.cure))
		if served.detail != "" {
			w.Detail += " " + say(served.detail)
		}
		if c.Ahead {
			w.Detail = lang.F("When it is connected: %s", lower(w.Detail))
		}
	}
	if c.Program == "" {
		w.Title = titled(w.Title, label)
	}
	return w
}

// titled begins a title with a capital, but for a name that it begins with.
func titled(title, name string) string {
	if name != "" && strings.HasPrefix(title, name) {
		return title
	}
	return upper(title)
}
