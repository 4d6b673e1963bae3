// Package carrier opens connections to gateways, by HTTP/3 or HTTP/2: the two
// lanes behind one dialer. Package tunnel is its caller.
//
// A Dialer and a Carrier are safe for concurrent use, and so are the methods of a
// Stream, of which one goroutine reads and one writes. A Carrier sends nothing of
// its own accord: whether a gateway is still there shows in Stats, and when to
// give a silent one up is for the caller to say. Goroutines of a Carrier end with
// its Close, and a Stream that is not read to its end wants an Abort.
//
// An HTTP/3 carrier that is opened with a ticket sends in 0-RTT what may be sent
// twice: Admit, Join and the first attachment of flows. Everything else waits for
// the handshake. A gateway that refuses 0-RTT gets the same once more in 1-RTT;
// nobody but the clock notices.
package carrier

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// Lane is how a carrier travels.
type Lane string

// The lanes.
const (
	H3 Lane = "h3" // HTTP/3 (RFC 9114), on QUIC
	H2 Lane = "h2" // HTTP/2 (RFC 9113), on TLS over TCP
)

// Carrier is one connection to a gateway. Safe for concurrent use.
type Carrier interface {
	Lane() Lane
	// Admit posts the tokens, and returns the session's event stream when the
	// gateway has answered. A refusal is a *wire.Problem. The stream ends with
	// ctx or the carrier.
	Admit(ctx context.Context, r wire.SessionRequest) (io.ReadCloser, error)
	// Join binds the carrier to the session that another one was admitted with.
	Join(ctx context.Context, r wire.SessionRequest) error
	// Renew puts renewed tokens, Report what the device says of itself. A
	// refusal is a *wire.Problem.
	Renew(ctx context.Context, r wire.SessionRequest) error
	Report(ctx context.Context, r wire.DeviceReport) error
	// Connect sends a CONNECT and does not await the answer. ErrUnsent says that
	// nothing was sent and the carrier takes no more.
	Connect(ctx context.Context, r Request) (Stream, error)
	// ConnectUDP opens a CONNECT-UDP (RFC 9298) and awaits the answer.
	ConnectUDP(ctx context.Context, authority string) (Packets, error)
	// Echo has the gateway ping a host. A refusal is a *wire.Problem.
	Echo(ctx context.Context, r wire.EchoRequest) (wire.EchoReply, error)
	// Probe is a round trip that proves that the gateway is reached, whether or not
	// it has admitted anybody: nil says that it answered. It waits for the
	// handshake. With bulk on its way to here the answer may come behind that.
	Probe(ctx context.Context) error
	// Secured is closed when the handshake is complete; until then what is sent
	// is 0-RTT and might be replayed. Done is closed when the carrier has ended.
	Secured() <-chan struct{}
	Done() <-chan struct{}
	Stats() Stats
	// Roam moves to another path, after the network has changed. An error that
	// is errors.ErrUnsupported: this lane cannot; the carrier may live on.
	Roam(ctx context.Context) error
	// Close ends the carrier, tells the gateway and leaves nothing behind.
	Close()
}

// Request is a CONNECT's.
type Request struct {
	Authority string       // host:port
	Flow      *flow.Header // nil: a plain one
}

// Stream is one CONNECT. Write may be called before the answer: what is written
// is lost with a refusal. Read waits for the answer, and returns a refusal.
// Errors are ErrReset, ErrLost or a *wire.Problem.
type Stream interface {
	flow.Stream
	// Answer waits for the gateway's. A refusal is a *wire.Problem. It may be
	// called more than once.
	Answer() (Answer, error)
}

// Answer is a gateway's 2xx.
type Answer struct {
	Decision wire.DecisionID // the verdict behind it; also with a refusal
	Flow     flow.Header     // what the gateway has received of the flow
}

// Packets is one CONNECT-UDP. Receive returns one datagram's payload.
type Packets interface {
	Send(b []byte) error
	Receive(ctx context.Context) ([]byte, error)
	Close()
}

// Stats are counts since the carrier was opened.
type Stats struct {
	Sent, Received           uint64 // packets, on HTTP/2 segments
	BytesSent, BytesReceived uint64
	PacketsLost              uint64
	RTT                      time.Duration // smoothed
	Window                   uint64        // the congestion window, in bytes; 0: unknown
}

// Errors of carriers.
var (
	// ErrUnsent: the carrier takes no new request.
	ErrUnsent = errors.New("the carrier takes no new request")
	// ErrReset: the gateway reset the stream.
	ErrReset = errors.New("reset by the gateway")
	// ErrLost: the carrier has ended, and the stream with it.
	ErrLost = errors.New("the carrier has ended")
)
