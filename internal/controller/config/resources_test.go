package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

func TestLoadDirectory(t *testing.T) {
	conf, err := Load("testdata/harbour")
	if err != nil {
		t.Fatal(err)
	}
	if !conf.Settings.HideValues || conf.StateDir != filepath.Join("testdata", "harbour", "state") {
		t.Errorf("the controller's settings are %+v, its state in %s", conf.Settings, conf.StateDir)
	}
	if d := cmp.Diff(Risk{Alert: wire.RiskMedium, For: 8 * time.Hour}, conf.Risk); d != "" {
		t.Error(d)
	}
	maya, jo := conf.Users["maya"], conf.Users["jo"]
	if d := cmp.Diff([][]string{{"pilots", "office"}, {"office"}}, [][]string{maya.Groups, jo.Groups}); d != "" {
		t.Error(d)
	}
	if k := conf.Transmitters[0].Keys.Key("2026"); len(k) != 1 || conf.Transmitters[0].Issuer != "https://idp.example.com" {
		t.Errorf("the transmitter is %+v", conf.Transmitters[0])
	}
	if d := cmp.Diff([]wire.Gather{
		{Name: "agent_conf", Kind: wire.GatherDigest, Path: "/etc/agent.conf"},
		{Name: "edr_running", Kind: wire.GatherProcess, Process: "falcon-sensor"},
		{Name: "patch_level", Kind: wire.GatherScript, Path: "~/bin/patch-level", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Type: "int", Timeout: wire.Duration(5 * time.Second)},
	}, conf.Gather); d != "" {
		t.Error(d)
	}
	var scripts []wire.Script
	for _, s := range conf.Scripts {
		s.Source = ""
		scripts = append(scripts, s)
	}
	if d := cmp.Diff([]wire.Script{
		{Name: "moored", Kind: wire.ScriptEntitlement, Timeout: wire.Duration(2 * time.Second), HTTP: []string{"https://berths.example.com/"}},
		{Name: "on-call", Kind: wire.ScriptCriteria, Type: "bool", Refresh: wire.Duration(5 * time.Minute), Keep: wire.Duration(10 * time.Minute), Timeout: wire.Duration(3 * time.Second), HTTP: []string{"https://roster.example.com/v1"}},
	}, scripts); d != "" {
		t.Error(d)
	}
	duty := conf.Conditions["on-duty"]
	if d := cmp.Diff(map[string]string{"scripts.on_call": "bool", "device.edr_running": "bool", "device.patch_level": "int", "device.agent_conf": "string"}, duty.Variables); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(wire.Reevaluate{At: []int{360, 1080}, Every: wire.Duration(5 * time.Minute)}, duty.Reevaluate); d != "" {
		t.Error(d)
	}
	if every := conf.Conditions["calm"].Reevaluate.Every.D(); every != 15*time.Minute {
		t.Errorf("criteria that read risk are judged every %v", every)
	}
	if c := conf.Conditions["present"]; !c.Any || c.Reevaluate.Every != 0 || c.Compiled == nil {
		t.Errorf("the condition is %+v", c)
	}
	if a := conf.Entitlements["charts"].Actions; !a[0].HoldEarly || a[1].HoldEarly {
		t.Errorf("early payload is held by %+v", a)
	}
	if a := conf.Entitlements["charts"].Actions[4]; a.Effect != wire.EffectAlert || a.Protocol != wire.TCP {
		t.Errorf("the last action is %+v", a)
	}
}

