package policycase

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/config"
)

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	conf, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// run writes a configuration and cases with texts replaced, and runs them.
func run(t *testing.T, conf *config.Config, cases string) ([]Result, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "cases.yaml")
	if err := os.WriteFile(file, []byte(cases), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(file)
	if err == nil {
		var results []Result
		if results, err = Run(conf, got); err == nil {
			return results, nil
		}
	}
	return nil, errors.New(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
}

func differences(results []Result) []string {
	var out []string
	for _, r := range results {
		for _, d := range r.Differences {
			d.File = filepath.Base(d.File)
			out = append(out, d.Error())
		}
	}
	return out
}

func TestCases(t *testing.T) {
	conf := load(t, "../testdata/controller.yaml")
	cases, err := Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(conf, cases)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 5 {
		t.Errorf("%d cases", len(results))
	}
	if d := differences(results); d != nil {
		t.Error(strings.Join(d, "\n"))
	}
	if d := cmp.Diff([]string{"everyone", "finance"}, results[0].Policies); d != "" {
		t.Error(d)
	}
	harbour, err := Load("../testdata/harbour")
	if err != nil || len(harbour) != 1 {
		t.Fatalf("%d cases among other resources, %v", len(harbour), err)
	}
	if results, err = Run(load(t, "../testdata/harbour"), harbour); err != nil || differences(results) != nil {
		t.Errorf("%v %v", differences(results), err)
	}
}

func TestDifferences(t *testing.T) {
	conf := load(t, "../testdata/controller.yaml")
	good, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"allow", "expect: {allow: true, until: \"15:45\"", "expect: {allow: false, until: \"15:45\"", `cases.yaml:10:19: expected denied, is allowed`},
		{"until", `until: "15:45"`, `until: "15:40"`, `cases.yaml:10:32: expected until 15:40, is 15:45: condition recent-mfa, mfa, The ledger needs a one-time code that is less than an hour old.`},
		{"until never", `until: "15:45"`, `until: never`, `cases.yaml:10:32: expected until never, is 15:45: condition recent-mfa, mfa, The ledger needs a one-time code that is less than an hour old.`},
		{"until tomorrow", `until: "15:45"`, `until: "14:00"`, `cases.yaml:10:32: expected until 2026-11-21T14:00:00Z, is 15:45: condition recent-mfa, mfa, The ledger needs a one-time code that is less than an hour old.`},
		{"warn", `warn: "15:40"`, `warn: "15:40:30"`, `cases.yaml:10:47: expected warn 15:40:30, is 15:40: condition recent-mfa, mfa, The ledger needs a one-time code that is less than an hour old.`},
		{"cure", "cure: [mfa], reason: mfa}\n---\napiVersion: tidegate.org/v1\nkind: Case\nmetadata: {name: answered", "cure: [], reason: mfa}\n---\napiVersion: tidegate.org/v1\nkind: Case\nmetadata: {name: answered", `cases.yaml:10:62: expected cure [], is [mfa]: condition recent-mfa, mfa, The ledger needs a one-time code that is less than an hour old.`},
		{"reason", "cure: [], reason: not-entitled", "cure: [], reason: group", `cases.yaml:38:71: expected reason group, is not-entitled: not-entitled, no policy of bob's gives the entitlement ledger`},
		{"denied", "allow: false, until: never, cure: [mfa]", "allow: true, until: never, cure: [mfa]", `cases.yaml:29:19: expected allowed, is denied: condition recent-mfa, mfa, The ledger needs a one-time code that is less than an hour old.`},
		{"reason of nothing", "until: never}", "until: never, reason: time}", `cases.yaml:47:47: expected reason time, is none`},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := strings.Replace(string(good), c.old, c.new, 1)
			results, err := run(t, conf, src)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{c.want}, differences(results)); d != "" {
				t.Error(d)
			}
		})
	}
}

// one is a case by its spec in flow style, as the sixth line of a file.
func one(spec string) string {
	return "apiVersion: tidegate.org/v1\nkind: Case\nmetadata: {name: one}\nspec:\n  as: maya\n  " + strings.ReplaceAll(spec, "\n", "\n  ") + "\n"
}

