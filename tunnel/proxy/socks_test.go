package proxy

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// socksName asks for a name.
func askName(command byte, host string, port uint16) []byte {
	b := append([]byte{5, command, 0, 3, byte(len(host))}, host...)
	return binary.BigEndian.AppendUint16(b, port)
}

func TestSOCKSReplies(t *testing.T) {
	r := newRouter()
	addr, _ := origin(t, nil)
	r.lead("wiki.corp", 80, wire.TCP, addr)
	r.lead("10.1.2.3", 80, wire.TCP, addr)
	r.lead("fd00::1", 80, wire.TCP, addr)
	r.lead("closed.corp", 80, wire.TCP, closedPort(t))
	for host, p := range map[string]*wire.Problem{
		"away.corp":   {Code: wire.CodeAppUnreachable, Status: 504, Title: "The application does not answer"},
		"denied.corp": {Code: wire.CodeDenied, Status: 403, Title: "Access was ended"},
		"none.corp":   {Code: wire.CodeNoSession, Title: "The controller is not reached"},
		"broken.corp": {Code: wire.CodeInternal, Title: "A defect"},
	} {
		r.says[target(host, 80)] = p
	}
	p := start(t, r)
	for _, tt := range []struct {
		name    string
		request []byte
		want    byte
	}{
		{"a name", askName(1, "wiki.corp", 80), 0},
		{"a name in another spelling", askName(1, "WIKI.corp.", 80), 0},
		{"IPv4", []byte{5, 1, 0, 1, 10, 1, 2, 3, 0, 80}, 0},
		{"IPv4 as a name", askName(1, "10.1.2.3", 80), 0},
		{"IPv4 in IPv6", append([]byte{5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}, 0, 80), 0},
		{"IPv6", append([]byte{5, 1, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0, 80), 0},
		{"IPv6 as a name", askName(1, "fd00::1", 80), 0},
		{"refused", askName(1, "closed.corp", 80), 5},
		{"unreachable", askName(1, "away.corp", 80), 4},
		{"denied", askName(1, "denied.corp", 80), 2},
		{"none of ours", askName(1, "example.com", 80), 2},
		{"another port", askName(1, "wiki.corp", 81), 2},
		{"loopback", []byte{5, 1, 0, 1, 127, 0, 0, 1, 0, 80}, 2},
		{"no session", askName(1, "none.corp", 80), 1},
		{"a defect", askName(1, "broken.corp", 80), 1},
		{"IPv4 in hex", askName(1, "0x0a010203", 80), 1},
		{"short IPv4", askName(1, "10.66051", 80), 1},
		{"mapped as a name", askName(1, "::ffff:10.1.2.3", 80), 1},
		{"a zone", askName(1, "fe80::1%lo", 80), 1},
		{"a nul", askName(1, "wiki.corp\x00.example", 80), 1},
		{"userinfo", askName(1, "wiki.corp@example.com", 80), 1},
		{"an empty name", askName(1, "", 80), 1},
		{"port 0", askName(1, "wiki.corp", 0), 1},
		{"BIND", askName(2, "wiki.corp", 80), 7},
		{"a type that is none", []byte{5, 1, 0, 2, 0, 0}, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dialProxy(t, p)
			if _, err := c.Write(append([]byte{5, 2, 2, 0}, tt.request...)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 12)
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatalf("%v after %v", err, got)
			}
			if want := []byte{5, 0, 5, tt.want, 0, 1, 0, 0, 0, 0, 0, 0}; !bytes.Equal(got, want) {
				t.Errorf("%v", got)
			}
			if tt.want != 0 {
				if _, err := c.Read(got); err != io.EOF {
					t.Errorf("then %v", err)
				}
			}
		})
	}
}

func TestSOCKSNeedsNoPassword(t *testing.T) {
	p := start(t, newRouter())
	c := dialProxy(t, p)
	c.Write([]byte{5, 1, 2})
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, []byte{5, 0xff}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, junk := range []string{"\x05\x00", "\x05\x01\x00\x04\x01\x00", "\x05\x01\x00\x05\x01\x01"} {
		c := dialProxy(t, p)
		io.WriteString(c, junk)
		c.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); len(got) > 2 {
			t.Errorf("%q: %v, %v", junk, got, err)
		}
	}
}

func FuzzSOCKS(f *testing.F) {
	f.Add(append([]byte{5, 1, 0}, askName(1, "wiki.corp", 443)...))
	f.Add([]byte{5, 2, 0, 2, 5, 3, 0, 1, 10, 0, 0, 1, 1, 187, 9})
	f.Add([]byte{5, 1, 0, 5, 1, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 22})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if readGreeting(r) == nil {
			_, got, err := readRequest(r)
			checkTarget(t, got, err)
			if err == nil {
				again, err := readAddress(bytes.NewReader(appendAddress(nil, got)))
				if diff := cmp.Diff(got, again); diff != "" || err != nil {
					t.Errorf("%v\n%s", err, diff)
				}
			}
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add(datagram(front.Target{Host: "dns.corp", Port: 53, Protocol: wire.UDP}, []byte("query")))
	f.Add(datagram(front.Target{Host: "fd00::1", Port: 53, Protocol: wire.UDP}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, payload, err := parseDatagram(b)
		checkTarget(t, got, err)
		if err != nil {
			return
		}
		again, same, err := parseDatagram(datagram(got, payload))
		if again != got || !bytes.Equal(same, payload) || err != nil {
			t.Errorf("%v %v: then %v %v, %v", got, payload, again, same, err)
		}
	})
}

func FuzzAuthority(f *testing.F) {
	for _, s := range []string{"wiki.corp:443", "[fd00::1]:443", "10.0.0.1:80", "[::ffff:10.0.0.1]:80", "0x7f.1:80", "a@b:80", "wiki.corp:065", "[fd00::1", "x]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseAuthority(s, 0)
		checkTarget(t, got, err)
		if err == nil && got.Port == 0 {
			t.Errorf("%q: no port", s)
		}
	})
}

// checkTarget holds a target to its only spelling.
func checkTarget(t *testing.T, got front.Target, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if got.Host == "" || strings.ToLower(got.Host) != got.Host || strings.ContainsAny(got.Host, " \t\r\n\x00@/%[]\\") || strings.HasSuffix(got.Host, ".") || len(got.Host) > 253 {
		t.Errorf("%q", got.Host)
	}
}