func TestAssigned(t *testing.T) {
	conf, err := Load("testdata/harbour")
	if err != nil {
		t.Fatal(err)
	}
	maya, jo := conf.Users["maya"], conf.Users["jo"]
	for _, c := range []struct {
		name     string
		user     *User
		address  string
		policies []string
		code     bool
	}{
		{"ashore", maya, "10.9.8.7", []string{"pilots-ashore", "staff"}, true},
		{"at sea", maya, "192.0.2.1", []string{"staff"}, false},
		{"nowhere", maya, "", []string{"staff"}, true}, // a code on doubt
		{"no pilot", jo, "10.9.8.7", []string{"staff"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.policies, Names(conf.AssignedAt(c.user, c.address))); d != "" {
				t.Error(d)
			}
			if got := conf.RequiresCodeAt(c.user, c.address); got != c.code {
				t.Errorf("requires a code: %v", got)
			}
		})
	}
	byHand := &Config{Policies: []*Policy{{Name: "p", Everyone: true, Criteria: "true", RequireCode: true}}}
	if got := byHand.AssignedAt(jo, "10.9.8.7"); len(got) != 0 || !byHand.RequiresCode(jo) {
		t.Errorf("criteria that were not compiled assign %v", got)
	}
	ids := func(policies ...string) (ids []string) {
		for _, e := range conf.EntitledBy(policies)["quay"] {
			ids = append(ids, string(e.ID))
		}
		return ids
	}
	if d := cmp.Diff([]string{"berths", "charts"}, ids("staff", "pilots-ashore", "gone")); d != "" {
		t.Error(d)
	}
	claims, entitlement := conf.LifetimesBy([]string{"staff"})
	if claims != 8*time.Hour || entitlement != 4*time.Hour {
		t.Errorf("the tokens live %v and %v", claims, entitlement)
	}
	if claims, _ = conf.LifetimesBy([]string{"pilots-ashore"}); claims != 24*time.Hour {
		t.Errorf("claims tokens live %v", claims)
	}
}

// harbour is the directory's configuration with texts (old, new, ...) replaced,
// each once.
func harbour(t *testing.T, texts ...string) (*Config, error) {
	t.Helper()
	files, err := filepath.Glob("testdata/harbour/[0-9]*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var docs []*resource.Document
	var errs resource.Errors
	found := 0
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		changed := string(src)
		for i := 0; i < len(texts); i += 2 {
			found += min(1, strings.Count(changed, texts[i]))
			changed = strings.Replace(changed, texts[i], texts[i+1], 1)
		}
		more, err := resource.Parse(filepath.Base(f), []byte(changed))
		docs = append(docs, more...)
		errs.Add(err)
	}
	if found != len(texts)/2 {
		t.Fatalf("the example has %d of the texts", found)
	}
	return load(".", docs, errs.Err())
}

