package resolver

import (
	"net"
	"testing"

	"github.com/miekg/dns"
)

// What is asked by TCP as the network changes is asked anew, too, and does not fail
// with the servers that were.
func TestChangedByTCP(t *testing.T) {
	for name, change := range map[string]func(*Resolver, []Upstream){
		"other servers": func(r *Resolver, other []Upstream) { r.Forward(other) },
		"flushed":       func(r *Resolver, _ []Upstream) { r.Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			hangs, hang := make(chan struct{}), make(chan struct{})
			first := make(chan struct{}, 1)
			first <- struct{}{}
			r := New(Options{Zone: somePool()})
			r.Forward(to(upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
				if _, tcp := w.RemoteAddr().(*net.TCPAddr); !tcp {
					w.WriteMsg(&dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id, Response: true, Truncated: true}, Question: q.Question})
					return
				}
				select {
				case <-first:
					close(hangs)
					<-hang
				default:
					echo(60, nil)(w, q)
				}
			})))
			t.Cleanup(func() { close(hang) })
			server := serve(t, r)
			c := connect(t, server)
			if err := c.WriteMsg(question("a.example.", dns.TypeA)); err != nil {
				t.Fatal(err)
			}
			<-hangs
			change(r, to(upstream(t, echo(60, nil))))
			if m, err := c.ReadMsg(); err != nil || len(m.Answer) != 1 {
				t.Errorf("told %v: %v", m, err)
			}
		})
	}
}
