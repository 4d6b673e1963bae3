package classicvpn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// world is a machine with an openconnect and a helper, a server that answers, and the
// VPN on it, in a bubble of virtual time. Its fields are changed while all waits.
type world struct {
	t   *testing.T
	vpn *VPN
	dir string
	log *lockedBuffer

	// What is to happen.
	absent error // openconnect is not there
	speaks error
	signIn func(context.Context, openconnect.Ask) error // nil: it asks nothing
	start  error
	opens  error // the helper's answer
	apply  func(context.Context) error
	index  int
	up     atomic.Int64 // bytes through the device
	way    string

	// What has happened.
	mu       sync.Mutex
	facts    session.VPNFacts
	phases   []string
	count    int // reports
	runs     []*fakeRun
	leases   []*fakeLease
	applied  []protocol.VPN
	owned    []string
	heard    func(env []string) error
	networks chan netwatch.Change
	sensed   chan []session.VPNOther
	quit     context.CancelFunc
	ended    chan error
	blocked  chan struct{} // reports wait for it, unless nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// in has do happen in a world whose VPN runs, and ends it.
func in(t *testing.T, do func(w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, dir: dir, log: &lockedBuffer{}, index: 7, way: "eth0", networks: make(chan netwatch.Change), sensed: make(chan []session.VPNOther)}
		w.boot()
		do(w)
		w.end()
		for _, l := range w.leases {
			if !l.over() {
				t.Error("a device is left")
			}
		}
		for _, r := range w.runs {
			select {
			case <-r.done:
			default:
				t.Error("an openconnect is left")
			}
		}
	})
}

// boot starts the VPN.
func (w *world) boot() {
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.vpn = New(Options{Config: w.dir, Runtime: "/nonexistent", Hook: "hook", Sensor: fakeSensor{w}, Log: log})
	w.vpn.outside = outside{
		find: func() (engine, string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.absent != nil {
				return nil, "", w.absent
			}
			return fakeEngine{w}, "9.12", nil
		},
		helper: func(context.Context) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return !errors.Is(w.opens, errNoHelper)
		},
		open: func(context.Context) (lease, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.opens != nil {
				return nil, w.opens
			}
			l := &fakeLease{w: w, lost: make(chan struct{}), told: make(chan protocol.VPNTold, 1)}
			w.leases = append(w.leases, l)
			return l, nil
		},
		listen: func(do func(context.Context, []string) error) ([]string, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			w.heard = func(env []string) error { return do(ctx, env) }
			return []string{"HOOK=here"}, cancel, nil
		},
		device: func(name string) (adapter, error) {
			return adapter{index: w.index, up: w.up.Load(), down: 2 * w.up.Load()}, nil
		},
		way: func(netip.Addr) string { return w.way },
		watch: func(ctx context.Context, changed func(netwatch.Change)) error {
			for {
				select {
				case c := <-w.networks:
					changed(c)
				case <-ctx.Done():
					return nil
				}
			}
		},
	}
	var ctx context.Context
	ctx, w.quit = context.WithCancel(context.Background())
	w.ended = make(chan error, 1)
	go func() { w.ended <- w.vpn.Run(ctx, w.report) }()
	synctest.Wait()
}

func (w *world) setOpens(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opens = err
}

func (w *world) setApply(apply func(context.Context) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.apply = apply
}

func (w *world) end() {
	w.quit()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		w.t.Errorf("it ends with %v", err)
	}
	synctest.Wait()
}

