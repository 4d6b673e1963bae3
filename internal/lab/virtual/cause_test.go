package virtual_test

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/lab/virtual"
	"github.com/tidegate/tidegate/internal/wire"
)

// cause causes a trigger in a bubble of its own.
type cause = func(*testing.T) []observation

func causes(all ...cause) []cause { return all }

// see has cause happen in a lab, and tells what came of it.
func see(l *virtual.Lab, name string, what observed, cause func()) observation {
	l.Settle()
	o := observation{name: name, observed: what, before: l.Client.Tokens()}
	seen := len(l.Audit())
	cause()
	l.Settle()
	o.records, o.after = l.Audit()[seen:], l.Client.Tokens()
	return o
}

// signedIn is a lab whose user has signed in.
func signedIn(t *testing.T, o virtual.Options) *virtual.Lab {
	t.Helper()
	if o.Names == nil {
		o.Names = names()
	}
	l := virtual.New(t, o)
	l.Client.SignIn()
	return l
}

// connected is a lab whose user uses open.
func connected(t *testing.T, o virtual.Options) (*virtual.Lab, *virtual.Flow) {
	t.Helper()
	l := signedIn(t, o)
	f := l.Client.Use("open")
	if err := f.Echo(); err != nil {
		t.Fatalf("open: %v", err)
	}
	return l, f
}

// kept is connected where no quiet suspends the data channel.
func kept(t *testing.T, o virtual.Options) (*virtual.Lab, *virtual.Flow) {
	t.Helper()
	o.Settings = "idle: 24h"
	return connected(t, o)
}

var entitlements = []wire.EntitlementID{open, shut}

// usual: open's condition holds, shut's fails, and both are judged.
var usual = observed{holds: entitlements[:1], fails: entitlements[1:], judged: entitlements}

func signIn(t *testing.T) []observation {
	l := virtual.New(t, virtual.Options{Resources: both(""), Names: names()})
	return []observation{see(l, "sign-in", usual, l.Client.SignIn)}
}

func connects(t *testing.T) []observation {
	l := signedIn(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "first use", usual, func() { l.Client.Use("open") })}
}

func accesses(t *testing.T) []observation {
	l, _ := connected(t, virtual.Options{Resources: policy(
		guarded{name: open, criteria: isStaff},
		guarded{name: shut, criteria: isNobody},
		guarded{name: "code", criteria: `within(responses.mfa, duration("60m"))`, more: "interactions: [{kind: mfa}]"},
		guarded{name: "word", criteria: `within(responses.password, duration("60m"))`, more: "interactions: [{kind: password}]"},
	)})
	use := func(e wire.EntitlementID) func() { return func() { l.Client.Use(wire.AppID(e)) } }
	only := func(e wire.EntitlementID) []wire.EntitlementID { return []wire.EntitlementID{e} }
	return []observation{
		see(l, "tried and let", observed{holds: only(open), judged: only(open), unanswered: true}, use(open)),
		see(l, "tried and refused", observed{fails: only(shut), judged: only(shut), unanswered: true}, use(shut)),
		see(l, "tried without a code", observed{fails: only("code"), judged: only("code"), unanswered: true}, use("code")),
		see(l, "code given", observed{holds: only("code"), fails: only("word"), judged: only("code")}, l.Client.Answer),
		see(l, "tried without a password", observed{fails: only("word"), judged: only("word"), unanswered: true}, use("word")),
		see(l, "password given", observed{holds: only("word"), fails: only(shut), judged: only("word")}, l.Client.Answer),
	}
}

func deviceClaims(t *testing.T) []observation {
	l, _ := kept(t, virtual.Options{Files: machine("12"), Resources: policy(
		guarded{name: open, criteria: `device.os_version != ""`},
		guarded{name: shut, criteria: `device.os_version == "12"`},
	)})
	gathered := func() { time.Sleep(11 * time.Minute) } // twice, while open is quiet
	return []observation{
		see(l, "nothing to report", observed{unreported: true}, gathered),
		see(l, "a change reported", usual, func() {
			l.Client.Files.Set("etc/os-release", osRelease("13"))
			gathered()
		}),
	}
}

// machine are the files of a device with a version of its system.
func machine(version string) map[string]string {
	return map[string]string{"etc/os-release": osRelease(version)}
}

func osRelease(version string) string { return "ID=debian\nVERSION_ID=\"" + version + "\"\n" }

// periodic starts shortly before the hour, which is due whatever the period.
func periodic(every string) cause {
	return func(t *testing.T) []observation {
		l, _ := connected(t, virtual.Options{Starts: 9*time.Hour + 56*time.Minute, Resources: both("reevaluate: {every: " + every + "}")})
		return []observation{see(l, "every "+every, usual, func() { l.Until(10 * time.Hour) })}
	}
}

func atTime(t *testing.T) []observation {
	l, _ := connected(t, virtual.Options{Starts: 16*time.Hour + 50*time.Minute, Resources: both(`reevaluate: {at: ["17:01"]}`)})
	return []observation{see(l, "at 17:01", usual, func() { l.Until(17*time.Hour + time.Minute) })}
}

