package virtual_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/lab/virtual"
	"github.com/tidegate/tidegate/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const wiki = `apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: wiki}
spec:
  title: Wiki
  site: hq
  actions: [{effect: allow, protocol: tcp, hosts: [wiki.test], ports: [80]}]
  shortcuts: [{id: wiki, name: Wiki, link: "http://wiki.test/"}]
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: everyone}
spec: {assign: {everyone: true}, entitlements: [wiki]}
`

// TestLab has the parts work together: what the other tests build upon.
func TestLab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual.New(t, virtual.Options{Resources: wiki, Starts: 9 * time.Hour, Names: map[string][]string{"wiki.test": {"10.0.0.7"}}})
		l.Client.SignIn()
		if got := l.Client.State().Control.Transport; got != "h3" {
			t.Errorf("the control channel is carried by %s", got)
		}
		f := l.Client.Use("wiki")
		if err := f.Echo(); err != nil {
			t.Fatal(err)
		}
		if k := l.Client.Tokens(); k.Claims == "" || k.Entitlement == "" {
			t.Errorf("the tokens are %+v", k)
		}
		l.Client.Interrupt()
		time.Sleep(30 * time.Second)
		if got := l.Client.State().Control.Phase; got != session.ControlReconnecting {
			t.Errorf("without a network, the control channel is %s", got)
		}
		l.Client.Restore()
		time.Sleep(30 * time.Second)
		if err := f.Ping(); err != nil {
			t.Errorf("a flow that was quiet meanwhile: %v", err)
		}
		l.Until(12 * time.Hour)
		if err := f.Ping(); err != nil {
			t.Errorf("at noon: %v", err)
		}
		signedOut := time.Now()
		l.Client.SignOut()
		if at := f.Reset(); at.Before(signedOut) || at.Sub(signedOut) > time.Second {
			t.Errorf("the flow was reset at %v, signed out at %v", at, signedOut)
		}
	})
}

// TestQuietFlowIsCut has a flow that nobody used end with what it was let in for,
// when it is used: until then its channel is suspended, and nothing passes.
func TestQuietFlowIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, f := connected(t, virtual.Options{Files: machine("12"), Resources: policy(guarded{name: open, criteria: `device.os_version == "12"`})})
		l.Until(time.Hour)
		if at := f.Reset(); !at.IsZero() {
			t.Fatalf("the flow was reset at %v", at)
		}
		l.Client.Files.Set("etc/os-release", osRelease("13"))
		time.Sleep(5*time.Minute + time.Second)
		if err := f.Ping(); err == nil {
			t.Error("the device has changed, and a quiet flow goes on")
		}
		if f.Reset().IsZero() {
			t.Error("the flow was not reset")
		}
	})
}
