package virtual_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/lab/virtual"
	"github.com/tidegate/tidegate/internal/wire"
)

// quiet asserts of the shipped defaults that a trigger comes by nothing but what
// its row says: in an hour in which a lab is left alone, it does not.
func quiet(trigger wire.Trigger, prepare func(*testing.T) *virtual.Lab) func(*testing.T) {
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := prepare(t)
			l.Settle()
			before := len(l.Audit())
			time.Sleep(time.Hour)
			for _, r := range l.Audit()[before:] {
				if r.Trigger == trigger {
					t.Errorf("nobody did anything, and yet: %+v", r)
				}
			}
		})
	}
}

func signedOut(t *testing.T) *virtual.Lab {
	return virtual.New(t, virtual.Options{Resources: both(""), Names: names()})
}

func unused(t *testing.T) *virtual.Lab { return signedIn(t, virtual.Options{Resources: both("")}) }

func inUse(t *testing.T) *virtual.Lab {
	l, _ := connected(t, virtual.Options{Resources: both("")})
	return l
}

var (
	untilSignIn    = quiet(wire.TriggerSignIn, signedOut)
	untilUse       = quiet(wire.TriggerConnect, unused)
	untilAccess    = quiet(wire.TriggerAccess, inUse)
	untilRenewal   = quiet(wire.TriggerRenewal, inUse)
	untilReconnect = quiet(wire.TriggerReconnect, inUse)
	untilRoaming   = quiet(wire.TriggerRoaming, inUse)
	untilSignOut   = quiet(wire.TriggerSignOut, inUse)
)

// everyFiveMinutes changes what the device would report right after it was
// looked at, while a flow is open and quiet. The sign-in took some seconds at most.
func everyFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := kept(t, virtual.Options{Files: machine("12"), Resources: policy(guarded{name: open, criteria: `device.os_version != ""`})})
		l.Client.Files.Set("etc/os-release", osRelease("13"))
		for _, due := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
			l.Until(due - 2*time.Second)
			before := len(l.Audit())
			l.Until(due + 10*time.Second)
			o := observation{records: l.Audit()[before:]}
			if n := by(o.kind("verdict"), wire.TriggerDeviceClaims); n != 1 {
				t.Errorf("%v after the sign-in: %d verdicts by a change of the device, want 1", due, n)
			}
			l.Client.Files.Set("etc/os-release", osRelease("14"))
		}
	})
}

func everyDefault(t *testing.T) {
	conf := virtual.Config(t, virtual.Options{Resources: policy(
		guarded{name: "default", criteria: isStaff},
		guarded{name: "risk", criteria: "risk < 50"},
		guarded{name: "never", criteria: "risk < 50", more: "reevaluate: {every: 0}"},
		guarded{name: "twelve", criteria: isStaff, more: "reevaluate: {every: 5m}"},
		guarded{name: "quarters", criteria: isStaff, more: "reevaluate: {every: 15m}"},
		guarded{name: "hour", criteria: isStaff, more: "reevaluate: {every: 60m}"},
	)})
	got := map[wire.ConditionID]time.Duration{}
	for id, c := range conf.Conditions {
		got[id] = c.Reevaluate.Every.D()
	}
	want := map[wire.ConditionID]time.Duration{"default": 0, "risk": 15 * time.Minute, "never": 0,
		"twelve": 5 * time.Minute, "quarters": 15 * time.Minute, "hour": time.Hour}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func atDefault(t *testing.T) {
	conf := virtual.Config(t, virtual.Options{Resources: policy(
		guarded{name: "default", criteria: isStaff},
		guarded{name: "closing", criteria: isStaff, more: `reevaluate: {at: ["17:00"]}`},
	)})
	if got := conf.Conditions["default"].Reevaluate.At; len(got) > 0 {
		t.Errorf("by default, a condition is judged at %v", got)
	}
	if d := cmp.Diff([]int{17 * 60}, conf.Conditions["closing"].Reevaluate.At); d != "" {
		t.Error(d)
	}
}

// shorter is a policy whose tokens live for less than the default.
func shorter(tokens string) string {
	return `---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: shorter}
spec: {assign: {everyone: true}, tokens: {` + tokens + `}}
`
}

// lifetimes are those of the first tokens: of the shipped defaults, and where
// settings say otherwise. The session outlives them.
func lifetimes(t *testing.T, settings string) (standard, set virtual.Lifetimes) {
	of := func(settings string) (got virtual.Lifetimes) {
		synctest.Test(t, func(t *testing.T) {
			got = signedIn(t, virtual.Options{Resources: both(""), Settings: "cookieLifetime: 72h\n" + settings}).Client.Lifetimes()
		})
		return got
	}
	return of(""), of(settings)
}

func claimsLifetime(t *testing.T) {
	if standard, set := lifetimes(t, "claimsLifetime: 30h"); standard.Claims != 24*time.Hour || set.Claims != 30*time.Hour {
		t.Errorf("a claims token lives for %v, and for %v where 30h are set", standard.Claims, set.Claims)
	}
}

func entitlementLifetime(t *testing.T) {
	if standard, set := lifetimes(t, "entitlementLifetime: 30h"); standard.Entitlement != 24*time.Hour || set.Entitlement != 30*time.Hour {
		t.Errorf("an entitlement token lives for %v, and for %v where 30h are set", standard.Entitlement, set.Entitlement)
	}
}

func everyMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inUse(t)
		time.Sleep(time.Minute)
		before := l.Resolver.Asked()
		time.Sleep(10 * time.Minute)
		if n := l.Resolver.Asked() - before; n != 10*len(entitlements) {
			t.Errorf("%d names were looked up %d times in 10 minutes", len(entitlements), n)
		}
	})
}

func untilAlert(t *testing.T) {
	quiet(wire.TriggerAlert, risky)(t)
	conf := virtual.Config(t, virtual.Options{Resources: both("")})
	if conf.Risk.Alert != wire.RiskHigh || conf.Risk.For != 24*time.Hour {
		t.Errorf("by default, an alert raises the risk to %d for %v", conf.Risk.Alert, conf.Risk.For)
	}
}
