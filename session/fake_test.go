package session

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

var errDown = errors.New("connection refused")

// fakeController is a controller of one user, maya, password "tide", code "123456".
type fakeController struct {
	mu          sync.Mutex
	down        bool
	code        bool
	problem     *wire.Problem // what a sign-in is answered
	holdSignIn  chan struct{} // where set, a sign-in waits for it to be closed
	holdSignOut chan struct{} // where set, a sign-out waits for it to be closed
	holdEnrol   chan struct{} // where set, an enrolment waits for it to be closed
	fleeting    bool          // an event stream ends as soon as it stands
	answer      *wire.Problem
	cookies     map[Secret]bool
	mint        Secret           // the cookie of a sign-in; empty: "cookie"
	streams     map[int]chan any // wire.Snapshot, notice or error
	n           int
	snapshot    wire.Snapshot
	answers     []wire.AnswerRequest
	hold        chan struct{} // where set, an answer waits for it to be closed
	signIns     []wire.SignInRequest
	reports     []wire.DeviceClaims
	report      error // what a device report is answered
	calls       map[string]int

	forecast     wire.Forecast
	holdForecast chan struct{} // where set, a forecast waits for it to be closed
}

func newFakeController(t *testing.T) *fakeController {
	return &fakeController{cookies: map[Secret]bool{}, streams: map[int]chan any{}, calls: map[string]int{},
		snapshot: testSnapshot(t)}
}

func (f *fakeController) count(name string) error {
	f.calls[name]++
	if f.down {
		return errDown
	}
	return nil
}

func (f *fakeController) Enrol(_ context.Context, l wire.EnrolmentLink, key crypto.Signer) (Enrolled, error) {
	f.mu.Lock()
	hold := f.holdEnrol
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.count("enrol"); err != nil {
		return Enrolled{}, err
	}
	if l.Code != "good" {
		return Enrolled{}, &wire.Problem{Code: wire.CodeEnrolCode, Title: "no"}
	}
	return testEnrolled(key), nil
}

func (f *fakeController) Connect(Enrolled, Identity) ControlClient { return f }
func (f *fakeController) Close()                                   {}

func (f *fakeController) Hello(context.Context) (wire.Hello, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return wire.Hello{User: "maya", Code: f.code}, f.count("hello")
}

func (f *fakeController) SignIn(ctx context.Context, r wire.SignInRequest) (Secret, error) {
	f.mu.Lock()
	hold := f.holdSignIn
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.count("sign-in"); err != nil {
		return "", err
	}
	if f.problem != nil {
		return "", f.problem
	}
	if r.Password != "tide" {
		return "", &wire.Problem{Code: wire.CodeSignIn, Title: "no"}
	}
	cookie := cmp.Or(f.mint, "cookie")
	f.cookies[cookie] = true
	f.signIns = append(f.signIns, r)
	return cookie, nil
}

