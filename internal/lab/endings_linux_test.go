package lab_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/session"
)

// left are the devices that a VPN has left behind.
func left() (names []string, err error) {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		links, err := net.Interfaces()
		if err != nil {
			return nil, err
		}
		names = nil
		for _, l := range links {
			if strings.HasPrefix(l.Name, "tidev") {
				names = append(names, l.Name)
			}
		}
		if len(names) == 0 || time.Now().After(end) {
			return names, nil
		}
	}
}

// interrupted: the network goes, and comes again.
func (m *besides) interrupted() error {
	if err := m.order("unplug"); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // a real interruption takes its time
	if err := m.order("plug"); err != nil {
		return err
	}
	if _, err := m.wait("the VPN is there again", func(s *session.State) bool { return m.vpn(s).Phase == session.VPNConnected }); err != nil {
		return err
	}
	return m.eventually(m.with)
}

// eventually tries until it is so.
func (m *besides) eventually(so func() error) (err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = so(); err == nil {
			return nil
		}
	}
	return err
}

// crash: what carries the VPN's packets is killed.
func (m *besides) crash() error {
	p, err := m.use()
	if err != nil {
		return err
	}
	pid, err := child(m.rig.Pid(), "openconnect")
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return errors.Join(m.gone(true), p.end())
}

// child is a program that another has started.
func child(parent int, name string) (int, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(parent) && strings.Contains(string(stat), "("+name+")") {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("%d has started no %s", parent, name)
}

// walled: the network lets nobody through to controller and gateways, and the VPN
// does. Where it has the default route, they are reached through it.
func (m *besides) walled() error {
	if !m.Full || m.VPN.Protocol != session.VPNAnyConnect {
		return nil // once is enough: it takes its time
	}
	if err := m.connect(); err != nil {
		return err
	}
	if err := m.eventually(m.around); err != nil { // sockets that were open follow in a moment
		return err
	}
	if err := m.order("wall"); err != nil {
		return err
	}
	through := func() error {
		err := m.around()
		if !errors.Is(err, errThrough) {
			return fmt.Errorf("it is not reached through the VPN: %w", err)
		}
		return nil
	}
	if err := m.eventually(through); err != nil {
		return err
	}
	if err := m.order("open"); err != nil {
		return err
	}
	if err := m.rig.Do(m.ctx, session.DisconnectVPN{Connection: m.id}); err != nil {
		return err
	}
	return errors.Join(m.gone(false), m.eventually(m.without))
}

var errThrough = errors.New("controller and gateways are reached through the VPN")

// around: our application is used, and nothing of that goes through the VPN.
func (m *besides) around() error {
	n := m.under.sent("tidev")
	if err := m.zta(); err != nil {
		return err
	}
	if m.under.sent("tidev") > n {
		return errThrough
	}
	return nil
}

// crashed: the VPN's server crashes, and knows nobody when it is there again.
func (m *besides) crashed() error {
	if err := m.order("crash"); err != nil {
		return err
	}
	if s, err := m.wait("the VPN is interrupted", func(s *session.State) bool { return m.vpn(s).Phase != session.VPNConnected }); err != nil || m.vpn(&s).Phase != session.VPNReconnecting {
		return fmt.Errorf("%v: it is %+v", err, m.vpn(&s))
	}
	p, err := m.use()
	if err != nil {
		return err
	}
	if err := m.order("start"); err != nil {
		return err
	}
	return errors.Join(m.gone(true), p.end())
}

func (m *besides) kicked() error {
	p, err := m.use()
	if err != nil {
		return err
	}
	if err := m.order("kick"); err != nil {
		return err
	}
	return errors.Join(m.gone(true), p.end())
}

func (m *besides) disconnect() error {
	p, err := m.use()
	if err != nil {
		return err
	}
	if err := m.rig.Do(m.ctx, session.DisconnectVPN{Connection: m.id}); err != nil {
		return err
	}
	return errors.Join(m.gone(false), p.end())
}

// gone waits until the VPN is, and says so where the user has not wanted it.
func (m *besides) gone(told bool) error {
	s, err := m.wait("the VPN is gone", func(s *session.State) bool { return m.vpn(s).Phase == session.VPNDisconnected })
	if err != nil {
		return fmt.Errorf("%w: it is %+v", err, m.vpn(&s))
	}
	if v := m.vpn(&s); (v.Problem != nil) != told {
		return fmt.Errorf("the VPN is %+v", v)
	}
	return nil
}
