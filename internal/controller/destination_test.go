package controller

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const wildcards = `---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: all}
spec:
  title: All
  site: hq
  actions:
    - {hosts: ["*.example.com"], ports: [80, 443]}
    - {hosts: ["*.example.com"], protocol: icmp}
    - {effect: exclude, hosts: ["*.left.example.com"], ports: [443]}
    - {effect: block, hosts: ["*.bait.example.com"], ports: [443]}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: eng}
spec: {site: hq, conditions: [recent-mfa], actions: [{hosts: ["*.eng.example.com"], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: wide}
spec: {assign: {everyone: true}, entitlements: [all, eng]}
`

func TestParseDestination(t *testing.T) {
	for in, want := range map[string]destination{
		"wiki.corp.example":       {"wiki.corp.example", 0},
		"Wiki.Corp.example.:443":  {"wiki.corp.example", 443},
		"10.1.2.3:22":             {"10.1.2.3", 22},
		"2001:DB8::1":             {"2001:db8::1", 0},
		"[2001:db8::1]:22":        {"2001:db8::1", 22},
		"::ffff:10.1.2.3":         {"10.1.2.3", 0},
		"wiki.corp.example:99999": {"wiki.corp.example:99999", 0},
		"":                        {"", 0},
	} {
		if got := parseDestination(in); got != want {
			t.Errorf("%q is read as %+v", in, got)
		}
	}
}

func TestNamings(t *testing.T) {
	conf := configWith(t, wildcards)
	every := slices.Sorted(maps.Keys(conf.Entitlements))
	for about, want := range map[string]string{
		"other.example.com":       "all *.example.com",
		"OTHER.example.com.:443":  "all *.example.com",
		"a.b.example.com:80":      "all *.example.com",
		"other.example.com:22":    "",
		"example.com":             "",
		"xexample.com":            "",
		"wiki.example.com":        "wiki wiki.example.com; wider all *.example.com",
		"ledger.example.com:443":  "ledger ledger.example.com; wider all *.example.com",
		"ledger.example.com:80":   "all *.example.com",
		"git.eng.example.com:443": "eng *.eng.example.com; wider all *.example.com",
		"git.eng.example.com:80":  "all *.example.com",
		"eng.example.com":         "all *.example.com",
		"a.left.example.com:443":  "",
		"a.left.example.com:80":   "all *.example.com",
		"a.left.example.com":      "all *.example.com",
		"a.bait.example.com:443":  "all refuses *.bait.example.com",
		"a.bait.example.com":      "all refuses *.bait.example.com; all *.example.com",
		"10.1.2.9:22":             "ledger 10.1.2.0/24",
		"10.1.3.9":                "",
		"*.example.com":           "all *.example.com", // as an action has it
	} {
		decide, wider := namings(conf, every, parseDestination(about))
		var got []string
		for _, n := range decide {
			got = append(got, strings.Replace(fmt.Sprint(n.id, map[bool]string{true: " refuses "}[n.refuses], " ", n.host), "  ", " ", 1))
		}
		for _, n := range wider {
			got = append(got, fmt.Sprint("wider ", n.id, " ", n.host))
		}
		if d := cmp.Diff(want, strings.ReplaceAll(strings.Join(got, "; "), "  ", " ")); d != "" {
			t.Errorf("%s: %s", about, d)
		}
	}
}

// TestExplainDestination asks about names that no application has.
func TestExplainDestination(t *testing.T) {
	conf, dir := longConfig(t, wildcards), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		why := func(user, about string) Explanation {
			t.Helper()
			all, err := b.Explain(t.Context(), user, about)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		if x := why("alice", "other.example.com:443"); x.Entitlement != "all" || x.Named != "*.example.com" || !x.Allow || strings.Contains(x.Note, "nearer") {
			t.Errorf("below the wildcard: %+v", x)
		}
		if x := why("alice", "git.eng.example.com:443"); x.Entitlement != "eng" || x.Named != "*.eng.example.com" || x.Allow || x.Reason.Kind != wire.ReasonMFA ||
			!strings.Contains(x.Note, "*.eng.example.com is nearer than *.example.com of all, which does not count") {
			t.Errorf("below the longer one: %+v", x)
		}
		if x := why("alice", "ledger.example.com:443"); x.Entitlement != "ledger" || x.Named != "ledger.example.com" || x.Allow {
			t.Errorf("exactly: %+v", x)
		}
		if x := why("alice", "a.bait.example.com:443"); x.Allow || x.Reason.Kind != wire.ReasonBlocked || x.Named != "*.bait.example.com" {
			t.Errorf("blocked: %+v", x)
		}
		if x := why("bob", "10.1.2.9:22"); x.Entitlement != "ledger" || x.Named != "10.1.2.0/24" || x.Allow || x.Reason.Kind != wire.ReasonNotEntitled || !strings.Contains(x.Note, "these would: finance") {
			t.Errorf("not bob's: %+v", x)
		}
		if x := why("alice", "wiki"); x.Named != "" || x.Entitlement != "wiki" {
			t.Errorf("by id: %+v", x)
		}
		for _, about := range []string{"other.example.com:22", "example.com", "other.example.net"} {
			if _, err := b.Explain(t.Context(), "alice", about); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %v", about, err)
			}
		}
	})
}
