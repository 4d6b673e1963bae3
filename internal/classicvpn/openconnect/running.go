package openconnect

import (
	"context"
	"log/slog"

	"github.com/tidegate/tidegate/session"
)

// Tunnel is what a session is connected by.
type Tunnel struct {
	// Device is the network device, which is there and is the user's.
	Device   string
	Protocol session.VPNProtocol
	// Hook is the program that openconnect runs with the server's settings in its
	// environment, with arguments: a shell's command line.
	Hook string
	// Env are variables for the hook ("NAME=value"), beside those of this process.
	Env []string
	// Log tells what openconnect says, without secrets; nil: nobody.
	Log *slog.Logger
}

// Running is an openconnect that holds a tunnel. It ends with this process, whatever
// ends it.
type Running struct{}

// Start starts openconnect on a session. Whether it has come to a tunnel tells the
// hook; why it has not tells Wait. The end of ctx stops it.
func (e Engine) Start(ctx context.Context, s Session, t Tunnel) (*Running, error) {
	return nil, failed(session.VPNNoEngine, "")
}

// Reconnect has it connect to the server anew with the same session: after the
// network or its sleep has changed under it.
func (r *Running) Reconnect() error { return nil }

// Stop has it take leave of the server, which ends the session, and waits until it
// has ended; after 5 seconds, or with the end of ctx, it is killed. It may be called
// more than once.
func (r *Running) Stop(ctx context.Context) error { return nil }

// Wait waits until it has ended: nil where Stop or ctx ended it, otherwise a *Failure
// that says why. Every call returns the same.
func (r *Running) Wait() error { return nil }

// Done is closed when it has ended.
func (r *Running) Done() <-chan struct{} { return nil }

// Transport is what carries the packets now: "TLS", "DTLS" or "ESP"; empty: nothing
// yet.
func (r *Running) Transport() string { return "" }
