package posture

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadOutput(t *testing.T) {
	for _, c := range []struct {
		name, as, out string
		want          any // nil: refused
	}{
		{"true", "bool", "true\n", true},
		{"false, spaces, more lines", "bool", "  false \nand so on\n", false},
		{"another word for true", "bool", "yes\n", nil},
		{"nothing", "bool", "", nil},
		{"int", "int", "-42\r\n", int64(-42)},
		{"int too large for JSON", "int", "9007199254740993\n", nil},
		{"fraction", "int", "1.5\n", nil},
		{"text", "string", " 12.4 beta \n", "12.4 beta"},
		{"empty line", "string", "\nx\n", nil},
		{"long text", "string", strings.Repeat("x", maxText+1), nil},
		{"control character", "string", "a\x1b[2Jb\n", nil},
		{"not UTF-8", "string", "\xff\n", nil},
		{"too much", "bool", "true\n" + strings.Repeat("x", maxOutput), nil},
		{"no type", "", "true\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readOutput(c.as, []byte(c.out))
			if d := cmp.Diff(c.want, got); d != "" || (err == nil) != (c.want != nil) {
				t.Errorf("error %v (-want +got):\n%s", err, d)
			}
		})
	}
}

func FuzzReadOutput(f *testing.F) {
	f.Add("bool", []byte("true\n"))
	f.Add("int", []byte("7"))
	f.Add("string", []byte(" a b \n"))
	f.Fuzz(func(t *testing.T, as string, out []byte) {
		v, err := readOutput(as, out)
		if s, ok := v.(string); ok && (s == "" || len(s) > maxText || strings.ContainsAny(s, "\n\x00")) || (v == nil) != (err != nil) {
			t.Errorf("%q read as %s: %#v, %v", out, as, v, err)
		}
	})
}

func TestAddresses(t *testing.T) {
	var all []net.Addr
	for _, s := range []string{
		"fe80::1/64", "127.0.0.1/8", "::1/128", "192.168.1.7/24", "10.0.0.2/8", "2001:db8::5/64", "169.254.9.9/16", "192.168.1.7/32", "fd00::1/8",
	} {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &net.IPNet{IP: ip, Mask: n.Mask})
	}
	want := []string{"10.0.0.2", "192.168.1.7", "2001:db8::5", "fd00::1"}
	if d := cmp.Diff(want, addresses(all)); d != "" {
		t.Errorf("addresses (-want +got):\n%s", d)
	}
	for range maxAddresses {
		all = append(all, &net.IPNet{IP: net.IPv4(10, 1, 0, byte(len(all))), Mask: net.CIDRMask(8, 32)})
	}
	if got := addresses(all); len(got) != maxAddresses || !slices.Contains(got, "10.0.0.2") {
		t.Errorf("%d addresses, want %d: %v", len(got), maxAddresses, got)
	}
}
