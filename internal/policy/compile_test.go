package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestCompileRefuses(t *testing.T) {
	for _, row := range []struct {
		name, src    string
		line, column int
		says         string
	}{
		{"empty", "", 1, 1, "Syntax error"},
		{"syntax", "true &&", 1, 8, "Syntax error"},
		{"unknown claim", "true &&\n  device.firewal", 2, 9, "undeclared reference"},
		{"a number", "1 + 1", 1, 1, "true or false"},
		{"wrong type", `device.firewall == "on"`, 1, 17, "no matching overload"},
		{"the clock", `now > timestamp("2026-01-01T00:00:00Z")`, 1, 5, "not supported"},
		{"a macro of CEL", `user.groups.exists(g, g == "x")`, 1, 19, "not supported"},
		{"a conditional", `device.firewall ? true : false`, 1, 17, "not supported"},
		{"text order", `device.os_version >= "12"`, 1, 19, "no order"},
		{"a bool compared", `device.firewall == true`, 1, 17, "stands alone"},
		{"a computed duration", `within(responses.mfa, duration("1h") + duration("1h"))`, 1, 38, `duration("60m")`},
		{"no lifetime", `within(responses.mfa, duration("0s"))`, 1, 31, "not a lifetime"},
		{"an age", `within(responses.mfa, duration("100000h"))`, 1, 31, "not a lifetime"},
		{"within now", `within(now, duration("1h"))`, 1, 8, "responses.mfa"},
		{"in a list", `user.name in ["a", "b"]`, 1, 14, "user.groups only"},
		{"computed group", `user.name in user.groups`, 1, 5, "in quotes"},
		{"no such day", `during("Montag", "08:30", "17:00")`, 1, 8, "names no days"},
		{"no such time", `during("Mon", "8:30", "17:00")`, 1, 15, "time of day"},
		{"a night", `during("Mon", "22:00", "06:00")`, 1, 24, `"24:00"`},
		{"no such zone", `during("Mon", "08:00", "17:00", "Mars")`, 1, 33, "time zone"},
		{"the machine's zone", `during("Mon", "08:00", "17:00", "Local")`, 1, 33, "time zone"},
		{"deep", strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500), 1, 1, ""},
		{"long", "true" + strings.Repeat(" ", MaxSource), 1, 1, "too long"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Compile(row.src)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if row.says != "" && (e.Line != row.line || e.Column != row.column) || !strings.Contains(e.Msg, row.says) {
				t.Errorf("got %v, want %d:%d … %s …", e, row.line, row.column, row.says)
			}
		})
	}
}

func TestCompileTells(t *testing.T) {
	c := compile(t, `within(responses.password, duration("8h")) || !within(responses.mfa, duration("60m"))`)
	if d := cmp.Diff([]wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, c.Reads()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]time.Duration{8 * time.Hour, time.Hour}, c.Lifetimes()); d != "" {
		t.Error(d)
	}
}

func TestClaimsOf(t *testing.T) {
	c := ClaimsOf(&wire.ClaimsToken{Claims: wire.DeviceClaims{
		"os.name": "linux", "firewall": true, "os.version": "12", "os_version": "13", "disk-encryption": 1.0,
	}})
	if d := cmp.Diff(map[string]any{"os_name": "linux", "firewall": true, "os_version": nil}, c.Device); d != "" {
		t.Error(d)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m")) && device.firewall`)
	f.Add(`"finance" in user.groups || device.os_name != "linux" || !true`)
	at := clock("10:00:00")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := Compile(src)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("%q: %#v", src, err)
			}
			return
		}
		out := Plan([]Condition{{Criteria: c}}, &Claims{}, at, defaults)
		if !out.FailAt.IsZero() && !out.FailAt.After(at) {
			t.Fatalf("%q: the change at %s is not ahead of %s", src, out.FailAt, at)
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	c, err := Compile(`during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m")) && device.firewall && "finance" in user.groups`)
	if err != nil {
		b.Fatal(err)
	}
	at := clock("10:00:00")
	claims := &Claims{Device: map[string]any{"firewall": true}, User: wire.UserClaims{Groups: []string{"finance"}},
		Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: at}}
	conds := []Condition{{ID: "c", Criteria: c, Interactions: []wire.Interaction{{Kind: wire.InteractionMFA}}}}
	b.ReportAllocs()
	for b.Loop() {
		Plan(conds, claims, at, defaults)
	}
}
