//go:build linux

package sensor

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// recorded are messages of a kernel's, as seeds.
func recorded(f *testing.F) (rules, elements [][]byte) {
	s := space(f)
	nft(f, s, `table inet fw {
set spare { type ipv4_addr; flags interval; elements = { 198.51.100.0/24, 192.0.2.7 }
}
map by { type ifname : verdict; elements = { "tun0" : accept, "eth0" : drop }
}
chain more { reject
}
chain o { type filter hook output priority filter; policy drop;
oifname { "tun0", "lo" } accept
oifname vmap @by
ip daddr @spare accept
ip6 daddr 2001:db8::/32 tcp dport 443 accept
ct state established,related ct mark 7 accept
meta mark & 0xff == 3 meta skuid != 33 fib daddr type local counter log limit rate over 3/second jump more
ip daddr 192.0.2.16-192.0.2.31 goto more
}
}
`)
	err := s.Do(func() (err error) {
		if rules, err = dump(unix.NFT_MSG_GETRULE, unix.NFPROTO_INET); err != nil {
			return err
		}
		r, err := load()
		if err != nil {
			return err
		}
		for _, name := range []string{"spare", "by", "__set0"} {
			if _, ok := r.elements(place{table{unix.NFPROTO_INET, "fw"}, name}); !ok {
				f.Errorf("no %s", name)
			}
		}
		elements, err = dump(unix.NFT_MSG_GETSETELEM, unix.NFPROTO_INET, listOf("fw", "spare")...)
		if err != nil {
			return err
		}
		more, err := dump(unix.NFT_MSG_GETSETELEM, unix.NFPROTO_INET, listOf("fw", "by")...)
		elements = append(elements, more...)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return rules, elements
}

// Whatever the kernel says, it is read, or refused, and ends.
func FuzzRules(f *testing.F) {
	rules, elements := recorded(f)
	for _, r := range rules {
		for _, e := range elements {
			f.Add(r, e)
		}
	}
	f.Fuzz(func(t *testing.T, rule, set []byte) {
		decodeTable(rule)
		decodeChain(rule)
		at, all, err := decodeRule(rule)
		if err != nil {
			return
		}
		r := ruleset{bases: []base{{at, true}}, rules: map[place][][]any{at: {all, all}}, elements: func(place) ([]element, bool) {
			of, err := decodeElements(set)
			return of, err == nil
		}}
		for _, family := range []byte{unix.NFPROTO_INET, unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
			r.bases[0].family = family
			at.family = family
			r.bases[0].place = at
			r.rules[at] = [][]any{all, all}
			for _, got := range r.filters(usual) {
				if len(got.Through) > mostThrough || len(got.Hosts) > mostHosts || len(got.Table) > 64 {
					t.Errorf("%+v", got)
				}
			}
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t02000002\nmnt_id:\t26\nino:\t125\niff:\ttun0\n"))
	f.Add([]byte("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := attached(b); len(a) > 15 || strings.ContainsAny(a, "/\n\x00 ") || strings.ToValidUTF8(a, "") != a {
			t.Errorf("%q", a)
		}
		started(b)
	})
}

func TestProc(t *testing.T) {
	for in, want := range map[string]string{
		"pos:\t0\nflags:\t02000002\niff:\ttun0\n": "tun0",
		"pos:\t0\nflags:\t02\niff:\t\n":           "",
		"iff:\t../../x\n":                         "",
		"iff:\ta-name-that-is-too-long\n":         "",
		"pos:\t0\n":                               "",
		"xiff:\ttun0\n":                           "",
	} {
		if got := attached([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if n := started([]byte("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1")); n != 4711 {
		t.Error(n)
	}
	for _, in := range []string{"", "7 (a", "7 (a) S 1", ")"} {
		if started([]byte(in)) != 1<<64-1 {
			t.Errorf("%q is a time", in)
		}
	}
}
