//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/confine"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
	"github.com/tidegate/tidegate/tunnel/stack"
)

// web is a data plane with one web application, which is at home everywhere.
type web struct{ conns chan net.Conn }

func (w web) Host(a netip.Addr) (string, bool) {
	return "wiki.example", pool4.Contains(a) || pool6.Contains(a)
}

func (w web) Covers(front.Target) bool { return true }

func (w web) Carry(ctx context.Context, o front.Offer) {
	if own := o.Target.Host == wiki4 || o.Target.Host == wiki6; o.Target.Port != 80 || !own && o.Target.Host != "wiki.example" {
		o.Refuse(&wire.Problem{Code: wire.CodeAppRefused})
		return
	}
	c, err := o.Accept()
	if err != nil {
		return
	}
	over := make(chan struct{})
	select {
	case w.conns <- &carried{c, sync.OnceFunc(func() { close(over) })}:
		<-over
	case <-ctx.Done():
		c.Close()
	}
}

func (w web) Packets(context.Context, front.Target) (front.Packets, error) {
	return nil, &wire.Problem{Code: wire.CodeDenied}
}

func (w web) Echo(context.Context, front.Target, int) error { return nil }

// carried tells when it is closed.
type carried struct {
	front.Conn
	over func()
}

func (c *carried) Close() error { defer c.over(); return c.Conn.Close() }

func (w web) Accept() (net.Conn, error) {
	c, ok := <-w.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (w web) Close() error   { return nil }
func (w web) Addr() net.Addr { return &net.TCPAddr{} }

// The client's part, the helper and real programs, from the sign-in to the end.
func TestTheWhole(t *testing.T) {
	b := newBed(t, corp)
	b.session(0, "1", "active")
	ear := listenAt(t, "phys1")
	ear.nets = append(corpNets, ear.nets...)
	w := web{make(chan net.Conn)}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "hello") })}
	go server.Serve(w)
	defer close(w.conns)
	told := make(chan bool, 10)
	part := tun.New(tun.Options{
		Helper:     client.Helper{Socket: b.socket},
		Routes:     func() []netip.Prefix { return []netip.Prefix{pool4, pool6} },
		Controller: func() (string, error) { return "192.168.7.9:8443", nil },
		Carry: func(ctx context.Context, device *os.File) error {
			return stack.New(stack.Options{Device: device, Router: w, Names: w}).Run(ctx)
		},
		Report: func(up bool, why *wire.Problem) {
			if why != nil {
				t.Errorf("no device: %v", why)
			}
			told <- up
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part.Run(ctx) }()
	part.Apply(session.Wanted{
		Session: "s",
		Sites:   []session.WantedSite{{Gateways: []wire.Gateway{{Address: "192.168.7.8:8444"}}}},
		Routes:  []session.WantedRoute{{Protocol: wire.TCP, Hosts: []string{"10.20.0.0/24", wiki6}, Ports: []uint16{80}}},
	})
	if !<-told {
		t.Fatal("it is not up")
	}
	defer rogue(t)()
	for _, host := range []string{app4.String(), "[" + app6.String() + "]", wiki4, "[" + wiki6 + "]"} {
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "60", "http://"+host+"/").CombinedOutput()
		if string(out) != "hello" {
			t.Errorf("curl %s: %v: %s", host, err, out)
		}
		out, err = exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "60", "http://"+host+":81/").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "refused") && !strings.Contains(string(out), "Couldn't connect") {
			t.Errorf("curl %s:81: %v: %s", host, err, out)
		}
		if out, err := exec.CommandContext(t.Context(), "ping", "-n", "-c1", "-W20", strings.Trim(host, "[]")).CombinedOutput(); err != nil {
			t.Errorf("ping %s: %v: %s", host, err, out)
		}
	}
	if n := ear.heard(); n != 0 {
		t.Errorf("%d packets have left by the Ethernet", n)
	}
	part.Apply(session.Wanted{})
	if <-told {
		t.Error("it is up after the sign-out")
	}
	eventually(t, "the old state", func() bool { return guards(t) == "" && len(rules(t)) == 0 && !hasLink("tide0") })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
}

// beConfined does what the helper does first, and tries what it may not do then.
func beConfined(client.Helper, string) {
	try := func(what string, err error) {
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			os.Stdout.WriteString(what + " is possible, or " + errorText(err) + "\n")
		}
	}
	dir := os.TempDir()
	if err := confine.Capabilities(confine.Keep{Capabilities: []uintptr{unix.CAP_NET_ADMIN}, Write: []string{"/dev/net/tun"}}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return
	}
	if err := confine.SystemCalls(confine.Allow{}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return
	}
	for name, family := range map[string]int{"IPv4": unix.AF_INET, "IPv6": unix.AF_INET6, "packet": unix.AF_PACKET, "vsock": unix.AF_VSOCK, "xdp": unix.AF_XDP} {
		_, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
		try("a socket of "+name, err)
	}
	for _, family := range []int{unix.AF_UNIX, unix.AF_NETLINK} {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			os.Stdout.WriteString("it lacks a socket: " + err.Error() + "\n")
			continue
		}
		unix.Close(fd)
	}
	try("a new file", os.Mkdir(dir+"/confined", 0o700))
	try("another's file", os.WriteFile("/proc/self/oom_score_adj", []byte("0"), 0))
	// Who is root owns most files, and who owns one may say who executes it as whom.
	if self, err := os.Stat(os.Args[0]); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
	} else {
		try("a file's mode", os.Chmod(os.Args[0], self.Mode()))
		try("a file's owner", os.Chown(os.Args[0], 0, 0))
	}
	try("a file's attributes", unix.Setxattr(os.Args[0], "user.tidegate", []byte("x"), 0))
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		os.Stdout.WriteString("it lacks the devices: " + err.Error() + "\n")
	} else {
		f.Close()
	}
	try("another program", exec.Command("/bin/true").Run())
	try("another namespace", unix.Unshare(unix.CLONE_NEWUSER))
	if pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0); errno == 0 && pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	} else if errno != 0 {
		try("a child in another namespace", errno)
	} else {
		try("a child in another namespace", nil)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0); errno != unix.ENOSYS { // then clone is tried, which says what for
		os.Stdout.WriteString("clone3 is there\n")
	}
	try("a mount", unix.Mount("none", "/mnt", "tmpfs", 0, ""))
	try("a look into init", unix.PtraceAttach(1))
	try("init's end", unix.Kill(1, 0))
	os.Stdout.WriteString("done\n")
}

func errorText(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

func TestConfined(t *testing.T) {
	b := &bed{t: t, start0: (*exec.Cmd).Start}
	if got := b.run(0, "confined", ""); got != "done" {
		t.Error(got)
	}
}
