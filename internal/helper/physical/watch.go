//go:build linux

package physical

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watch calls changed, which does not block, whenever a link, an address, a route
// or a rule may have changed, until ctx ends; then it returns nil.
func Watch(ctx context.Context, changed func()) error {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return fmt.Errorf("watch the network: %w", err)
	}
	defer context.AfterFunc(ctx, s.Close)()
	for {
		_, _, err := s.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err != unix.ENOBUFS { // lost news are news
			s.Close()
			return fmt.Errorf("watch the network: %w", err)
		}
		changed()
	}
}
