package config

import (
	"cmp"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Load reads a controller's configuration. What is wrong in the file
// comes back as resource.Errors: file, line, column, what is wrong and what to
// write instead.
func Load(file string) (*Config, error) {
	docs, err := resource.ReadFile(file)
	if err != nil && docs == nil {
		return nil, err
	}
	return load(file, docs, err)
}

// loader checks resources against each other. Names come first, so that a
// reference may stand before what it names.
type loader struct {
	file  string
	docs  []*resource.Document
	named map[string]map[string]*resource.Document // kind, name
	errs  resource.Errors
	conf  *Config
	apps  map[wire.AppID]resource.Place
}

// kinds are the resources there are, in the order in which they are checked.
var kinds = []struct {
	name string
	load func(*loader, *resource.Document)
}{
	{"Controller", (*loader).controller},
	{"User", (*loader).user},
	{"Site", (*loader).site},
	{"Gateway", (*loader).gateway},
	{"Condition", (*loader).condition},
	{"Entitlement", (*loader).entitlement},
	{"Policy", (*loader).policy},
}

func load(file string, docs []*resource.Document, parseErr error) (*Config, error) {
	l := &loader{file: file, docs: docs, named: map[string]map[string]*resource.Document{}, apps: map[wire.AppID]resource.Place{}, conf: &Config{
		Groups: map[string]*Group{},
		Users:  map[string]*User{}, Sites: map[wire.SiteID]*Site{}, Gateways: map[string]*Gateway{},
		Conditions: map[wire.ConditionID]*Condition{}, Entitlements: map[wire.EntitlementID]*Entitlement{},
	}}
	l.errs.Add(parseErr)
	var known []string
	for _, k := range kinds {
		known = append(known, k.name)
		l.named[k.name] = map[string]*resource.Document{}
	}
	for _, d := range docs {
		names, ok := l.named[d.Kind]
		switch {
		case !ok:
			l.errs.Add(d.AtKind().Errorf("unknown kind %q%s; the kinds are %s", d.Kind, resource.Nearest(d.Kind, known), strings.Join(known, ", ")))
		case names[d.Name] != nil:
			l.errs.Add(d.AtName().Errorf("%s %q exists already, at %s; give this one another name", d.Kind, d.Name, names[d.Name].AtName()))
		case d.Kind == "Controller" && len(names) > 0:
			l.errs.Add(d.AtKind().Errorf("there is a second Controller; a file configures one"))
		default:
			names[d.Name] = d
		}
	}
	if len(l.named["Controller"]) == 0 && parseErr == nil {
		l.errs.Add(&resource.Error{File: file, Msg: "there is no Controller; write one, with at least listen: 127.0.0.1:8443 and stateDir"})
	}
	for _, k := range kinds {
		for _, d := range docs {
			if d.Kind == k.name && l.named[k.name][d.Name] == d {
				k.load(l, d)
			}
		}
	}
	l.codes()
	slices.SortFunc(l.conf.Policies, func(a, b *Policy) int { return cmp.Compare(a.Name, b.Name) })
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	return l.conf, nil
}

// refer says whether a reference to a resource names one, and complains if not.
func (l *loader) refer(d *resource.Document, kind, name string, path ...any) bool {
	if l.named[kind][name] != nil {
		return true
	}
	known := slices.Sorted(maps.Keys(l.named[kind]))
	p := d.At(path...)
	switch {
	case name == "":
		l.errs.Add(p.Errorf("%s is missing; name a %s", path[len(path)-1], kind))
	case len(known) == 0:
		l.errs.Add(p.Errorf("there is no %s %q, and no other; write one", kind, name))
	default:
		l.errs.Add(p.Errorf("there is no %s %q%s; there are %s", kind, name, resource.Nearest(name, known), list(known)))
	}
	return false
}

// list names at most eight.
func list(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func (l *loader) controller(d *resource.Document) {
	def := wire.DefaultSettings()
	s := controllerSpec{Title: d.Name, Settings: settingsSpec{
		Idle: def.Idle, RideThrough: def.RideThrough, StampRounding: def.StampRounding, WarningLead: def.WarningLead,
		CookieLifetime: wire.Duration(24 * time.Hour), ClaimsLifetime: wire.Duration(24 * time.Hour),
		EntitlementLifetime: wire.Duration(24 * time.Hour), MinInteractionLifetime: wire.Duration(15 * time.Minute),
	}}
	s.Settings.Lockout.After, s.Settings.Lockout.For = 5, wire.Duration(time.Minute)
	l.errs.Add(d.Decode(&s))
	host, _, listenErr := SplitAddress(s.Listen, true)
	if listenErr != "" {
		l.errs.Add(d.At("listen").Errorf("listen: %s; write host:port, for example 127.0.0.1:8443", listenErr))
	}
	if s.PublicAddress != "" {
		if _, _, wrong := SplitAddress(s.PublicAddress, true); wrong != "" {
			l.errs.Add(d.At("publicAddress").Errorf("publicAddress: %s; write host:port as clients reach it, for example zta.example.com:8443", wrong))
		}
	} else if ip := net.ParseIP(host); listenErr == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		l.errs.Add(d.At("listen").Errorf("listen %q is every address; write publicAddress, host:port as clients reach it", s.Listen))
	}
	if s.StateDir == "" {
		l.errs.Add(d.At("stateDir").Errorf("stateDir is missing; write the directory that keeps keys and state, for example stateDir: /var/lib/tidegate"))
	} else if !filepath.IsAbs(s.StateDir) {
		s.StateDir = filepath.Join(filepath.Dir(l.file), s.StateDir)
	}
	for _, f := range []struct {
		key   string
		value wire.Duration
	}{
		{"idle", s.Settings.Idle}, {"cookieLifetime", s.Settings.CookieLifetime},
		{"claimsLifetime", s.Settings.ClaimsLifetime}, {"entitlementLifetime", s.Settings.EntitlementLifetime},
	} {
		if f.value.D() < time.Second {
			l.errs.Add(d.At("settings", f.key).Errorf("%s must be at least 1s", f.key))
		}
	}
	if least := min(s.Settings.ClaimsLifetime, s.Settings.EntitlementLifetime); s.Settings.RideThrough > least {
		l.errs.Add(d.At("settings", "rideThrough").Errorf("rideThrough is longer than the tokens live (%v); write that or less", least))
	}
	if s.Settings.Lockout.After < 1 || s.Settings.Lockout.For.D() < time.Second {
		l.errs.Add(d.At("settings", "lockout").Errorf("lockout must be after at least 1 failure and for at least 1s; write lockout: {after: 5, for: 1m}"))
	}
	c := l.conf
	c.Name, c.Title, c.Listen, c.PublicAddress, c.StateDir = d.Name, s.Title, s.Listen, s.PublicAddress, s.StateDir
	c.Settings = wire.Settings{Idle: s.Settings.Idle, RideThrough: s.Settings.RideThrough, StampRounding: s.Settings.StampRounding, WarningLead: s.Settings.WarningLead}
	c.CookieLifetime, c.ClaimsLifetime = s.Settings.CookieLifetime.D(), s.Settings.ClaimsLifetime.D()
	c.EntitlementLifetime, c.MinInteractionLifetime = s.Settings.EntitlementLifetime.D(), s.Settings.MinInteractionLifetime.D()
	c.Risk = Risk{Alert: wire.RiskHigh, For: 24 * time.Hour}
	c.Lockout = Lockout{After: s.Settings.Lockout.After, For: s.Settings.Lockout.For.D()}
}

// SplitAddress reads host:port and says what is wrong with it.
func SplitAddress(s string, zero bool) (host string, port uint16, wrong string) {
	if s == "" {
		return "", 0, "an address is missing"
	}
	host, p, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(p, 10, 16)
	switch {
	case err != nil:
		return "", 0, strconv.Quote(s) + " is not host:port"
	case perr != nil || n == 0 && !zero:
		return "", 0, strconv.Quote(p) + " is not a port"
	case strings.ContainsAny(host, "/@?#% \t\r\n"):
		return "", 0, strconv.Quote(host) + " is not a host"
	}
	return host, uint16(n), ""
}
