package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	_ "github.com/tidegate/tidegate/internal/gateway/xconnect" // a CONNECT-UDP on HTTP/2
	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// connectUDP is what an extended CONNECT for UDP names (RFC 9298, section 3).
	connectUDP = "connect-udp"
	// udpPath begins its path: /.well-known/masque/udp/HOST/PORT/.
	udpPath = "/.well-known/masque/udp/"
	// udpIdle is how long a flow may be without a packet (RFC 9298, section 3.1:
	// two minutes at least).
	udpIdle = 2 * time.Minute
	// maxUDP is the largest payload of UDP.
	maxUDP = 65527
)

// udpFlow is one CONNECT-UDP: datagrams beside the stream on HTTP/3 (RFC 9297),
// capsules in the stream otherwise, and for what is too large for a packet.
type udpFlow struct {
	*flow
	lane *lane
	app  net.Conn
	// beside carries datagrams; nil: they are capsules.
	beside *http3.Stream
	start  time.Time
	seen   atomic.Int64 // when the last packet passed, in nanoseconds since start
	mu     sync.Mutex   // guards writing to lane
}

// connectUDP carries a UDP flow. It returns when the flow has ended.
func (g *Gateway) connectUDP(w http.ResponseWriter, r *http.Request, c *carrier) {
	t, err := parseUDP(r.URL)
	if err != nil {
		g.refuse(w, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The destination cannot be read", Detail: err.Error()})
		return
	}
	f, leave, problem := g.openFlow(r, c, t)
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	defer leave()
	app, at, err := g.dialer.open(f.ctx, t, f.literal, func(t target) bool { return f.session.blocks(f.flow, t) })
	if err != nil {
		g.refuse(w, g.dialProblem(f.flow, err))
		return
	}
	defer app.Close()
	f.session.opened(f.flow, at)
	w.Header().Set(wire.HeaderDecision, string(f.decision))
	w.Header().Set(http3.CapsuleProtocolHeader, "?1")
	beside := datagrams(w, f.gone)
	l, err := take(w, r)
	if err != nil { // the client is gone
		return
	}
	u := &udpFlow{flow: f.flow, lane: l, app: app, start: time.Now()}
	if b, ok := l.body.(h3Body); ok && beside {
		u.beside = b.Stream
	}
	u.run(f.ctx)
	leave()
	l.serve()
}

// datagrams says whether the client takes datagrams beside its streams; it has
// said so with its first packets.
func datagrams(w http.ResponseWriter, stop <-chan struct{}) bool {
	s, ok := w.(http3.Settingser)
	if !ok {
		return false
	}
	select {
	case <-s.ReceivedSettings():
		return s.Settings().EnableDatagrams
	case <-stop:
		return false
	}
}

// run carries the flow until either end, the verdict or silence ends it; then
// the application's socket is closed and the stream has ended.
func (u *udpFlow) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { // cut, or one of the loops has ended
		u.app.Close()
		u.lane.reset(codeCut)
	})
	defer stop()
	var loops sync.WaitGroup
	loops.Go(func() {
		defer cancel()
		if u.fromCapsules() {
			u.lane.Close()
		}
	})
	if u.beside != nil {
		loops.Go(func() { defer cancel(); u.fromDatagrams(ctx) })
	}
	if u.fromApp() {
		u.lane.Close()
	}
	cancel()
	u.app.Close()
	u.lane.Abort() // where it has not been closed
	loops.Wait()
}

// fromDatagrams passes on what comes beside the stream.
func (u *udpFlow) fromDatagrams(ctx context.Context) {
	for {
		b, err := u.beside.ReceiveDatagram(ctx)
		if err != nil || !u.toApp(b) {
			return
		}
	}
}

