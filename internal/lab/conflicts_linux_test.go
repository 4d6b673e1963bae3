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
	if m.Full && m.IPv6 { // all of IPv6 is to be the VPN's, too
		return m.warned(session.VPNIPv6, "IPv6 goes around The office", command("ip", "-6", "route", "add", "2000::/3", "dev", "phys0"), command("ip", "-6", "route", "del", "2000::/3", "dev", "phys0"))
	}
	if m.odd() {
		return nil
	}
	return errors.Join(
		m.warned(session.VPNTrafficEnforcement, "Nothing is let out but through The office", m.nft(firewall), m.nft("delete table inet office")),
		m.warned(session.VPNIPv6, "The office has no way for IPv6", command("ip", "-6", "route", "add", "blackhole", "default", "metric", "1"), command("ip", "-6", "route", "del", "blackhole", "default", "metric", "1")),
		m.forgotten(),
		m.eventually(m.zta))
}

// The warning of a route that was taken away, and put back, stays for half a minute:
// robbed sees it come, and forgotten go.
const taken = "takes routes away, and Tidegate puts them back"

func (m *besides) robbed() error {
	if m.odd() {
		return nil
	}
	took, err := m.comes(session.VPNRouteMonitoring, taken, command("ip", "route", "del", "100.96.0.0/16", "table", "5301"))
	return errors.Join(err, m.eventually(m.zta), m.order(fmt.Sprintf("step %s is warned of after %v", session.VPNRouteMonitoring, took)))
}

func (m *besides) forgotten() error {
	took, err := m.goes(session.VPNRouteMonitoring, func() error { return nil })
	return errors.Join(err, m.order(fmt.Sprintf("step %s is gone after %v", session.VPNRouteMonitoring, took)))
}

// locked: nothing is let out while there is no VPN.
func (m *besides) locked() error {
	if m.odd() {
		return nil
	}
	return errors.Join(
		m.warned(session.VPNAlwaysOn, "lets nothing out while it is not connected", m.nft(firewall), m.nft("delete table inet office")),
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
		err = errors.Join(err, m.warned(f, "of The office will not be applied", set(features), set(nil)))
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

// warned waits for a warning that has not been there, and for its end.
func (m *besides) warned(feature session.VPNFeature, title string, cause, undo func() error) error {
	if _, err := m.goes(feature, func() error { return nil }); err != nil {
		return err
	}
	came, err := m.comes(feature, title, cause)
	went, bad := m.goes(feature, undo)
	return errors.Join(err, bad, m.order(fmt.Sprintf("step %s is warned of after %v, and gone after %v", feature, came, went)))
}

// comes waits for a warning that is caused, goes for the end of one, and say how long
// that took.
func (m *besides) comes(feature session.VPNFeature, title string, cause func() error) (time.Duration, error) {
	return m.after(feature, "it is warned of", cause, func(w session.VPNWarning) bool { return strings.Contains(w.Title, title) && w.Detail != "" }, true)
}

func (m *besides) goes(feature session.VPNFeature, undo func() error) (time.Duration, error) {
	return m.after(feature, "it is warned of no more", undo, func(session.VPNWarning) bool { return true }, false)
}

func (m *besides) after(feature session.VPNFeature, what string, do func() error, is func(session.VPNWarning) bool, want bool) (time.Duration, error) {
	began := time.Now()
	if err := do(); err != nil {
		return 0, err
	}
	s, err := m.wait(what, func(s *session.State) bool {
		return want == slices.ContainsFunc(s.VPN.Warnings, func(w session.VPNWarning) bool { return w.Feature == feature && is(w) })
	})
	if err != nil {
		err = fmt.Errorf("%s: %w: %+v", feature, err, s.VPN.Warnings)
	}
	return time.Since(began).Round(time.Millisecond), err
}
