//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// startBus starts the session bus, and a connection of the harness to it.
func (d *Desktop) startBus(ctx context.Context) error {
	p, _, err := d.launch(ctx, spec{
		name:  "dbus-daemon",
		args:  []string{"--config-file=" + d.tree.path("session.conf"), "--nofork", "--nopidfile", "--nosyslog", "--print-address=3"},
		ready: true,
	})
	if err != nil {
		return err
	}
	if d.bus, err = d.dial(); err != nil {
		return p.fail(err)
	}
	return nil
}

// Bus is the address of the session bus.
func (d *Desktop) Bus() string { return "unix:path=" + d.tree.busSocket() }

func (d *Desktop) dial() (*dbus.Conn, error) {
	conn, err := dbus.Connect(d.Bus())
	if err != nil {
		return nil, fmt.Errorf("connect to the session bus: %w", err)
	}
	return conn, nil
}

// waitName returns when a name on the bus has an owner (or none, if so
// wanted), or when p, which is to take it, has ended.
func (d *Desktop) waitName(ctx context.Context, p *program, name string, wanted bool) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	changes := make(chan *dbus.Signal, 16)
	d.bus.Signal(changes)
	defer d.bus.RemoveSignal(changes)
	match := []dbus.MatchOption{
		dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"),
		dbus.WithMatchArg(0, name),
	}
	if err := d.bus.AddMatchSignalContext(ctx, match...); err != nil {
		return fmt.Errorf("watch %s on the session bus: %w", name, err)
	}
	defer d.bus.RemoveMatchSignal(match...)
	var ended <-chan struct{}
	if wanted {
		ended = p.done
	}
	for {
		has, err := d.hasName(ctx, name)
		if err != nil {
			return err
		}
		if has == wanted {
			return nil
		}
		select {
		case <-changes:
		case <-ended:
			return p.fail(fmt.Errorf("wait for %s on the session bus: %s has ended (%v)", name, p.name, p.err))
		case <-d.bus.Context().Done():
			return errors.New("the session bus has ended")
		case <-ctx.Done():
			return p.fail(fmt.Errorf("wait for %s on the session bus: %w", name, context.Cause(ctx)))
		}
	}
}

func (d *Desktop) hasName(ctx context.Context, name string) (bool, error) {
	var has bool
	err := d.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&has)
	if err != nil {
		return false, fmt.Errorf("ask the session bus for %s: %w", name, err)
	}
	return has, nil
}

// property reads one property of an object on the bus.
func (d *Desktop) property(ctx context.Context, service string, path dbus.ObjectPath, iface, name string) (dbus.Variant, error) {
	var v dbus.Variant
	err := d.bus.Object(service, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, iface, name).Store(&v)
	if err != nil {
		return v, fmt.Errorf("read %s of %s: %w", name, service, err)
	}
	return v, nil
}
