//go:build !linux

package gather

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/app/diag"
)

// network lists the adapters.
func (r *run) network(context.Context) found {
	var b strings.Builder
	adapters, err := net.Interfaces()
	if err != nil {
		fmt.Fprintf(&b, "%v\n", err)
	}
	for _, a := range adapters {
		addrs, _ := a.Addrs()
		fmt.Fprintf(&b, "%d %s mtu %d %s %v\n", a.Index, a.Name, a.MTU, a.Flags, addrs)
	}
	return found{files: []diag.File{{Name: "network.txt", Text: b.String()}}}
}

// helper does nothing: there is none on this system.
func (r *run) helper(context.Context) found { return found{} }

// unfragmented is not known here.
func unfragmented(syscall.RawConn) error { return errors.ErrUnsupported }
