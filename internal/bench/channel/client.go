package channel

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/gateway/gatewaybench"
	"github.com/tidegate/tidegate/internal/heap"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel"
)

// tunPrefix, before a lane, has programs reach it through a TUN of that name.
const tunPrefix = "tun-"

// churnIdle is after how long without payload a churned channel is suspended.
const churnIdle = 3 * time.Second

// runClient is our client's data plane. The commands are those of obey, and
// "suspend", which is answered when it is.
func runClient(ctx context.Context, r *role) error {
	b, err := gatewaybench.ReadBed(r.dir)
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(b.Key)
	if err != nil {
		return fmt.Errorf("read the device key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return fmt.Errorf("the device key does not sign")
	}
	w := session.Wanted{Allowed: true, Session: wire.SessionID(r.lane),
		Identity: session.Identity{Device: b.Device, Key: signer, Certificate: [][]byte{b.Cert}, CA: b.CA},
		Sites: []session.WantedSite{{ID: b.Site, Gateways: []wire.Gateway{{Name: "bench", Address: r.to}},
			ClaimsToken: b.Tokens[wire.SessionID(r.lane)].ClaimsToken, EntitlementToken: b.Tokens[wire.SessionID(r.lane)].EntitlementToken}},
	}
	if r.churn {
		w.Idle = churnIdle
	}
	for _, h := range b.Hosts {
		for _, p := range b.Ports {
			w.Apps = append(w.Apps, session.WantedApp{ID: wire.AppID(fmt.Sprintf("%s-%d", h, p)), Site: b.Site, Entitlement: "bench", Host: h, Port: p})
		}
	}
	heap.Floor(tunnel.HeapFloor)
	lane, device := strings.CutPrefix(r.lane, tunPrefix)
	pool, err := names.Open(names.Options{Log: r.log})
	if err != nil {
		return err
	}
	d := tunnel.New(tunnel.Options{Lane: lane, Log: r.log, Names: pool, Ignore: func(name string) bool { return strings.HasPrefix(name, tunPrefix) || name == wgDevice }})
	d.Apply(w)
	if device {
		ended, err := runStack(ctx, r.lane, d)
		if err != nil {
			return err
		}
		defer func() { <-ended }()
	}
	var mu sync.Mutex
	var facts session.DataplaneFacts
	changed := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		done <- d.Run(ctx, func(f session.DataplaneFacts) {
			mu.Lock()
			defer mu.Unlock()
			facts = f
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	closed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		s := facts.Sites[b.Site].State
		return s == session.Suspended || s == session.Disconnected
	}
	announced := false
	waiting := false
	u := &uses{router: d.Router(), ctx: ctx, to: b.Hosts[0], port: b.Ports[0]}
	defer u.wg.Wait()
	flows := func() (c counts) {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range facts.Sites {
			c.Flows += s.Flows
			if s.State == session.Connected {
				c.Sessions++
			}
		}
		u.count(&c)
		return c
	}
	for {
		select {
		case <-ctx.Done():
			<-done
			return nil
		case <-changed:
			mu.Lock()
			a := facts.Apps[w.Apps[0].ID]
			mu.Unlock()
			if !announced && a.Listen.IsValid() {
				announced = true
				ready(a.Listen)
			}
			if waiting && closed() {
				waiting = false
				ready("suspended")
			}
		case c, open := <-r.commands:
			switch {
			case !open: // ctx ends
				r.commands = nil
			case c == "suspend":
				w.Suspend++
				d.Apply(w)
				if waiting = !closed(); !waiting {
					ready("suspended")
				}
			case c == "counts":
				tell(r, flows())
			case c == "use":
				u.use()
			default:
				if err := obey(&w, b, c); err != nil {
					fmt.Fprintln(os.Stderr, "client:", err)
					continue
				}
				d.Apply(w)
			}
		}
	}
}

// obey changes what is wanted as a command says, which is not answered.
func obey(w *session.Wanted, b *gatewaybench.Bed, command string) error {
	w.Sites = slices.Clone(w.Sites) // the old ones are the data plane's
	s := &w.Sites[0]
	switch command {
	case "pause":
		w.Suspend++
	case "rest":
		s.Suspend++
	case "wake":
		s.Wake++
	case "renew":
		t, err := b.Renew(w.Session)
		if err != nil {
			return err
		}
		s.ClaimsToken, s.EntitlementToken = t.ClaimsToken, t.EntitlementToken
	default:
		return fmt.Errorf("no such command: %q", command)
	}
	return nil
}
