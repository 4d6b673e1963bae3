package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// declaredHere are the variables that tests declare.
var declaredHere = []Variable{
	{"scripts.stock", TypeInt}, {"scripts.open", TypeBool}, {"scripts.state", TypeString},
	{"device.process_ssh_agent", TypeBool}, {"device.uptime", TypeInt}, {"device.vendor", TypeString},
}

func TestDeclaredVariables(t *testing.T) {
	claims := &Claims{
		Scripts: map[string]any{"stock": int64(7), "open": true, "state": "green"},
		Device:  map[string]any{"process_ssh_agent": false, "uptime": 12.0, "vendor": "acme"},
	}
	for _, row := range []struct {
		criteria string
		want     truth
		names    []string
	}{
		{`scripts.open`, isTrue, []string{"scripts.open"}},
		{`!scripts.open || device.process_ssh_agent`, isFalse, []string{"device.process_ssh_agent", "scripts.open"}},
		{`scripts.stock > 5 && scripts.stock < 8`, isTrue, []string{"scripts.stock"}},
		{`scripts.state == "red"`, isFalse, []string{"scripts.state"}},
		{`scripts.state.startsWith("gr") && scripts.stock * 2 == 14`, isTrue, []string{"scripts.state", "scripts.stock"}},
		{`device.uptime + scripts.stock == 19`, isTrue, []string{"device.uptime", "scripts.stock"}},
		{`device.vendor in ["acme", "other"]`, isTrue, []string{"device.vendor"}},
		{`scripts.stock > now.getHours()`, isFalse, []string{"now", "scripts.stock"}},
		{`within(responses.mfa, duration("1h")) || during("Mon", "08:00", "09:00") || risk < 5`, unknown, []string{"now", "responses.mfa", "risk"}},
	} {
		t.Run(row.criteria, func(t *testing.T) {
			c, err := CompileWith(row.criteria, declaredHere)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := c.root.eval(view{claims: claims}, clock("10:00:00").UnixNano())
			if got != row.want {
				t.Errorf("is %d, want %d", got, row.want)
			}
			if d := cmp.Diff(row.names, c.Names()); d != "" {
				t.Error(d)
			}
			var in Inputs
			for _, name := range row.names {
				in |= InputOf(name)
			}
			if c.Inputs() != in {
				t.Errorf("inputs %b, want %b", c.Inputs(), in)
			}
		})
	}
}

// TestDeclaredOfAnotherType shows that a value of a wrong type is unknown.
func TestDeclaredOfAnotherType(t *testing.T) {
	claims := &Claims{Scripts: map[string]any{"stock": "7", "open": int64(1), "state": true}, Device: map[string]any{"uptime": 1.5}}
	for _, src := range []string{`scripts.stock > 5`, `scripts.open`, `scripts.state != "red"`, `device.uptime < 5`, `device.vendor != "acme"`,
		`scripts.state.startsWith("t")`, `double(scripts.stock) < 8.0`} {
		c, err := CompileWith(src, declaredHere)
		if err != nil {
			t.Fatal(err)
		}
		if got, until := c.root.eval(view{claims: claims}, 0); got != unknown || until != forever {
			t.Errorf("%s is %d until %d", src, got, until)
		}
	}
}

func TestUndeclared(t *testing.T) {
	for _, row := range []struct{ src, says string }{
		{`scripts.other > 5`, "declare a CriteriaScript named other"},
		{`device.other`, "declare a DeviceClaim named other"},
		{`device.firewal`, "device.firewall"},
		{`other`, "scripts.other"},
		{`responses.otp < now`, "responses.mfa"},
		{"true &&\n  scripts .\tother > 5", "declare a CriteriaScript named other"},
	} {
		_, err := CompileWith(row.src, declaredHere)
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want … %s …", row.src, err, row.says)
		}
	}
}

func TestDeclarationsRefused(t *testing.T) {
	for _, row := range []struct {
		vars []Variable
		says string
	}{
		{[]Variable{{"user.shoe", TypeInt}}, "only scripts.NAME and device.NAME"},
		{[]Variable{{"risk", TypeString}}, "built in"},
		{[]Variable{{"device.firewall", TypeString}}, "built in"},
		{[]Variable{{"device.Upper", TypeString}}, "lower-case"},
		{[]Variable{{"scripts.in", TypeBool}}, "CEL's own words"},
		{[]Variable{{"scripts.", TypeBool}}, "lower-case"},
		{[]Variable{{"scripts.a.b", TypeBool}}, "lower-case"},
		{[]Variable{{"scripts.a", "float"}}, "bool, int or string"},
		{[]Variable{{"scripts.a", TypeBool}, {"scripts.a", TypeInt}}, "keep one"},
	} {
		_, err := CompileWith("true", row.vars)
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%v: %v, want … %s …", row.vars, err, row.says)
		}
	}
	for _, v := range []Variable{{"device.firewall", TypeBool}, {"scripts.package", TypeBool}, {"scripts.for", TypeBool}} {
		if _, err := CompileWith(v.Name, []Variable{v}); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
}

