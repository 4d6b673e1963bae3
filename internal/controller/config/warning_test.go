package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var lintNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func lint(t *testing.T, texts ...string) []string {
	t.Helper()
	conf, err := harbour(t, texts...)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, w := range conf.Lint(lintNow) {
		out = append(out, w.String())
	}
	return out
}

func TestLintFindsNothing(t *testing.T) {
	if got := lint(t); got != nil {
		t.Errorf("a sound configuration: %s", strings.Join(got, "\n"))
	}
	if got := (&Config{}).Lint(lintNow); got != nil {
		t.Errorf("a configuration that was not loaded: %v", got)
	}
}

// TestLintConditions writes conditions in the place of calm, which is at the
// line 59 and is used.
func TestLintConditions(t *testing.T) {
	const place = "  criteria: risk < 50\n"
	for _, c := range []struct {
		name, spec string
		want       []string
	}{
		{"risk on the quarters by default", "criteria: risk < 50", nil},
		{"risk without the quarters", "criteria: risk < 50\nreevaluate: {every: 0}", nil},
		{"risk on the quarters, written", "criteria: risk < 50\nreevaluate: {every: 15m}", []string{`30-access.yaml:60:23: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"risk every five minutes", "criteria: risk < 50\nreevaluate: {every: 5m}", []string{`30-access.yaml:60:23: 12 times per hour is for criteria that read scripts, and these read none; remove it, or write 15m (five-minutes)`}},
		{"five minutes for an answer", "criteria: within(responses.mfa, duration('1h'))\ninteractions: [{kind: mfa}]\nreevaluate: {every: 5m}", []string{`30-access.yaml:61:23: 12 times per hour is for criteria that read scripts, and these read none; remove it, or write 15m (five-minutes)`}},
		{"five minutes for a script", "criteria: scripts.on_call\nreevaluate: {every: 5m}", nil},
		{"quarters for an hour", "criteria: within(responses.mfa, duration('1h'))\ninteractions: [{kind: mfa}]\nreevaluate: {every: 15m}", []string{`30-access.yaml:61:23: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"hour for an hour", "criteria: within(responses.mfa, duration('1h'))\ninteractions: [{kind: mfa}]\nreevaluate: {every: 1h}", []string{`30-access.yaml:61:23: an answer lives 1h, and answers are stamped on the quarters, so up to 6h they are the better schedule; remove it, or write 15m (quarters)`}},
		{"hour for six hours", "criteria: within(responses.mfa, duration('6h'))\ninteractions: [{kind: mfa}]\nreevaluate: {every: 1h}", []string{`30-access.yaml:61:23: an answer lives 6h, and answers are stamped on the quarters, so up to 6h they are the better schedule; remove it, or write 15m (quarters)`}},
		{"quarters for seven hours", "criteria: within(responses.mfa, duration('7h'))\ninteractions: [{kind: mfa}]\nreevaluate: {every: 15m}", []string{`30-access.yaml:61:23: an answer lives 7h, and beyond 6h the hour is enough; remove it, or write 1h (hour)`}},
		{"hour for seven hours", "criteria: within(responses.mfa, duration('7h'))\ninteractions: [{kind: mfa}]\nreevaluate: {every: 1h}", []string{`30-access.yaml:61:23: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"five minutes for office hours", "criteria: during('Mon-Fri', '08:30', '17:00')\nreevaluate: {every: 5m}", []string{`30-access.yaml:60:23: a time of day is no reason to judge every 5m: access changes at that very instant without; remove it, or write at: with the time (absolute-time)`}},
		{"quarters for a comparison with the clock", "criteria: now.getHours() < 17\nreevaluate: {every: 15m}", []string{`30-access.yaml:60:23: a time of day is no reason to judge every 15m: access changes at that very instant without; remove it, or write at: with the time (absolute-time)`}},
		{"hour for a date", "criteria: now < timestamp('2030-01-01T00:00:00Z')\nreevaluate: {every: 1h}", []string{`30-access.yaml:60:23: a time of day is no reason to judge every 1h: access changes at that very instant without; remove it, or write at: with the time (absolute-time)`}},
		{"at for office hours", "criteria: during('Mon-Fri', '08:30', '17:00')\nreevaluate: {at: ['17:01']}", []string{`30-access.yaml:60:20: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"at with none", "criteria: during('Mon-Fri', '08:30', '17:00')\nreevaluate: {at: ['17:01'], every: 0}", []string{`30-access.yaml:60:20: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"at for a script", "criteria: scripts.on_call\nreevaluate: {at: ['17:01'], every: 0}", nil},
		{"none alone", "criteria: device.firewall\nreevaluate: {every: 0}", []string{`30-access.yaml:60:23: 0 means none, which is the default; remove it (zero)`}},
		{"none alone with a script", "criteria: scripts.on_call\nreevaluate: {every: 0}", []string{`30-access.yaml:60:23: 0 means none, which is the default; remove it (zero)`}},
		{"an answer's age", "criteria: now - responses.mfa < duration('1h')\ninteractions: [{kind: mfa}]\nreevaluate: {every: 15m}", []string{`30-access.yaml:61:23: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"an answer's end", "criteria: now < responses.mfa + duration('1h')\ninteractions: [{kind: mfa}]\nreevaluate: {every: 15m}", []string{`30-access.yaml:61:23: the criteria read no script, so the instant at which they change is known without; remove it (unneeded)`}},
		{"short lifetime", "criteria: within(responses.mfa, duration('19m'))\ninteractions: [{kind: mfa}]", []string{`30-access.yaml:59:13: an answer lives 19m0s, of which 5m0s are left when the next prompt comes; write at least 20m0s (short-lifetime)`}},
		{"long enough a lifetime", "criteria: within(responses.mfa, duration('20m'))\ninteractions: [{kind: mfa}]", nil},

		{"false", "criteria: 1 > 2", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"contradiction", "criteria: device.firewall && !device.firewall", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"contradiction in text", "criteria: device.os_name == 'linux' && device.os_name == 'windows'", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"text among others", "criteria: device.os_name in ['linux', 'windows'] && device.os_name != 'linux'", nil},
		{"contradiction in numbers", "criteria: risk < 20 && risk > 50", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"between numbers", "criteria: risk > 19 && risk < 21", nil},
		{"hours that do not meet", "criteria: during('Mon-Fri', '08:00', '12:00') && during('Mon-Fri', '13:00', '17:00')", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"hours that meet once a week", "criteria: during('Mon-Fri', '08:00', '12:00') && now.getDayOfWeek() == 5 && now.getHours() == 11 && now.getMinutes() == 59", nil},
		{"a date that has passed", "criteria: now < timestamp('2026-01-01T00:00:00Z')", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"a date in a year", "criteria: now.getMonth() == 9 && now.getDate() == 31", nil},
		{"a group that nobody is in", "criteria: '\"pilot\" in user.groups'", []string{`30-access.yaml:59:13: the criteria will not hold within a year for any user of this configuration, whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"a group that somebody is in", "criteria: '\"pilots\" in user.groups'", nil},
		{"a pattern", "criteria: device.hostname.matches('^desk-') && device.hostname == 'lap-1'", nil},
		{"two claims compared", "criteria: device.hostname == device.os_name", nil},
		{"a claim that rescues", "criteria: device.firewall && !device.firewall || device.admin", nil},

		{"an interaction that spoils", "criteria: now - responses.mfa > duration('1h') && now - responses.mfa < duration('0s')\ninteractions: [{kind: mfa}]", []string{`30-access.yaml:60:18: once mfa has been answered the criteria fail, so asking for it cannot help; turn the term round, or remove the interaction (vain-interaction)`}},
		{"the wrong way round", "criteria: '!within(responses.message, duration(\"1h\"))'\ninteractions: [{kind: message}]", []string{`30-access.yaml:60:18: once message has been answered the criteria fail, so asking for it cannot help; turn the term round, or remove the interaction (vain-interaction)`}},
		{"with a contradiction", "criteria: within(responses.mfa, duration('1h')) && risk < 20 && risk > 50\ninteractions: [{kind: mfa}]", []string{`30-access.yaml:59:13: the criteria will not hold within a year whatever is claimed; look for terms that contradict each other, or remove the condition and what it guards (never-holds)`}},
		{"never asked", "criteria: within(responses.reason, duration('1h')) && within(responses.mfa, duration('1h'))\ninteractions: [{kind: mfa}]", []string{`30-access.yaml:59:13: the criteria need responses.reason, which no condition asks for; add - kind: reason to interactions (never-asked)`}},
		{"asked elsewhere", "criteria: within(responses.password, duration('1h'))", nil},
		{"one of two that are both needed", "criteria: within(responses.mfa, duration('1h')) && within(responses.password, duration('1h'))\ninteractions: [{kind: mfa}, {kind: password}]\nrequire: one", []string{`30-access.yaml:61:12: no interaction alone makes the criteria hold; write require: all, or join the terms with || (one-of-several)`}},
		{"all of two that are both needed", "criteria: within(responses.mfa, duration('1h')) && within(responses.password, duration('1h'))\ninteractions: [{kind: mfa}, {kind: password}]", nil},
		{"one of two", "criteria: within(responses.mfa, duration('1h')) || within(responses.password, duration('1h'))\ninteractions: [{kind: mfa}, {kind: password}]\nrequire: one", nil},
		{"nothing certain with hours", "criteria: within(responses.mfa, duration('1h')) && within(responses.password, duration('1h')) && during('Mon', '08:00', '09:00')\ninteractions: [{kind: mfa}, {kind: password}]\nrequire: one", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lint(t, place, "  "+strings.ReplaceAll(c.spec, "\n", "\n  ")+"\n")
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLint(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"script without refresh", []string{"  refresh: 5m\n", "", `  reevaluate: {at: ["06:00", "18:00"], every: 5m}` + "\n", ""}, `30-access.yaml:46:13: the value of the script on-call is never refreshed; write refresh: 5m in the script, or every: 15m under reevaluate here (stale-script)`},
		{"unused condition", []string{"conditions: [calm]", "conditions: []"}, `30-access.yaml:57:18: no entitlement has the condition calm; write it under conditions of one, or remove it (unused)`},
		{"unused entitlement", []string{"[berths]", "[charts]"}, `30-access.yaml:87:18: no policy gives the entitlement berths; write it under entitlements of one, or remove it (unused)`},
		{"unused criteria script", []string{"scripts.on_call\n    && ", ""}, `30-access.yaml:3:18: no condition reads scripts.on_call; read it, or remove the script (unused)`},
		{"unused entitlement script", []string{"{script: moored,", "{hosts: [berth-1.example.com],"}, `30-access.yaml:17:18: no action has script: moored; write it in one, or remove the script (unused)`},
		{"unused claim", []string{"&& device.edr_running\n", ""}, `30-access.yaml:26:18: no condition reads device.edr_running; read it, or remove the claim, which each device finds out (unused)`},
		{"unused group", []string{`"pilots" in user.groups`, `user.name == "maya"`}, `20-people.yaml:18:18: no policy and no condition asks for the group pilots; write it under assign of a policy, or remove it (unused)`},
		{"group in a text", []string{`"pilots" in user.groups`, `user.groups.exists(g, g.startsWith("pil"))`}, ""},
		{"group that nobody is in", []string{"groups: [office]", "groups: [office, pilot]"}, `20-people.yaml:30:29: nobody is in the group pilot, did you mean "pilots"?; write it under groups of a User, or members of a Group (empty-group)`},
		{"policy of nothing", []string{"  entitlements: [berths]\n  requireCode: true\n", ""}, `20-people.yaml:36:18: the policy pilots-ashore gives nothing; write entitlements, or remove it (unused)` + "\n" + `30-access.yaml:87:18: no policy gives the entitlement berths; write it under entitlements of one, or remove it (unused)`},
		{"nobody's user", []string{"members: [jo, maya]", "members: [maya]"}, `20-people.yaml:12:18: no policy is assigned to jo, who can reach nothing; add the user to one, or write disabled: true (no-policy)`},
		{"disabled user", []string{"members: [jo, maya]", "members: [maya]", "{name: jo}\nspec:\n", "{name: jo}\nspec:\n  disabled: true\n"}, ""},
		{"site without a gateway", []string{"{name: quay}\nspec: {title: Quay}", "{name: quay}\nspec: {title: Quay}\n---\napiVersion: tidegate.org/v1\nkind: Site\nmetadata: {name: pier}"}, `10-controller.yaml:20:18: no gateway protects the site pier, so nothing at it can be reached; write a Gateway with site: pier, or remove it (no-gateway)`},
		{"excluded shortcut", []string{"admin.charts.example.com", "charts.example.com"}, `30-access.yaml:83:40: an action with effect: exclude is about charts.example.com port 443 too, so the shortcut opens nothing; remove one of them (closed-shortcut)`},
		{"blocked shortcut", []string{"{effect: exclude, hosts: [admin.charts", "{effect: block, hosts: [charts"}, `30-access.yaml:83:40: an action with effect: block is about charts.example.com port 443 too, so the shortcut opens nothing; remove one of them (closed-shortcut)`},
		{"shortcut that a wildcard excludes", []string{"[admin.charts.example.com]", `["*.example.com"]`}, `30-access.yaml:78:33: nobody knows all addresses behind *.example.com, so the action refuses each address on its ports, those too that the entitlement charts allows; write the names that are meant, or take those addresses out (refuses-addresses)` + "\n" + `30-access.yaml:83:40: an action with effect: exclude is about charts.example.com port 443 too, so the shortcut opens nothing; remove one of them (closed-shortcut)`},
		{"wildcard over another's name", []string{"hosts: [charts.example.com,", `hosts: [charts.example.com, "*.berths.example.com",`, "{script: moored,", "{script: moored, hosts: [one.berths.example.com],"}, `30-access.yaml:77:36: who is given this entitlement and not berths reaches one.berths.example.com all the same, whatever berths asks for; give both by the same policies, or add an action here with effect: exclude and hosts: [one.berths.example.com] (bypass)`},
		{"wildcard that leaves another's name out", []string{"hosts: [charts.example.com,", `hosts: [charts.example.com, "*.berths.example.com",`, "[admin.charts.example.com]", "[one.berths.example.com]", "{script: moored,", "{script: moored, hosts: [one.berths.example.com],"}, ""},
		{"shortcut that another names", []string{"hosts: [charts.example.com,", `hosts: ["*.example.com",`, "{script: moored,", "{script: moored, hosts: [charts.example.com],", "https://berth-1.example.com/", "https://charts.example.com/", "[admin.charts.example.com]", "[x.example.com]"}, `30-access.yaml:77:16: who is given this entitlement and not berths reaches charts.example.com all the same, whatever berths asks for; give both by the same policies, or add an action here with effect: exclude and hosts: [charts.example.com] (bypass)` + "\n" + `30-access.yaml:83:40: the entitlement berths names charts.example.com port 443 better than this one, so it decides for whoever is given both; write the shortcut there, or the host here (shadowed-shortcut)`},
		{"wildcard on another port", []string{"hosts: [charts.example.com,", `hosts: [charts.example.com, "*.berths.example.com",`, "{script: moored, ports: [443]", "{script: moored, hosts: [one.berths.example.com], ports: [80, 22]", "https://berth-1.example.com/", "http://berth-1.example.com/"}, ""},
		{"wildcard that refuses addresses", []string{"hosts: [10.1.9.9], ports: [22]", `hosts: ["*.bait.example.com"], ports: [22, 443]`}, `30-access.yaml:81:31: nobody knows all addresses behind *.bait.example.com, so the action refuses each address on its ports, those too that the entitlement charts allows; write the names that are meant, or take those addresses out (refuses-addresses)`},
		{"wildcard that refuses none", []string{"hosts: [10.1.9.9], ports: [22]", `hosts: ["*.bait.example.com"], ports: [22]`}, ""},
		{"wildcard taken out of addresses", []string{"[admin.charts.example.com]", `["*.charts.example.com"]`}, `30-access.yaml:78:33: nobody knows all addresses behind *.charts.example.com, so the action refuses each address on its ports, those too that the entitlement charts allows; write the names that are meant, or take those addresses out (refuses-addresses)`},
		{"script asks what it may not", []string{"[https://roster.example.com/v1]", "[https://roster.example.com/v2]"}, `30-access.yaml:12:27: https://roster.example.com/v1/on-call is not in the script's allow-list; add it under http: (script)`},
		{"script that asks nothing", []string{`http.get("https://roster.example.com/v1/on-call")`, "ctx"}, `30-access.yaml:9:9: the script does not use http; leave its allow-list away (script)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, strings.Join(lint(t, c.texts...), "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}
