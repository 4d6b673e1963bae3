package names

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestZones(t *testing.T) {
	for _, row := range []struct {
		name, hosts, domains string
		zones, inner         string
		below, not           string
	}{
		{"nothing", "", "", "", "", "", "corp.example example"},
		{"hosts", "wiki.corp.example git.corp.example", "", "git.corp.example wiki.corp.example", "",
			"wiki.corp.example a.wiki.corp.example a.b.git.corp.example", "corp.example xwiki.corp.example xgit.corp.example example"},
		{"a host below another", "corp.example a.b.corp.example", "", "corp.example", "b.corp.example corp.example",
			"corp.example b.corp.example x.corp.example", "example"},
		{"a domain over hosts", "wiki.corp.example x.other.example", "corp.example", "corp.example x.other.example", "corp.example",
			"corp.example z.corp.example x.other.example", "other.example"},
		{"a domain below a domain", "", "corp.example deep.sea.corp.example", "corp.example", "corp.example sea.corp.example deep.sea.corp.example",
			"x.sea.corp.example", "example"},
		{"what no system asks for", "bücher.example -x.example wiki", "a..example .example", "wiki", "", "wiki a.wiki", "bücher.example -x.example example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := open(t, Options{})
			p.Set(strings.Fields(row.hosts), strings.Fields(row.domains))
			if diff := cmp.Diff(row.zones, strings.Join(p.Zones(), " ")); diff != "" {
				t.Error(diff)
			}
			inner := map[string]bool{}
			for _, name := range strings.Fields(row.inner) {
				inner[name] = true
			}
			if diff := cmp.Diff(inner, p.zones.inner); diff != "" {
				t.Error(diff)
			}
			for _, host := range strings.Fields(row.below) {
				if !p.Below(host) {
					t.Errorf("%s is not below", host)
				}
			}
			for _, host := range strings.Fields(row.not) {
				if p.Below(host) {
					t.Errorf("%s is below", host)
				}
			}
			told := row.zones != ""
			if token(p) != told {
				t.Errorf("told: %v", !told)
			}
			p.Set(strings.Fields(row.hosts), strings.Fields(row.domains))
			if token(p) {
				t.Error("told of nothing")
			}
		})
	}
}
