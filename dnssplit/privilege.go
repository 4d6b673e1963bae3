package dnssplit

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// Helper does what takes privileges.
type Helper interface {
	// Ping says whether there is a helper: ErrAbsent, another error, or nil. It
	// changes nothing.
	Ping(ctx context.Context) error
	// Open takes the right to answer names, with the sockets that lookups come to.
	Open(ctx context.Context) (*Sockets, error)
	// Apply is protocol.ApplyDNS.
	Apply(ctx context.Context, domains []string, strict bool) (protocol.DNS, error)
}

// ErrAbsent says that there is no helper, or that this user may not reach it.
var ErrAbsent = errors.New("there is no helper")

// Sockets are those that lookups come to, and the right to answer.
type Sockets struct {
	UDP net.PacketConn
	TCP net.Listener
	// Changed gets a token when Apply may have something new to tell.
	Changed <-chan struct{}
	// Lost is closed when the helper does not know of us any more.
	Lost <-chan struct{}
	// Close gives them back.
	Close func() error
}

// titles are what the user reads of a refusal.
var titles = map[protocol.Code]string{
	protocol.Busy:     "Somebody else has the names of this machine",
	protocol.Outside:  "This machine does not allow all of the applications' names",
	protocol.Conflict: "Some of the applications' names are others' on this machine",
	protocol.Stranger: "You may not use this machine's helper",
	protocol.Full:     "There are too many names",
	// Of what this Tidegate asks for, and that helper does not know.
	protocol.BadRequest: "This machine's helper is of another version",
}

// Codes of what is wrong beside what a helper refuses.
const (
	noWay    wire.Code = "no-way"    // nothing is known of what the system asks
	filtered wire.Code = "rp-filter" // what comes back by the physical adapter is dropped
	enforced wire.Code = "enforced"  // another program's rules keep lookups in its tunnel
	underlay wire.Code = "underlay"  // we are reached by a name of our own zone
)

const (
	notLookedUp = "Programs cannot look your applications up"
	notAnew     = "Programs look your applications up as they did, and not as they should now"
)

// problem is why names are not served, for the user.
func problem(err error) *wire.Problem {
	p := &wire.Problem{Code: wire.Code(protocol.Failed), Title: notLookedUp, Detail: "This machine's helper did not do what it was asked; Tidegate's log says more."}
	var refusal *protocol.Refusal
	if errors.As(err, &refusal) {
		p.Code, p.Detail = wire.Code(refusal.Code), refusal.Text
		if title, ok := titles[refusal.Code]; ok {
			p.Title = title
		}
	}
	return p
}

// standing is what is wrong with what was applied; nil: nothing. over is how many
// zones were not asked for.
func standing(a protocol.DNS, over int) *wire.Problem {
	switch {
	case a.Mode == osdns.ModeNone:
		return &wire.Problem{Code: noWay, Title: notLookedUp, Detail: a.Why}
	case over > 0:
		return problem(protocol.Refuse(protocol.Full, "the system cannot be told of %d of them", over))
	case a.Filtered && a.Mode.All():
		return &wire.Problem{Code: filtered, Title: "Other names may not be found beside a VPN",
			Detail: "This machine drops the answers of the network's own servers while a VPN has the default route: rp_filter is strict."}
	}
	for _, code := range []protocol.Code{protocol.Outside, protocol.Conflict} {
		if left := a.Left[code]; len(left) > 0 {
			return &wire.Problem{Code: wire.Code(code), Title: titles[code], Detail: lang.English("They are not looked up here: %s", some(left))}
		}
	}
	return nil
}

// some names the first few, sorted.
func some(all []string) string {
	const few = 4
	all = slices.Sorted(slices.Values(all))
	if len(all) > few {
		return lang.English("%s and others", strings.Join(all[:few], ", "))
	}
	return strings.Join(all, ", ")
}