func (f *fakeController) Events(ctx context.Context, c Secret, on Heard) error {
	f.mu.Lock()
	if err := f.count("events"); err != nil {
		f.mu.Unlock()
		return err
	}
	if !f.cookies[c] {
		f.mu.Unlock()
		return &wire.Problem{Code: wire.CodeNoSession, Title: "no"}
	}
	ch := make(chan any, 8)
	f.n++
	f.streams[f.n] = ch
	s, fleeting := f.snapshot, f.fleeting
	f.mu.Unlock()
	on.Established("h3")
	if fleeting {
		return errors.New("EOF")
	}
	on.Snapshot(s)
	for {
		select {
		case v := <-ch:
			switch v := v.(type) {
			case wire.Snapshot:
				on.Snapshot(v)
			case notice:
				on.Notice(v.event, v.ChannelNotice)
			case error:
				return v
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end ends every event stream with err.
func (f *fakeController) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, ch := range f.streams {
		ch <- err
		delete(f.streams, n)
	}
}

func (f *fakeController) Answer(ctx context.Context, _ Secret, r wire.AnswerRequest) error {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = append(f.answers, r)
	if err := f.count("answer"); err != nil {
		return err
	}
	if f.answer != nil {
		return f.answer
	}
	return nil
}

func (f *fakeController) Report(_ context.Context, _ Secret, r wire.DeviceReport) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.count("report"); err != nil {
		return err
	}
	if f.report == nil {
		f.reports = append(f.reports, r.Claims)
	}
	return f.report
}

func (f *fakeController) Forecast(ctx context.Context, _ Secret) (wire.Forecast, error) {
	f.mu.Lock()
	hold := f.holdForecast
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return wire.Forecast{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.forecast, f.count("forecast")
}

// reported are the device claims that it has taken since the last call.
func (f *fakeController) reported() []wire.DeviceClaims {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.reports
	f.reports = nil
	return got
}

func (f *fakeController) SignOut(ctx context.Context, c Secret) error {
	f.mu.Lock()
	hold := f.holdSignOut
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.cookies, c)
	return f.count("sign-out")
}

func (f *fakeController) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeController) called(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[name]
}

// fakeRecords keeps the enrolment and the choices in memory.
type fakeRecords struct {
	e       Enrolled // the active one
	others  []Enrolled
	gone    []VaultItem
	err     error // of LoadEnrolments
	stuck   error // of SaveEnrolments
	choices KeptChoices
	lost    error // of LoadChoices
	full    error // of SaveChoices
	wrote   func(KeptEnrolments)
}

func (r *fakeRecords) LoadEnrolments() (KeptEnrolments, error) {
	return KeptEnrolments{r.e, r.others, r.gone}, r.err
}

func (r *fakeRecords) SaveEnrolments(k KeptEnrolments) error {
	if r.stuck == nil {
		r.e, r.others, r.gone = k.Enrolled, k.Others, k.Gone
		if r.wrote != nil {
			r.wrote(k)
		}
	}
	return r.stuck
}

func (r *fakeRecords) LoadChoices() (KeptChoices, error) { return r.choices, r.lost }

func (r *fakeRecords) SaveChoices(k KeptChoices) error {
	if r.full == nil {
		r.choices = k
	}
	return r.full
}

// fakePlane notes what was applied.
type fakePlane struct {
	mu      sync.Mutex
	applied []Wanted
}

func (p *fakePlane) Apply(w Wanted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied = append(p.applied, w)
}

func (p *fakePlane) last() Wanted {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.applied) == 0 {
		return Wanted{}
	}
	return p.applied[len(p.applied)-1]
}

// bench is a session on fakes, in a bubble of virtual time.
type bench struct {
	t          *testing.T
	s          *Session
	controller *fakeController
	both       Controller // in the place of controller, where set
	vault      *fakeVault
	records    *fakeRecords
	plane      *fakePlane
	slow       *slowVault // in the place of vault, where set
	posture    fakePosture
	classic    Classic                // nil: nobody connects VPNs
	journal    Journal                // nil: nothing is kept
	host       Host                   // nil: nobody is asked
	launch     func(url string) error // nil: there is no browser
	clockSet   func(context.Context) (set, ended <-chan struct{})
	asleep     atomic.Int64
	looks      atomic.Int64 // how often the session looked at the clock
	stop       context.CancelFunc
	ended      chan error
}

func newBench(t *testing.T) *bench {
	inEnglish(t)
	return &bench{t: t, controller: newFakeController(t), vault: &fakeVault{items: map[VaultItem]string{}},
		records: &fakeRecords{}, plane: &fakePlane{}}
}

// enrolled puts the bench in the place of a device that enrolled earlier.
func (b *bench) enrolled(cookie string) *bench {
	key := testKey()
	raw, _ := x509.MarshalPKCS8PrivateKey(key)
	b.vault.items[ItemDeviceKey] = string(raw)
	b.records.e = testEnrolled(key)
	if cookie != "" {
		b.vault.items[ItemCookie] = cookie
		b.controller.cookies[Secret(cookie)] = true
	}
	return b
}

