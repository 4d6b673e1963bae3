package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// fakeDevices reads a device, a pipe, until it is told to stop.
type fakeDevices struct {
	read  chan string   // what came
	ended chan struct{} // one for each that is carried no more
}

func newFakeDevices() *fakeDevices {
	return &fakeDevices{make(chan string, 100), make(chan struct{}, 100)}
}

var deviceNames = map[string][2]netip.Addr{"wiki.corp": {netip.MustParseAddr("100.96.1.1"), netip.MustParseAddr("fd54::1")}}

func (d *fakeDevices) Names() map[string][2]netip.Addr { return deviceNames }

func (d *fakeDevices) Server() netip.Addr { return netip.MustParseAddr("100.96.255.255") }

func (d *fakeDevices) Carry(ctx context.Context, device *os.File) error {
	defer func() { d.ended <- struct{}{} }()
	defer device.Close()
	defer context.AfterFunc(ctx, func() { device.SetReadDeadline(time.Unix(1, 0)) })()
	b := make([]byte, 100)
	for {
		n, err := device.Read(b)
		if err != nil {
			return err
		}
		d.read <- string(b[:n])
	}
}

func (d *fakeDevices) carriedYet(t *testing.T) {
	t.Helper()
	select {
	case <-d.ended:
		t.Error("it is carried no more")
	case <-time.After(50 * time.Millisecond):
	}
}

// giver is a process that has a device, and can be ended.
func giver(t *testing.T) (process *os.File, end func()) {
	t.Helper()
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(c.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	end = func() { c.Process.Kill(); c.Wait() }
	t.Cleanup(func() { f.Close(); end() })
	return f, end
}

func devicePipe(t *testing.T) (device, far *os.File) {
	t.Helper()
	device, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close(); far.Close() })
	return device, far
}

func TestDevices(t *testing.T) {
	p, src, d := place(t), &apptest.Source{}, newFakeDevices()
	src.Publish(session.State{})
	stop := serve(t, p, src, func(s *Server) { s.o.Devices = d })
	for _, processFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("the process goes first: ", processFirst), func(t *testing.T) {
			device, far := devicePipe(t)
			process, end := giver(t)
			a, err := Attach(p, device, process)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			device.Close()
			if diff := cmp.Diff(deviceNames, a.Names, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			if a.Server != d.Server() {
				t.Errorf("lookups go to %v", a.Server)
			}
			io.WriteString(far, "packet")
			if got := <-d.read; got != "packet" {
				t.Errorf("%q came", got)
			}
			first, second := end, func() { a.Close() }
			if !processFirst {
				first, second = second, first
			}
			first()
			d.carriedYet(t)
			second()
			<-d.ended
		})
	}
	// The end of the server is the end of what it carries.
	device, _ := devicePipe(t)
	process, _ := giver(t)
	a, err := Attach(p, device, process)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	stop()
	<-d.ended
	if _, err := Attach(p, device, process); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

func TestDevicesAreBounded(t *testing.T) {
	p, src, d := place(t), &apptest.Source{}, newFakeDevices()
	src.Publish(session.State{})
	serve(t, p, src, func(s *Server) { s.o.Devices = d })
	process, _ := giver(t)
	var problem *wire.Problem
	for i := range maxDevices + 1 {
		device, _ := devicePipe(t)
		a, err := Attach(p, device, process)
		if err == nil {
			defer a.Close()
		}
		if (i == maxDevices) != errors.As(err, &problem) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if _, err := dial(t, p).State(t.Context()); err != nil {
		t.Errorf("others are not served: %v", err)
	}
}

func TestDevicesAreRefused(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{})
	serve(t, p, src)
	device, _ := devicePipe(t)
	var problem *wire.Problem
	if _, err := Attach(p, device, device); !errors.As(err, &problem) || problem.Status != http.StatusNotImplemented {
		t.Errorf("%v", err)
	}
}

// Whoever hands over something else is hung up on, and nothing is carried.
func TestHandoverOfSomethingElse(t *testing.T) {
	p, src, d := place(t), &apptest.Source{}, newFakeDevices()
	src.Publish(session.State{})
	serve(t, p, src, func(s *Server) { s.o.Devices = d })
	const ask = "POST /devices HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tidegate-device\r\n\r\n"
	device, _ := devicePipe(t)
	for name, then := range map[string]func(c *net.UnixConn){
		"nothing":       func(c *net.UnixConn) { c.CloseWrite() },
		"no files":      func(c *net.UnixConn) { c.Write([]byte{handover}) },
		"one file":      func(c *net.UnixConn) { sendFiles(c, handover, device) },
		"three files":   func(c *net.UnixConn) { sendFiles(c, handover, device, device, device) },
		"many files":    func(c *net.UnixConn) { sendFiles(c, handover, manyFiles(device)...) },
		"another byte":  func(c *net.UnixConn) { sendFiles(c, 'x', device, device) },
		"ahead of time": nil,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dialSocket(p.Socket())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(30 * time.Second))
			if then == nil {
				io.WriteString(c, ask+string(rune(handover)))
			} else {
				io.WriteString(c, ask)
				r := bufio.NewReader(c)
				if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("%v, %v", resp, err)
				}
				then(c)
			}
			if b, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(b), "names") {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
	if len(d.ended) > 0 {
		t.Error("something was carried")
	}
	// What is no device or process is the program's own loss.
	process, _ := giver(t)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, files := range [][2]*os.File{{null, process}, {device, null}} {
		if a, err := Attach(p, files[0], files[1]); err == nil {
			a.Close()
		}
		<-d.ended
	}
}

func manyFiles(f *os.File) (all []*os.File) {
	for range 60 {
		all = append(all, f)
	}
	return all
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0c{\"names\":{}}"))
	f.Add([]byte("\xff\xff\xff\xff{}"))
	f.Add([]byte("\x00\x00\x00\x02{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got names
		if readFrame(strings.NewReader(string(b)), &got) != nil {
			return
		}
		var again strings.Builder
		if err := writeFrame(&again, got); err != nil {
			t.Error(err)
		}
	})
}
