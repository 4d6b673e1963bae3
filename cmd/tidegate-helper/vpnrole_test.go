//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// attach is what a VPN's program does with the device that was made for its user.
func attach(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	r, err := unix.NewIfreq(name)
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR) // as mirror has it
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

// beAttached tries to attach to a device.
func beAttached(_ client.Helper, name string) {
	f, err := attach(name)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	f.Close()
	fmt.Println("ok")
}

// toldText is what was told, as text.
func toldText(t protocol.VPNTold) string {
	text := "mode=" + string(t.Mode)
	for _, why := range slices.Sorted(maps.Keys(t.Left)) {
		text += fmt.Sprintf(" %s=%v", why, t.Left[why])
	}
	for _, l := range t.Taken {
		text += fmt.Sprintf(" taken=%v,%v,%d,%v", l.Route, l.Rule, l.Times, l.Gone)
	}
	return text
}

// beVPN has a VPN, as its input says: "open"; "attach" has each datagram that comes by
// the device sent back; "apply" a VPN in JSON, or nothing; "inject" a datagram from
// one address to another; "loose" has the device end with the last that is attached;
// "give up" opens one for so many microseconds;
// "told" and "lost" wait for these, and "end" gives it back.
func beVPN(h client.Helper, _ string) {
	ctx := context.Background()
	var v *client.VPN
	var f *os.File
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		switch verb {
		case "open":
			next, err := h.OpenVPN(ctx)
			if err != nil {
				fmt.Println(code(err))
				continue
			}
			v = next
			fmt.Println("ok", v.Device())
		case "give":
			us, _ := strconv.Atoi(strings.TrimPrefix(arg, "up "))
			hasty, cancel := context.WithTimeout(ctx, time.Duration(us)*time.Microsecond)
			v, err := h.OpenVPN(hasty)
			cancel()
			if err == nil {
				v.Close()
			}
			fmt.Println("ok")
		case "attach":
			var err error
			if f, err = attach(arg); err == nil {
				go mirror(f)
			}
			fmt.Println(code(err))
		case "inject":
			_, err := f.Write(forged(arg))
			fmt.Println(code(err))
		case "loose":
			c, err := f.SyscallConn()
			if err == nil {
				c.Control(func(fd uintptr) { err = unix.IoctlSetInt(int(fd), unix.TUNSETPERSIST, 0) })
			}
			f.Close()
			fmt.Println(code(err))
		case "apply":
			var want *protocol.VPN
			if arg != "" {
				want = &protocol.VPN{}
				if err := json.Unmarshal([]byte(arg), want); err != nil {
					fmt.Println("error:", err)
					continue
				}
			}
			told, err := v.Apply(ctx, want)
			if err != nil {
				fmt.Println(code(err), strings.ReplaceAll(err.Error(), "\n", "; "))
				continue
			}
			fmt.Println("ok", toldText(told))
		case "told":
			select {
			case t := <-v.Told():
				fmt.Println("ok", toldText(t))
			case <-time.After(wait):
				fmt.Println("nothing is told")
			}
		case "lost":
			select {
			case <-v.Lost():
				fmt.Println("ok")
			case <-time.After(wait):
				fmt.Println("nothing is lost")
			}
		case "end":
			fmt.Println(code(v.Close()))
		case "close":
			fmt.Println(code(h.Close(ctx)))
		}
	}
}
