package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// ErrNotRunning means that no instance serves the profile.
var ErrNotRunning = errors.New("Tidegate is not running; start it with: tidegate")

// Client speaks to the running instance of a profile.
type Client struct {
	http *http.Client
	lock string
}

// dialTimeout bounds a connection to a socket of this machine.
const dialTimeout = 5 * time.Second

// Dial finds the profile's running instance. It returns ErrNotRunning where
// there is none.
func Dial(p profile.Profile) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialOwn(ctx, p.Socket()) }
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	conn.Close()
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}, p.Lock()}, nil
}

func dialSocket(path string) (*net.UnixConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	c, err := dialOwn(ctx, path)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// dialOwn connects to a socket that a process of this user serves.
func dialOwn(ctx context.Context, path string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("connect to Tidegate: %w", err)
	}
	if uid, err := peerUID(c.(*net.UnixConn)); err != nil || uid != os.Getuid() {
		c.Close()
		return nil, fmt.Errorf("connect to Tidegate: somebody else (user %d) answers at %s", uid, path)
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Gone returns when no instance holds the profile any more, and so another may start.
func (c *Client) Gone(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := gone(c.lock); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// State asks for the present state.
func (c *Client) State(ctx context.Context) (session.State, error) {
	var s session.State
	err := c.get(ctx, pathState, wire.MaxEvent, &s)
	return s, err
}

// Watch yields the present state and each later one that the reader is quick
// enough for. It ends with ctx, or when the instance has ended.
func (c *Client) Watch(ctx context.Context) iter.Seq[session.State] {
	return func(yield func(session.State) bool) {
		resp, err := c.request(ctx, http.MethodGet, pathStates, nil)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		readStates(resp.Body, yield)
	}
}

// readStates yields the states of an event stream until it ends or makes no sense.
func readStates(r io.Reader, yield func(session.State) bool) {
	for events := wire.NewEventReader(r); ; {
		e, err := events.Next()
		if err != nil {
			return
		}
		if e.Name != eventState {
			continue
		}
		var s session.State
		if json.Unmarshal(e.Data, &s) != nil || !yield(s) {
			return
		}
	}
}

// Do has the instance carry a command out, or begin to. A refusal is a
// *wire.Problem whose Title is in the user's words.
func (c *Client) Do(ctx context.Context, cmd session.Command) error {
	b, err := session.EncodeCommand(cmd)
	if err != nil {
		return err
	}
	resp, err := c.request(ctx, http.MethodPost, pathCommands, bytes.NewReader(b))
	if err != nil {
		return err
	}
	resp.Body.Close()
	return nil
}

// errVersion: the instance does not know what is asked of it.
var errVersion = errors.New("the Tidegate that runs is of another version; end it with `tidegate quit`, and start it again")

// get asks for a JSON document of at most so many bytes.
func (c *Client) get(ctx context.Context, path string, most int64, into any) error {
	resp, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(into); err != nil {
		return fmt.Errorf("read Tidegate's answer: %w", err)
	}
	return nil
}

// request returns a response of status 200; anything else is an error.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://tidegate"+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask Tidegate: %w", err)
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, ErrNotRunning):
		return nil, ErrNotRunning
	case err != nil && ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return nil, fmt.Errorf("Tidegate ended before it answered; start it with: tidegate")
	case err != nil:
		return nil, fmt.Errorf("ask Tidegate: %w", err)
	case resp.StatusCode == http.StatusNotFound && method == http.MethodGet: // what is answered to a command may be the controller's
		resp.Body.Close()
		return nil, errVersion
	case resp.StatusCode != http.StatusOK:
		defer resp.Body.Close()
		return nil, wire.ReadProblem(resp.StatusCode, resp.Body)
	}
	return resp, nil
}