func TestClaims(t *testing.T) {
	conf := load(t, "../testdata/harbour")
	const duty = "at: 2026-11-20T16:58:00Z\napp: berths\nclaims:\n  address: 10.1.2.3\n  responses: {mfa: 1m ago}\n" +
		"  scripts: {on-call: true}\n  device: {edr.running: true, patch_level: 7, agent-conf: abc, addresses: [10.1.2.3]}\n"
	for _, c := range []struct {
		name, spec string
		want       []string
	}{
		{"all there", duty + "expect: {allow: true, until: '18:00', warn: '17:55', cure: [password, mfa]}", nil},
		{"abroad", strings.Replace(duty, "10.1.2.3", "192.0.2.1", 1) + "expect: {allow: false, reason: not-entitled}", nil},
		{"off duty", strings.Replace(duty, "on-call: true", "on-call: false", 1) + "expect: {allow: false, reason: script, cure: []}", nil},
		{"no roster", strings.Replace(duty, "on-call: true", "", 1) + "expect: {allow: false, reason: missing-claim}", nil},
		{"old patches", strings.Replace(duty, "patch_level: 7", "patch_level: 6", 1) + "expect: {allow: false, reason: device}", nil},
		{"low risk by default", "at: 2026-11-20T16:58:00Z\napp: charts\nexpect: {allow: true}", nil},
		{"high risk", "at: 2026-11-20T16:58:00Z\napp: charts\nclaims: {risk: 90}\nexpect: {allow: false, reason: risk}", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, err := run(t, conf, one(c.spec))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, differences(results)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestOfficeHours is the manual's other example: 08:30 to 17:00 with a
// reevaluation at 17:01, which finds that access has ended.
func TestOfficeHours(t *testing.T) {
	src, err := os.ReadFile("../testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "controller.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(src), "[recent-mfa]", "[recent-mfa, office-hours]", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := load(t, file)
	for _, c := range []struct{ name, at, expect string }{
		{"on Friday", "2026-11-20T16:58:00Z", "{allow: true, until: '17:00', warn: never, cure: [], reason: time}"},
		{"at the end", "2026-11-20T17:00:00Z", "{allow: false, until: never, cure: [], reason: time}"},
		{"before the end", "2026-11-20T16:59:59.999999999Z", "{allow: true, until: '17:00'}"},
		{"on Friday night with a lasting answer", "2026-11-20T23:00:00Z", "{allow: false, until: never, cure: []}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := "at: " + c.at + "\napp: ledger\nclaims: {responses: {mfa: 5m ago}}\nexpect: " + c.expect
			results, err := run(t, conf, strings.Replace(one(spec), "as: maya", "as: alice", 1))
			if err != nil || differences(results) != nil {
				t.Errorf("%v %v", differences(results), err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	conf := load(t, "../testdata/harbour")
	const good = "at: 2026-11-20T16:58:00Z\napp: charts\nclaims: {address: 10.1.2.3, responses: {mfa: 1m ago}, device: {firewall: true}, scripts: {on-call: true}}\nexpect: {allow: true, until: never}"
	if _, err := run(t, conf, one(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"no time", "at: 2026-11-20T16:58:00Z", "at: noon", `cases.yaml:6:7: at "noon" is not a time; write for example 2026-11-20T16:58:00Z`},
		{"neither app nor entitlement", "app: charts", "# app: charts", `cases.yaml:5:3: a case is about one application or entitlement; write app: with a shortcut's id, or entitlement: with a name`},
		{"both", "app: charts", "app: charts\nentitlement: charts", `cases.yaml:5:3: a case is about one application or entitlement; write app: with a shortcut's id, or entitlement: with a name`},
		{"unknown app", "app: charts", "app: chart", `cases.yaml:7:8: no entitlement of the configuration has the shortcut "chart"; name one of its shortcuts`},
		{"unknown entitlement", "app: charts", "entitlement: chart", `cases.yaml:7:16: there is no Entitlement "chart" in the configuration; name one of it`},
		{"nothing expected", "{allow: true, until: never}", "{until: never}", `cases.yaml:9:11: what is expected is missing; write expect: {allow: true} or {allow: false}`},
		{"until", "until: never", "until: soon", `cases.yaml:9:32: until: "soon" is not a time; write HH:MM in UTC, a time such as 2026-11-20T17:00:00Z, or never`},
		{"cure", "until: never", "cure: [sms]", `cases.yaml:9:32: unknown interaction "sms"; write mfa, password, reason or message`},
		{"response", "mfa: 1m ago", "sms: 1m ago", `cases.yaml:8:48: unknown interaction "sms"; write mfa, password, reason or message`},
		{"answered", "1m ago", "a minute ago", `cases.yaml:8:48: mfa: "a minute ago" is not a time; write for example 10m ago, or 2026-11-20T14:32:00Z`},
		{"address", "10.1.2.3", "home", `cases.yaml:8:21: "home" is not an address; write for example 192.0.2.7`},
		{"unknown claim", "firewall: true", "firewal: true", `cases.yaml:8:75: no criteria could read device.firewal; declare a CriteriaScript for scripts.NAME or a DeviceClaim for device.NAME, or correct the name`},
		{"claim of another type", "firewall: true", "firewall: 'on'", `cases.yaml:8:76: device.firewall is of another type and would count as missing; write the type that is declared`},
		{"claim of no type", "firewall: true", "firewall: 1.5", `cases.yaml:8:76: device.firewall is true or false, a whole number, a text or a list of texts; write one of them`},
		{"claim that is a mapping", "firewall: true", "firewall: {on: true}", `cases.yaml:8:76: device.firewall is true or false, a whole number, a text or a list of texts; write one of them`},
		{"unknown script", "on-call", "on-cal", `cases.yaml:8:101: no criteria could read scripts.on_cal; declare a CriteriaScript for scripts.NAME or a DeviceClaim for device.NAME, or correct the name`},
		{"unknown key", "claims:", "claim:", `cases.yaml:8:3: unknown key "claim" in Case, did you mean "claims"?; the keys are as, at, app, entitlement, claims, expect`},
		{"unknown user", "app: charts", "app: charts", `cases.yaml:5:7: there is no User "may" in the configuration; name one of it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := one(strings.Replace(good, c.old, c.new, 1))
			if c.name == "unknown user" {
				src = strings.Replace(src, "as: maya", "as: may", 1)
			}
			_, err := run(t, conf, src)
			if err == nil {
				t.Fatal("no error")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := run(t, conf, one(good)+"---\n"+one(good)); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a case twice: %v", err)
	}
	if _, err := Load("none.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	good, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		f.Fatal(err)
	}
	conf, err := config.Load("../testdata/controller.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good))
	f.Fuzz(func(t *testing.T, src string) {
		file := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		cases, err := Load(file)
		if err != nil {
			return
		}
		if _, err := Run(conf, cases); err != nil && err.Error() == "" {
			t.Fatal("an error that says nothing")
		}
	})
}
