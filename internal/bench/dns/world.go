package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tidegate/tidegate/internal/netlab"
)

// adapter is what leads from the machine to the server behind all others.
const adapter = "phys0"

// suffix is below which that server knows every name.
const suffix = "up.example"

var upstreamAddr = netip.MustParseAddr("10.50.0.1")

// server is one that answers at port 53 of addr.
type server struct {
	name string
	addr netip.Addr
	*program
}

// world is a machine with the servers on it, and the one that they ask.
type world struct {
	near, far *netlab.Space
	dir       string
	servers   []server // ours is the first
	upstream  *program
}

// makeWorld starts all servers, and waits until each of them answers.
func makeWorld(ctx context.Context, dir string, note func(string)) (_ *world, err error) {
	w := &world{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.near, err = netlab.NewSpace(); err != nil {
		return nil, err
	}
	if w.far, err = netlab.NewSpace(); err != nil {
		return nil, err
	}
	err = netlab.Connect(
		netlab.Wire{Space: w.near, Name: adapter, Address: netip.MustParsePrefix("10.50.0.2/24")},
		netlab.Wire{Space: w.far, Name: "far0", Address: netip.PrefixFrom(upstreamAddr, 24)})
	if err != nil {
		return nil, err
	}
	if w.upstream, err = startRole(w.far, "dns-upstream", upstreamAddr.String()); err != nil {
		return nil, err
	}
	if err := w.answers(ctx, server{name: direct, addr: upstreamAddr, program: w.upstream}); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		name  string
		addr  string
		start func(context.Context, netip.Addr) (*program, error)
	}{{ours, "127.11.0.53", w.ours}, {dnsmasq, "127.0.0.2", w.dnsmasq}, {unbound, "127.0.0.3", w.unbound}} {
		one := server{name: s.name, addr: netip.MustParseAddr(s.addr)}
		if one.program, err = s.start(ctx, one.addr); errors.Is(err, errAway) {
			note(fmt.Sprintf("%s is not here to be measured beside us: %v", s.name, err))
			continue
		} else if err != nil {
			return nil, err
		}
		w.servers = append(w.servers, one)
		if err := w.answers(ctx, one); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) close() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.stop())
	}
	errs = append(errs, w.upstream.stop())
	for _, s := range []*netlab.Space{w.near, w.far} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// ours is the client's resolver, which has names of its own and asks the server
// behind for all others.
func (w *world) ours(_ context.Context, at netip.Addr) (*program, error) {
	return startRole(w.near, "dns-ours", at.String(), upstreamAddr.String(), adapter)
}

// dnsmasq is as it comes: a larger cache than its 150 names makes it slower by
// what it takes to keep it.
func (w *world) dnsmasq(_ context.Context, at netip.Addr) (*program, error) {
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	return w.start(path, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--group=root", "--pid-file=",
		"--bind-interfaces", "--listen-address="+at.String(), "--server="+upstreamAddr.String()+"@"+adapter)
}

// unbound has a thread for each processor, as its manual says to.
func (w *world) unbound(ctx context.Context, at netip.Addr) (*program, error) {
	path, err := fetched(ctx, "unbound", "usr/sbin/unbound")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(w.dir, "unbound.conf")
	text := fmt.Sprintf(`server:
	interface: %s
	directory: %q
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	verbosity: 0
	num-threads: %d
	do-daemonize: no
	module-config: "iterator"
	outgoing-interface: 10.50.0.2
forward-zone:
	name: "."
	forward-addr: %s
`, at, w.dir, runtime.NumCPU(), upstreamAddr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("set up unbound: %w", err)
	}
	return w.start(path, "-d", "-c", conf)
}

// fresh writes a file of names for dnsperf that nobody has asked for yet.
func (m *measure) fresh(n int) (string, error) {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "n%d.%s A\n", m.next, suffix)
		m.next++
	}
	name := filepath.Join(m.dir, fmt.Sprintf("names-%d", m.next))
	return name, os.WriteFile(name, []byte(b.String()), 0o600)
}
