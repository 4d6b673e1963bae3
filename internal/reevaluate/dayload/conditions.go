package dayload

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tidegate/tidegate/internal/policy/policytest"
)

// office is a window in a zone. The CEL of it adds the zone's offset of that
// day: cel-go loads a zone anew each time that it reads a clock in one, which
// would make polling look thirty times as dear.
func office(from, to int, zone string) policytest.Pair {
	clock := func(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
	local := fmt.Sprintf("(now + duration(%q))", offsets[zone])
	return policytest.Pair{
		Ours: fmt.Sprintf(`during("Mon-Fri", %q, %q, %q)`, clock(from), clock(to), zone),
		CEL: fmt.Sprintf("%[1]s.getDayOfWeek() >= 1 && %[1]s.getDayOfWeek() <= 5 && %[1]s.getHours() * 60 + %[1]s.getMinutes() >= %[2]d"+
			" && %[1]s.getHours() * 60 + %[1]s.getMinutes() < %[3]d", local, from, to),
	}
}

// offsets are the zones' on the simulated day.
var offsets = map[string]string{
	"UTC": "0s", "Europe/Berlin": "1h", "Europe/London": "0s", "America/New_York": "-5h", "America/Los_Angeles": "-8h",
	"Asia/Kolkata": "5h30m", "Asia/Tokyo": "9h", "Australia/Sydney": "11h",
}

func within(response, lifetime string) policytest.Pair {
	return policytest.Pair{
		Ours: fmt.Sprintf("within(responses.%s, duration(%q))", response, lifetime),
		CEL:  fmt.Sprintf("now - responses.%s < duration(%q)", response, lifetime),
	}
}

func plain(src string) policytest.Pair { return policytest.Pair{Ours: src, CEL: src} }

func join(op string, terms ...policytest.Pair) policytest.Pair {
	out := policytest.Pair{Ours: "(" + terms[0].Ours + ")", CEL: "(" + terms[0].CEL + ")"}
	for _, t := range terms[1:] {
		out.Ours += op + "(" + t.Ours + ")"
		out.CEL += op + "(" + t.CEL + ")"
	}
	return out
}

// conditions are the forty.
func conditions() (out []policytest.Pair) {
	zones := slices.Sorted(maps.Keys(offsets))
	lifetimes := []string{"60m", "90m", "2h", "3h", "4h", "5h", "6h", "8h"}
	firewall, risk := plain("device.firewall"), plain("risk < 50")
	for i, zone := range zones {
		out = append(out,
			office(8*60, 18*60, zone),
			join(" && ", office(7*60+30, 19*60, zone), within("mfa", lifetimes[i])),
			within("mfa", lifetimes[i]))
	}
	for i, group := range []string{"finance", "engineering", "staff", "support", "sales"} {
		out = append(out, join(" && ",
			office(8*60+30, 17*60, zones[i]), within("mfa", lifetimes[i]), firewall, plain(fmt.Sprintf("%q in user.groups", group)), risk))
	}
	return append(out,
		within("password", "4h"), within("password", "8h"), join(" || ", within("password", "8h"), within("mfa", "60m")),
		plain(`"finance" in user.groups`), plain(`"staff" in user.groups || "support" in user.groups`),
		firewall, plain("device.firewall && device.disk_encryption"), plain(`device.os_name == "linux" || device.firewall`),
		risk, plain("risk < 80 && device.firewall"), join(" || ", risk, within("mfa", "60m")))
}
