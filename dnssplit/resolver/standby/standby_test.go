package standby

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/dnssplit/resolver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if tcp, err := net.Listen("tcp4", udp.LocalAddr().String()); err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// Our names fail at once, of whatever type, and are asked of nobody; the others
// are answered.
func TestStandby(t *testing.T) {
	asked := make(chan string, 100)
	udp, _ := listen(t)
	network := &dns.Server{PacketConn: udp, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		asked <- q.Question[0].Name
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2.7")
		m.Answer = []dns.RR{rr}
		w.WriteMsg(m)
	})}
	up := make(chan struct{})
	network.NotifyStartedFunc = func() { close(up) }
	go network.ActivateAndServe()
	<-up

	ours, tcp := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Standby{}.Run(ctx, ours, tcp, []string{"Example.ZTA.", "96.100.in-addr.arpa"},
			[]resolver.Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort(udp.LocalAddr().String())}}})
	}()
	for _, row := range []struct {
		name string
		typ  uint16
		want int
	}{
		{"wiki.example.zta.", dns.TypeA, dns.RcodeServerFailure},
		{"EXAMPLE.zta.", dns.TypeAAAA, dns.RcodeServerFailure},
		{"_x._tcp.wiki.example.zta.", dns.TypeSRV, dns.RcodeServerFailure},
		{"wiki.example.zta.", dns.TypeHTTPS, dns.RcodeServerFailure},
		{"2.1.96.100.in-addr.arpa.", dns.TypePTR, dns.RcodeServerFailure},
		{"xexample.zta.", dns.TypeA, dns.RcodeSuccess},
		{"foreign.example.", dns.TypeA, dns.RcodeSuccess},
	} {
		for _, network := range []string{"udp", "tcp"} {
			c := dns.Client{Net: network, Timeout: 30 * time.Second}
			m, _, err := c.Exchange(new(dns.Msg).SetQuestion(row.name, row.typ), ours.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			if m.Rcode != row.want {
				t.Errorf("%s by %s: %v", row.name, network, m)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	network.Shutdown() // has waited for its handlers
	close(asked)
	for name := range asked {
		if name != "xexample.zta." && name != "foreign.example." {
			t.Errorf("the network was asked for %s", name)
		}
	}
}

// An address that will be an application's again is not passed on here either.
func TestRebinding(t *testing.T) {
	d := newDead([]string{"example.zta", "96.100.in-addr.arpa", "7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa."})
	want := [2]netip.Prefix{netip.MustParsePrefix("100.96.0.0/16"), netip.MustParsePrefix("fd54:6964:6567::/48")}
	if got := d.Prefixes(); got != want {
		t.Errorf("ours are %v, want %v", got, want)
	}
	for _, zones := range [][]string{nil, {"example.zta", "corp.arpa", "in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "x.ip6.arpa", "300.in-addr.arpa"}} {
		if got := newDead(zones).Prefixes(); got != [2]netip.Prefix{} {
			t.Errorf("of %v ours are %v", zones, got)
		}
	}
}
