package hook

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// Reason is why the command is run.
type Reason string

// The reasons.
const (
	PreInit          Reason = "pre-init"          // before the device is attached to
	Connect          Reason = "connect"           // the tunnel is there
	AttemptReconnect Reason = "attempt-reconnect" // it is interrupted
	Reconnect        Reason = "reconnect"         // it is there again, perhaps otherwise
	Disconnect       Reason = "disconnect"        // it is over
)

// Event is one run of the command.
type Event struct {
	Reason Reason
	// Device is the network device that it is about.
	Device string
	// VPN is what the server wants (Connect, Reconnect): what it says of networks is
	// whole, and what is said of the machine itself is not in it.
	VPN protocol.VPN
	// Addresses are those of VPN with the networks that they are in.
	Addresses []netip.Prefix
	// Left is what VPN has no room for.
	Left []session.VPNLeft
}

// defaultMTU is vpnc-script's where the server says nothing.
const defaultMTU = 1412

// Parse reads an environment, of which the last word of a name counts. It fails for
// what no tunnel can be made of.
func Parse(env []string) (Event, error) {
	said := map[string]string{}
	for _, e := range env {
		if name, value, ok := strings.Cut(e, "="); ok {
			said[name] = value
		}
	}
	ev := Event{Reason: Reason(said["reason"]), Device: said["TUNDEV"]}
	switch ev.Reason {
	case PreInit, AttemptReconnect, Disconnect:
		return ev, nil
	case Connect, Reconnect:
	default:
		return Event{}, fmt.Errorf("openconnect has an unknown reason, %.40q", said["reason"])
	}
	r := reader{said: said, ev: &ev}
	for _, read := range []func() error{r.addresses, r.size, r.networks, r.names} {
		if err := read(); err != nil {
			return Event{}, err
		}
	}
	return ev, nil
}
