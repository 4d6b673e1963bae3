package dnssplit

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFromSignInToSignOut(t *testing.T) {
	bubble(t, func(b *bench) {
		b.Split.Apply(in)
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.expect() // not before the addresses lead anywhere
		if f := b.state(); f.Mode != "" || f.Rootless || !strings.Contains(f.Why, "device") {
			t.Errorf("without a device it says %+v", f)
		}
		b.Device(true)
		b.expect("open", zones)
		want := session.NameService{Mode: "resolved-delegate", Why: "because", Server: netip.MustParseAddr("127.11.0.53"), Zones: []string{"wiki.corp.example"}, Adapter: "eth0"}
		f := b.state()
		if diff := cmp.Diff(want, f.NameService, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || f.Problem != nil {
			t.Errorf("it says (-want +got):\n%s%v", diff, f.Problem)
		}
		b.Device(true) // it was there anew, and what was undone with it is told again
		b.expect(zones)
		b.o.Pool.Set([]string{"wiki.corp.example", "db.corp.example"}, []string{"lab.example"})
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse)
		time.Sleep(seldom)
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse)
		strict := in
		strict.StrictDNS = true
		b.Split.Apply(strict)
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse + " strictly")
		b.Split.Apply(strict)
		b.expect()
		b.Device(false)
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse + " strictly") // it fails closed
		b.Split.Apply(session.Wanted{})
		b.o.Pool.Set(nil, nil)
		b.expect("undo", "close")
		if f := b.state(); f.Why != "(none)" {
			t.Errorf("signed out it says %+v", f)
		}
		time.Sleep(10 * again)
		b.expect()
		b.Device(true)
		b.expect()
	})
}

func TestQuit(t *testing.T) {
	var left *fake
	bubble(t, func(b *bench) {
		b.signIn()
		left = b.fake
	})
	if diff := cmp.Diff([]string{"undo", "close"}, left.notes); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

func TestWithoutNames(t *testing.T) {
	bubble(t, func(b *bench) {
		b.Split.Apply(in)
		b.Device(true)
		b.expect()
		if f := b.state(); f.Mode != "" || f.Problem != nil || !strings.Contains(f.Why, "called by a name") {
			t.Errorf("it says %+v", f)
		}
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.expect("open", zones)
		b.o.Pool.Set(nil, nil)
		b.expect("undo")
		if f := b.state(); f.Mode != "" {
			t.Errorf("without names it says %+v", f)
		}
	})
}

func TestAsked(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.Split.note("www.example.com", false)
		b.Split.note("other.corp.example", true)
		b.expect()
		b.Split.note("wiki.corp.example", true)
		synctest.Wait()
		first := time.Now()
		if at := b.state().Asked["wiki.corp.example"]; !at.Equal(first) {
			t.Errorf("it was asked for at %v, not %v", at, first)
		}
		time.Sleep(time.Second)
		b.Split.note("wiki.corp.example", true)
		if at := b.state().Asked["wiki.corp.example"]; !at.Equal(first) {
			t.Errorf("a second later it is told again, of %v", at)
		}
		time.Sleep(askedAgain)
		b.Split.note("wiki.corp.example", true)
		if at := b.state().Asked["wiki.corp.example"]; !at.Equal(time.Now()) {
			t.Errorf("it was asked for at %v, not %v", at, time.Now())
		}
		b.Split.Apply(session.Wanted{Session: "s"})
		b.Device(true)
		if asked := b.state().Asked; len(asked) > 0 {
			t.Errorf("of what is gone it says %v", asked)
		}
	})
}