func (b *bench) start() *bench {
	ctx, cancel := context.WithCancel(context.Background())
	var vault Vault = b.vault
	if b.slow != nil {
		vault = b.slow
	}
	var controller Controller = b.controller
	if b.both != nil {
		controller = b.both
	}
	b.s = New(Options{Controller: controller, Dataplane: b.plane, Vault: vault, Records: b.records, Posture: &b.posture, Classic: b.classic, Journal: b.journal, Host: b.host, Launch: b.launch, ClockSet: b.clockSet, Version: "test",
		Device: func(context.Context) wire.DeviceClaims { return wire.DeviceClaims{"hostname": "collected"} }})
	b.s.now = func() time.Time {
		b.looks.Add(1)
		return time.Now().Round(0).Add(time.Duration(b.asleep.Load()))
	}
	b.stop, b.ended = cancel, make(chan error, 1)
	go func() { b.ended <- b.s.Run(ctx) }()
	synctest.Wait()
	return b
}

func (b *bench) close() {
	b.stop()
	if err := <-b.ended; err != nil {
		b.t.Errorf("Run: %v", err)
	}
	if w := b.plane.last(); w.Allowed || len(w.Apps) > 0 {
		b.t.Errorf("the data plane was left open: %d applications", len(w.Apps))
	}
}

func (b *bench) do(c Command) {
	b.t.Helper()
	if err := b.s.Do(context.Background(), c); err != nil {
		b.t.Fatalf("%s: %v", c.command(), err)
	}
	synctest.Wait()
}

// sleep suspends the machine: the wall clock goes on, and no timer does.
func (b *bench) sleep(d time.Duration) { b.asleep.Add(int64(d)) }

// state is the present one, once everything has settled.
func (b *bench) state() State {
	synctest.Wait()
	s, _ := b.s.feed.latest()
	return s
}

// tell has the controller send a snapshot.
func (b *bench) tell(s wire.Snapshot) State {
	b.controller.set(func() {
		for _, ch := range b.controller.streams {
			ch <- s
		}
	})
	return b.state()
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) State {
	time.Sleep(d)
	return b.state()
}

func (b *bench) expectPhase(want ControlPhase) State {
	b.t.Helper()
	s := b.state()
	if s.Control.Phase != want {
		b.t.Fatalf("control channel is %q, want %q", s.Control.Phase, want)
	}
	return s
}

func (b *bench) app(id wire.AppID) App {
	b.t.Helper()
	for _, a := range b.state().Apps {
		if a.ID == id {
			return a
		}
	}
	b.t.Fatalf("no application %q", id)
	return App{}
}

var testKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

// testCA is the CA of every controller.
var testCA = sync.OnceValue(func() string { return selfSigned(testKey()) })

func testEnrolled(key crypto.Signer) Enrolled {
	return Enrolled{Enrolment: Enrolment{Controller: "zta.example:8443", Name: "Example", User: "maya", Device: "d1"}, Certificate: selfSigned(key), CA: testCA()}
}

// selfSigned is a certificate of key's own.
func selfSigned(key crypto.Signer) string {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10000 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func testSnapshot(t *testing.T) wire.Snapshot {
	now := time.Now()
	e := wire.EntitlementToken{Site: wire.Site{ID: "lab", Name: "Lab", Gateways: []wire.Gateway{{Name: "gw", Address: "gw.example:8444"}}},
		Entitlements: []wire.Entitlement{
			{ID: "web", Shortcuts: []wire.Shortcut{{ID: "wiki", Name: "Wiki", Link: "http://wiki.corp/start"}}},
			{ID: "pay", Shortcuts: []wire.Shortcut{{ID: "payroll", Name: "Payroll", Link: "https://pay.corp:8443"}}},
			{ID: "ssh", Shortcuts: []wire.Shortcut{{ID: "bastion", Name: "Bastion", Link: "ssh://bastion.corp"}}},
		}}
	e.Issued, e.Expires = jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(24*time.Hour))
	token, err := wire.Sign(testKey(), "k", wire.TypeEntitlement, e)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Snapshot{Revision: 1, At: now, Controller: "Example", User: "maya", DisplayName: "Maya Lindqvist",
		Session: "s1", Expires: now.Add(24 * time.Hour), ClaimsToken: "claims", Tokens: map[wire.SiteID]string{"lab": token},
		Settings: wire.DefaultSettings()}
}
