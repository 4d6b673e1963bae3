package sense

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// What systemd-resolved is called on the bus (org.freedesktop.resolve1(5)).
const (
	resolve1Name = "org.freedesktop.resolve1"
	resolve1Path = dbus.ObjectPath("/org/freedesktop/resolve1")
	resolve1Link = "org.freedesktop.resolve1.Link"
)

// busTime bounds what the bus takes: it may take a connection and say nothing.
const busTime = time.Second

// resolved asks systemd-resolved. It holds one connection to the system's bus.
type resolved struct {
	address string
	log     *slog.Logger

	mu  sync.Mutex
	bus *dbus.Conn // nil: there is none now
}

// watch has the connection there is, and calls changed when systemd-resolved has
// other servers or domains, until ctx ends.
func (r *resolved) watch(ctx context.Context, changed func()) {
	for wait := Sweep; ctx.Err() == nil; wait = min(2*wait, seldom) {
		if bus, err := r.dial(ctx); err != nil {
			r.log.Debug("systemd-resolved is not asked", "error", err)
		} else {
			wait = Sweep
			r.mu.Lock()
			r.bus = bus
			r.mu.Unlock()
			changed()
			r.hear(ctx, bus, changed)
			r.mu.Lock()
			r.bus = nil
			r.mu.Unlock()
			bus.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// dial connects. The connection ends with ctx.
func (r *resolved) dial(ctx context.Context) (*dbus.Conn, error) {
	alive, hangUp := context.WithCancel(ctx)
	late := time.AfterFunc(5*busTime, hangUp)
	var bus *dbus.Conn
	var err error
	if r.address != "" {
		bus, err = dbus.Connect(r.address, dbus.WithContext(alive))
	} else {
		bus, err = dbus.ConnectSystemBus(dbus.WithContext(alive))
	}
	if !late.Stop() && err == nil {
		bus.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		hangUp()
		return nil, err
	}
	context.AfterFunc(bus.Context(), hangUp)
	return bus, nil
}

// hear calls changed until the connection ends, or ctx.
func (r *resolved) hear(ctx context.Context, bus *dbus.Conn, changed func()) {
	asking, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	signals := make(chan *dbus.Signal, 16)
	bus.Signal(signals)
	for _, o := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(resolve1Name), dbus.WithMatchInterface("org.freedesktop.DBus.Properties"), dbus.WithMatchMember("PropertiesChanged")},
		{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, resolve1Name)},
	} {
		if err := bus.AddMatchSignalContext(asking, o...); err != nil {
			r.log.Debug("systemd-resolved's news are not heard", "error", err)
		}
	}
	for {
		select {
		case _, ok := <-signals:
			if !ok {
				return
			}
			changed()
		case <-ctx.Done():
			return
		}
	}
}

// ask is what systemd-resolved has for these links; nil: it is not there.
func (r *resolved) ask(ctx context.Context, links []link) map[int]names {
	r.mu.Lock()
	bus := r.bus
	r.mu.Unlock()
	if bus == nil || len(links) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	var there bool
	if err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, resolve1Name).Store(&there); err != nil || !there {
		return nil
	}
	all := map[int]names{}
	for _, l := range links {
		var path dbus.ObjectPath
		if bus.Object(resolve1Name, resolve1Path).CallWithContext(ctx, resolve1Name+".Manager.GetLink", dbus.FlagNoAutoStart, int32(l.index)).Store(&path) != nil {
			continue
		}
		var said map[string]dbus.Variant
		if bus.Object(resolve1Name, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", dbus.FlagNoAutoStart, resolve1Link).Store(&said) != nil {
			continue
		}
		all[l.index] = namesOf(said)
	}
	return all
}

// namesOf reads a link's properties.
func namesOf(said map[string]dbus.Variant) (n names) {
	var servers []struct {
		Family  int32
		Address []byte
	}
	if v, ok := said["DNS"]; ok && v.Store(&servers) == nil {
		for _, s := range servers {
			if a, ok := netip.AddrFromSlice(s.Address); ok && !slices.Contains(n.servers, a.Unmap()) {
				n.servers = append(n.servers, a.Unmap())
			}
		}
	}
	var domains []struct {
		Name        string
		RoutingOnly bool
	}
	if v, ok := said["Domains"]; ok && v.Store(&domains) == nil {
		for _, d := range domains {
			n.add(d.Name)
		}
	}
	var all bool
	if v, ok := said["DefaultRoute"]; ok && v.Store(&all) == nil {
		n.all = n.all || all
	}
	n.all = n.all && len(n.servers) > 0
	return n
}

// mostDomains is how many are told of one VPN.
const mostDomains = 64

// add adds a domain; the root is all.
func (n *names) add(domain string) {
	d := strings.ToLower(strings.TrimSuffix(domain, "."))
	switch {
	case d == "":
		n.all = true
	case len(n.domains) < mostDomains && len(d) <= 253 && !slices.Contains(n.domains, d):
		n.domains = append(n.domains, d)
	}
}
