package osdns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// What systemd-resolved is called on the bus (org.freedesktop.resolve1(5)).
const (
	resolve1Name     = "org.freedesktop.resolve1"
	resolve1Path     = dbus.ObjectPath("/org/freedesktop/resolve1")
	resolve1Manager  = "org.freedesktop.resolve1.Manager"
	resolve1Link     = "org.freedesktop.resolve1.Link"
	resolve1Delegate = "org.freedesktop.resolve1.DnsDelegate"
	systemd1Name     = "org.freedesktop.systemd1"
	systemd1Path     = dbus.ObjectPath("/org/freedesktop/systemd1")
	systemd1Manager  = "org.freedesktop.systemd1.Manager"
	systemd1Unit     = "org.freedesktop.systemd1.Unit"
	unitOfResolved   = "systemd-resolved.service"
)

// systemBus is where it listens (D-Bus Specification, "System message bus"), by its
// present name.
const systemBus = "/run/dbus/system_bus_socket"

const (
	answersWithin = 10 * time.Second // how long the bus may take
	takenUpWithin = 15 * time.Second // how long systemd-resolved may take to do as it is told
	askedEvery    = 10 * time.Millisecond

	calmWithin     = time.Second            // how long a moment without lookups is waited for
	calmKnownAfter = 100 * time.Millisecond // when it is known how few there are at least
	calmAskedEvery = 2 * time.Millisecond
)

// resolve1 is systemd-resolved, over a connection of its own.
type resolve1 struct{ bus *dbus.Conn }

func dialResolve1(ctx context.Context, o Options) (*resolve1, error) {
	bus, err := dialBus(ctx, o)
	if err != nil {
		return nil, err
	}
	return &resolve1{bus}, nil
}

// dialBus connects to the system's bus. The connection outlives ctx.
func dialBus(ctx context.Context, o Options) (*dbus.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	alive, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	there := context.AfterFunc(ctx, hangUp) // it may take us, and say nothing
	connect := func() (*dbus.Conn, error) { return dbus.ConnectSystemBus(dbus.WithContext(alive)) }
	if o.Bus != "" {
		connect = func() (*dbus.Conn, error) { return dbus.Connect(o.Bus, dbus.WithContext(alive)) }
	}
	bus, err := connect()
	if !there() {
		if err == nil {
			bus.Close()
		}
		err = ctx.Err()
	}
	if err != nil {
		hangUp()
		if o.Bus == "" && os.Getenv("DBUS_SYSTEM_BUS_ADDRESS") == "" {
			_, none := os.Stat(systemBus)
			err = errors.Join(err, none) // that there is no such file, where there is none
		}
		return nil, fmt.Errorf("connect to the system's D-Bus: %w", err)
	}
	return bus, nil
}

func (r *resolve1) close() { r.bus.Close() }

// call calls a method and stores what it returns.
func (r *resolve1) call(ctx context.Context, path dbus.ObjectPath, method string, args, into []any) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	c := r.bus.Object(resolve1Name, path).CallWithContext(ctx, method, 0, args...)
	if err := c.Store(into...); err != nil {
		return fmt.Errorf("systemd-resolved: %s: %w", method[strings.LastIndexByte(method, '.')+1:], err)
	}
	return nil
}

// manage calls a method of the manager that returns nothing.
func (r *resolve1) manage(ctx context.Context, method string, args ...any) error {
	return r.call(ctx, resolve1Path, resolve1Manager+"."+method, args, nil)
}

// property stores one property of an object.
func (r *resolve1) property(ctx context.Context, path dbus.ObjectPath, face, name string, into any) error {
	var v dbus.Variant
	if err := r.call(ctx, path, "org.freedesktop.DBus.Properties.Get", []any{face, name}, []any{&v}); err != nil {
		return err
	}
	if err := v.Store(into); err != nil {
		return fmt.Errorf("systemd-resolved: %s: %w", name, err)
	}
	return nil
}

