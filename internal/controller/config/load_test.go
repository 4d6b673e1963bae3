package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

func TestLoadExample(t *testing.T) {
	conf, err := Load("testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if conf.Name != "example" || conf.Title != "Example Ltd" || conf.StateDir != filepath.Join("testdata", "state") {
		t.Errorf("the controller is %q %q %q", conf.Name, conf.Title, conf.StateDir)
	}
	if d := cmp.Diff(wire.DefaultSettings(), conf.Settings); d != "" {
		t.Error(d)
	}
	alice, bob := conf.Users["alice"], conf.Users["bob"]
	if !conf.RequiresCode(alice) || conf.RequiresCode(bob) {
		t.Error("the wrong user needs a code")
	}
	names := func(u *User) (ids []string) {
		for _, e := range conf.Entitled(u)["hq"] {
			ids = append(ids, string(e.ID))
		}
		return ids
	}
	if d := cmp.Diff([]string{"ledger", "wiki"}, names(alice)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"wiki"}, names(bob)); d != "" {
		t.Error(d)
	}
	ledger := conf.Entitlements["ledger"]
	if len(ledger.Conditions) != 1 || ledger.Conditions[0].Criteria != `within(responses.mfa, duration("60m"))` || len(ledger.Conditions[0].Interactions) != 1 {
		t.Errorf("the ledger's conditions are %+v", ledger.Conditions)
	}
	if d := cmp.Diff(wire.Site{ID: "hq", Name: "Headquarters", Gateways: []wire.Gateway{{Name: "gw1", Address: "127.0.0.1:8444"}}}, conf.Site("hq")); d != "" {
		t.Error(d)
	}
	if r := conf.Conditions["recent-mfa"].Reevaluate; r.Every.D() != 15*time.Minute {
		t.Errorf("reevaluate is %+v", r)
	}
}

