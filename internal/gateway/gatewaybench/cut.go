package gatewaybench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/wire"
)

// Change is what changes in the measured session.
type Change int

// The changes that are measured.
const (
	DeviceClaim Change = iota // the device reports that its firewall is off
	ClaimsToken               // a claims token comes, of a user who has left a group
)

// Options say what to measure. The zero value is the promise that is kept:
// 10,000 sessions, 200 rounds.
type Options struct {
	Sessions int
	Rounds   int
	Change   Change
}

// Result is the time from a change to the flow's reset at the client.
type Result struct{ P50, P99, Max time.Duration }

// Cut measures it. It takes some seconds to gather the sessions.
func Cut(ctx context.Context, o Options) (_ Result, err error) {
	if o.Sessions == 0 {
		o.Sessions = 10_000
	}
	if o.Rounds == 0 {
		o.Rounds = 200
	}
	b := &bench{options: o}
	if b.authority, err = newAuthority(); err != nil {
		return Result{}, err
	}
	if b.cert, err = b.authority.leaf(3, "tidegate:device/bench"); err != nil {
		return Result{}, err
	}
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Result{}, fmt.Errorf("listen: %w", err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer app.Close()
	serving.Go(func() { echo(app) })
	b.app = app.Addr().(*net.TCPAddr).AddrPort()
	return b.run(ctx)
}

// echo serves connections until the listener is closed.
func echo(ln net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer c.Close()
			io.Copy(c, c) // ends when the gateway resets it
		})
	}
}

// away is a controller that is not reached.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is no controller")
}

// run has a gateway in which the sessions are, and measures.
func (b *bench) run(ctx context.Context) (_ Result, err error) {
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return Result{}, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := b.authority.enrol(dir); err != nil {
		return Result{}, err
	}
	hosts := map[string]string{}
	for i := range conditions {
		hosts[fmt.Sprintf("app%d.bench.test", i)] = b.app.Addr().String()
	}
	g, err := gateway.New(gateway.Options{Uplink: away{}, Config: gateway.Config{Name: "bench", Site: site, Listen: "127.0.0.1:0", State: dir, Hosts: hosts},
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("there is no name server") }})
	if err != nil {
		return Result{}, err
	}
	if err := g.Listen(); err != nil {
		return Result{}, err
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
		return Result{}, err
	}
	defer c.close() // it serves now, so it has read its keys
	good, err := b.tokens("staff")
	if err != nil {
		return Result{}, err
	}
	if err := c.admit(ctx, good); err != nil { // before the others: a connection without a session is ended soon
		return Result{}, err
	}
	others, err := gather(ctx, g, b.authority, b.cert, b.options.Sessions)
	if err != nil {
		return Result{}, err
	}
	defer others.leave()
	return b.measure(ctx, c)
}

// bench is one measurement.
type bench struct {
	options   Options
	authority *authority
	cert      tls.Certificate
	app       netip.AddrPort
}

func (b *bench) measure(ctx context.Context, c *client) (Result, error) {
	where := fmt.Sprintf("app0.bench.test:%d", b.app.Port())
	took := make([]time.Duration, 0, b.options.Rounds)
	for range b.options.Rounds {
		str, err := c.open(ctx, where)
		if err != nil {
			return Result{}, err
		}
		cut := make(chan error, 1)
		var at time.Time
		go func() {
			err := reset(str)
			at = time.Now()
			cut <- err
		}()
		path, bad, mend, err := b.change()
		if err != nil {
			return Result{}, err
		}
		began := time.Now()
		if err := c.put(ctx, path, bad); err != nil {
			return Result{}, err
		}
		select {
		case err = <-cut:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return Result{}, err
		}
		took = append(took, at.Sub(began))
		if mend == nil {
			if mend, err = b.tokens("staff"); err != nil {
				return Result{}, err
			}
		}
		if err := c.put(ctx, path, mend); err != nil {
			return Result{}, err
		}
	}
	slices.Sort(took)
	return Result{P50: took[len(took)/2], P99: took[len(took)*99/100], Max: took[len(took)-1]}, nil
}

// change is what to put where, and what mends it; nil: new tokens do.
func (b *bench) change() (path string, bad, mend any, err error) {
	if b.options.Change == ClaimsToken {
		bad, err = b.tokens()
		return wire.PathDataSession, bad, nil, err
	}
	off := healthy()
	off["firewall"] = false
	return wire.PathDataDevice, wire.DeviceReport{Claims: off}, wire.DeviceReport{Claims: healthy()}, nil
}

func (b *bench) tokens(groups ...string) (wire.SessionRequest, error) {
	return b.authority.tokens(b.cert, "measured", b.app.Port(), groups...)
}
