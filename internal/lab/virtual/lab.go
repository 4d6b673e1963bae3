package virtual

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// Options are what a Lab is made of. All have a useful zero value.
type Options struct {
	// Resources are further resources of the controller in YAML, beside the lab's
	// own: the controller, the site hq, the gateway quay, and the user maya, who
	// is in the group staff.
	Resources string
	// Settings are the controller's in YAML, "claimsLifetime: 1h" and so on; the
	// shipped defaults where there is none.
	Settings string
	// Starts is the time of day, in UTC, at which everything begins; a bubble
	// begins at midnight.
	Starts time.Duration
	// Names are what the gateway's resolver answers, see Resolver.
	Names map[string][]string
	// Spare adds a second gateway of the site, called wharf, which is tried second.
	Spare bool
	// Files are those of the client's device at first, see Files.
	Files map[string]string
	// Log is for whoever looks for a mistake; nil discards it.
	Log *slog.Logger
}

// The lab's site, gateway and user.
const (
	Site    = wire.SiteID("hq")
	Gateway = "quay"
	spare   = "wharf"
	User    = "maya"

	password = "correct horse"
	totpSeed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	issuer   = "lab"

	controllerHost, controllerPort = "192.0.2.1", 8443
	gatewayHost, gatewayPort       = "192.0.2.2", 8444
	spareHost                      = "192.0.2.3"
	outsideHost                    = "203.0.113.1"
	// Home and Elsewhere are addresses of the client: the first, and one to roam to.
	Home      = "198.51.100.7"
	Elsewhere = "198.51.100.99"
)

// Lab is a running Tidegate. New makes one within a bubble, whose end ends it.
type Lab struct {
	t   testing.TB
	o   Options
	dir string

	network    *network
	controller *controller.Controller
	past       []wire.AuditRecord // of controllers that are no more
	outside    *host
	stop       func() // the controller
	store      *store.Memory
	gateways   []*gatewayPart

	transmitter *transmitter

	Client   *Client
	Resolver *Resolver
}

var hashed = sync.OnceValue(func() string { return config.HashPassword(password) })

// New starts the controller, the gateway and a client, which is enrolled and
// signed out. It must be called within a bubble.
func New(t testing.TB, o Options) *Lab {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	time.Sleep(time.Until(epoch.Add(o.Starts)))
	l := &Lab{t: t, o: o, dir: t.TempDir(), network: newNetwork(), Resolver: newResolver(o.Names)}
	l.outside = l.network.host(outsideHost)
	l.transmitter = l.newTransmitter()
	l.store = &store.Memory{}
	l.startController(l.network.host(controllerHost))
	l.startGateway(Gateway, gatewayHost)
	if o.Spare {
		l.startGateway(spare, spareHost)
	}
	l.startClient()
	l.Settle()
	return l
}

// Settle lets a second pass, within which everybody has heard of everything.
func (l *Lab) Settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// Until lets time pass until a time of the day that began with the lab, or of
// a later one, from 24h on.
func (l *Lab) Until(at time.Duration) {
	l.t.Helper()
	wait := time.Until(epoch.Add(at))
	if wait < 0 {
		l.t.Fatalf("it is past %v", at)
	}
	time.Sleep(wait)
	synctest.Wait()
}

// epoch is when a bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// At is an instant by Until's clock.
func At(of time.Duration) time.Time { return epoch.Add(of) }

// Audit is what has happened, oldest first: the controller's records and those
// that the gateway has reported.
func (l *Lab) Audit() []wire.AuditRecord {
	synctest.Wait()
	return append(slices.Clip(l.past), l.audit()...)
}

func (l *Lab) audit() []wire.AuditRecord {
	if l.controller == nil {
		return nil
	}
	return l.controller.Audit()
}

// Reload puts other resources in force, in the place of Options.Resources.
func (l *Lab) Reload(resources string) {
	l.t.Helper()
	l.o.Resources = resources
	if err := l.controller.Reload(l.t.Context(), l.load()); err != nil {
		l.t.Fatal(err)
	}
	l.Settle()
}