// TestLoadErrors breaks the example in one place at a time.
func TestLoadErrors(t *testing.T) {
	good, err := os.ReadFile("testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"no address", "  listen: 127.0.0.1:8443\n", "", `7:3: listen: an address is missing; write host:port, for example 127.0.0.1:8443`},
		{"bad address", "127.0.0.1:8443", "localhost", `8:11: listen: "localhost" is not host:port; write host:port, for example 127.0.0.1:8443`},
		{"no state", "  stateDir: state # beside this file\n", "", `7:3: stateDir is missing; write the directory that keeps keys and state, for example stateDir: /var/lib/tidegate`},
		{"ride-through", "rideThrough: 1m", "rideThrough: 25h", `13:18: rideThrough is longer than the tokens live (24h0m0s); write that or less`},
		{"idle", "rideThrough: 1m", "idleMost: 1m", `13:15: idleMost is shorter than idle (5m0s); write that or more, or leave it out so that nobody chooses`},
		{"lockout", "after: 5", "after: 0", `20:14: lockout must be after at least 1 failure and for at least 1s; write lockout: {after: 5, for: 1m}`},
		{"misspelt", "cookieLifetime", "cookeLifetime", `16:5: unknown key "cookeLifetime" in settings, did you mean "cookieLifetime"?; the keys are idle, idleMost, rideThrough, stampRounding, warningLead, hideValues, strictDNS, cookieLifetime, claimsLifetime, entitlementLifetime, minInteractionLifetime, lockout, risk`},
		{"kind", "kind: Site", "kind: Sit", `40:7: unknown kind "Sit", did you mean "Site"?; the kinds are Controller, User, Group, Site, Gateway, CriteriaScript, EntitlementScript, DeviceClaim, Transmitter, Condition, Entitlement, Policy`},
		{"twice", "{name: bob}", "{name: alice}", `33:18: User "alice" exists already, at f.yaml:24:18; give this one another name`},
		{"second controller", "kind: Site", "kind: Controller", `40:7: there is a second Controller; a configuration has one`},
		{"hash", "$argon2id$v=19$m=8192", "$argon2i$v=19$m=8192", "28:13: password: is not an argon2id hash ($argon2id$v=19$m=...,t=...,p=...$salt$hash); write the hash that `tidegate-server controller hash-password` prints"},
		{"weak hash", "m=8192,t=1", "m=64,t=1", "28:13: password: its parameters m=64,t=1,p=1 are too weak or too dear (m from 8192 to 1048576, t and p from 1 to 16); write the hash that `tidegate-server controller hash-password` prints"},
		{"totp", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "0BSWY3DP", `29:9: totp is not base32; write the letters A-Z and digits 2-7 that the authenticator was given`},
		{"short totp", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "JBSWY3DP", `29:9: totp is shorter than 128 bits; write at least 26 letters and digits of base32`},
		{"code without totp", "  totp: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n", "", `24:18: policy finance wants a one-time code of alice, who has none; write totp, a base32 secret`},
		{"unknown site", "site: hq\n  address", "site: hk\n  address", `49:9: there is no Site "hk", did you mean "hq"?; there are hq`},
		{"gateway's port", "127.0.0.1:8444", "127.0.0.1:0", `50:12: address: "0" is not a port; write host:port as clients reach the gateway, for example gw1.example.com:8444`},
		{"short code", "a-code-for-tests-alone-0001", "short", "53:14: the enrolment code is shorter than 16 characters and could be guessed; write a random one, or none and make one with `tidegate-server controller enrol-gateway`"},
		{"interaction", "kind: mfa", "kind: sms", `61:13: unknown interaction "sms"; write mfa, password, reason or message`},
		{"never read", "kind: mfa", "kind: password", `61:13: the criteria never read responses.password, so asking for it would not help; read it, or remove the interaction`},
		{"too short a lifetime", `"60m"`, `"5m"`, `59:13: the lifetime 5m0s of an interaction is under 15m0s, and the user would be asked all the time; write a longer one, or lower minInteractionLifetime`},
		{"every", "every: 15m", "every: 7m", `64:23: reevaluation every 7m0s is not offered; write 5m, 15m or 1h, or 0 for none`},
		{"at", `"17:01"`, `"5pm"`, `73:21: "5pm" is not a time of day; write HH:MM in UTC, for example 17:01`},
		{"no actions", "    - {hosts: [wiki.example.com], ports: [80, 443]}", "    []", `82:5: the entitlement allows nothing; write actions, for example - {hosts: [wiki.example.com], ports: [443]}`},
		{"host", "[wiki.example.com]", "[Wiki.example.com]", `82:16: "Wiki.example.com" is not a host: write a name in a-z, 0-9 and '-', an address, or a CIDR such as 10.0.0.0/24`},
		{"wildcard of a public suffix", "[wiki.example.com]", `["*.co.uk"]`, `82:16: "*.co.uk" is not a host: co.uk is a public suffix, below which anybody may have names; write a domain of your own, such as *.corp.co.uk`},
		{"wildcard of a label", "[wiki.example.com]", `["*.com"]`, `82:16: "*.com" is not a host: one label behind the star is too wide; write a domain of your own, such as *.corp.com`},
		{"wildcard of everything", "[wiki.example.com]", `[wiki.example.com, '*']`, `82:34: "*" is not a host: it would be every name; write a domain behind the star, such as *.corp.example`},
		{"star in the middle", "[wiki.example.com]", "[a.*.example.com]", `82:16: "a.*.example.com" is not a host: a star stands for whole labels, and only in front of a domain; write *.example.com`},
		{"part of a label", "[wiki.example.com]", `["*x.corp.example"]`, `82:16: "*x.corp.example" is not a host: a star stands for whole labels, and only in front of a domain; write *.corp.example`},
		{"two stars", "[wiki.example.com]", `["**.x.y"]`, `82:16: "**.x.y" is not a host: a star stands for whole labels, and only in front of a domain; write *.x.y`},
		{"wildcard in upper case", "[wiki.example.com]", `["*.Example.COM."]`, `82:16: "*.Example.COM." is not a host: write it in a-z, 0-9 and '-', without a dot at the end: *.example.com`},
		{"wildcard beyond ASCII", "[wiki.example.com]", `["*.bücher.example"]`, `82:16: "*.bücher.example" is not a host: write it in a-z, 0-9 and '-', without a dot at the end: *.xn--bcher-kva.example`},
		{"wildcard without quotes", "[wiki.example.com]", "[*.example.com]", `82:16: is not YAML: a value that begins with * is written in quotes: "*.example.com"`},
		{"wildcard of a resolver name", "[wiki.example.com]", `["dns://*.example.com"]`, `82:16: "dns://*.example.com" is not a host: write a resolver name such as dns://db.example.com`},
		{"link to a wildcard", "https://wiki.example.com/", "https://*.example.com/", `84:87: the link "https://*.example.com/": "*.example.com" is not a host; write for example https://wiki.example.com or tcp://db.example.com:5432`},
		{"link below no wildcard", "[wiki.example.com]", `["*.wiki.example.com"]`, `84:87: no action of this entitlement opens wiki.example.com port 443, so the link "https://wiki.example.com/" would be refused; add it to hosts and ports`},
		{"mask", "10.1.2.0/24", "10.1.2.3/24", `93:46: "10.1.2.3/24" is not a host: it has bits behind its mask; write 10.1.2.0/24`},
		{"protocol", "protocol: tcp", "protocol: sctp", `93:33: unknown protocol "sctp"; write tcp, udp or icmp`},
		{"unknown condition", "[recent-mfa]", "[recent]", `94:16: there is no Condition "recent"; there are office-hours, recent-mfa`},
		{"scheme", "https://wiki.example.com/", "ftp://wiki.example.com/", `84:87: the link "ftp://wiki.example.com/": the scheme "ftp" is not offered; write http, https, ssh or tcp`},
		{"password in a link", "https://wiki", "https://a:b@wiki", `84:87: the link "https://a:b@wiki.example.com/": must not hold a user or password; remove what stands before @`},
		{"closed link", "https://wiki.example.com/", "https://wiki.example.com:8080", `84:87: no action of this entitlement opens wiki.example.com port 8080, so the link "https://wiki.example.com:8080" would be refused; add it to hosts and ports`},
		{"shortcut twice", "id: ledger-shell", "id: wiki", `97:12: the shortcut "wiki" exists already, at f.yaml:84:12; give this one another id`},
		{"color", "color: 4", "color: 21", `96:57: color 21 is not one of 1 to 20; write one of them, or none`},
		{"nobody", "{everyone: true}", "{}", `103:11: the policy is assigned to nobody; write users, groups, criteria, or everyone: true under assign`},
		{"unknown user", "{everyone: true}", "{users: [alicia]}", `103:20: there is no User "alicia", did you mean "alice"?; there are alice, bob`},
		{"unknown entitlement", "entitlements: [wiki]", "entitlements: [wikis]", `104:18: there is no Entitlement "wikis", did you mean "wiki"?; there are ledger, wiki`},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := strings.Replace(string(good), c.old, c.new, 1)
			if src == string(good) {
				t.Fatal("the example has no such text")
			}
			docs, err := resource.Parse("f.yaml", []byte(src))
			conf, err := load("f.yaml", docs, err)
			if err == nil || conf != nil {
				t.Fatalf("loaded: %v", conf)
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			if d := cmp.Diff("f.yaml:"+c.want, first); d != "" {
				t.Errorf("%s\nall:\n%v", d, err)
			}
		})
	}
}