// errNoDelegates is that systemd-resolved is older than 258.
var errNoDelegates = errors.New("this systemd-resolved knows no dns-delegate")

// knowsDelegates says whether this systemd-resolved knows dns-delegate.
func (r *resolve1) knowsDelegates(ctx context.Context) (bool, error) {
	var text string
	if err := r.call(ctx, resolve1Path, "org.freedesktop.DBus.Introspectable.Introspect", nil, []any{&text}); err != nil {
		return false, err
	}
	return strings.Contains(text, `"ListDelegates"`), nil
}

// runs says whether it is there. It is not started for that.
func (r *resolve1) runs(ctx context.Context) (has bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	if err := r.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, resolve1Name).Store(&has); err != nil {
		return false, fmt.Errorf("ask the bus for systemd-resolved: %w", err)
	}
	return has, nil
}

// comes says whether systemd is about to start or stop it, as in a restart.
func (r *resolve1) comes(ctx context.Context) bool {
	var unit dbus.ObjectPath
	if r.bus.Object(systemd1Name, systemd1Path).CallWithContext(ctx, systemd1Manager+".GetUnit", 0, unitOfResolved).Store(&unit) != nil {
		return false // it is not loaded, or there is no systemd
	}
	var all map[string]dbus.Variant
	if r.bus.Object(systemd1Name, unit).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, systemd1Unit).Store(&all) != nil {
		return false
	}
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	if j, ok := all["Job"]; ok && j.Store(&job) == nil && job.ID != 0 {
		return true
	}
	state, _ := all["ActiveState"].Value().(string)
	return state != "" && state != "inactive" && state != "failed"
}

// insists is the option by which it believes no plain answer, of whoever it is not
// told otherwise (resolved.conf(5)); empty: it does.
func (r *resolve1) insists(ctx context.Context) (option string, err error) {
	for _, option := range []string{"DNSSEC", "DNSOverTLS"} {
		var how string
		err := r.property(ctx, resolve1Path, resolve1Manager, option, &how)
		if failed(err, "org.freedesktop.DBus.Error.UnknownProperty") {
			continue // it is older than that
		}
		if err != nil || how == "yes" {
			return option, err
		}
	}
	return "", nil
}

// claim is who is asked for names: a link, a delegate, or, where both are empty,
// everybody's configuration.
type claim struct {
	Link     int
	Delegate string
	Servers  []netip.AddrPort
	Domains  []string // "." is all names
}

type (
	linkServer struct {
		Link, Family int32
		Address      []byte
	}
	delegateServer struct {
		Link, Family int32
		Address      []byte
		Port         uint16
		Name         string
	}
	linkDomain struct {
		Link   int32
		Domain string
		Only   bool
	}
	domain struct {
		Domain string
		Only   bool // it is for routing, and completes no name
	}
	named struct {
		Name string
		Path dbus.ObjectPath
	}
)

// claims are all that systemd-resolved was told, by links and then by delegates.
// Those without a server are left out: they are not asked.
func (r *resolve1) claims(ctx context.Context) ([]claim, error) {
	var servers []linkServer
	if err := r.property(ctx, resolve1Path, resolve1Manager, "DNS", &servers); err != nil {
		return nil, err
	}
	var domains []linkDomain
	if err := r.property(ctx, resolve1Path, resolve1Manager, "Domains", &domains); err != nil {
		return nil, err
	}
	links := map[int]*claim{}
	for _, s := range servers {
		if links[int(s.Link)] == nil {
			links[int(s.Link)] = &claim{Link: int(s.Link)}
		}
		if a, ok := netip.AddrFromSlice(s.Address); ok {
			c := links[int(s.Link)]
			c.Servers = append(c.Servers, netip.AddrPortFrom(a, 53))
		}
	}
	for _, d := range domains {
		if c := links[int(d.Link)]; c != nil {
			c.Domains = append(c.Domains, d.Domain)
		}
	}
	var all []claim
	for _, i := range slices.Sorted(maps.Keys(links)) {
		all = append(all, *links[i])
	}
	delegates, err := r.delegates(ctx)
	return append(all, delegates...), err
}

