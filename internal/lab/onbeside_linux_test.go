package lab_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/rig"
	"github.com/tidegate/tidegate/session"
)

// runBeside is a client beside a VPN, on a machine with a helper: it is run in that
// machine's network and files, and says what is wrong.
func runBeside(arg string) (err error) {
	var o beside
	if err := json.Unmarshal([]byte(arg), &o); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	d, err := desktop.Start(ctx, desktop.Options{Parts: desktop.Keyring})
	if err != nil {
		return err
	}
	defer d.Close()
	r := rig.New(d, o.Program, quickEnd)
	defer func() { err = errors.Join(err, r.Stop(syscall.SIGTERM)) }()
	m := &besides{onmachine: &onmachine{ctx: ctx, scene: &scene{ctx: ctx, rig: r}}, beside: o, orders: bufio.NewScanner(os.Stdin)}
	if m.under, err = watchUnder(); err != nil {
		return err
	}
	defer m.under.Close()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"sign in", m.signIn},
		{"before", m.without},
		{"what the VPN's administrator has set up", m.vendor},
		{"connect", m.connect},
		{"connected", m.with},
		{"a route of ours is taken away", m.robbed},
		{"the cable is pulled", m.interrupted},
		{"the VPN crashes", m.crash},
		{"after the crash", m.without},
		{"connect again", m.connect},
		{"connected again", m.with},
		{"the server ends it", m.kicked},
		{"after the end", m.without},
		{"connect the third time", m.connect},
		{"connected the third time", m.with},
		{"the server crashes", m.crashed},
		{"after its crash", m.without},
		{"connect once more", m.connect},
		{"connected once more", m.with},
		{"conflicts", m.conflicts},
		{"disconnect", m.disconnect},
		{"after it", m.without},
		{"a conflict without it", m.locked},
		{"only the VPN leads to ZTA", m.walled},
		{"sign out", m.away},
	} {
		if err := m.order("step " + step.name); err != nil {
			return err
		}
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w\n%s", step.name, err, r.Log())
		}
	}
	return nil
}

type besides struct {
	*onmachine
	beside
	orders *bufio.Scanner
	id     string // the connection's
	names  int    // so many have been looked up
	under  *under
}

// order has the network or the VPN's server do something.
func (m *besides) order(what string) error {
	if _, err := fmt.Println(what); err != nil {
		return err
	}
	if !m.orders.Scan() {
		return fmt.Errorf("nobody does what is asked for: %s", what)
	}
	return nil
}

func (m *besides) signIn() error {
	if err := m.start(); err != nil {
		return err
	}
	if _, err := m.rig.Run(m.ctx, m.Link+"\n", "enrol", "-"); err != nil {
		return err
	}
	if _, err := m.rig.Run(m.ctx, m.Password+"\n", "sign-in"); err != nil {
		return err
	}
	s, err := m.wait("names are served", func(s *session.State) bool {
		return s.Local.TUN && s.Local.DNS != nil && s.Local.DNS.Mode == m.Mode && slices.Contains(s.Local.DNS.Zones, "wiki.harbour.example")
	})
	if err != nil {
		return fmt.Errorf("%w: locally there is %+v", err, s.Local.DNS)
	}
	if err := m.rig.Do(m.ctx, session.SaveVPN{VPNSettings: m.settings()}); err != nil {
		return err
	}
	s, err = m.wait("the VPN is listed", func(s *session.State) bool { return len(s.VPN.Connections) == 1 })
	if err == nil {
		m.id = s.VPN.Connections[0].ID
	}
	return err
}

// settings are those that the user has typed in.
func (m *besides) settings() session.VPNSettings {
	s := m.VPN
	s.Fingerprint = ""
	return s
}

// name is one that nobody has looked up so far.
func (m *besides) name(zone string) string {
	m.names++
	return fmt.Sprintf("n%d.%s", m.names, zone)
}

// vpn is the VPN as the user sees it.
func (m *besides) vpn(s *session.State) session.VPNConnection {
	if len(s.VPN.Connections) == 0 {
		return session.VPNConnection{}
	}
	return s.VPN.Connections[0]
}

