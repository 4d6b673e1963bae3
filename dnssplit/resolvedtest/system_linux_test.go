package resolvedtest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestSystem(t *testing.T) {
	before, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Releases(t) {
		t.Run(r.Name, func(t *testing.T) {
			s := Start(t, r)
			lookup := func(name string, by *Side) {
				t.Helper()
				f, err := s.Lookup(name)
				if err != nil {
					t.Fatal(err)
				}
				if f.Rcode != "NOERROR" || !slices.Contains(f.Addrs, by.Answer) {
					t.Errorf("%s: %+v, want the answer of %s", name, f, by.Name)
				}
				if !slices.Contains(by.Asked(), name) || !slices.Contains(by.Seen(), name) {
					t.Errorf("%s was asked for %v and saw %v, and not %s", by.Name, by.Asked(), by.Seen(), name)
				}
			}
			lookup("www.debian.org", s.Physical)
			vpn := s.AddVPN("vpn0", "~.")
			lookup("www.kernel.org", vpn)
			if n := s.Physical.Leaked("kernel.org"); n != nil {
				t.Errorf("the physical side saw %v", n)
			}
			s.SetDomains(vpn, "~corp.example")
			lookup("www.gnu.org", s.Physical)
			lookup("wiki.corp.example", vpn)
			s.Restart()
			lookup("www.freedesktop.org", s.Physical)
			lookup("git.corp.example", vpn)
			s.RemoveVPN(vpn)
			lookup("hr.corp.example", s.Physical)
			out, err := func() (out []byte, err error) {
				err = s.Do(func() error {
					out, err = s.Command(t.Context(), "getent", "ahostsv4", "ftp.debian.org").CombinedOutput()
					return err
				})
				return out, err
			}()
			if err != nil || !strings.Contains(string(out), s.Physical.Answer.String()) {
				t.Errorf("getent says %q, %v", out, err)
			}
		})
	}
	after, err := os.ReadFile("/etc/resolv.conf")
	if err != nil || string(after) != string(before) {
		t.Errorf("this machine's resolv.conf has become %q, %v", after, err)
	}
}

func TestQuestions(t *testing.T) {
	m := new(dns.Msg).SetQuestion("Wiki.Corp.Example.", dns.TypeA)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r, err := new(dns.Msg).SetReply(m).Pack()
	if err != nil {
		t.Fatal(err)
	}
	v4 := func(proto byte, rest ...byte) []byte {
		return append(append([]byte{0x45, 8: 64, 9: proto, 19: 0}, rest...), 0)
	}
	udp, tcp := make([]byte, 8), append(make([]byte, 12), append([]byte{0x50}, make([]byte, 7)...)...)
	for _, tt := range []struct {
		name   string
		packet []byte
		want   []string
	}{
		{"by UDP", v4(17, slices.Concat(udp, b)...), []string{"wiki.corp.example"}},
		{"by TCP", v4(6, slices.Concat(tcp, []byte{0, byte(len(b))}, b)...), []string{"wiki.corp.example"}},
		{"by UDP over IPv6", slices.Concat([]byte{0x60, 6: 17, 39: 0}, udp, b), []string{"wiki.corp.example"}},
		{"an answer", v4(17, slices.Concat(udp, r)...), nil},
		{"cut off", v4(17, slices.Concat(udp, b[:14])...), nil},
		{"a header alone", v4(6)[:20], nil},
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Questions(tt.packet); !slices.Equal(got, tt.want) {
				t.Errorf("it asks for %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzQuestions(f *testing.F) {
	f.Add([]byte{0x45, 9: 17, 39: 0})
	f.Fuzz(func(t *testing.T, b []byte) { Questions(b) })
}
