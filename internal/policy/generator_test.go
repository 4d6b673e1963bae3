package policy

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// pair is one random criterion in our words and in CEL's.
type pair struct{ ours, cel string }

var zones = []string{"", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// written is what both languages write alike, with {Z}, {D}, {T}, {K}, {OP} and
// {X} standing for a random zone argument, duration, timestamp, answer,
// comparison and criterion, and {N} for a number below that given: {N24}.
func written(r *rand.Rand, form string, depth int) pair {
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
			at := pick(r, weeks...).Add(time.Duration(r.Int64N(int64(7 * 24 * time.Hour))))
			both(fmt.Sprintf("timestamp(%q)", at.Format(time.RFC3339Nano)))
		case "K":
			both("responses." + string(pick(r, interactionKinds[:]...)))
		case "OP":
			both(pick(r, "<", "<=", ">", ">=", "==", "!="))
		case "LT":
			both(pick(r, "<", "<=", ">", ">="))
		case "X":
			p := randomPair(r, depth-1)
			ours.WriteString("(" + p.ours + ")")
			cel.WriteString("(" + p.cel + ")")
		default:
			n, err := strconv.Atoi(strings.TrimPrefix(hole, "N"))
			if err != nil {
				panic(hole)
			}
			both(strconv.Itoa(r.IntN(n)))
		}
	}
	return pair{ours.String(), cel.String()}
}

// atoms are those of Compile, but for windows and the connectives.
var atoms = []string{
	"true", "false", "device.firewall", "device.disk_encryption",
	`"finance" in user.groups`, `"staff" in user.groups`, `user.name in user.groups`,
	`device.os_name == "linux"`, `"alice" != user.name`, `system.address == "192.0.2.1"`, `device.hostname != "kiosk"`,
	`device.os_name == device.hostname`, `user.name in ["alice", "carol"]`,
	`device.hostname.startsWith("desk")`, `device.hostname.endsWith("7")`, `user.name.contains("li")`,
	`device.hostname.matches("^desk-[0-9]+$")`, `size(user.name) > 3`, `size(user.groups) {OP} risk`,
	`user.groups.exists(g, g.startsWith("fin"))`, `user.groups.all(g, g == user.name)`, `user.groups.exists_one(g, g == device.os_name)`,
	`user.groups == ["finance"]`,
	"risk {OP} {N100}", "{N100} {OP} risk", "risk * 2 - {N100} {OP} {N100}", "risk in [20, {N100}, 90]", "double(risk) / 2.0 < {N50}.5",
	"{N100} / risk {OP} 1", "risk % 7 {OP} {N7}", "risk * 9223372036854775807 {OP} 1",

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
	"now.getHours({Z}) in [{N24}, {N24}] == {X}", "(now + ({X} ? {D} : {D})).getHours({Z}) {LT} {N24}",
}

func randomPair(r *rand.Rand, depth int) pair {
	if depth > 0 && r.IntN(4) != 0 {
		a, b := randomPair(r, depth-1), randomPair(r, depth-1)
		join := func(form string) pair {
			return pair{fmt.Sprintf(form, a.ours, b.ours), fmt.Sprintf(form, a.cel, b.cel)}
		}
		switch r.IntN(8) {
		case 0:
			return pair{"!(" + a.ours + ")", "!(" + a.cel + ")"}
		case 1, 2, 3:
			return join("(%s) && (%s)")
		case 4:
			c := randomPair(r, depth-1)
			return pair{"(" + c.ours + ") ? " + join("(%s) : (%s)").ours, "(" + c.cel + ") ? " + join("(%s) : (%s)").cel}
		case 5:
			return join(pick(r, "!(%s) == !(%s)", "!(%s) != !(%s)"))
		}
		return join("(%s) || (%s)")
	}
	switch r.IntN(8) {
	case 0:
		k := pick(r, interactionKinds[:]...)
		d := pick(r, "15m", "60m", "8h", "25h", "1ns", "72h")
		return pair{fmt.Sprintf("within(responses.%s, duration(%q))", k, d),
			fmt.Sprintf("now - responses.%s < duration(%q)", k, d)}
	case 1, 2:
		return randomDuring(r)
	}
	for {
		form := pick(r, atoms...)
		if depth > 0 || !strings.Contains(form, "{X}") {
			return written(r, form, depth)
		}
	}
}

func randomDuring(r *rand.Rand) pair {
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
	return pair{ours + ")", strings.NewReplacer("Z", arg).Replace(
		"now.getDayOfWeek(Z) in "+days.cel+" && now.getHours(Z) * 60 + now.getMinutes(Z) >= ") + fmt.Sprint(from) +
		strings.ReplaceAll(" && now.getHours(Z) * 60 + now.getMinutes(Z) < ", "Z", arg) + fmt.Sprint(to)}
}

func randomClaims(r *rand.Rand, around time.Time) *Claims {
	c := &Claims{Device: map[string]any{}, Responses: map[wire.InteractionKind]time.Time{}, User: wire.UserClaims{Groups: []string{}}}
	coin := func() bool { return r.IntN(3) > 0 }
	for _, k := range interactionKinds {
		if coin() {
			c.Responses[k] = Stamp(around.Add(time.Duration(r.Int64N(int64(6*24*time.Hour)))), 15*time.Minute)
		}
	}
	for _, k := range []string{"firewall", "disk_encryption"} {
		if coin() {
			c.Device[k] = coin()
		}
	}
	if coin() {
		c.Device["os_name"] = []string{"linux", "windows"}[r.IntN(2)]
	}
	if coin() {
		c.Device["hostname"] = []string{"kiosk", "desk-7"}[r.IntN(2)]
	}
	if coin() {
		c.User.Name = []string{"alice", "bob"}[r.IntN(2)]
	}
	if coin() {
		c.Risk = new(pick[int64](r, 0, 20, 60, 90, r.Int64N(100)))
	}
	if coin() {
		c.System.Address = "192.0.2.1"
	}
	if coin() {
		c.User.Groups = append(c.User.Groups, "finance")
	}
	return c
}

// weeks begin two days before some zone's change of offset.
var weeks = []time.Time{
	time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC), // Europe
	time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC), // America
	time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC), // Lord Howe, half an hour
	time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
}

// randomInstant is within a week of it: anywhere, on a round time or beside
// it, or shortly before a zone changes its offset.
func randomInstant(r *rand.Rand, week time.Time) time.Time {
	at := week.Add(time.Duration(r.Int64N(int64(7 * 24 * time.Hour))))
	switch r.IntN(4) {
	case 0:
		return at
	case 1:
		first := r.IntN(len(zones))
		for i := range zones {
			loc, err := time.LoadLocation(zones[(first+i)%len(zones)])
			if err != nil {
				panic(err)
			}
			if _, end := week.In(loc).ZoneBounds(); !end.IsZero() && end.Sub(week) < 7*24*time.Hour {
				return end.UTC().Add(-time.Duration(r.Int64N(int64(12 * time.Hour))))
			}
		}
	}
	unit := pick(r, time.Minute, 15*time.Minute, time.Hour, 24*time.Hour)
	return at.Truncate(unit).Add(time.Duration(pick(r, 0, 0, -1, 1)))
}