// Renew has an administrator renew tokens of all sessions; of the kinds chosen,
// or of both where none is.
func (l *Lab) Renew(claims, entitlements bool) {
	l.t.Helper()
	n, err := l.controller.RenewTokens(l.t.Context(), controller.Renewal{Claims: claims, Entitlements: entitlements}, controller.Match{})
	if err != nil || n == 0 {
		l.t.Fatalf("renewed %d sessions: %v", n, err)
	}
	l.Settle()
}

// Risk has an administrator say how risky the user's situation is.
func (l *Lab) Risk(level int64) {
	l.t.Helper()
	if err := l.controller.SetRisk(l.t.Context(), User, level, time.Time{}, "the lab says so"); err != nil {
		l.t.Fatal(err)
	}
	l.Settle()
}

// Config is the configuration of a lab that does not run.
func Config(t testing.TB, o Options) *config.Config {
	t.Helper()
	l := &Lab{t: t, o: o, dir: t.TempDir()}
	l.transmitter = l.newTransmitter()
	return l.load()
}

func (l *Lab) load() *config.Config {
	l.t.Helper()
	file := filepath.Join(l.dir, "controller.yaml")
	if err := os.WriteFile(file, []byte(l.resources()), 0o600); err != nil {
		l.t.Fatal(err)
	}
	conf, err := config.Load(file)
	if err != nil {
		l.t.Fatal(err)
	}
	return conf
}

func (l *Lab) resources() string {
	var settings strings.Builder
	for line := range strings.Lines(strings.TrimSpace(l.o.Settings)) {
		settings.WriteString("    " + line)
	}
	if settings.Len() == 0 {
		settings.WriteString("    {}")
	}
	another := ""
	if l.o.Spare {
		another = fmt.Sprintf(`apiVersion: tidegate.org/v1
kind: Gateway
metadata: {name: %s}
spec: {site: %s, address: "%s:%d"}
---
`, spare, Site, spareHost, gatewayPort)
	}
	return fmt.Sprintf(`apiVersion: tidegate.org/v1
kind: Controller
metadata: {name: %s}
spec:
  title: Lab
  listen: %s:%d
  stateDir: %s
  settings:
%s
---
apiVersion: tidegate.org/v1
kind: Site
metadata: {name: %s}
spec: {title: Headquarters}
---
apiVersion: tidegate.org/v1
kind: Gateway
metadata: {name: %s}
spec: {site: %s, address: "%s:%d"}
---
%sapiVersion: tidegate.org/v1
kind: User
metadata: {name: %s}
spec: {displayName: Maya, password: %q, totp: %s, groups: [staff]}
---
%s%s`, issuer, controllerHost, controllerPort, filepath.Join(l.dir, "controller"), settings.String(),
		Site, Gateway, Site, gatewayHost, gatewayPort, another, User, hashed(), totpSeed, l.transmitter.resource(), l.o.Resources)
}

func (l *Lab) startController(h *host) {
	l.t.Helper()
	c, err := controller.New(controller.Options{Config: l.load(), Store: l.store, Logger: l.o.Log, PacketConn: h.listen(controllerPort)})
	if err != nil {
		l.t.Fatal(err)
	}
	l.past = append(l.past, l.audit()...)
	l.controller = c
	if err := c.Listen(); err != nil {
		l.t.Fatal(err)
	}
	l.stop = l.run(c.Run)
}

// RestartController ends the controller and starts another on what it left.
func (l *Lab) RestartController() {
	l.t.Helper()
	l.stop()
	l.startController(l.network.at(controllerHost))
	l.Settle()
}

// run runs a part until the test ends.
func (l *Lab) run(part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && ctx.Err() != err {
			l.t.Error(err)
		}
	})
	l.t.Cleanup(stop)
	return stop
}
