//go:build linux

package sensor

import (
	"encoding/hex"
	"strings"
	"testing"
)

// What iptables-nft gives the kernel, as it was recorded on an x86-64: the packet is
// one of TCP to port 443, of a new connection.
func TestExtensions(t *testing.T) {
	states := strings.Repeat("00", 146)
	end := strings.Repeat("00", 16)
	multiport := func(head, ends, invert string) string {
		return head + strings.Repeat("00", 32-len(head)/2) + ends + strings.Repeat("00", 15-len(ends)/2) + invert
	}
	for _, tt := range []struct {
		what, name, info string
		want             bool
	}{
		{"-m multiport --dports 80,443", "multiport", multiport("01025000bb01", "", "00"), true},
		{"-m multiport --dports 80,81", "multiport", multiport("010250005100", "", "00"), false},
		{"-m multiport --dports 25,400:500", "multiport", multiport("010319009001f401", "0001", "00"), true},
		{"-m multiport --dports 25,500:600", "multiport", multiport("01031900f4015802", "0001", "00"), false},
		{"-m multiport ! --dports 25,6000:6010", "multiport", multiport("0103190070177a17", "0001", "01"), true},
		{"-m multiport ! --dports 80,443", "multiport", multiport("01025000bb01", "", "01"), false},
		{"-m multiport --ports 25,400:500", "multiport", multiport("020319009001f401", "0001", "00"), true},
		{"-m multiport --sports 80,443", "multiport", multiport("00025000bb01", "", "00"), false},
		{"more ports than there may be", "multiport", multiport("01ff5000bb01", strings.Repeat("01", 15), "00"), true},
		{"-m conntrack --ctstate RELATED,ESTABLISHED", "conntrack", states + "010000000600" + end, false},
		{"-m conntrack --ctstate NEW", "conntrack", states + "010000000800" + end, true},
		{"-m conntrack ! --ctstate INVALID", "conntrack", states + "010001000100" + end, true},
		{"-m conntrack --ctstate NEW --ctorigdst 192.0.2.1", "conntrack", states + "090000000800" + end, false},
		{"-p tcp --dport 443", "tcp", "0000ffffbb01bb0100000000", true},
		{"-p tcp ! --dport 443", "tcp", "0000ffffbb01bb0100000002", false},
		{"-p tcp --dport 80", "tcp", "0000ffff5000500000000000", false},
		{"-p tcp --syn", "tcp", "0000ffff0000ffff00170200", true},
		{"-p tcp --sport 22", "tcp", "160016000000ffff00000000", false},
		{"-m owner --uid-owner 1000", "owner", "e8030000e803000000000000000000000100000000000000", false},
		{"less than it is", "multiport", "0102", false},
		{"nobody knows it", "later", "00", false},
	} {
		b, err := hex.DecodeString(tt.info)
		if err != nil {
			t.Fatal(tt.what, err)
		}
		if got := (&machine{p: packet{port: web}, ports: map[span]bool{}}).foreign(match{tt.name, b}); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}