func (w *world) report(f session.VPNFacts) {
	if w.blocked != nil {
		<-w.blocked
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts = f
	w.count++
	for _, c := range f.Connections {
		phase := string(c.Phase)
		if phase == "" {
			phase = "-"
		}
		if len(w.phases) == 0 || w.phases[len(w.phases)-1] != phase {
			w.phases = append(w.phases, phase)
		}
	}
}

// now is what was reported last.
func (w *world) now() session.VPNFacts {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.facts
}

// reports is how many there were.
func (w *world) reports() int {
	w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// one is the only connection.
func (w *world) one() session.VPNFact {
	w.t.Helper()
	f := w.now()
	if len(f.Connections) != 1 {
		w.t.Fatalf("there are %d connections", len(f.Connections))
	}
	return f.Connections[0]
}

func (w *world) prompt() session.VPNPrompt {
	w.t.Helper()
	p := w.now().Prompt
	if p == nil {
		w.t.Fatal("nothing is asked")
	}
	return *p
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// add makes a connection and returns its number.
func (w *world) add(address string) string {
	w.t.Helper()
	w.must(w.vpn.Save(session.VPNSettings{Address: address, Protocol: session.VPNAnyConnect}))
	list := w.now().Connections
	return list[len(list)-1].ID
}

// phase wants the only connection to be in one.
func (w *world) phase(want session.VPNPhase) {
	w.t.Helper()
	if c := w.one(); c.Phase != want {
		w.t.Fatalf("it is in %q and not in %q: %v", c.Phase, want, c.Failure)
	}
}

// failed wants it to be over because of code; empty: because the user wanted it.
func (w *world) failed(code session.VPNFailureCode) {
	w.t.Helper()
	w.phase(session.VPNDisconnected)
	c := w.one()
	switch {
	case code == "" && c.Failure != nil:
		w.t.Errorf("it has failed: %+v", *c.Failure)
	case code != "" && (c.Failure == nil || c.Failure.Code != code):
		w.t.Errorf("it has failed with %+v and not with %s", c.Failure, code)
	}
	if c.Adapter != "" || !c.Since.IsZero() || w.now().Prompt != nil {
		w.t.Errorf("there are remains: %+v", c)
	}
}

// run is the openconnect that was started last.
func (w *world) run() *fakeRun {
	w.t.Helper()
	synctest.Wait()
	if len(w.runs) == 0 {
		w.t.Fatal("openconnect was not started")
	}
	return w.runs[len(w.runs)-1]
}

// turn has openconnect run the hook, whose environment ends with more, and returns what
// comes of it.
func (w *world) turn(reason hook.Reason, more ...string) error {
	return w.heard(append([]string{"reason=" + string(reason), "TUNDEV=tidev1000", "VPNGATEWAY=203.0.113.5", "INTERNAL_IP4_ADDRESS=10.9.0.7", "INTERNAL_IP4_NETMASKLEN=24",
		"INTERNAL_IP4_DNS=10.9.0.1", "CISCO_DEF_DOMAIN=corp.test", "CISCO_SPLIT_INC=1", "CISCO_SPLIT_INC_0_ADDR=10.77.0.0", "CISCO_SPLIT_INC_0_MASKLEN=16"}, more...))
}

// connected brings the only connection there.
func (w *world) connected() string {
	w.t.Helper()
	id := w.add("vpn.example.com")
	w.must(w.vpn.Connect(id))
	w.phase(session.VPNConnecting)
	w.must(w.turn(hook.Connect))
	w.phase(session.VPNConnected)
	return id
}

// clean wants a secret to be nowhere.
func (w *world) clean(secret string) {
	w.t.Helper()
	b, err := json.Marshal(w.now())
	w.must(err)
	files, _ := filepath.Glob(filepath.Join(w.dir, "*"))
	for _, f := range files {
		content, err := os.ReadFile(f)
		w.must(err)
		b = append(b, content...)
	}
	if all := string(b) + w.log.String() + fmt.Sprintf("%+v %#v", w.now(), w.now()); strings.Contains(all, secret) {
		w.t.Errorf("a secret is in %s", all)
	}
}

type fakeSensor struct{ w *world }

func (s fakeSensor) Run(ctx context.Context, report func([]session.VPNOther, []session.VPNConflict)) error {
	for {
		select {
		case o := <-s.w.sensed:
			report(o, nil)
		case <-ctx.Done():
			return nil
		}
	}
}
func (s fakeSensor) Guard(session.VPNGuard) {}
func (s fakeSensor) Own(device, connection string) {
	s.w.owned = append(s.w.owned, device+"="+connection)
}

type fakeEngine struct{ w *world }

func (e fakeEngine) Speaks(session.VPNProtocol) error { return e.w.speaks }

func (e fakeEngine) SignIn(ctx context.Context, to session.VPNSettings, ask openconnect.Ask) (openconnect.Session, error) {
	if e.w.signIn == nil {
		return openconnect.Session{}, nil
	}
	return openconnect.Session{}, e.w.signIn(ctx, ask)
}

func (e fakeEngine) Start(ctx context.Context, _ openconnect.Session, to openconnect.Tunnel) (running, error) {
	if to.Device != "tidev1000" || to.Hook != "hook" || !slices.Equal(to.Env, []string{"HOOK=here"}) {
		e.w.t.Errorf("it is started with %+v", to)
	}
	if e.w.start != nil {
		return nil, e.w.start
	}
	r := &fakeRun{done: make(chan struct{})}
	e.w.runs = append(e.w.runs, r)
	return r, nil
}

type fakeRun struct {
	mu         sync.Mutex
	done       chan struct{}
	err        error
	stopped    bool
	reconnects int
	by         string
	asked      int           // what carries the packets
	leave      chan struct{} // Stop waits for it, unless nil
}

func (r *fakeRun) crash(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	close(r.done)
}

func (r *fakeRun) Reconnect() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reconnects++
	return nil
}

func (r *fakeRun) told() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reconnects
}

func (r *fakeRun) Stop(ctx context.Context) error {
	if r.leave != nil {
		<-r.leave
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case <-r.done:
	default:
		r.stopped = true
		close(r.done)
	}
	return nil
}

func (r *fakeRun) Wait() error {
	<-r.done
	return r.err
}
func (r *fakeRun) Done() <-chan struct{} { return r.done }
func (r *fakeRun) Transport() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.by
}

// times is how often it was asked what carries the packets.
func (r *fakeRun) times() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

type fakeLease struct {
	w      *world
	mu     sync.Mutex
	lost   chan struct{}
	told   chan protocol.VPNTold
	closed bool
}

func (l *fakeLease) Device() string                { return "tidev1000" }
func (l *fakeLease) Told() <-chan protocol.VPNTold { return l.told }
func (l *fakeLease) Lost() <-chan struct{}         { return l.lost }

func (l *fakeLease) Apply(ctx context.Context, v *protocol.VPN) (protocol.VPNTold, error) {
	l.w.mu.Lock()
	apply := l.w.apply
	l.w.mu.Unlock()
	if apply != nil {
		if err := apply(ctx); err != nil {
			return protocol.VPNTold{}, err
		}
	}
	l.w.applied = append(l.w.applied, *v)
	return protocol.VPNTold{Left: map[protocol.Code][]string{protocol.Conflict: {"10.0.0.0/8"}, protocol.Ours: {"b.test", "a.test"}}}, nil
}

// lose has the helper go away.
func (l *fakeLease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.lost:
	default:
		close(l.lost)
	}
}

func (l *fakeLease) Close() error {
	l.lose()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("it is closed")
	}
	l.closed = true
	return nil
}

// over says whether it was closed.
func (l *fakeLease) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func refused(code protocol.Code) error { return protocol.Refuse(code, "because of %s", code) }

func broken(code session.VPNFailureCode) error {
	return &openconnect.Failure{VPNFailure: session.VPNFailure{Code: code, Detail: "so it is"}}
}
