package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/admission"
	"github.com/tidegate/tidegate/internal/clockset"
	"github.com/tidegate/tidegate/internal/reevaluate"
	"github.com/tidegate/tidegate/internal/wire"
)

// Options make a Gateway. Only Config is needed; the rest is for tests and for
// whoever embeds a gateway.
type Options struct {
	Config Config
	Log    *slog.Logger // nil: discarded
	// PacketConn, where set, is listened on instead of Config.Listen; the
	// gateway closes it. Then there is a TCP lane only where Listener is set too.
	PacketConn net.PacketConn
	// Listener, where set, is the TCP lane's; the gateway closes it.
	Listener net.Listener
	// Dial and Resolve reach applications; nil: the system's.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// ResolveSRV yields the targets of a service, _ldap._tcp.corp.example; nil:
	// the system's.
	ResolveSRV func(ctx context.Context, service string) ([]string, error)
	// Now is the wall clock; nil: the system's.
	Now func() time.Time
	// Uplink carries requests to the controller; nil: HTTPS with the gateway's
	// certificate.
	Uplink http.RoundTripper
}

// Gateway serves the data channels of one site.
type Gateway struct {
	config   Config
	run      string // tells this gateway from the one that it was before it was started
	log      *slog.Logger
	state    folder
	now      clock
	registry *registry
	visits   visits
	grants   reevaluate.Grants
	calendar reevaluate.Calendar[*session]
	library  library
	runner   *runner
	resolver *resolver
	alerts   chan wire.GatewayAlert
	audit    *auditor
	waker    waker
	dialer   dialer
	uplink   http.RoundTripper
	conn     net.PacketConn
	listener net.Listener // nil: no TCP lane
	limiter  admission.Limiter
	gate     gate
	guests   sync.WaitGroup // the sessions of foreign clients
	// lookEvery is silence's; tests set it.
	lookEvery time.Duration
	// hearWithin is how long the controller is waited for at first; tests set it.
	hearWithin time.Duration
	// clockSet tells when the system's clock has been set, as clockset.Watch.
	clockSet func(context.Context) (set, ended <-chan struct{})
}

// New makes a gateway. It opens nothing and starts nothing.
func New(o Options) (*Gateway, error) {
	hosts, err := parseHosts(o.Config.Hosts)
	if err != nil {
		return nil, err
	}
	if err := wire.CheckID(string(o.Config.Site)); err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	if o.Config.Name == "" || o.Config.State == "" {
		return nil, fmt.Errorf("a gateway needs a name and a state folder")
	}
	g := &Gateway{
		config: o.Config, run: strings.ToLower(rand.Text()), log: o.Log, state: folder(o.Config.State), registry: newRegistry(o.Config.Site),
		audit: newAuditor(), uplink: o.Uplink, conn: o.PacketConn, listener: o.Listener, now: o.Now,
		alerts: make(chan wire.GatewayAlert, alertQueue), resolver: newResolver(o.Config.ResolveEvery.D()),
		lookEvery: lookEvery, hearWithin: hearWithin,
		dialer: dialer{hosts: hosts, resolve: o.Resolve, dial: o.Dial},
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.dialer.dial == nil {
		g.dialer.dial = (&net.Dialer{}).DialContext
	}
	if g.dialer.resolve == nil {
		g.dialer.resolve = resolve
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.clockSet = clockset.Watch; o.PacketConn != nil || o.Now != nil { // a system of the caller's
		g.clockSet = clockset.Nothing
	}
	g.registry.most = o.Config.Limits.whole().Sessions
	g.dialer.own = func() []netip.AddrPort { return nil }
	g.dialer.named = g.resolver.lookup
	g.resolver.host, g.resolver.service = g.dialer.answer, o.ResolveSRV
	if o.ResolveSRV == nil {
		g.resolver.service = resolveService
	}
	g.runner = newRunner(g.now)
	g.registry.left = func(sid wire.SessionID, trigger wire.Trigger) {
		if user, ok := g.visits.user(sid); ok {
			g.audit.record(wire.AuditRecord{At: g.now().UTC(), Kind: "session-removed", Session: sid, User: user, Trigger: trigger, Detail: "its data channel was closed already"})
		}
	}
	g.library.transport = g.dialer.scriptTransport
	return g, nil
}

// resolve asks the system; a name with a dot is looked up as it stands, never
// with a search domain behind it.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if strings.Contains(host, ".") {
		host += "."
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// resolveService asks the system.
func resolveService(ctx context.Context, service string) ([]string, error) {
	_, found, err := net.DefaultResolver.LookupSRV(ctx, "", "", service+".")
	var out []string
	for _, s := range found {
		if name, _, err := parseHost(s.Target); err == nil && name != "" {
			out = append(out, name)
		}
	}
	return out, err
}

// Run enrols the gateway where it is not, waits a moment for the controller to say
// what has changed, and serves until ctx is over: then it lets open flows end for as
// long as the configuration says, ends its sessions, resets their flows and returns
// nil once everything that it started has ended.
// It closes the sockets that Listen opened.
func (g *Gateway) Run(ctx context.Context) error {
	if g.conn == nil {
		return fmt.Errorf("the gateway does not listen: call Listen before Run")
	}
	defer g.closeSockets()
	id, err := g.identify(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if err := g.recall(); err != nil {
		return err
	}
	reset, err := g.state.resetKey()
	if err != nil {
		return err
	}
	g.dialer.own = ownAddrs(ctx, id.controller)

	leave := ctx.Done()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // revocations reach the flows that are left
	defer cancel()
	up := g.newUplink(id)
	defer up.client.CloseIdleConnections()
	informed, inform := context.WithTimeout(ctx, g.hearWithin)
	defer inform()
	up.heard = inform
	var wg sync.WaitGroup
	defer wg.Wait()
	defer g.runner.wg.Wait()
	wg.Go(func() { up.follow(ctx) })
	wg.Go(func() { up.alarm(ctx, g.alerts) })
	wg.Go(func() { up.rouse(ctx, &g.waker) })
	wg.Go(func() { g.resolver.run(ctx) })
	waking, asleep := context.WithCancel(context.WithoutCancel(ctx))
	defer asleep()
	wg.Go(func() { g.calendar.Run(waking, wakeSession) })
	set, ended := g.clockSet(ctx)
	wg.Go(func() { g.watchClock(ctx, set); <-ended })
	// The report goes on until the sessions have recorded their ends.
	reporting, reported := context.WithCancel(context.WithoutCancel(ctx))
	defer reported()
	wg.Go(func() { up.report(reporting) })

	select { // who knocks meanwhile waits
	case <-informed.Done():
	case <-leave:
	}
	err = g.serve(leave, id, reset)
	cancel()
	return err
}

// identify loads the gateway's identity, or enrols it, trying again while the
// controller is not reached.
func (g *Gateway) identify(ctx context.Context) (*identity, error) {
	id, err := g.state.loadIdentity(g.config.Enrolment)
	if err != nil || id != nil {
		return id, err
	}
	if g.config.Enrolment == "" {
		return nil, fmt.Errorf("the gateway is not enrolled; write an enrolment link into its configuration")
	}
	for n := 0; ; n++ {
		id, err = g.state.enrol(ctx, g.config.Enrolment, g.config.Name)
		var refusal *wire.Problem
		if err == nil || errors.As(err, &refusal) || errors.Is(err, errFingerprint) {
			return id, err
		}
		g.log.Warn("the gateway cannot enrol yet", "error", err)
		if err := pause(ctx, n); err != nil {
			return nil, fmt.Errorf("enrol: %w", err)
		}
	}
}
