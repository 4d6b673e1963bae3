package lab_test

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/session"
)

// firewall drops what goes out, but by loopback, by the VPN, and to the lab's servers.
const firewall = `table inet office {
	chain out {
		type filter hook output priority 0; policy drop;
		oifname { "lo", "tidev0" } accept
		ip daddr { 198.51.100.3, 198.51.100.4 } accept
	}
}`

// odd says that a step is for another machine: once is enough.
func (m *besides) odd() bool { return m.Full || m.VPN.Protocol != session.VPNAnyConnect }

// conflicts are caused for real, while the VPN is up: each is warned of, and no more
// when it has ended.
func (m *besides) conflicts() error {
	if m.odd() {
		return nil
	}
	return errors.Join(
		m.warned(session.VPNTrafficEnforcement, m.nft(firewall), m.nft("delete table inet office")),
		m.warned(session.VPNIPv6, command("ip", "-6", "route", "add", "blackhole", "default", "metric", "1"), command("ip", "-6", "route", "del", "blackhole", "default", "metric", "1")),
		m.warned(session.VPNRouteMonitoring, command("ip", "route", "del", "100.96.0.0/16", "table", "5301"), nil),
		m.eventually(m.zta))
}

// locked: nothing is let out while there is no VPN.
func (m *besides) locked() error {
	if m.odd() {
		return nil
	}
	return errors.Join(
		m.warned(session.VPNAlwaysOn, m.nft(firewall), m.nft("delete table inet office")),
		m.eventually(m.zta))
}

// vendor: what the VPN's administrator has set up is warned of before it connects.
func (m *besides) vendor() error {
	if m.odd() {
		return nil
	}
	features := []session.VPNFeature{session.VPNStealthMode, session.VPNLocationAwareness}
	set := func(f []session.VPNFeature) func() error {
		return func() error {
			s := m.settings()
			s.ID, s.Features = m.id, f
			return m.rig.Do(m.ctx, session.SaveVPN{VPNSettings: s})
		}
	}
	var err error
	for _, f := range features {
		err = errors.Join(err, m.warned(f, set(features), set(nil)))
	}
	return err
}

func (m *besides) nft(rules string) func() error {
	return func() error {
		c := exec.CommandContext(m.ctx, "nft", "-f", "-")
		c.Stdin = strings.NewReader(rules)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w: %s", err, out)
		}
		return nil
	}
}

func command(name string, arg ...string) func() error {
	return func() error {
		if out, err := exec.Command(name, arg...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %v: %w: %s", name, arg, err, out)
		}
		return nil
	}
}

// warned waits for a warning that has not been there, and for its end, unless that
// takes its time.
func (m *besides) warned(feature session.VPNFeature, cause, undo func() error) error {
	is := func(s *session.State) bool {
		return slices.ContainsFunc(s.VPN.Warnings, func(w session.VPNWarning) bool { return w.Feature == feature && w.Title != "" && w.Detail != "" })
	}
	not := func(s *session.State) bool { return !is(s) }
	if _, err := m.wait("nothing is in the way", not); err != nil {
		return fmt.Errorf("%s: %w", feature, err)
	}
	began := time.Now()
	if err := cause(); err != nil {
		return err
	}
	s, err := m.wait("it is warned of", is)
	took := time.Since(began)
	if undo == nil {
		if err != nil {
			err = fmt.Errorf("%s: %w: %+v", feature, err, s.VPN.Warnings)
		}
		return errors.Join(err, m.order(fmt.Sprintf("step %s is warned of after %d ms", feature, took.Milliseconds())))
	}
	began = time.Now()
	if bad := undo(); err != nil || bad != nil {
		return fmt.Errorf("%s: %w: %+v", feature, errors.Join(err, bad), s.VPN.Warnings)
	}
	if s, err = m.wait("it is warned of no more", not); err != nil {
		return fmt.Errorf("%s: %w: %+v", feature, err, s.VPN.Warnings)
	}
	return m.order(fmt.Sprintf("step %s is warned of after %d ms, and gone after %d ms", feature, took.Milliseconds(), time.Since(began).Milliseconds()))
}