// fromCapsules passes on what comes in the stream (RFC 9297, section 3.2). It
// returns true when the client has ended the flow.
func (u *udpFlow) fromCapsules() (ended bool) {
	p := http3.NewCapsuleParser(quicvarint.NewReader(u.lane))
	for {
		kind, body, err := p.Next()
		if err != nil {
			return err == io.EOF
		}
		if kind != 0 { // no DATAGRAM
			if body.Discard() != nil {
				return false
			}
			continue
		}
		if body.Remaining() > maxUDP+1 {
			return false // RFC 9298, section 5: the stream is aborted
		}
		b, err := io.ReadAll(body)
		if err != nil || !u.toApp(b) {
			return false
		}
	}
}

// toApp passes a datagram on, and says whether the flow goes on.
func (u *udpFlow) toApp(b []byte) bool {
	id, n, err := quicvarint.Parse(b)
	if err != nil || len(b)-n > maxUDP {
		return false
	}
	if id != 0 { // a context that nobody has registered
		return true
	}
	if !u.passes(len(b) - n) {
		return false
	}
	u.touch()
	if _, err := u.app.Write(b[n:]); err != nil {
		return passing(err)
	}
	u.up.Add(int64(len(b) - n))
	return true
}

// fromApp passes on what the application sends. It returns true when the flow
// was idle for too long.
func (u *udpFlow) fromApp() (idle bool) {
	for {
		u.app.SetReadDeadline(u.silentAt())
		err := u.packet()
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			if !time.Now().Before(u.silentAt()) {
				return true
			}
		case err != nil && !passing(err):
			return false
		}
	}
}

// touch notes that a packet has passed, silentAt is when none will have for too
// long, whatever the clock is set to.
func (u *udpFlow) touch()              { u.seen.Store(int64(time.Since(u.start))) }
func (u *udpFlow) silentAt() time.Time { return u.start.Add(time.Duration(u.seen.Load()) + udpIdle) }

// packet passes on one that the application sends.
func (u *udpFlow) packet() error {
	b, n, err := readPacket(u.app)
	if err != nil {
		return err
	}
	defer mediumBuffers.Put(b)
	b[0] = 0 // the context id
	if !u.passes(n) || u.toClient(b[:1+n]) != nil {
		return errLaneOver
	}
	u.touch()
	u.down.Add(int64(n))
	return nil
}

func readPacketHolding(c net.Conn) (b *[mediumBuffer]byte, n int, err error) {
	b = mediumBuffers.Get().(*[mediumBuffer]byte)
	if n, err = c.Read(b[1 : 1+maxUDP]); err != nil {
		mediumBuffers.Put(b)
		return nil, 0, err
	}
	return b, n, nil
}

// toClient sends beside the stream what fits in a packet, or a capsule.
func (u *udpFlow) toClient(b []byte) error {
	if u.beside != nil {
		u.lane.silence.note()
		err := u.beside.SendDatagram(bytes.Clone(b))
		if err == nil || u.lane.ended() {
			return err
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	head := quicvarint.Append(quicvarint.Append(make([]byte, 0, 16), 0), uint64(len(b)))
	_, err := u.lane.Write(append(head, b...))
	return err
}

// passes says whether n bytes may pass now.
func (u *udpFlow) passes(n int) bool {
	if (u.unsure.Load() || !u.entitlement.permits()) && !u.session.still(u.flow) {
		return false
	}
	return u.session.quota.pace(u.gone, n)
}

// passing says whether an error of a UDP socket is of a packet, not of the
// socket: nobody listens there now, or the packet was too large.
func passing(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.ENOBUFS)
}

// parseUDP reads the path of a CONNECT-UDP by the default template (RFC 9298,
// section 2), as strictly as an authority: an IPv6 address has its colons
// encoded.
func parseUDP(u *url.URL) (target, error) {
	bad := func() (target, error) {
		return target{}, fmt.Errorf("the path %q is not %sHOST/PORT/", clip(u.EscapedPath()), udpPath)
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), udpPath)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || parts[2] != "" || u.RawQuery != "" {
		return bad()
	}
	host, err := url.PathUnescape(parts[0])
	if err != nil || strings.ContainsAny(host, "[]") {
		return bad()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	t, err := parseTarget(host + ":" + parts[1])
	t.protocol = wire.UDP
	return t, err
}