func TestNetwork(t *testing.T) {
	for _, row := range []struct {
		address, criteria string
		want              truth
	}{
		{"10.1.2.3", `inNetwork(system.address, "10.0.0.0/8")`, isTrue},
		{"11.1.2.3", `inNetwork(system.address, "10.0.0.0/8")`, isFalse},
		{"::ffff:10.1.2.3", `inNetwork(system.address, "10.0.0.0/8")`, isTrue},
		{"10.1.2.3", `inNetwork(system.address, "::/0")`, isFalse},
		{"2001:db8::7", `inNetwork(system.address, "2001:db8::/32")`, isTrue},
		{"fe80::1%eth0", `inNetwork(system.address, "fe80::/10")`, isTrue},
		{"", `!inNetwork(system.address, "10.0.0.0/8")`, unknown},
		{"10.1.2.3:443", `!inNetwork(system.address, "10.0.0.0/8")`, unknown},
		{"10.1.2.3", `device.addresses.exists(a, inNetwork(a, "192.0.2.0/24"))`, isTrue},
		{"10.1.2.3", `device.addresses.all(a, inNetwork(a, "192.0.2.0/24"))`, isFalse},
		{"10.1.2.3", `"192.0.2.9" in device.addresses`, isTrue},
		{"10.1.2.3", `inNetwork(user.name + system.address, "10.0.0.0/8")`, unknown},
	} {
		t.Run(row.address+" "+row.criteria, func(t *testing.T) {
			c := &Claims{System: wire.SystemClaims{Address: row.address}, Device: map[string]any{"addresses": []string{"192.0.2.9", "10.9.9.9"}}}
			if got, until := compile(t, row.criteria).root.eval(view{claims: c}, 0); got != row.want || until != forever {
				t.Errorf("is %d until %d, want %d", got, until, row.want)
			}
		})
	}
}

func TestInputsOf(t *testing.T) {
	at := clock("10:00:00")
	base := func() *Claims {
		return &Claims{User: wire.UserClaims{Name: "maya", Groups: []string{"staff"}}, System: wire.SystemClaims{Address: "192.0.2.1"}, Risk: new(int64(20)),
			Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: at},
			Device:    map[string]any{"firewall": true, "addresses": []string{"a"}, "uptime": int64(1)}, Scripts: map[string]any{"stock": int64(1)}}
	}
	for _, row := range []struct {
		name   string
		change func(*Claims)
		want   []string
	}{
		{"nothing", func(*Claims) {}, nil},
		{"the instant in another zone", func(c *Claims) { c.Responses[wire.InteractionMFA] = at.In(time.FixedZone("", 3600)) }, nil},
		{"an answer", func(c *Claims) { c.Responses[wire.InteractionMFA] = at.Add(1) }, []string{"responses.mfa"}},
		{"a first answer", func(c *Claims) { c.Responses[wire.InteractionReason] = at }, []string{"responses.reason"}},
		{"risk", func(c *Claims) { c.Risk = new(int64(60)) }, []string{"risk"}},
		{"no risk", func(c *Claims) { c.Risk = nil }, []string{"risk"}},
		{"groups", func(c *Claims) { c.User.Groups = nil }, []string{"user.groups"}},
		{"the name", func(c *Claims) { c.User.Name = "x" }, []string{"user.name"}},
		{"the display name", func(c *Claims) { c.User.DisplayName = "x" }, nil},
		{"the address", func(c *Claims) { c.System.Address = "x" }, []string{"system.address"}},
		{"claims of the device", func(c *Claims) {
			c.Device["firewall"] = nil
			c.Device["addresses"] = []string{"b"}
			delete(c.Device, "uptime")
		},
			[]string{"device.firewall", "device.addresses", "device.uptime"}},
		{"a new claim of the device", func(c *Claims) { c.Device["vendor"] = "acme" }, []string{"device.vendor"}},
		{"a script", func(c *Claims) { c.Scripts["stock"] = int64(2); c.Scripts["open"] = true }, []string{"scripts.stock", "scripts.open"}},
		{"no scripts", func(c *Claims) { c.Scripts = nil }, []string{"scripts.stock"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			changed := base()
			row.change(changed)
			var want Inputs
			for _, name := range row.want {
				want |= InputOf(name)
			}
			if got := InputsOf(base(), changed); got != want {
				t.Errorf("%b, want %b", got, want)
			}
		})
	}
	if InputsOf(nil, base()) != AllInputs {
		t.Error("first claims change not all")
	}
}