// TestCriteriaPlace points into a condition's expression.
func TestCriteriaPlace(t *testing.T) {
	good, err := os.ReadFile("testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	src := strings.Replace(string(good), `"finance" in user.groups`, `"finance" in user.grops`, 1)
	docs, err := resource.Parse("f.yaml", []byte(src))
	_, err = load("f.yaml", docs, err)
	var e *resource.Error
	if !errors.As(err, &e) || e.Line != 72 || e.Column < 5 {
		t.Fatalf("the error is at the wrong place: %v", err)
	}
	t.Log(err)
	src = strings.Replace(string(good), `duration("60m"))`, `duration("60m")`, 1)
	docs, err = resource.Parse("f.yaml", []byte(src))
	_, err = load("f.yaml", docs, err)
	if !errors.As(err, &e) || e.Line != 59 {
		t.Fatalf("the error is at the wrong place: %v", err)
	}
}

func TestLoadNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "there is no Controller") {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := Load(name + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	good, err := os.ReadFile("testdata/controller.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good))
	whole := ""
	files, err := filepath.Glob("testdata/harbour/[0-9]*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		part, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		whole += "---\n" + string(part)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, src string) {
		docs, err := resource.Parse("f", []byte(src))
		conf, err := load("f", docs, err)
		if (conf == nil) == (err == nil) {
			t.Fatalf("%v %v", conf, err)
		}
		if err == nil {
			conf.Lint(lintNow)
		}
	})
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=8192,t=1,p=1$dGlkZWdhdGUtZXhhbXBsZQ$GPENF0ri8baqcU4HAF4gj0xs5fCwDOfIxtcA3FpDkLw")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := parseHash(s); err == nil && h.String() != s {
			t.Fatalf("%q reads back as %q", s, h)
		}
	})
}
