package channel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/tidegate/tidegate/internal/gateway/gatewaybench"
	"github.com/tidegate/tidegate/internal/netlab"
	"github.com/tidegate/tidegate/internal/wire"
)

// The addresses. The client reaches the gateway over one of the near networks,
// the gateway the application over the far one.
var (
	fastClient  = netip.MustParsePrefix("10.71.0.2/24") // no delay
	fastGateway = netip.MustParsePrefix("10.71.0.1/24")
	slowClient  = netip.MustParsePrefix("10.74.0.2/24") // a path
	slowGateway = netip.MustParsePrefix("10.74.0.1/24")
	nextClient  = netip.MustParsePrefix("10.75.0.2/24") // another path, to roam to
	nextGateway = netip.MustParsePrefix("10.75.0.1/24")
	farGateway  = netip.MustParsePrefix("10.72.0.1/24")
	farApp      = netip.MustParsePrefix("10.72.0.2/24")
	wgClient    = netip.MustParsePrefix("10.73.0.2/24")
	wgGateway   = netip.MustParsePrefix("10.73.0.1/24")
	// tunApps are further addresses of the application, which the lanes with a
	// TUN lead to: the first one is the peer's.
	tunApps = map[string]netip.Prefix{"tun-auto": netip.MustParsePrefix("10.77.0.1/32"), "tun-h3": netip.MustParsePrefix("10.77.0.2/32")}
	// anyGateway is the gateway's whichever path leads there.
	anyGateway = netip.MustParsePrefix("10.76.0.1/32")
)

// sessions are a lane's each.
var sessions = []wire.SessionID{"auto", "h3", "h2", "tun-auto", "tun-h3"}

const (
	gatewayPort = 8444
	appPort     = 9000
)

// world is the networks with a gateway and an application on them, and a folder
// with their keys.
type world struct {
	dir                  string
	client, gateway, app *netlab.Space
	slow, next           *netlab.Path
	serving              []*process
}

