package session

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/internal/wire"
)

// catalog reads the applications out of a snapshot's entitlement tokens, sorted
// by group and name, and where else they lead. What cannot be read is left out
// and logged.
func catalog(s *wire.Snapshot, log *slog.Logger) ([]App, []WantedSite, []WantedRoute, map[wire.SiteID]string) {
	var (
		apps   []App
		sites  []WantedSite
		routed []WantedRoute
		names  = map[wire.SiteID]string{}
	)
	for _, id := range slices.Sorted(maps.Keys(s.Tokens)) {
		t, err := wire.ReadEntitlements(s.Tokens[id])
		if err != nil || t.Site.ID != id {
			log.Error("read entitlement token", "site", id, "error", err)
			continue
		}
		names[id] = cmp.Or(t.Site.Name, string(id))
		sites = append(sites, WantedSite{ID: id, Gateways: t.Site.Gateways,
			ClaimsToken: s.ClaimsToken, EntitlementToken: s.Tokens[id]})
		for _, e := range t.Entitlements {
			routed = append(routed, routes(id, e)...)
			for _, sc := range e.Shortcuts {
				a, err := shortcutApp(sc)
				if err != nil {
					log.Error("read application", "application", sc.ID, "error", err)
					continue
				}
				a.Site, a.Entitlement = id, e.ID
				apps = append(apps, a)
			}
		}
	}
	slices.SortStableFunc(apps, func(a, b App) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(apps, func(a, b App) bool { return a.ID == b.ID }), sites, routed, names
}

// defaultPorts are those of the links that an application may have.
var defaultPorts = map[string]uint16{"http": 80, "https": 443, "ssh": 22, "tcp": 0}

func shortcutApp(sc wire.Shortcut) (App, error) {
	a := App{ID: sc.ID, Name: cmp.Or(sc.Name, string(sc.ID)), Description: sc.Description,
		Group: sc.Group, Color: sc.Color, Icon: sc.Icon, Link: sc.Link}
	if err := wire.CheckID(string(sc.ID)); err != nil {
		return App{}, err
	}
	u, err := url.Parse(sc.Link)
	if err != nil || u.Hostname() == "" {
		return App{}, fmt.Errorf("the link %q has no host", sc.Link)
	}
	port, known := defaultPorts[u.Scheme]
	if !known {
		return App{}, fmt.Errorf("the link %q is none of http, https, ssh and tcp", sc.Link)
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return App{}, fmt.Errorf("the link %q has a bad port", sc.Link)
		}
		port = uint16(n)
	}
	if port == 0 {
		return App{}, fmt.Errorf("the link %q has no port", sc.Link)
	}
	a.Protocol, a.Host, a.Port = u.Scheme, u.Hostname(), port
	return a, nil
}

// opening says how an application is opened through its listener.
func opening(a *App, listen netip.AddrPort) (OpenKind, string) {
	host, port := listen.Addr().String(), strconv.Itoa(int(listen.Port()))
	switch a.Protocol {
	case "http", "https":
		u, err := url.Parse(a.Link)
		if err != nil {
			return OpenCopy, listen.String()
		}
		u.User = nil
		u.Host = net.JoinHostPort(host, port)
		if listen.Port() == defaultPorts[a.Protocol] {
			u.Host = host
		}
		return OpenBrowser, u.String()
	case "ssh":
		// The host key is the application's, whatever address leads to it.
		cmd := "ssh -o HostKeyAlias=" + a.Host
		if listen.Port() != 22 {
			cmd += " -p " + port
		}
		return OpenTerminal, cmd + " " + host
	}
	return OpenCopy, listen.String()
}
