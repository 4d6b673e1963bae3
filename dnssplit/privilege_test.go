package dnssplit

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

func TestRootless(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.absent = true })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.expect()
		if f := b.state(); !f.Rootless || f.Problem != nil {
			t.Errorf("it says %+v", f)
		}
		b.set(func() { b.absent = false })
		b.Device(true) // somebody has installed it
		b.expect("open", zones)
		if f := b.state(); f.Rootless {
			t.Errorf("it says %+v", f)
		}
	})
}

func TestRefused(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.open = protocol.Refuse(protocol.Busy, "it is bob's") })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open")
		if p := b.state().Problem; p == nil || p.Code != "busy" || p.Detail != "it is bob's" || p.Title != titles[protocol.Busy] {
			t.Errorf("it says %+v", p)
		}
		time.Sleep(again)
		b.expect("open")
		b.set(func() { b.open, b.apply = nil, errors.New("the bus is away") })
		time.Sleep(again)
		b.expect("open", zones, "close")
		if p := b.state().Problem; p == nil || p.Code != "failed" || strings.Contains(p.Detail, "the bus is away") {
			t.Errorf("it says %+v", p)
		}
		b.set(func() { b.apply = nil })
		time.Sleep(again)
		b.expect("open", zones)
		if f := b.state(); f.Problem != nil || f.Mode == "" {
			t.Errorf("it says %+v", f)
		}
	})
}

// A helper of before there were names does not know what it is asked for.
func TestOldHelper(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() {
			b.open = protocol.Refuse(protocol.BadRequest, "decode message: there is no verb %q", protocol.OpenDNSSocket)
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open")
		if p := b.state().Problem; p == nil || p.Code != "bad-request" || !strings.Contains(p.Title, "version") {
			t.Errorf("it says %+v", p)
		}
	})
}

func TestNoWay(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.answer = protocol.DNS{Why: "there is nothing that asks"} })
		b.signIn()
		if f := b.state(); f.Mode != "" || f.Problem == nil || f.Problem.Code != noWay {
			t.Errorf("it says %+v", f)
		}
	})
}

// A helper that has ended is waited for, and lookups are answered meanwhile.
func TestHelperEnds(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() { b.absent = true })
		close(b.fake.lost)
		b.expect()
		if f := b.state(); !f.Rootless {
			t.Errorf("without a helper it says %+v", f)
		}
		time.Sleep(again)
		b.expect()
		b.set(func() { b.absent = false })
		time.Sleep(again)
		b.expect("close", "open", zones)
		if f := b.state(); f.Rootless || f.Mode == "" {
			t.Errorf("with another helper it says %+v", f)
		}
	})
}