// makeWorld makes the networks and starts what the measurements share.
func makeWorld() (_ *world, err error) {
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	err = w.serve(w.app, "app", "-at", fmt.Sprintf("0.0.0.0:%d", appPort))
	if err == nil {
		err = w.serve(w.gateway, "gateway", "-dir", w.dir, "-at", gatewayAt)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// gatewayAt is where the gateway listens.
var gatewayAt = fmt.Sprintf("0.0.0.0:%d", gatewayPort)

// newWorld makes the networks, with nobody on them.
func newWorld() (_ *world, err error) {
	w := &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "tidegate-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	for _, s := range []**netlab.Space{&w.client, &w.gateway, &w.app} {
		if *s, err = netlab.NewSpace(); err != nil {
			return nil, err
		}
	}
	if err = w.join(); err != nil {
		return nil, err
	}
	at := []netip.Addr{fastGateway.Addr(), slowGateway.Addr(), nextGateway.Addr(), anyGateway.Addr()}
	hosts := []string{farApp.Addr().String()}
	for _, a := range tunApps {
		hosts = append(hosts, a.Addr().String())
	}
	if err = gatewaybench.MakeBed(w.dir, at, hosts, []uint16{appPort}, sessions); err != nil {
		return nil, err
	}
	return w, makeWireGuard(w.dir)
}

// join makes the networks.
func (w *world) join() error {
	if err := netlab.Connect(netlab.Wire{Space: w.client, Name: "fast", Address: fastClient}, netlab.Wire{Space: w.gateway, Name: "fast", Address: fastGateway}); err != nil {
		return err
	}
	if err := netlab.Connect(netlab.Wire{Space: w.gateway, Name: "far", Address: farGateway}, netlab.Wire{Space: w.app, Name: "far", Address: farApp}); err != nil {
		return err
	}
	var err error
	w.slow, err = netlab.NewPath(netlab.Wire{Space: w.client, Name: "slow", Address: slowClient}, netlab.Wire{Space: w.gateway, Name: "slow", Address: slowGateway}, netlab.Quality{Delay: oneWay}, 1)
	if err != nil {
		return err
	}
	w.next, err = netlab.NewPath(netlab.Wire{Space: w.client, Name: "next", Address: nextClient}, netlab.Wire{Space: w.gateway, Name: "next", Address: nextGateway}, netlab.Quality{Delay: oneWay}, 2)
	if err != nil {
		return err
	}
	for _, a := range tunApps {
		if err := errors.Join(w.app.Address("lo", a, true), w.gateway.Route(a, farApp.Addr(), "far")); err != nil {
			return err
		}
	}
	return errors.Join(
		w.gateway.Address("lo", anyGateway, true),
		w.gateway.Sysctl("ipv4/ip_forward", "1"),
		// Thousands of short flows to one application need their ports again.
		w.gateway.Sysctl("ipv4/ip_local_port_range", "10000 65000"),
		w.client.Sysctl("ipv4/ip_local_port_range", "10000 65000"),
		w.gateway.Sysctl("ipv4/ping_group_range", "0 2147483647"),
		w.app.Route(wgClient.Masked(), farGateway.Addr(), "far"),
	)
}

// serve starts a role that stays.
func (w *world) serve(in *netlab.Space, name string, args ...string) error {
	p, err := start(in, name, args...)
	if err != nil {
		return err
	}
	w.serving = append(w.serving, p)
	_, err = p.ready()
	return err
}

// close ends and removes everything.
func (w *world) close() error {
	var errs []error
	for _, p := range w.serving {
		errs = append(errs, p.stop())
	}
	for _, p := range []*netlab.Path{w.slow, w.next} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	for _, s := range []*netlab.Space{w.client, w.gateway, w.app} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// side is a way from the client's programs to the application.
type side struct {
	name  string
	to    string // where the programs connect
	stop  func() error
	close func() error // the data channel, as if nobody had used it for long
	// processes are those that carry.
	processes []*process
}

// ours starts our client in a lane. near is the gateway's address.
func (w *world) ours(lane string, near netip.Addr) (*side, error) {
	p, err := start(w.client, "client", "-dir", w.dir, "-lane", lane, "-to", fmt.Sprintf("%s:%d", near, gatewayPort))
	if err != nil {
		return nil, err
	}
	at, err := p.ready()
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	if strings.HasPrefix(lane, tunPrefix) {
		at = fmt.Sprintf("%s:%d", tunApps[lane].Addr(), appPort)
		if err := w.raise(lane); err != nil {
			return nil, errors.Join(err, p.stop())
		}
	}
	return &side{name: lane, to: at, stop: p.stop, processes: []*process{p}, close: func() error { return p.tell("suspend") }}, nil
}

// raise makes a lane's TUN an interface with an address and a route.
func (w *world) raise(lane string) error {
	return errors.Join(
		w.client.Address(lane, netip.PrefixFrom(tunApps[lane].Addr().Next().Next().Next().Next(), 32), true),
		w.client.Link(lane, true),
		w.client.Route(tunApps[lane], netip.Addr{}, lane))
}

// wireguard starts the peer. near is the gateway's address.
func (w *world) wireguard(near netip.Addr) (*side, error) {
	var started []*process
	stop := func() error {
		var errs []error
		for _, p := range started {
			errs = append(errs, p.stop())
		}
		return errors.Join(errs...)
	}
	begin := func(in *netlab.Space, address netip.Prefix, args ...string) error {
		p, err := start(in, "wireguard", append(args, "-dir", w.dir)...)
		if err != nil {
			return err
		}
		started = append(started, p)
		if _, err := p.ready(); err != nil {
			return err
		}
		return errors.Join(in.Address(wgDevice, address, true), in.Link(wgDevice, true))
	}
	err := begin(w.gateway, wgGateway, "-side", "gateway")
	if err == nil {
		err = begin(w.client, wgClient, "-side", "client", "-to", fmt.Sprintf("%s:%d", near, wgPort))
	}
	if err == nil {
		err = w.client.Route(farApp.Masked(), netip.Addr{}, wgDevice)
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return &side{name: "wireguard-go", to: fmt.Sprintf("%s:%d", farApp.Addr(), appPort), stop: stop, processes: started, close: func() error {
		return errors.Join(started[0].tell("cold"), started[1].tell("cold"))
	}}, nil
}
