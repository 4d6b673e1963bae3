package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// The error codes of resets: codeCut when a verdict ended the flow, codeAborted
// when the application did (RFC 9114, section 4.4).
const (
	codeCut     = quic.StreamErrorCode(http3.ErrCodeRequestRejected)
	codeAborted = quic.StreamErrorCode(http3.ErrCodeConnectError)
)

// stream is a flow's end towards the client: a lane.
type stream interface {
	io.ReadWriter
	CloseWrite() error
	reset(quic.StreamErrorCode)
}

// flow is one CONNECT request's. Its first fields are fixed once it is open.
type flow struct {
	session     *session
	entitlement *entitlement
	decision    wire.DecisionID
	target      target
	literal     bool
	roaming     bool      // its name is watched for its sake, see session.roam
	inquired    time.Time // see session.inquire
	// addr is where a name server led, began when the application was reached; the
	// session's.
	addr     netip.Addr
	began    time.Time
	*lasting // nil: it ends with its request

	// unsure: it is being found out whether the rules still allow it; nothing
	// passes meanwhile.
	unsure   atomic.Bool
	up, down atomic.Int64
	owed     atomic.Int64 // bytes that the quota has not heard of
	ending   atomic.Bool  // the application is being told that its direction has ended

	// cancel ends dialling and waiting, and closes gone.
	cancel context.CancelFunc
	gone   <-chan struct{}

	mu     sync.Mutex
	cut    bool
	client stream
	app    net.Conn
}

// attach hands over an end; one that comes after the flow was cut is reset.
func (f *flow) attach(client stream, app net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if client != nil {
		f.client = client
	}
	if app != nil {
		f.app = app
	}
	if f.cut {
		f.resetLocked(codeCut)
	}
	return !f.cut
}

// reset ends the flow at both ends at once: the client sees a stream reset, the
// application a TCP reset. It does not block.
func (f *flow) reset(code quic.StreamErrorCode) {
	f.cancel()
	f.mu.Lock()
	again, carried := f.cut, f.lasting != nil && f.end != nil
	f.cut = true
	f.resetLocked(code)
	var abandon context.CancelFunc
	if carried {
		abandon = f.abandon
	}
	f.mu.Unlock()
	if carried && !again {
		f.resetLasting(code, abandon)
	}
}

func (f *flow) resetLocked(code quic.StreamErrorCode) {
	if f.client != nil {
		f.client.reset(code)
	}
	if f.app != nil {
		if l, ok := f.app.(interface{ SetLinger(int) error }); ok {
			l.SetLinger(0) // fails only on a socket that is closed
		}
		f.app.Close()
	}
}

// copy carries both directions until both have ended, each end's FIN passed on
// alone, or either is aborted, which aborts the other end.
func (f *flow) copy() {
	var other sync.WaitGroup
	other.Go(func() {
		f.pump(f.app, f.client, &f.up, func() error {
			if l, ok := f.client.(interface{ cutShort() bool }); ok && l.cutShort() {
				return errLaneOver // the application must not take this for all
			}
			f.ending.Store(true)
			if w, ok := f.app.(interface{ CloseWrite() error }); ok {
				return w.CloseWrite()
			}
			return errors.ErrUnsupported
		})
	})
	f.pump(f.client, f.app, &f.down, func() error {
		if err := flows.Broken(f.app); err != nil && !f.ending.Load() {
			return err
		}
		return f.client.CloseWrite()
	})
	other.Wait()
	f.app.Close()
}

// admits says whether payload may pass now.
func (f *flow) admits() bool {
	return !f.unsure.Load() && f.entitlement.permits() || f.session.still(f)
}

// pump copies one direction.
func (f *flow) pump(dst io.Writer, src io.Reader, count *atomic.Int64, finish func() error) {
	var through scratch
	defer through.free()
	for {
		buf := through.buf()
		n, err := src.Read(buf)
		if n > 0 {
			if !f.admits() {
				f.reset(codeCut)
				return
			}
			if !f.session.quota.pace(f.gone, n) {
				f.reset(codeAborted)
				return
			}
			if _, werr := dst.Write(buf[:n]); werr != nil {
				f.reset(codeAborted)
				return
			}
			count.Add(int64(n))
		}
		switch {
		case err == io.EOF:
			if finish() != nil {
				f.reset(codeAborted)
			}
			return
		case err != nil:
			f.reset(codeAborted)
			return
		}
		through.took(n)
	}
}
