package dnssplit

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// system is the helper of this machine.
type system struct{ client.Helper }

func systemHelper(socket string) Helper { return system{client.Helper{Socket: socket}} }

// Ping implements Helper.
func (h system) Ping(ctx context.Context) error { return absent(h.Helper.Ping(ctx)) }

// Open implements Helper.
func (h system) Open(ctx context.Context) (*Sockets, error) {
	d, err := h.OpenDNSSocket(ctx)
	if err != nil {
		return nil, absent(err)
	}
	return &Sockets{UDP: d.UDP, TCP: d.TCP, Changed: d.Changed(), Lost: d.Lost(), Close: d.Close}, nil
}

// Apply implements Helper.
func (h system) Apply(ctx context.Context, domains []string, strict bool) (protocol.DNS, error) {
	a, err := h.ApplyDNS(ctx, domains, strict)
	return a, absent(err)
}

func absent(err error) error {
	if errors.Is(err, client.ErrAbsent) {
		return fmt.Errorf("%w: %v", ErrAbsent, err)
	}
	return err
}

// asked are whom this machine's systemd-resolved asks.
func asked(ctx context.Context) ([]osdns.Upstream, error) {
	return osdns.Asked(ctx, osdns.Options{}, protocol.DNSServer.Addr())
}