// delegates are those that are in force, by name; none where it knows of none.
func (r *resolve1) delegates(ctx context.Context) ([]claim, error) {
	var names []named
	if err := r.call(ctx, resolve1Path, resolve1Manager+".ListDelegates", nil, []any{&names}); err != nil {
		if failed(err, "org.freedesktop.DBus.Error.UnknownMethod") {
			return nil, nil
		}
		return nil, err
	}
	slices.SortFunc(names, func(a, b named) int { return strings.Compare(a.Name, b.Name) })
	var all []claim
	for _, n := range names {
		var domains []domain
		var servers []delegateServer
		err := r.property(ctx, n.Path, resolve1Delegate, "Domains", &domains)
		if err == nil {
			err = r.property(ctx, n.Path, resolve1Delegate, "DNS", &servers)
		}
		if failed(err, "org.freedesktop.DBus.Error.UnknownObject") {
			continue // it was taken away in between
		}
		if err != nil {
			return nil, err
		}
		c := claim{Delegate: n.Name, Servers: serversOf(servers)}
		for _, d := range domains {
			c.Domains = append(c.Domains, d.Domain)
		}
		all = append(all, c)
	}
	return all, nil
}

func serversOf(servers []delegateServer) (all []netip.AddrPort) {
	for _, s := range servers {
		if a, ok := netip.AddrFromSlice(s.Address); ok {
			all = append(all, netip.AddrPortFrom(a, cmp.Or(s.Port, 53)))
		}
	}
	return all
}

// failed says whether err is a certain one of the bus.
func failed(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}

// reload has it read its files anew. systemd does it where it is there;
// otherwise the process is told itself, which only one that knows dns-delegate
// outlives.
func (r *resolve1) reload(ctx context.Context) error {
	if knows, err := r.knowsDelegates(ctx); err != nil {
		return err
	} else if !knows {
		return errNoDelegates
	}
	r.calm(ctx)
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	err := r.bus.Object(systemd1Name, systemd1Path).CallWithContext(ctx, systemd1Manager+".ReloadUnit", 0, unitOfResolved, "replace").Err
	if err == nil {
		return nil
	}
	var pid uint32
	if perr := r.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixProcessID", 0, resolve1Name).Store(&pid); perr != nil {
		return fmt.Errorf("reload systemd-resolved: %w", errors.Join(err, perr))
	}
	if perr := unix.Kill(int(pid), syscall.SIGHUP); perr != nil {
		return fmt.Errorf("reload systemd-resolved: %w", errors.Join(err, perr))
	}
	return nil
}

// calm waits for a moment at which it asks as little as ever, but not long:
// reading its files anew, it refuses what it has not answered yet.
func (r *resolve1) calm(ctx context.Context) {
	least, began := uint64(math.MaxUint64), time.Now()
	t := time.NewTicker(calmAskedEvery)
	defer t.Stop()
	for time.Since(began) < calmWithin {
		var n struct{ Now, Ever uint64 }
		if err := r.property(ctx, resolve1Path, resolve1Manager, "TransactionStatistics", &n); err != nil {
			return // it is no reason not to
		}
		least = min(least, n.Now) // some, of probing, may stay long
		if n.Now == 0 || n.Now == least && time.Since(began) > calmKnownAfter {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// until waits for systemd-resolved to have done as it was told.
func until(ctx context.Context, what string, so func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, takenUpWithin)
	defer cancel()
	t := time.NewTicker(askedEvery)
	defer t.Stop()
	var last error
	for {
		ok, err := so(ctx)
		if ok {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for systemd-resolved to %s: %w", what, errors.Join(context.Cause(ctx), last))
		case <-t.C:
		}
	}
}
