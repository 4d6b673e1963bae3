package tunnel

import (
	"context"
	"errors"
	"io"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// dialer opens carriers. Each way to reach a gateway is one.
type dialer interface {
	// dial connects to a gateway at its address and proves both identities to
	// each other. It returns once requests can be sent, and nothing has been.
	dial(ctx context.Context, g wire.Gateway, id session.Identity) (carrier, error)
}

// carrier is one connection to a gateway. Safe for concurrent use.
type carrier interface {
	// admit posts the tokens, and returns the session's event stream when the
	// gateway has answered. A refusal is a *wire.Problem. The stream ends with
	// ctx or the carrier.
	admit(ctx context.Context, r wire.SessionRequest) (io.ReadCloser, error)
	// renew puts renewed tokens. A refusal is a *wire.Problem.
	renew(ctx context.Context, r wire.SessionRequest) error
	// report puts what the device says of itself. A refusal is a *wire.Problem.
	report(ctx context.Context, r wire.DeviceReport) error
	// connect sends a CONNECT to authority, host:port, and does not await the
	// answer. errUnsent says that nothing was sent and the carrier takes no more.
	connect(ctx context.Context, authority string) (stream, error)
	// packets counts what has been sent, again or for the first time, and what
	// has come from the gateway.
	packets() (sent, received uint64)
	// close ends the carrier, tells the gateway and leaves nothing behind.
	close()
}

// stream is one CONNECT. Reading is allowed once answer returned a 2xx status;
// writing always: what is written before the answer is lost with a refusal.
// Errors are errReset or errLost; Write may return errStopReading.
type stream interface {
	io.ReadWriter
	// answer waits for the gateway's. A refusal is a *wire.Problem; decision
	// is the verdict behind it.
	answer() (decision wire.DecisionID, err error)
	// closeWrite ends our direction: the gateway's side reads an end. Where
	// that fails, the other direction shows it.
	closeWrite()
	// reset ends both directions at once. It may be called at any time, by
	// anyone, and more than once.
	reset()
}

var (
	// errUnsent: the carrier takes no new request.
	errUnsent = errors.New("the carrier takes no new request")
	// errReset: the gateway reset the stream.
	errReset = errors.New("reset by the gateway")
	// errLost: the carrier has ended, and the stream with it.
	errLost = errors.New("the carrier has ended")
	// errStopReading: the far side wants no more bytes, and is not in error.
	errStopReading = errors.New("the far side has stopped reading")
	// errSilent: the carrier was sent something and nothing came back.
	errSilent = errors.New("the gateway has gone silent")
)
