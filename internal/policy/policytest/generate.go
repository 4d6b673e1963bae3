package policytest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Pair is one criterion in our words and in CEL's.
type Pair struct{ Ours, CEL string }

var zones = []string{"", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// written is what both languages write alike, with {Z}, {D}, {T}, {K}, {OP} and
// {X} standing for a random zone argument, duration, timestamp, answer,
// comparison and criterion, and {N} for a number below that given: {N24}.
func written(r *rand.Rand, form string, depth int) Pair {
	ours, cel := strings.Builder{}, strings.Builder{}
	both := func(s string) { ours.WriteString(s); cel.WriteString(s) }
	zone := func() string {
		if z := pick(r, zones...); z != "" {
			return fmt.Sprintf("%q", z)
		}
		return ""
	}
	one := zone() // {Z} is the same throughout, {Y} each time another
	for form != "" {
		before, rest, found := strings.Cut(form, "{")
		both(before)
		if !found {
			break
		}
		hole, rest, _ := strings.Cut(rest, "}")
		form = rest
		switch hole {
		case "Z":
			both(one)
		case "Y":
			both(zone())
		case "D":
			both(fmt.Sprintf("duration(%q)", pick(r, "15m", "60m", "8h", "25h", "1ns", "72h", "-30m", "0s", "1h0m0.000000001s")))
		case "T":
			at := pick(r, Weeks...).Add(time.Duration(r.Int64N(int64(7 * 24 * time.Hour))))
			both(fmt.Sprintf("timestamp(%q)", at.Format(time.RFC3339Nano)))
		case "K":
			both("responses." + string(pick(r, kinds...)))
		case "OP":
			both(pick(r, "<", "<=", ">", ">=", "==", "!="))
		case "LT":
			both(pick(r, "<", "<=", ">", ">="))
		case "X":
			p := RandomPair(r, depth-1)
			ours.WriteString("(" + p.Ours + ")")
			cel.WriteString("(" + p.CEL + ")")
		default:
			n, err := strconv.Atoi(strings.TrimPrefix(hole, "N"))
			if err != nil {
				panic(hole)
			}
			both(strconv.Itoa(r.IntN(n)))
		}
	}
	return Pair{ours.String(), cel.String()}
}

// still are the forms without the clock, but for networks.
var still = []string{
	"true", "false", "device.firewall", "device.disk_encryption",
	`"finance" in user.groups`, `"staff" in user.groups`, `user.name in user.groups`,
	`device.os_name == "linux"`, `"alice" != user.name`, `system.address == "192.0.2.1"`, `device.hostname != "kiosk"`,
	`device.os_name == device.hostname`, `user.name in ["alice", "carol"]`,
	`device.hostname.startsWith("desk")`, `device.hostname.endsWith("7")`, `user.name.contains("li")`,
	`device.hostname.matches("^desk-[0-9]+$")`, `size(user.name) > 3`, `size(user.groups) {OP} risk`,
	`user.groups.exists(g, g.startsWith("fin"))`, `user.groups.all(g, g == user.name)`, `user.groups.exists_one(g, g == device.os_name)`,
	`user.groups == ["finance"]`,
	"scripts.open", "!scripts.open", "scripts.stock {OP} {N100}", "scripts.stock - device.uptime {OP} risk", "scripts.stock % 7 in [1, {N7}]",
	`scripts.state == "green"`, `scripts.state != device.vendor`, `scripts.state.startsWith("g")`, `device.vendor == "acme"`, "device.agent",
	"device.uptime {LT} {N100}", "double(device.uptime) {LT} {N50}.5", `device.addresses.exists(a, a == system.address)`,
	`"192.0.2.1" in device.addresses`, "scripts.stock in [{N100}, {N100}, 7]",

	"risk {OP} {N100}", "{N100} {OP} risk", "risk * 2 - {N100} {OP} {N100}", "risk in [20, {N100}, 90]", "double(risk) / 2.0 < {N50}.5",
	"{N100} / risk {OP} 1", "risk % 7 {OP} {N7}", "risk * 9223372036854775807 {OP} 1",
}

// moving are the forms with it, but for windows.
var moving = []string{
	"now - {K} {OP} {D}", "now - {K} {LT} {D}", "{K} + {D} {LT} now", "now {LT} {D} + {K}", "{K} {OP} now", "{D} {LT} now - {K}",
	"now {OP} {T}", "now - {T} {LT} {D}", "{K} - {K} {LT} {D}", "{K} {OP} {K}", "now + {D} {LT} {K} - {D}", "{T} - now {OP} {T} - {K}",
	"now - (now - {D}) {LT} {D}", "{K} - {K} + {D} {LT} {T} - {T}",
	"string({K}).startsWith(\"2026\")", "{K}.getHours({Z}) {OP} {N24}",

	"now.getHours({Z}) {OP} {N26}", "now.getHours({Z}) {LT} {N24}", "{N24} {OP} now.getHours({Z})", "now.getMinutes({Z}) {OP} {N60}",
	"now.getDayOfWeek({Z}) {OP} {N7}", "now.getDate({Z}) {OP} {N32}", "now.getDayOfMonth({Z}) {OP} {N31}",
	"now.getMonth({Z}) {OP} {N12}", "now.getDayOfYear({Z}) {OP} {N366}", "now.getFullYear({Z}) {OP} 2026",
	"(now - {D}).getHours({Z}) {LT} {N24}", "(now + {D}).getDayOfWeek({Z}) in [0, {N7}, {N7}]", "(now - {D}).getMinutes({Z}) {OP} {N60}",
	"(now - {K} + {T}).getHours({Z}) {OP} {N24}", "({K} + (now - now)).getHours({Z}) {OP} {N24}",
	"now.getDayOfWeek({Z}) in [1, 2, 3, {N7}]", "now.getHours({Z}) in [8, 9, {N24}]", "now.getHours({Z}) + 1 in [8, 2, {N24}]",
	"now.getHours({Z}) * 60 + now.getMinutes({Z}) {OP} {N1440}", "now.getMinutes({Z}) + 60 * now.getHours({Z}) {LT} {N1440}",
	"now.getHours({Y}) * 60 + now.getMinutes({Y}) {LT} {N1440}", "now.getHours({Z}) * 60 + now.getMinutes({Z}) - {N1440} {LT} {N100}",
	"now.getHours({Z}) + risk {OP} {N100}", "{N100} - now.getHours({Z}) {OP} risk", "risk {OP} now.getMinutes({Z})",
	"now.getMinutes({Z}) % 15 {OP} {N15}", "now.getHours({Z}) / 6 {OP} {N4}", "risk / (now.getHours({Z}) - 12) {OP} 2",
	"now.getHours({Y}) {OP} now.getHours({Y})", "now.getHours({Z}) {OP} now.getDayOfWeek({Y}) * 3", "now.getHours({Z}) - now.getHours({Y}) {OP} {N5}",
	"now.getHours({Z}) + {N9} - 3 {LT} {N24} + risk", "now.getHours({Z}) + 9223372036854775807 {OP} 5", "now.getHours({Z}) {OP} 9223372036854775807",
	"now.getHours({Z}) * now.getHours({Z}) {LT} {N400}", "now.getMinutes({Z}) {OP} size(user.name) * 5",

	"now - {K} {LT} ({X} ? {D} : {D})", "now - ({X} ? {K} : {K}) {LT} {D}", "now.getHours({Z}) {LT} ({X} ? {N24} : risk) + 2",
	"device.uptime * 3 {OP} now.getHours({Z})", "now - {K} {LT} (scripts.open ? {D} : {D})", "scripts.stock {OP} now.getMinutes({Z})",
	"now.getHours({Z}) in [{N24}, {N24}] == {X}", "(now + ({X} ? {D} : {D})).getHours({Z}) {LT} {N24}",
}

// RandomPair is a criterion of that many levels, of every form that there is.
// What it reads is declared in Declared.
func RandomPair(r *rand.Rand, depth int) Pair {
	if depth > 0 && r.IntN(4) != 0 {
		a, b := RandomPair(r, depth-1), RandomPair(r, depth-1)
		join := func(form string) Pair {
			return Pair{fmt.Sprintf(form, a.Ours, b.Ours), fmt.Sprintf(form, a.CEL, b.CEL)}
		}
		switch r.IntN(8) {
		case 0:
			return Pair{"!(" + a.Ours + ")", "!(" + a.CEL + ")"}
		case 1, 2, 3:
			return join("(%s) && (%s)")
		case 4:
			c := RandomPair(r, depth-1)
			return Pair{"(" + c.Ours + ") ? " + join("(%s) : (%s)").Ours, "(" + c.CEL + ") ? " + join("(%s) : (%s)").CEL}
		case 5:
			return join(pick(r, "!(%s) == !(%s)", "!(%s) != !(%s)"))
		}
		return join("(%s) || (%s)")
	}
	switch r.IntN(8) {
	case 0:
		k := pick(r, kinds...)
		d := pick(r, "15m", "60m", "8h", "25h", "1ns", "72h")
		return Pair{fmt.Sprintf("within(responses.%s, duration(%q))", k, d),
			fmt.Sprintf("now - responses.%s < duration(%q)", k, d)}
	case 1, 2:
		return randomDuring(r)
	case 3:
		if r.IntN(2) == 0 {
			return randomNetwork(r)
		}
	}
	for {
		form := pick(r, moving...)
		if r.IntN(3) == 0 {
			form = pick(r, still...)
		}
		if depth > 0 || !strings.Contains(form, "{X}") {
			return written(r, form, depth)
		}
	}
}

func randomDuring(r *rand.Rand) Pair {
	days := []struct{ ours, cel string }{
		{"Mon-Fri", "[1,2,3,4,5]"}, {"Sat,Sun", "[6,0]"}, {"every day", "[0,1,2,3,4,5,6]"},
		{"Sun", "[0]"}, {"Fri-Mon", "[5,6,0,1]"}, {"Tue-Wed,Sun", "[2,3,0]"},
	}[r.IntN(6)]
	from := r.IntN(24 * 60)
	to := from + 1 + r.IntN(24*60-from)
	if r.IntN(3) == 0 { // hours that daylight saving skips or repeats
		from, to = 60+r.IntN(90), 24*60
	}
	zone := zones[r.IntN(len(zones))]
	ours := fmt.Sprintf("during(%q, \"%02d:%02d\", \"%02d:%02d\"", days.ours, from/60, from%60, to/60, to%60)
	arg := ""
	if zone != "" {
		ours, arg = ours+fmt.Sprintf(", %q", zone), fmt.Sprintf("%q", zone)
	}
	return Pair{ours + ")", strings.NewReplacer("Z", arg).Replace(
		"now.getDayOfWeek(Z) in "+days.cel+" && now.getHours(Z) * 60 + now.getMinutes(Z) >= ") + fmt.Sprint(from) +
		strings.ReplaceAll(" && now.getHours(Z) * 60 + now.getMinutes(Z) < ", "Z", arg) + fmt.Sprint(to)}
}

// randomNetwork is whether an address lies in a network; cel-go's own extension
// says so of the CEL of it.
func randomNetwork(r *rand.Rand) Pair {
	cidr := fmt.Sprintf("%q", pick(r, "192.0.2.0/24", "192.0.2.1/32", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:db8::7/128", "192.0.2.0/31"))
	form := pick(r, "%s", "!%s", "device.addresses.exists(a, %s)", "device.addresses.all(a, !%s)")
	of := "system.address"
	if strings.Contains(form, "(a") {
		of = "a"
	}
	return Pair{fmt.Sprintf(form, "inNetwork("+of+", "+cidr+")"), fmt.Sprintf(form, "cidr("+cidr+").containsIP(ip("+of+"))")}
}
