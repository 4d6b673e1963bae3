package dnssplit

import (
	"net/netip"
	"reflect"
	"regexp"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// unsaid are names and paths, as texts have them, and the programs of the tests.
var unsaid = regexp.MustCompile(`systemd-resolved|openresolv|resolvconf|DNSSEC|NetworkManager|plan9|openvpn|\S*[./:\d]\S*`)

var word = regexp.MustCompile(`\pL{2,}`)

// Why the system is told of names in this way, which the helper says in English, is told
// in the user's language: whatever the system is like.
func TestWhyIsTold(t *testing.T) {
	unmark := lang.Mark()
	defer unmark()
	switches := []string{"Resolved", "NSS", "Delegates", "ReadOnly", "Mounted", "Local"}
	seen := map[string]bool{}
	for n := range 1 << len(switches) {
		for _, program := range []osdns.Resolvconf{osdns.NoResolvconf, osdns.DebianResolvconf, osdns.Openresolv} {
			for _, by := range []string{"", "resolvconf", "openresolv", "NetworkManager"} {
				for _, detail := range []string{"", "DNSSEC"} {
					env := osdns.Environment{System: "linux", Resolvconf: program, Program: by, Insists: detail}
					if detail != "" {
						env.Version, env.Servers = "257", []netip.Addr{netip.MustParseAddr("127.0.0.53")}
					}
					for i, name := range switches {
						reflect.ValueOf(&env).Elem().FieldByName(name).SetBool(n&(1<<i) != 0)
					}
					_, why := osdns.Choose(env)
					seen[why] = true
				}
			}
		}
	}
	_, why := osdns.Choose(osdns.Environment{System: "plan9"})
	seen[why] = true
	if len(seen) < 12 {
		t.Errorf("there are only %d reasons", len(seen))
	}
	for why := range seen {
		if told := session.Told(why); word.MatchString(unsaid.ReplaceAllString(lang.Unmarked(told), "")) {
			t.Errorf("%q", told)
		}
	}
}

// What the name service says of itself is told in the user's language, too.
func TestProblemsAreTold(t *testing.T) {
	unmark := lang.Mark()
	defer unmark()
	for _, a := range []protocol.DNS{
		{}, {Mode: osdns.ModeDirect, Filtered: true},
		{Mode: osdns.ModeLink, Left: map[protocol.Code][]string{protocol.Outside: {"a.corp", "b.corp", "c.corp", "d.corp", "e.corp"}}},
		{Mode: osdns.ModeLink, Left: map[protocol.Code][]string{protocol.Conflict: {"a.corp"}}},
	} {
		for over := range 2 {
			p := standing(a, over)
			for _, text := range []string{lang.Told(p.Title), session.Told(p.Detail)} {
				if word.MatchString(unsaid.ReplaceAllString(lang.Unmarked(text), "")) {
					t.Errorf("%q", text)
				}
			}
		}
	}
}
