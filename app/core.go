package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tidegate/tidegate/app/autostart"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/app/host"
	"github.com/tidegate/tidegate/app/journal"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/dnssplit"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/clockset"
	"github.com/tidegate/tidegate/internal/heap"
	"github.com/tidegate/tidegate/internal/posture"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/internal/underlay"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
	"github.com/tidegate/tidegate/session/vault"
	"github.com/tidegate/tidegate/tunnel"
)

// Version is the program's; the build sets it.
var Version = "0.1.0"

// Tray is the tray process of a profile: it runs until ctx ends or the user
// quits. link is an enrolment link that was clicked, or empty. Where the
// profile is served already, Tray hands link over, or raises the window, and
// returns.
func Tray(ctx context.Context, p profile.Profile, link string, log *slog.Logger) error {
	var first session.Command
	if link != "" {
		first = session.ProposeEnrol{Link: session.Secret(link)}
	}
	instance, err := claim(ctx, p, first)
	if errors.Is(err, &wire.Problem{Code: wire.CodeNoDisplay}) {
		log.Warn("Tidegate runs already, and shows no window", "error", err)
		return nil // it was to run, and does
	}
	if instance == nil {
		return err
	}
	defer instance.Close()
	lines := &diag.Lines{}
	log = slog.New(slog.NewMultiHandler(log.Handler(), slog.NewTextHandler(lines, nil)))
	heap.Floor(tunnel.HeapFloor)
	pool, err := openNames(p, log)
	if err != nil {
		return err
	}
	below := underlay.New(underlay.Options{Log: log})
	plane := tunnel.New(tunnel.Options{Log: log, Names: pool, Ignore: dnssplit.Own, Underlay: below})
	f := newFronts(p, plane, pool, log)
	kept := journal.Open(journal.Options{Path: p.Activity(), Log: log})
	defer kept.Close()
	core, parts := newSession(p, f, pool, below, kept, log)
	parts = append(parts, kept.Run)
	return Run(ctx, Options{Core: core, Instance: instance, Devices: newDevices(plane, pool, log), Lookups: f.split, Histories: kept, Diagnoser: newDiagnoser(p, core, f, below, lines), Parts: parts, First: first, Window: windowCommand(p), Log: log})
}

// NetworkEnv is the environment variable that names the network of the addresses
// that stand for names, a /16 of 100.64.0.0/10.
const NetworkEnv = "TIDEGATE_NETWORK"

// openNames opens the pool of the addresses that a profile's names have.
func openNames(p profile.Profile, log *slog.Logger) (*names.Pool, error) {
	var network netip.Prefix
	if s := os.Getenv(NetworkEnv); s != "" {
		var err error
		if network, err = netip.ParsePrefix(s); err != nil {
			return nil, fmt.Errorf("read %s: %w; it is a network as 100.96.0.0/16", NetworkEnv, err)
		}
	}
	return names.Open(names.Options{File: filepath.Join(p.Config, "names.jsonl"), Network: network, Log: log})
}

// newSession puts the client's core together: the control channel, the
// keychain, the data plane with its fronts, the device's claims and classic VPNs.
func newSession(p profile.Profile, f *fronts, pool *names.Pool, below *underlay.Underlay, kept *journal.Journal, log *slog.Logger) (*session.Session, []func(context.Context) error) {
	device := posture.New(posture.Options{Version: Version, Log: log})
	o := session.Options{
		Controller: &control.Controller{Underlay: below},
		Dataplane:  f,
		Vault:      vault.Keychain{Service: p.Keychain()},
		Records:    vault.Records{Dir: p.Config},
		Posture:    device,
		Device:     device.Collect,
		Journal:    kept,
		ClockSet:   clockset.Watch,
		Host:       newHost(p),
		Launch:     func(url string) error { return openURL(url, pool.Exists) },
		Version:    Version,
		Log:        log,
	}
	vpn := newClassic(p, below.Ahead, log)
	if vpn != nil {
		o.Classic = vpn
	}
	s := session.New(o)
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return f.run(ctx, s.ReportDataplane) },
		pool.Run,
		func(ctx context.Context) error { return device.Run(ctx, s.ReportDevice) },
		func(ctx context.Context) error { return timezone.Follow(ctx, s.ReportZone) },
	}
	if vpn != nil {
		parts = append(parts, func(ctx context.Context) error { return vpn.Run(ctx, s.ReportVPN) })
	}
	return s, parts
}

// newHost is this machine around a profile's client.
func newHost(p profile.Profile) host.Host {
	self, err := os.Executable()
	if err != nil {
		self = "tidegate" // as a desktop finds it
	}
	return host.Host{Autostart: autostart.Of(p, self), Socket: os.Getenv(tun.SocketEnv)}
}

// windowCommand is this program again, as the window of the profile.
func windowCommand(p profile.Profile) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd { return program(ctx, p, "window", ViewerFlag) }
}

// program is this program again, for the profile.
func program(ctx context.Context, p profile.Profile, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = "/proc/self/exe"
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), profile.Env+"="+p.Name)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd
}

// ViewerFlag makes `tidegate window` the window process itself; without it
// the command asks the tray process for one.
const ViewerFlag = "--viewer"