// connect has the user connect, and answer what is asked. ZTA's application is used
// all the while.
func (m *besides) connect() error {
	p, err := m.use()
	if err != nil {
		return err
	}
	if err := m.rig.Do(m.ctx, session.ConnectVPN{Connection: m.id}); err != nil {
		return err
	}
	asked := ""
	for {
		s, err := m.wait("the VPN asks something, or is connected", func(s *session.State) bool {
			v := m.vpn(s)
			return v.Phase == session.VPNConnected || v.Problem != nil && v.Phase == session.VPNDisconnected || s.VPN.Prompt != nil && s.VPN.Prompt.ID != asked && !s.VPN.Prompt.Busy
		})
		if err != nil {
			return fmt.Errorf("%w: it is %+v", err, m.vpn(&s))
		}
		v, q := m.vpn(&s), s.VPN.Prompt
		switch {
		case v.Phase == session.VPNConnected:
			return errors.Join(p.end(), m.linked(v))
		case v.Phase == session.VPNDisconnected && v.Problem != nil && q == nil:
			return fmt.Errorf("it has failed: %+v", *v.Problem)
		}
		asked = q.ID
		answer := session.AnswerVPNPrompt{Prompt: q.ID}
		if q.Kind == session.VPNCertificate {
			if q.Fingerprint != m.VPN.Fingerprint {
				return fmt.Errorf("the certificate is %s, want %s", q.Fingerprint, m.VPN.Fingerprint)
			}
		} else {
			for _, f := range q.Fields {
				a, known := m.Answers[strings.TrimSuffix(f.Label, ":")]
				if !known {
					return fmt.Errorf("it asks %+v", *q)
				}
				answer.Values = append(answer.Values, session.Secret(a))
			}
		}
		if err := m.rig.Do(m.ctx, answer); err != nil {
			return err
		}
	}
}

// linked checks what the user sees of a VPN that is up.
func (m *besides) linked(v session.VPNConnection) error {
	if v.Full4 != m.Full || v.AllNames != m.Full || v.Adapter == "" || v.Fingerprint != m.VPN.Fingerprint || v.Problem != nil {
		return fmt.Errorf("the VPN is %+v", v)
	}
	if six := slices.ContainsFunc(v.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() }); six != m.IPv6 {
		return fmt.Errorf("its addresses are %v", v.Addresses)
	}
	return nil
}

// zta: our application is reached by its name.
func (m *besides) zta() error {
	if err := m.finds("wiki.harbour.example", synthetic); err != nil {
		return err
	}
	if err := m.finds(m.name("quays.harbour.example"), synthetic); err != nil {
		return err
	}
	page, err := m.rig.Curl(m.ctx, "http://wiki.harbour.example/")
	if err != nil || !strings.Contains(page, "Harbour Wiki") {
		return fmt.Errorf("%v: %s", err, page)
	}
	return nil
}

// without: there is no VPN, and nothing is left of it.
func (m *besides) without() error {
	zone := "example.org"
	if m.id == "" || m.names == 0 {
		if err := m.finds("before."+zone, m.Network.String()); err != nil {
			return err
		}
	}
	if links, err := left(); err != nil || len(links) > 0 {
		return fmt.Errorf("there is still %v (%v)", links, err)
	}
	m.names++
	return errors.Join(
		m.zta(),
		m.finds(m.name(zone), m.Network.String()),
		m.finds(fmt.Sprintf("after%d.%s", m.names, vpntest.Domain), m.Network.String()),
		m.ways(false))
}

// with: both are reached, at the same time, and so is the world as it is to be.
func (m *besides) with() error {
	p, err := m.use()
	if err != nil {
		return err
	}
	world := m.Network
	if m.Full {
		world = vpntest.World4
	}
	intranet := m.name(vpntest.Domain)
	err = errors.Join(
		m.finds(intranet, vpntest.Web4.String()),
		m.page("http://"+intranet+"/", "office", true),
		m.zta(),
		m.page("http://"+vpntest.World4.String()+"/", "world", m.Full),
		m.finds(m.name("example.org"), world.String()))
	if m.IPv6 {
		err = errors.Join(err, m.page("http://["+vpntest.Web6.String()+"]/", "office", true))
	}
	return errors.Join(err, p.end(), m.ways(true))
}

// page fails unless a page is that one, and its server has seen us come by the VPN,
// or not.
func (m *besides) page(url, says string, by bool) error {
	got, err := m.rig.Curl(m.ctx, url)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	who, from, _ := strings.Cut(strings.TrimSpace(got), " ")
	a, err := netip.ParseAddr(from)
	if err != nil || who != says || by != (vpntest.Clients4.Contains(a) || vpntest.Clients6.Contains(a)) {
		return fmt.Errorf("at %s there is %q", url, got)
	}
	return nil
}

// ways: the physical default route stays, and the way to the lab leads there.
func (m *besides) ways(vpn bool) error {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	physical, err := netlink.LinkByName("phys0")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(routes, func(r netlink.Route) bool {
		return r.LinkIndex == physical.Attrs().Index && r.Gw != nil && (r.Dst == nil || r.Dst.String() == "0.0.0.0/0")
	}) {
		return fmt.Errorf("the physical default route is gone: %v", routes)
	}
	s, err := m.wait("the state", func(*session.State) bool { return true })
	if err != nil {
		return err
	}
	if up := m.vpn(&s).Phase == session.VPNConnected; up != vpn {
		return fmt.Errorf("the VPN is %+v", m.vpn(&s))
	}
	return nil
}

func (m *besides) away() error {
	if _, err := m.rig.Run(m.ctx, "", "sign-out"); err != nil {
		return err
	}
	_, err := m.wait("nothing is served", func(s *session.State) bool { return s.Local.DNS == nil && !s.Local.TUN })
	return errors.Join(err, m.finds(m.name("example.org"), m.Network.String()))
}