func TestResourceErrors(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"risk", "alert: medium", "alert: severe", `10-controller.yaml:11:19: unknown risk "severe"; write low, medium or high`},
		{"risk for", "for: 8h", "for: 0s", `10-controller.yaml:11:32: an alert must raise the risk for at least 1s; write for example for: 24h`},
		{"issuer", "https://idp.example.com", "idp", `10-controller.yaml:27:11: issuer "idp" is not a URL with https; write the iss of its tokens, for example https://idp.example.com`},
		{"no keys", "keys:\n    - {kty: EC", "keys: []\n  # - {kty: EC", `10-controller.yaml:28:9: the transmitter has no keys; write those of its JWK set, for example - {kty: EC, crv: P-256, kid: a, x: ..., y: ...}`},
		{"private key", `kid: "2026"`, `d: secret`, `10-controller.yaml:29:29: unknown key "d" in keys[0]; the keys are kty, kid, alg, use, crv, x, y, n, e`},
		{"key type", "kty: EC", "kty: oct", `10-controller.yaml:29:7: kty is no family of public keys; write EC, RSA or OKP`},
		{"key off its curve", "y: x_FEz", "y: x_FEy", `10-controller.yaml:29:7: this is not a public key: go-jose/go-jose: invalid EC key, X/Y are not on declared curve; copy it from the transmitter's JWK set`},
		{"member", "members: [jo, maya]", "members: [jo, mya]", `20-people.yaml:24:37: there is no User "mya", did you mean "maya"?; there are jo, maya`},
		{"member twice", "members: [jo, maya]", "members: [jo, jo]", `20-people.yaml:24:37: the member "jo" is there twice; remove one`},
		{"assigned by the device", `inNetwork(system.address, "10.0.0.0/8")`, "device.firewall", `20-people.yaml:39:15: policies are assigned by user.name, user.groups and system.address, and not by device.firewall; write a Condition of the entitlement instead`},
		{"assigned by the clock", `inNetwork(system.address, "10.0.0.0/8")`, "now.getHours() < 17", `20-people.yaml:39:15: policies are assigned by user.name, user.groups and system.address, and not by now; write a Condition of the entitlement instead`},
		{"assigned by nonsense", `inNetwork(system.address, "10.0.0.0/8")`, "user.name < 3", `20-people.yaml:41:20: found no matching overload for '_<_' applied to '(string, int)'; write values of types that go together, for example risk < 50, device.os_name == "linux" or "staff" in user.groups`},
		{"longer token", "claims: 8h", "claims: 48h", `20-people.yaml:32:20: 48h0m0s is longer than the controller's 24h0m0s, which a policy can only shorten; write that or less, or raise the controller's`},
		{"shorter than ride-through", "claims: 8h", "claims: 10s", `20-people.yaml:32:20: 10s is shorter than the controller's rideThrough (1m0s); write that or more`},
		{"no token", "claims: 8h", "claims: 0s", `20-people.yaml:32:20: claims must be at least 1s`},
		{"code without totp", "\n  totp: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "", `20-people.yaml:4:18: policy pilots-ashore wants a one-time code of maya, who has none; write totp, a base32 secret`},
		{"no type", "type: bool", "timeout: 2s", `30-access.yaml:5:3: type is missing; write bool, int or string`},
		{"script type", "type: bool", "type: list", `30-access.yaml:5:9: unknown type "list"; write bool, int or string`},
		{"refresh", "refresh: 5m", "refresh: 1ms", `30-access.yaml:6:12: a script is run at most once a second; write 1s or more, or 0 to run it at the conditions' reevaluation times alone`},
		{"timeout", "timeout: 3s", "timeout: 1h", `30-access.yaml:8:12: a run takes from 10ms to 1m0s, not 1h0m0s; write for example timeout: 2s`},
		{"url", "[https://roster.example.com/v1]", "[roster.example.com]", `30-access.yaml:9:10: "roster.example.com": not a URL of http or https; write https://host[:port]/path`},
		{"url with a user", "[https://roster.example.com/v1]", `["https://me@roster.example.com/v1"]`, `30-access.yaml:9:10: "https://me@roster.example.com/v1": a URL with a user's name in it; use headers`},
		{"script does not parse", "return ctx.user.name in", "return ctx.user.name inn", `30-access.yaml:13:33: the script does not compile: got identifier, want newline`},
		{"script does not resolve", "json.decode(answer.body)", "yaml.decode(answer.body)", `30-access.yaml:13:33: the script does not compile: undefined: yaml`},
		{"no script", "  script: |\n    def main(ctx):\n        return json.decode(http", "  # script: |\n    # def main(ctx):\n     #   return json.decode(http", `30-access.yaml:19:3: the script is missing; write script: | and below it def main(ctx):`},
		{"no main", "def main(ctx):\n        answer", "def mian(ctx):\n        answer", `30-access.yaml:11:5: the script does not compile: there is no main; write def main(ctx):`},
		{"one name for two scripts", "{name: moored}", "{name: on-call}", `30-access.yaml:17:18: there is a CriteriaScript "on-call" too, at 30-access.yaml:3:18; give this one another name`},
		{"one variable for two claims", "{name: agent-conf}", "{name: edr_running}", `30-access.yaml:31:18: criteria would read it as device.edr_running, which stands for what is at 30-access.yaml:26:18; give this one another name`},
		{"built-in claim", "{name: agent-conf}", "{name: firewall}", `30-access.yaml:31:18: criteria would read it as device.firewall, which is built in; give it another name`},
		{"no variable", "{name: agent-conf}", "{name: 7zip}", `30-access.yaml:31:18: criteria could not read it as device.7zip; write a name of a-z, 0-9, - and _ that begins with a letter and is no word of CEL's`},
		{"two ways", "{digest: /etc/agent.conf}", "{digest: /etc/agent.conf, process: agent}", `30-access.yaml:32:16: the claim is found out in two ways, process and digest; write exactly one of process, file, digest and script`},
		{"no way", "{digest: /etc/agent.conf}", "{}", `30-access.yaml:32:7: the claim does not say how it is found out; write exactly one of process, file, digest and script`},
		{"process", "falcon-sensor", "/opt/falcon-sensor", `30-access.yaml:27:17: "/opt/falcon-sensor" is not a program's name; write it without its folder, for example process: falcon-sensor`},
		{"path", "/etc/agent.conf", "etc/agent.conf", `30-access.yaml:32:16: "etc/agent.conf" is not the path of a file; write an absolute one such as /etc/agent.conf, or one in the user's home such as ~/.config/agent`},
		{"climbing path", "~/bin/patch-level", "~/../bin/patch-level", `30-access.yaml:39:11: "~/../bin/patch-level" is not the path of a file; write an absolute one such as /etc/agent.conf, or one in the user's home such as ~/.config/agent`},
		{"digest", "sha256: e3b0c4", "sha256: e3b0", `30-access.yaml:40:13: sha256 is not 64 digits of hexadecimal; write what sha256sum prints of the program, which runs only if it is that`},
		{"claim's timeout", "type: int", "type: int\n    timeout: 0s", `30-access.yaml:42:14: a run takes from 10ms to 9s, not 0s; write for example timeout: 5s`},
		{"a claim's timeout that no device waits for", "type: int", "type: int\n    timeout: 30s", `30-access.yaml:42:14: a run takes from 10ms to 9s, not 30s; write for example timeout: 5s`},
		{"unknown script variable", "scripts.on_call", "scripts.oncall", `30-access.yaml:48:12: undeclared reference to 'scripts.oncall' (did you mean 'scripts.on_call'?); declare a CriteriaScript named oncall and write scripts.oncall`},
		{"undeclared claim", "device.edr_running", "device.edr_runing", `30-access.yaml:49:14: undeclared reference to 'device.edr_runing' (did you mean 'device.edr_running'?); declare a DeviceClaim named edr_runing, or write a built-in one: device.firewall, device.disk_encryption, device.screen_lock, device.admin, device.os_name, device.os_version, device.kernel, device.hostname, device.client_version, device.addresses`},
		{"unknown claim", "device.edr_running", "user.mail", `30-access.yaml:49:12: undeclared reference to 'user.mail' (did you mean 'user.name'?); write user.name, user.groups`},
		{"does not type-check", "device.patch_level >= 7", `device.patch_level >= "7"`, `30-access.yaml:50:27: found no matching overload for '_>=_' applied to '(int, string)'; write values of types that go together, for example risk < 50, device.os_name == "linux" or "staff" in user.groups`},
		{"lifetime in quotes", `responses.mfa, duration("1h")`, `responses.mfa, "1h"`, `30-access.yaml:65:19: found no matching overload for 'within' applied to '(timestamp, string)'; write for example within(responses.mfa, duration("60m"))`},
		{"not true or false", "criteria: risk < 50", "criteria: risk - 50", `30-access.yaml:59:13: a criterion is true or false, this is int; write a comparison, for example device.os_name == "linux"`},
		{"at", `"06:00"`, `"6:00"`, `30-access.yaml:52:21: "6:00" is not a time of day; write HH:MM in UTC, for example 17:01`},
		{"at twice", `"06:00"`, `"18:00"`, `30-access.yaml:52:30: 18:00 is there twice; remove one`},
		{"every", "every: 5m", "every: 12", `30-access.yaml:52:47: every: "12" is not a duration; write for example 30s, 5m or 24h`},
		{"require", "require: one", "require: any", `30-access.yaml:67:12: require "any" is not offered; write all or one`},
		{"short lifetime", `responses.mfa, duration("1h")`, `responses.mfa, duration("14m59s")`, `30-access.yaml:65:13: the lifetime 14m59s of an interaction is under 15m0s, and the user would be asked all the time; write a longer one, or lower minInteractionLifetime`},
		{"effect", "effect: block", "effect: deny", `30-access.yaml:80:16: unknown effect "deny"; write allow, block, alert or exclude`},
		{"icmp ports", "hosts: [10.1.0.0/16]}", "hosts: [10.1.0.0/16], ports: [7]}", `30-access.yaml:79:53: icmp has no ports; remove them`},
		{"udp ports", ", hosts: [10.1.9.0/24], ports: [53]}", ", hosts: [10.1.9.0/24]}", `30-access.yaml:80:7: the action names no ports; write for example ports: [443]`},
		{"held where nothing passes", "effect: block, protocol: udp", "effect: block, holdEarly: true, protocol: udp", `30-access.yaml:80:34: nothing is held where nothing passes; write holdEarly beside effect: allow, or remove it`},
		{"no hosts", "{script: moored, ports", "{ports", `30-access.yaml:92:7: the action names no hosts; write names, addresses or CIDRs, or script: with the name of an EntitlementScript`},
		{"entitlement script", "script: moored", "script: on-call", `30-access.yaml:92:16: there is no EntitlementScript "on-call"; there are moored`},
		{"resolver", "dns://tiles.example.com", "dns://10.0.0.0/8", `30-access.yaml:77:36: "dns://10.0.0.0/8" is not a host: write a resolver name such as dns://db.example.com`},
		{"service", "srv://_ldap._tcp", "srv://ldap", `30-access.yaml:77:63: "srv://ldap.example.com" is not a host: write a service such as srv://_ldap._tcp.example.com`},
		{"service of udp", "srv://_ldap._tcp", "srv://_ldap._udp", `30-access.yaml:77:63: "srv://_ldap._udp.example.com" is not a host: the service is reached by udp and the action is for tcp; write protocol: udp`},
		{"resolver scheme", "dns://", "aws://", `30-access.yaml:77:36: "aws://tiles.example.com" is not a host: write a name such as wiki.example.com, an address, a CIDR such as 10.0.0.0/24, dns://db.example.com or srv://_ldap._tcp.example.com`},
		{"second controller", "kind: Site", "kind: Controller", `10-controller.yaml:14:7: there is a second Controller; a configuration has one`},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := harbour(t, c.old, c.new)
			if err == nil || conf != nil {
				t.Fatalf("loaded: %v", conf)
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			if d := cmp.Diff(c.want, first); d != "" {
				t.Errorf("%s\nall:\n%v", d, err)
			}
		})
	}
}

func TestDigest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, from string) {
		src, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest := func(path string) string {
		conf, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return conf.Digest
	}
	write("a.yaml", "testdata/controller.yaml")
	whole := digest(dir)
	if len(whole) != 64 || digest(filepath.Join(dir, "a.yaml")) != whole || digest("testdata/harbour") == whole {
		t.Errorf("the digest is %s", whole)
	}
	write(".b.yaml", "testdata/harbour/30-access.yaml")
	write("b.yml", "testdata/harbour/30-access.yaml")
	if digest(dir) != whole {
		t.Error("a file that is not read changes the digest")
	}
	if err := os.WriteFile(filepath.Join(dir, "b.yaml"), []byte("# a remark\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if digest(dir) == whole {
		t.Error("a file more does not change the digest")
	}
	empty := t.TempDir()
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "there is no Controller") {
		t.Errorf("an empty directory: %v", err)
	}
}
