package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
)

// Options make a Lab.
type Options struct {
	Config Config
	// Dir holds the controller's and the gateway's state; the caller removes it.
	Dir string
	// Hosts leads further names of the gateway's site to addresses, as
	// Gateway.hosts does; a name of a sample application takes its place.
	Hosts map[string]string
	// Address is where controller and gateway listen; zero: on loopback.
	Address netip.Addr
	// GatewayPath, where set, is the address under which clients reach the
	// gateway that listens on the given one: a Relay's.
	GatewayPath func(listen string) (string, error)
	// NoQUIC leaves the controller without UDP, as a network that drops it would.
	NoQUIC bool
	Log    *slog.Logger
}

// Lab is a running lab.
type Lab struct {
	o          Options
	controller string // host:port
	gateway    string // host:port
	apps       map[string]*part
	codes      authenticator

	mu sync.Mutex // guards c and g
	c  controllerPart
	g  *part
}

// Start brings a lab up: applications, controller, gateway, in this order.
// When it returns their sockets are open; the gateway enrols on its own, and
// who calls meanwhile waits for it. What had started is stopped on error.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lab{o: o, apps: map[string]*part{}, codes: authenticator{last: map[string]int64{}}}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context) (err error) {
	at := l.o.Address
	if !at.IsValid() {
		at = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if l.controller, err = freeAddress(at); err != nil {
		return err
	}
	if l.gateway, err = freeAddress(at); err != nil {
		return err
	}
	hosts := map[string]string{}
	for _, s := range samples() {
		p, addr, err := startSample(s)
		if err != nil {
			return err
		}
		l.apps[s.name] = p
		hosts[fmt.Sprintf("%s:%d", s.name, s.port)] = addr
		if s.answer != nil { // it answers pings, too
			hosts[s.name] = "127.0.0.1"
		}
	}
	maps.Copy(hosts, l.o.Hosts)
	if err := l.writeResources(); err != nil {
		return err
	}
	if err := l.StartController(); err != nil {
		return err
	}
	link, err := l.gatewayLink(ctx)
	if err != nil {
		return err
	}
	if err := l.writeGateway(link, hosts); err != nil {
		return err
	}
	return l.StartGateway()
}

// Close ends everything and reports what had gone wrong meanwhile.
func (l *Lab) Close() error {
	errs := []error{l.StopGateway(), l.StopController()}
	for _, p := range l.apps {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

// Controller is the controller's address.
func (l *Lab) Controller() string { return l.controller }

// Gateway is the gateway's address.
func (l *Lab) Gateway() string { return l.gateway }

// ControllerFile is the controller's file: what an administrator's commands
// take for --config, and what `policy apply` replaces.
func (l *Lab) ControllerFile() string { return l.path("controller.yaml") }

// Config is the lab's configuration.
func (l *Lab) Config() Config { return l.o.Config }

// StopApp ends a sample application; its address then refuses connections.
func (l *Lab) StopApp(host string) error {
	p, ok := l.apps[host]
	if !ok {
		return fmt.Errorf("there is no application %s", host)
	}
	return p.stop()
}

func (l *Lab) path(name string) string { return filepath.Join(l.o.Dir, name) }

func writeFile(path string, b []byte) error {
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write the lab's configuration: %w", err)
	}
	return nil
}
