package app

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/app/diag/gather"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/dnssplit"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/vault"
	"github.com/tidegate/tidegate/tunnel"
	"github.com/tidegate/tidegate/tunnel/proxy"
)

// fronts are the data plane with its proxy, its network device and its names: the
// session's Dataplane.
type fronts struct {
	plane  *tunnel.Dataplane
	proxy  *proxy.Proxy
	device device
	split  *dnssplit.Split
	facts  merged
	peers  gather.Wanted // for a diagnosis
	log    *slog.Logger
}

// device is the network device that programs reach applications by.
type device interface {
	Apply(w session.Wanted)
	Run(ctx context.Context) error
	// Lead has the applications' addresses led there that are others now.
	Lead()
	// IPv6 says whether addresses of IPv6 lead there.
	IPv6() bool
}

func newFronts(p profile.Profile, plane *tunnel.Dataplane, pool *names.Pool, log *slog.Logger) *fronts {
	f := &fronts{plane: plane, log: log,
		proxy: proxy.New(proxy.Options{Router: plane.Router(), Peer: tunnel.CheckPeer, Profile: p.Name, Log: log})}
	f.split = dnssplit.New(dnssplit.Options{Pool: pool, Report: f.facts.names, Socket: os.Getenv(tun.SocketEnv), Controller: controller(p), Log: log,
		Led: func() {
			f.device.Lead()
			f.plane.Renumbered()
		},
		IPv6: func() bool { return f.device.IPv6() }})
	f.device = newDevice(p, plane, pool, f.split, func(up bool, why *wire.Problem) {
		f.facts.device(up, why)
		f.split.Device(up)
	}, log)
	return f
}

// controller tells where a profile's is, host:port.
func controller(p profile.Profile) func() (string, error) {
	return func() (string, error) {
		e, err := vault.Records{Dir: p.Config}.Load()
		return e.Controller, err
	}
}

// Apply implements session.Dataplane.
func (f *fronts) Apply(w session.Wanted) {
	f.peers.Apply(w)
	f.proxy.Apply(w)
	f.plane.Apply(w)
	f.split.Apply(w)
	f.device.Apply(w)
}

// merged are the data plane's facts with the device's and those of names: what one
// reports is passed on with the others' last. Safe for concurrent use.
type merged struct {
	mu     sync.Mutex
	last   session.DataplaneFacts
	report func(session.DataplaneFacts) // does not block, and is called in order
}

// to has reports go there, from the next on.
func (m *merged) to(report func(session.DataplaneFacts)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report = report
}

func (m *merged) change(change func(*session.DataplaneFacts)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.last)
	if m.report != nil {
		m.report(m.last)
	}
}

// plane takes the data plane's facts.
func (m *merged) plane(facts session.DataplaneFacts) {
	m.change(func(last *session.DataplaneFacts) {
		facts.TUN, facts.Problem, facts.DNS = last.TUN, last.Problem, last.DNS
		*last = facts
	})
}

// device takes the device's.
func (m *merged) device(up bool, why *wire.Problem) {
	m.change(func(last *session.DataplaneFacts) { last.TUN, last.Problem = up, why })
}

// names takes what there is to say of names.
func (m *merged) names(dns *session.DNSFact) {
	m.change(func(last *session.DataplaneFacts) { last.DNS = dns })
}

// run runs all until ctx ends. Without a proxy or a device the data plane runs
// all the same.
func (f *fronts) run(ctx context.Context, report func(session.DataplaneFacts)) error {
	f.facts.to(report)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.device.Run(ctx) })
	g.Go(func() error { return f.split.Run(ctx) })
	g.Go(func() error {
		if err := f.proxy.Run(ctx); err != nil {
			f.log.Warn("there is no proxy for programs", "error", err)
		}
		return nil
	})
	g.Go(func() error {
		<-f.proxy.Ready() // so that the first report says where
		return f.plane.Run(ctx, func(facts session.DataplaneFacts) {
			facts.Proxy = f.proxy.Addr()
			f.facts.plane(facts)
		})
	})
	return g.Wait()
}
