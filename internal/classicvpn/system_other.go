//go:build !linux

package classicvpn

import (
	"context"
	"errors"
	"net/netip"
)

func helped(context.Context, string) bool { return false }

func open(context.Context, string) (lease, error) { return nil, errNoHelper }

func device(string) (adapter, error) {
	return adapter{}, errors.New("this system's devices are not read")
}

func way(netip.Addr) string { return "" }