func claimsToken(t *testing.T) []observation {
	l, _ := kept(t, virtual.Options{Resources: both("") + shorter("claims: 2h")})
	return []observation{see(l, "after two hours", usual, func() { l.Until(2 * time.Hour) })}
}

func entitlementToken(t *testing.T) []observation {
	l, _ := kept(t, virtual.Options{Resources: both("") + shorter("entitlement: 2h")})
	return []observation{see(l, "after two hours", usual, func() { l.Until(2 * time.Hour) })}
}

func resolver(t *testing.T) []observation {
	l, _ := kept(t, virtual.Options{Resources: both("")})
	return []observation{
		see(l, "the same answer", observed{unreported: true}, func() { time.Sleep(5 * time.Minute) }),
		see(l, "other addresses", usual, func() {
			l.Resolver.Set("open.test", "10.0.1.1")
			l.Resolver.Set("shut.test", "10.0.1.2")
			time.Sleep(time.Minute)
		}),
	}
}

// risky is a lab of which open bears a high risk.
func risky(t *testing.T) *virtual.Lab {
	l, _ := connected(t, virtual.Options{Resources: policy(
		guarded{name: open, criteria: "risk < 95"},
		guarded{name: shut, criteria: "risk < 50"},
		guarded{name: "trap", criteria: isStaff, effect: wire.EffectAlert, plain: true},
	)})
	return l
}

func alertAction(t *testing.T) []observation {
	l := risky(t)
	return []observation{see(l, "an alert action", usual, func() { l.Client.Use("trap") })}
}

func signal(t *testing.T) []observation {
	l := risky(t)
	return []observation{see(l, "a signal", usual, func() { l.Signal(virtual.RiskHigh()) })}
}

func raised(t *testing.T) []observation {
	l := risky(t)
	return []observation{
		see(l, "risk raised by an administrator", usual, func() { l.Risk(wire.RiskHigh) }),
		see(l, "risk lowered by an administrator", observed{holds: entitlements, judged: entitlements}, func() { l.Risk(wire.RiskLow) }),
	}
}

func renewals(t *testing.T) []observation {
	l, _ := connected(t, virtual.Options{Resources: both("")})
	renew := func(claims, entitlements bool) func() { return func() { l.Renew(claims, entitlements) } }
	spared := func(column string) observed { o := usual; o.spared = []string{column}; return o }
	return []observation{
		see(l, "renewed", usual, renew(false, false)),
		see(l, "renewed, both chosen", usual, renew(true, true)),
		see(l, "renewed, claims chosen", spared("entitlement-token"), renew(true, false)),
		see(l, "renewed, entitlements chosen", spared("claims-token"), renew(false, true)),
		see(l, "policies changed", usual, func() {
			l.Reload(both("denied: Not today."))
		}),
	}
}

func interrupted(t *testing.T) []observation {
	l, f := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "off the network", usual, func() {
		l.Client.Interrupt()
		f.Write([]byte("lost\n")) // tells that the carrier is dead
		time.Sleep(30 * time.Second)
		l.Client.Restore()
		time.Sleep(10 * time.Second)
		l.Client.Use("open")
	})}
}

func suspended(t *testing.T) []observation {
	l, f := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "suspended", usual, func() {
		f.Close()
		time.Sleep(10 * time.Minute)
		l.Client.Use("open")
	})}
}

func restarted(t *testing.T) []observation {
	l, f := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "the controller restarted", usual, func() {
		f.Close()
		time.Sleep(10 * time.Minute)
		l.RestartController()
		time.Sleep(10 * time.Second)
		l.Client.Use("open")
	})}
}

func gatewayLost(t *testing.T) []observation {
	l, f := connected(t, virtual.Options{Resources: both(""), Spare: true})
	return []observation{see(l, "the gateway lost", usual, func() {
		l.LoseGateway()
		f.Write([]byte("lost\n"))
		time.Sleep(30 * time.Second)
		l.Client.Use("open")
		time.Sleep(10 * time.Second)
	})}
}

func roams(t *testing.T) []observation {
	l, _ := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "at another address", usual, func() {
		l.Client.Interrupt()
		time.Sleep(20 * time.Second)
		l.Client.Move(virtual.Elsewhere)
		l.Client.Restore()
		time.Sleep(20 * time.Second)
	})}
}

// moved is roaming without a gap, as from one access point to another: QUIC goes
// on from the new address.
func moved(t *testing.T) []observation {
	l, f := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "moved without a gap", usual, func() {
		l.Client.Move(virtual.Elsewhere)
		time.Sleep(30 * time.Second)
		if err := f.Ping(); err != nil {
			t.Errorf("the flow that was open: %v", err)
		}
	})}
}

// signOut: the client closes its data channels at once, whoever else tells the
// gateway.
func signOut(t *testing.T) []observation {
	l, _ := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "signed out", usual, l.Client.SignOut)}
}

// unheard is a sign-out of which the gateway hears from the controller alone.
func unheard(t *testing.T) []observation {
	l, _ := connected(t, virtual.Options{Resources: both("")})
	return []observation{see(l, "signed out, unheard by the gateway", usual, func() {
		l.LoseGatewaysOf(l.Client)
		l.Client.SignOut()
	})}
}
