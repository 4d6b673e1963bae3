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
		{"the clock as text", `string(now) == "x"`, 1, 13, "cannot be told"},
		{"the clock as a number", `int(now) > 5`, 1, 4, "now.getHours()"},
		{"the clock in a macro", `user.groups.exists(g, now.getHours() > 5)`, 1, 19, "cannot be told"},
		{"a window in a macro", `user.groups.all(g, g == "x" || during("Mon", "08:00", "17:00"))`, 1, 16, "cannot be told"},
		{"the clock as a fraction", `double(now.getHours()) < 8.5`, 1, 24, "whole numbers"},
		{"a fraction of an hour", `now.getHours() < 8.5`, 1, 16, "no matching overload"},
		{"seconds", `true && now.getSeconds() < 30`, 1, 23, "now.getHours()"},
		{"hours of a span", `(now - responses.mfa).getHours() < 3`, 1, 31, "duration(\"60m\")"},
		{"a time counted twice", `now - responses.mfa < responses.password - now`, 1, 21, "too far apart"},
		{"a time beyond reckoning", `now + duration("87600h") + duration("87600h") + duration("87600h") + duration("87600h") + duration("87600h") + duration("87600h") + duration("87600h") > now`, 1, 131, "shorter durations"},
		{"twice as fast", `(now - (timestamp("2199-01-01T00:00:00Z") - now)).getHours() < 3`, 1, 59, "does not run"},
		{"a long duration", `now - responses.mfa < duration("100000h")`, 1, 31, "ten years"},
		{"an ancient time", `now > timestamp("1950-01-01T00:00:00Z")`, 1, 16, "1970"},
		{"an impossible time", `now > timestamp("2026-02-30T00:00:00Z")`, 1, 17, "timestamp"},
		{"an impossible duration", `now - responses.mfa < duration("1 hour")`, 1, 32, "duration"},
		{"an impossible pattern", `user.name.matches("(")`, 1, 19, "invalid matches"},
		{"a pattern from outside", `user.name.matches(device.hostname)`, 1, 25, "in quotes"},
		{"an untyped time", `now + dyn(1) > now`, 1, 10, "without dyn"},
		{"a zone from outside", `now.getHours(device.hostname) < 5`, 1, 20, "in quotes"},
		{"a zone as an offset", `now.getHours("+02:00") < 5`, 1, 14, "Europe/Berlin"},
		{"no zone", `now.getHours("") < 5`, 1, 14, "time zone"},
		{"a computed list", `now.getHours() in [1, risk]`, 1, 23, "joined by ||"},
		{"a time in a list", `now in [timestamp("2026-01-01T00:00:00Z")]`, 1, 5, "now.getDayOfWeek()"},
		{"a loop in a loop", `user.groups.exists(g, user.groups.exists(h, g == h))`, 1, 41, "nesting"},
		{"risk as text", `risk < "50"`, 1, 6, "no matching overload"},
		{"doubling", `now.getHours() < ` + strings.Repeat(`(device.firewall ? 1 : 2) + `, 14) + `0`, 1, 268, "too large"},
		{"text order", `device.os_version >= "12"`, 1, 19, "no order"},
		{"a bool compared", `device.firewall == true`, 1, 17, "stands alone"},
		{"a computed duration", `within(responses.mfa, duration("1h") + duration("1h"))`, 1, 38, `duration("60m")`},
		{"no lifetime", `within(responses.mfa, duration("0s"))`, 1, 31, "not a lifetime"},
		{"an age", `within(responses.mfa, duration("100000h"))`, 1, 31, "not a lifetime"},
		{"within now", `within(now, duration("1h"))`, 1, 8, "responses.mfa"},
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

func TestCompileTellsOfComparedAges(t *testing.T) {
	c := compile(t, `now - responses.password < duration("8h") || duration("1h") + responses.mfa > now ||
		now - responses.reason < (risk < 50 ? duration("2h") : duration("30m")) || responses.message < now || responses.mfa.getHours() < 5`)
	want := []wire.InteractionKind{wire.InteractionMessage, wire.InteractionReason, wire.InteractionMFA, wire.InteractionPassword}
	if d := cmp.Diff(want, c.Reads()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]time.Duration{8 * time.Hour, time.Hour, 2 * time.Hour, 30 * time.Minute}, c.Lifetimes()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]wire.InteractionKind{wire.InteractionMFA}, compile(t, `string(responses.mfa).startsWith("2026")`).Reads()); d != "" {
		t.Error(d)
	}
}

func TestClaimsOf(t *testing.T) {
	c := ClaimsOf(&wire.ClaimsToken{Claims: wire.DeviceClaims{
		"os.name": "linux", "firewall": true, "os.version": "12", "os_version": "13", "disk-encryption": 1.5,
		"uptime": 7.0, "addresses": []any{"192.0.2.1", "2001:db8::1"}, "mixed": []any{"a", 1.0}, "huge": 1e300,
	}})
	if d := cmp.Diff(map[string]any{"os_name": "linux", "firewall": true, "os_version": nil,
		"uptime": int64(7), "addresses": []string{"192.0.2.1", "2001:db8::1"}}, c.Device); d != "" {
		t.Error(d)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m")) && device.firewall`)
	f.Add(`inNetwork(system.address, "10.0.0.0/8") && !device.addresses.exists(a, inNetwork(a, "2001:db8::/32"))`)
	f.Add(`"finance" in user.groups || device.os_name != "linux" || !true`)
	f.Add(`now - responses.mfa < (risk < 50 ? duration("8h") : duration("1h")) && now.getDayOfWeek("Europe/Berlin") in [1, 2]`)
	f.Add(`now.getHours() * 60 + now.getMinutes() < 1000 && user.groups.exists(g, g.startsWith("fin")) || risk % 3 == 0`)
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
