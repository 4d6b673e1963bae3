package gatewaybench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/wire"
)

// Parked measures what a suspended session with one parked, idle flow costs the
// gateway, in bytes of heap and stack for each of n; 0: of 10,000. A session has
// three entitlements. The flows lead to real sockets, whose Go side is counted in. It then has some
// of the applications send a byte, and fails unless just those clients would have
// been woken.
func Parked(ctx context.Context, n int) (each int64, err error) {
	if n == 0 {
		n = 10_000
	}
	b := &bench{}
	if b.authority, err = newAuthority(); err != nil {
		return 0, err
	}
	if b.cert, err = b.authority.leaf(3, "tidegate:device/bench"); err != nil {
		return 0, err
	}
	apps, err := newHolder(n)
	if err != nil {
		return 0, err
	}
	defer apps.close()
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := b.authority.enrol(dir); err != nil {
		return 0, err
	}
	asked := &wakes{of: map[wire.SessionID]struct{}{}, all: make(chan struct{}), n: min(n, sampled)}
	g, err := gateway.New(gateway.Options{Uplink: waking(asked.woken), Config: gateway.Config{Name: "bench", Site: site, Listen: "127.0.0.1:0", State: dir,
		Hosts: map[string]string{"app0.bench.test": "127.0.0.1"}},
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("there is no name server") }})
	if err != nil {
		return 0, err
	}
	if err := g.Listen(); err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- g.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	c, err := dial(ctx, b.authority, b.cert, g.Addr())
	if err != nil {
		return 0, err
	}
	c.close() // it serves now, so it has read its keys
	before := held()
	if err := b.park(ctx, g, apps, n); err != nil {
		return 0, err
	}
	each = (held() - before) / int64(n)
	close, err := apps.send(min(n, sampled))
	defer close()
	if err != nil {
		return 0, err
	}
	select {
	case <-asked.all:
		return each, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wake the clients: %w", ctx.Err())
	}
}

// held is the memory in use, heap and stacks.
func held() int64 {
	for range 5 { // stacks shrink by a half each time
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// park has n sessions open a flow each, and leaves them alone.
func (b *bench) park(ctx context.Context, g *gateway.Gateway, apps holder, n int) error {
	var parking errgroup.Group
	parking.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i := range n {
		parking.Go(func() error { return b.parkOne(ctx, g, wire.SessionID(fmt.Sprint("parked-", i)), apps.port(i)) })
	}
	return parking.Wait()
}

func (b *bench) parkOne(ctx context.Context, g *gateway.Gateway, sid wire.SessionID, port uint16) error {
	req, err := b.authority.tokensUnder(conditions[:3], b.cert, sid, port, "staff")
	if err != nil {
		return err
	}
	req.Instance = "bench"
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode tokens: %w", err)
	}
	ctx, suspend := context.WithCancel(gateway.WithCarrier(ctx))
	defer suspend()
	var requests sync.WaitGroup
	ask := func(method, path, host string, body io.ReadCloser, header http.Header) error {
		r := (&http.Request{Method: method, URL: &url.URL{Path: path}, Host: host, Header: header, Body: body, ProtoMajor: 2, Proto: "HTTP/2.0", RemoteAddr: "127.0.0.1:1",
			TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{b.cert.Leaf}, VerifiedChains: [][]*x509.Certificate{{b.cert.Leaf, b.authority.ca}}}}).WithContext(ctx)
		w := &answer{header: http.Header{}, answered: make(chan struct{})}
		over := make(chan struct{})
		requests.Go(func() {
			defer close(over)
			defer func() {
				if v := recover(); v != nil && v != http.ErrAbortHandler { // which ends a stream of HTTP/2
					panic(v)
				}
			}()
			g.ServeHTTP(w, r)
		})
		select {
		case <-w.answered:
		case <-over:
		}
		if w.status != http.StatusOK {
			return fmt.Errorf("%s %s%s: %d", method, host, path, w.status)
		}
		return nil
	}
	err = ask(http.MethodPost, wire.PathDataSession, "gateway", io.NopCloser(bytes.NewReader(body)), http.Header{})
	if err == nil {
		h := flow.Header{ID: flow.NewID(), Epoch: 1}
		err = ask(http.MethodConnect, "", fmt.Sprintf("app0.bench.test:%d", port), silent{ctx}, http.Header{wire.HeaderFlow: {h.String()}})
	}
	suspend()
	requests.Wait()
	return err
}

// silent is a request's body of which nothing comes.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s silent) Close() error { return nil }

// answer is what a request is answered.
type answer struct {
	header   http.Header
	status   int
	once     sync.Once
	answered chan struct{} // closed when it has a status
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }
func (a *answer) Flush()                      {}

func (a *answer) SetReadDeadline(time.Time) error  { return nil }
func (a *answer) SetWriteDeadline(time.Time) error { return nil }

func (a *answer) WriteHeader(status int) {
	a.once.Do(func() {
		a.status = status
		close(a.answered)
	})
}

// holder is applications that accept nobody until they have something to say:
// the system keeps the connections, and they take no descriptor. Each listens
// for as many as any system keeps.
type holder []net.Listener

const (
	backlog = 100
	// sampled is how many applications speak in the end.
	sampled = backlog
)

func newHolder(n int) (h holder, err error) {
	for len(h) < (n+backlog-1)/backlog {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			h.close()
			return nil, fmt.Errorf("listen: %w", err)
		}
		h = append(h, ln)
	}
	return h, nil
}

// port is where the application of session i is.
func (h holder) port(i int) uint16 {
	return h[i/backlog].Addr().(*net.TCPAddr).AddrPort().Port()
}

// send has the first n applications send a byte, and stay until close is called.
func (h holder) send(n int) (close func(), err error) {
	var open []net.Conn
	close = func() {
		for _, c := range open {
			c.Close()
		}
	}
	for range n {
		c, err := h[0].Accept()
		if err == nil {
			open = append(open, c)
			_, err = c.Write([]byte{'x'})
		}
		if err != nil {
			return close, fmt.Errorf("use a parked flow: %w", err)
		}
	}
	return close, nil
}

func (h holder) close() {
	for _, ln := range h {
		ln.Close()
	}
}

// wakes counts the clients that are woken.
type wakes struct {
	n   int
	all chan struct{} // closed when all have been woken

	mu sync.Mutex
	of map[wire.SessionID]struct{}
}

func (k *wakes) woken(sessions []wire.SessionID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := len(k.of)
	for _, sid := range sessions {
		k.of[sid] = struct{}{}
	}
	if was < k.n && len(k.of) == k.n {
		close(k.all)
	}
}
