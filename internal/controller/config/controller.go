package config

import (
	"net"
	"path/filepath"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type (
	controllerSpec struct {
		Title         string       `yaml:"title" jsonschema_description:"The organisation's name, as people see it."`
		Listen        string       `yaml:"listen" jsonschema:"required" jsonschema_description:"Where the controller listens, host:port."`
		PublicAddress string       `yaml:"publicAddress" jsonschema_description:"How clients reach it, host:port; by default where it listens."`
		StateDir      string       `yaml:"stateDir" jsonschema:"required" jsonschema_description:"The directory that keeps keys and state; relative to this file."`
		Settings      settingsSpec `yaml:"settings" jsonschema_description:"How long things live, and how users are warned."`
	}
	settingsSpec struct {
		Idle                   wire.Duration `yaml:"idle" jsonschema_description:"A data channel without payload for so long is suspended; 5m by default."`
		IdleMost               wire.Duration `yaml:"idleMost" jsonschema_description:"Users may choose another idle time, up to this; by default they may not."`
		RideThrough            wire.Duration `yaml:"rideThrough" jsonschema_description:"A shorter interruption of the control channel prevents no access; 1m by default."`
		StampRounding          wire.Duration `yaml:"stampRounding" jsonschema_description:"An answer is stamped at the next multiple of it; 15m by default, 0s is exact."`
		WarningLead            wire.Duration `yaml:"warningLead" jsonschema_description:"The prompt comes so long before access would lapse; 5m by default."`
		HideValues             bool          `yaml:"hideValues" jsonschema_description:"Users are told which kind of criterion failed, and no values."`
		StrictDNS              bool          `yaml:"strictDNS" jsonschema_description:"Names that are not the applications' are asked of the network's own servers, even while a VPN wants to be asked."`
		CookieLifetime         wire.Duration `yaml:"cookieLifetime" jsonschema_description:"How long a session lasts; 24h by default."`
		ClaimsLifetime         wire.Duration `yaml:"claimsLifetime" jsonschema_description:"How long a claims token lives; 24h by default."`
		EntitlementLifetime    wire.Duration `yaml:"entitlementLifetime" jsonschema_description:"How long an entitlement token lives; 24h by default."`
		MinInteractionLifetime wire.Duration `yaml:"minInteractionLifetime" jsonschema_description:"The shortest lifetime of an answer that criteria may ask for; 15m by default."`
		Lockout                lockoutSpec   `yaml:"lockout" jsonschema_description:"When a user on a device is locked out."`
		Risk                   riskSpec      `yaml:"risk" jsonschema_description:"What an alert does to the risk of its user."`
	}
	lockoutSpec struct {
		After int           `yaml:"after" jsonschema:"minimum=1" jsonschema_description:"So many failures in a row; 5 by default."`
		For   wire.Duration `yaml:"for" jsonschema_description:"For so long; 1m by default."`
	}
	riskSpec struct {
		Alert string        `yaml:"alert" jsonschema:"enum=low,enum=medium,enum=high" jsonschema_description:"What an alert raises it to; high by default."`
		For   wire.Duration `yaml:"for" jsonschema_description:"For so long; 24h by default."`
	}
)

// riskLevels are the words for CAEP's levels.
var riskLevels = map[string]int64{"low": wire.RiskLow, "medium": wire.RiskMedium, "high": wire.RiskHigh}

func (l *loader) controller(d *resource.Document) {
	def := wire.DefaultSettings()
	s := controllerSpec{Title: d.Name, Settings: settingsSpec{
		Idle: def.Idle, RideThrough: def.RideThrough, StampRounding: def.StampRounding, WarningLead: def.WarningLead,
		CookieLifetime: wire.Duration(24 * time.Hour), ClaimsLifetime: wire.Duration(24 * time.Hour),
		EntitlementLifetime: wire.Duration(24 * time.Hour), MinInteractionLifetime: wire.Duration(15 * time.Minute),
	}}
	s.Settings.Lockout.After, s.Settings.Lockout.For = 5, wire.Duration(time.Minute)
	s.Settings.Risk = riskSpec{Alert: "high", For: wire.Duration(24 * time.Hour)}
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
		s.StateDir = filepath.Join(filepath.Dir(d.AtName().File), s.StateDir)
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
	if most := s.Settings.IdleMost; most != 0 && most < s.Settings.Idle {
		l.errs.Add(d.At("settings", "idleMost").Errorf("idleMost is shorter than idle (%v); write that or more, or leave it out so that nobody chooses", s.Settings.Idle))
	}
	alert, known := riskLevels[s.Settings.Risk.Alert]
	if !known {
		l.errs.Add(d.At("settings", "risk", "alert").Errorf("unknown risk %q; write low, medium or high", s.Settings.Risk.Alert))
	}
	if s.Settings.Risk.For.D() < time.Second {
		l.errs.Add(d.At("settings", "risk", "for").Errorf("an alert must raise the risk for at least 1s; write for example for: 24h"))
	}
	c := l.conf
	c.Name, c.Title, c.Listen, c.PublicAddress, c.StateDir = d.Name, s.Title, s.Listen, s.PublicAddress, s.StateDir
	c.Settings = wire.Settings{Idle: s.Settings.Idle, IdleMost: s.Settings.IdleMost, RideThrough: s.Settings.RideThrough, StampRounding: s.Settings.StampRounding, WarningLead: s.Settings.WarningLead, HideValues: s.Settings.HideValues, StrictDNS: s.Settings.StrictDNS}
	c.CookieLifetime, c.ClaimsLifetime = s.Settings.CookieLifetime.D(), s.Settings.ClaimsLifetime.D()
	c.EntitlementLifetime, c.MinInteractionLifetime = s.Settings.EntitlementLifetime.D(), s.Settings.MinInteractionLifetime.D()
	c.Risk = Risk{Alert: alert, For: s.Settings.Risk.For.D()}
	c.Lockout = Lockout{After: s.Settings.Lockout.After, For: s.Settings.Lockout.For.D()}
}
