package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const wolfBase = `apiVersion: tidegate.org/v1
kind: Controller
metadata: {name: c}
spec: {listen: "127.0.0.1:0", stateDir: state}
---
apiVersion: tidegate.org/v1
kind: Site
metadata: {name: hq}
---
apiVersion: tidegate.org/v1
kind: Gateway
metadata: {name: gw}
spec: {site: hq, address: "gw.test:443"}
---
apiVersion: tidegate.org/v1
kind: User
metadata: {name: alice}
spec: {groups: [staff], password: '$argon2id$v=19$m=8192,t=1,p=1$dGlkZWdhdGUtZXhhbXBsZQ$GPENF0ri8baqcU4HAF4gj0xs5fCwDOfIxtcA3FpDkLw'}
---
apiVersion: tidegate.org/v1
kind: CriteriaScript
metadata: {name: load}
spec: {type: int, refresh: 5m, script: "def main(ctx):\n  return 1\n"}
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: reads-load}
spec: {criteria: scripts.load < 5}
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: cond}
spec: {COND}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: app}
spec:
  site: hq
  conditions: [cond, reads-load]
  actions: [{hosts: [app.test], ports: [443]}]
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: everyone}
spec: {assign: {everyone: true}, entitlements: [app]}
`

// TestNoFalseWarnings has criteria and resources that are as they should be.
func TestNoFalseWarnings(t *testing.T) {
	for name, row := range map[string][]string{
		"an int between":          {`criteria: 'risk > 20 && risk < 90'`},
		"far ints":                {`criteria: 'scripts.load > 10 && scripts.load < 20 && scripts.load != 11'`},
		"ints apart":              {`criteria: 'scripts.load > 10 && scripts.load < 20 && scripts.load != 11 && scripts.load != 19'`},
		"sum":                     {`criteria: 'scripts.load + 1 > 10'`},
		"negated":                 {`criteria: '!(device.os_name == "windows") && !device.admin'`},
		"two texts":               {`criteria: 'device.os_name != "windows" && device.os_name != "darwin"'`},
		"not in a list":           {`criteria: '!(device.os_name in ["windows", "darwin"])'`},
		"prefix":                  {`criteria: 'device.os_name == "linux" && device.os_version.startsWith("22")'`},
		"prefix of compared":      {`criteria: 'device.os_version != "22.04" && device.os_version.startsWith("22")'`},
		"addresses":               {`criteria: 'device.addresses.exists(a, inNetwork(a, "10.0.0.0/8"))'`},
		"addresses, all":          {`criteria: 'device.addresses.all(a, a != "10.0.0.1")'`},
		"address":                 {`criteria: 'inNetwork(system.address, "10.0.0.0/8") && system.address != "10.0.0.1"'`},
		"address compared":        {`criteria: 'system.address == "10.0.0.1" || inNetwork(system.address, "10.0.0.0/8")'`},
		"new year":                {`criteria: 'now < timestamp("2031-01-01T00:00:00Z")'`},
		"months":                  {`criteria: 'now.getMonth() == 11'`},
		"leap":                    {`criteria: 'now.getDayOfMonth() == 30'`},
		"weekend":                 {`criteria: 'during("Sat-Sun", "08:30", "17:00")'`},
		"any of two":              {`criteria: 'within(responses.mfa, duration("60m")) || within(responses.password, duration("60m"))', require: one, interactions: [{kind: mfa}, {kind: password}]`},
		"both":                    {`criteria: 'within(responses.mfa, duration("60m")) && within(responses.password, duration("60m"))', interactions: [{kind: mfa}, {kind: password}]`},
		"age":                     {`criteria: 'now - responses.mfa < duration("60m")', interactions: [{kind: mfa}]`},
		"hour":                    {`criteria: 'now < responses.mfa + duration("8h")', interactions: [{kind: mfa}]`},
		"code or office":          {`criteria: 'inNetwork(system.address, "10.0.0.0/8") || within(responses.mfa, duration("60m"))', interactions: [{kind: mfa}]`},
		"ternary":                 {`criteria: 'device.admin ? within(responses.mfa, duration("60m")) : true', interactions: [{kind: mfa}]`},
		"risk and zero":           {`criteria: risk < 50, reevaluate: {every: 0}`},
		"risk, script and zero":   {`criteria: risk < 50 && scripts.load < 5, reevaluate: {every: 0}`},
		"script every 5m":         {`criteria: scripts.load < 5, reevaluate: {every: 5m}`},
		"script by name and hour": {`criteria: 'scripts.load < 5 && during("Mon-Fri", "08:30", "17:00")', reevaluate: {at: ["09:00"]}`},
		"in staff":                {`criteria: '"staff" in user.groups || "boss" in user.groups'`},
		"macro over groups":       {`criteria: 'user.groups.exists(g, g.startsWith("st"))'`},
		"a name of another":       {`criteria: 'user.name != "root"'`},
		"size":                    {`criteria: 'size(device.addresses) > 0 && size(device.hostname) > 3'`},
		"reason elsewhere": {`criteria: 'within(responses.reason, duration("60m")) && (within(responses.mfa, duration("60m")) || within(responses.password, duration("60m")))', require: one, interactions: [{kind: mfa}, {kind: password}]`,
			"conditions: [cond, reads-load]", "conditions: [cond, reads-load, asks]",
			"kind: Entitlement\n", "kind: Condition\nmetadata: {name: asks}\nspec: {criteria: 'within(responses.reason, duration(\"60m\"))', interactions: [{kind: reason}]}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\n"},
		"an entitlement's script": {`criteria: device.firewall, reevaluate: {every: 5m}`,
			"hosts: [app.test], ports", "script: hosts, ports",
			"kind: Entitlement\n", "kind: EntitlementScript\nmetadata: {name: hosts}\nspec: {script: \"def main(ctx):\\n  return []\\n\"}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\n"},
		"an entitlement's script, at": {`criteria: device.firewall, reevaluate: {at: ["09:00"]}`,
			"hosts: [app.test], ports", "script: hosts, ports",
			"kind: Entitlement\n", "kind: EntitlementScript\nmetadata: {name: hosts}\nspec: {script: \"def main(ctx):\\n  return []\\n\"}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\n"},
		"a group that a script reads": {`criteria: device.firewall`, "return 1", "return int('crew' in ctx.user.groups)",
			"kind: Entitlement\n", "kind: Group\nmetadata: {name: crew}\nspec: {members: [alice]}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\n"},
		"a group that is counted": {`criteria: size(user.groups) > 1`,
			"kind: Entitlement\n", "kind: Group\nmetadata: {name: crew}\nspec: {members: [alice]}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\n"},
		"a claim that a script reads": {`criteria: device.firewall`, "return 1", "return int(ctx.device['agent'])",
			"kind: Entitlement\n", "kind: DeviceClaim\nmetadata: {name: agent}\nspec: {process: agent}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\n"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer(append([]string{"COND", row[0]}, row[1:]...)...).Replace(wolfBase)
			file := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			conf, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range conf.Lint(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)) {
				t.Error(w)
			}
		})
	}
}
