package classicvpn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/internal/helper/client"
)

func helped(ctx context.Context, socket string) bool {
	return !errors.Is(client.Helper{Socket: socket}.Ping(ctx), client.ErrAbsent)
}

func open(ctx context.Context, socket string) (lease, error) {
	l, err := client.Helper{Socket: socket}.OpenVPN(ctx)
	if errors.Is(err, client.ErrAbsent) {
		return nil, fmt.Errorf("%w: %w", errNoHelper, err)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func device(name string) (adapter, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return adapter{}, fmt.Errorf("look at the device %s: %w", name, err)
	}
	d := adapter{index: l.Attrs().Index}
	if s := l.Attrs().Statistics; s != nil {
		d.up, d.down = int64(s.TxBytes), int64(s.RxBytes)
	}
	return d, nil
}

func way(to netip.Addr) string {
	routes, err := netlink.RouteGet(to.AsSlice())
	if err != nil || len(routes) == 0 {
		return ""
	}
	return fmt.Sprintf("%d %v %v", routes[0].LinkIndex, routes[0].Gw, routes[0].Src)
}
