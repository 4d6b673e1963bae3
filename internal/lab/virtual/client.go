package virtual

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/posture"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel"
)

// Client is the core of a client on a device of its own, and the user at it.
type Client struct {
	l     *Lab
	host  *host
	local *loopback
	core  *session.Session

	// Files are those of the device.
	Files *Files

	mu       sync.Mutex
	state    session.State
	snapshot wire.Snapshot
	facts    session.DataplaneFacts
}

func (l *Lab) startClient() {
	l.t.Helper()
	c := &Client{l: l, host: l.network.host(Home), local: &loopback{listeners: map[netip.AddrPort]*listener{}}, Files: newFiles(l.o.Files)}
	l.Client = c
	keys := &keychain{secrets: map[session.VaultItem][]byte{}}
	pool, err := names.Open(names.Options{Log: l.o.Log})
	if err != nil {
		l.t.Fatal(err)
	}
	plane := tunnel.New(tunnel.Options{
		Names:        pool,
		Log:          l.o.Log,
		ListenPacket: func(string) (net.PacketConn, error) { return c.host.listen(0), nil },
		Listen:       c.local.listen,
		Clock:        func() time.Duration { return time.Since(epoch) },
	})
	watcher := posture.NewDeaf(posture.Options{Version: "virtual", Root: c.Files, Log: l.o.Log})
	c.core = session.New(session.Options{
		Controller: &observed{c.host.control(), c}, Dataplane: plane, Vault: keys, Records: keys,
		Posture: watcher, Device: watcher.Collect, Version: "virtual", Log: l.o.Log,
	})
	l.run(func(ctx context.Context) error {
		return plane.Run(ctx, func(f session.DataplaneFacts) {
			c.mu.Lock()
			c.facts = f
			c.mu.Unlock()
			c.core.ReportDataplane(f)
		})
	})
	l.run(c.core.Run)
	l.run(func(ctx context.Context) error { return watcher.Run(ctx, c.core.ReportDevice) })
	l.run(func(ctx context.Context) error {
		for s := range c.core.Watch(ctx) {
			c.mu.Lock()
			c.state = s
			c.mu.Unlock()
		}
		return nil
	})
	link, err := l.controller.NewEnrolment(l.t.Context(), User)
	if err != nil {
		l.t.Fatal(err)
	}
	c.do(session.Enrol{Link: session.Secret(link.String())})
}

func (c *Client) do(cmd session.Command) {
	c.l.t.Helper()
	if err := c.core.Do(c.l.t.Context(), cmd); err != nil {
		c.l.t.Fatalf("%T: %v", cmd, err)
	}
}

// State is what the user sees when nothing moves any more.
func (c *Client) State() session.State {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Tokens are the ids of the tokens that the controller sent last; of
// entitlement tokens, those of the lab's site.
type Tokens struct{ Claims, Entitlement string }

// Tokens are the ids in the last snapshot.
func (c *Client) Tokens() Tokens {
	claims, entitlement := c.tokens()
	return Tokens{claims.ID, entitlement.ID}
}

// Lifetimes are how long the tokens live that the controller sent last.
type Lifetimes struct{ Claims, Entitlement time.Duration }

// Lifetimes are those of the tokens in the last snapshot.
func (c *Client) Lifetimes() Lifetimes {
	claims, entitlement := c.tokens()
	of := func(t wire.Token) time.Duration { return t.Expires.Time().Sub(t.Issued.Time()) }
	return Lifetimes{of(claims), of(entitlement)}
}

func (c *Client) tokens() (claims, entitlement wire.Token) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return readToken(c.l.t, c.snapshot.ClaimsToken), readToken(c.l.t, c.snapshot.Tokens[Site])
}

// SignIn signs the user in.
func (c *Client) SignIn() {
	c.l.t.Helper()
	c.signIn()
	c.l.Settle()
	if s := c.State(); s.Control.Phase != session.ControlEstablished {
		c.l.t.Fatalf("not signed in: %+v", s)
	}
}

// SignInUsing signs the user in while a program tries an application over and
// over, and returns the program's first connection.
func (c *Client) SignInUsing(id wire.AppID) *Flow {
	c.l.t.Helper()
	c.signIn()
	listens := func(a session.App) bool { return a.ID == id && a.Listen.IsValid() }
	for n := 0; !slices.ContainsFunc(c.State().Apps, listens); n++ {
		if n == 1000 {
			c.l.t.Fatalf("%s does not listen: %+v", id, c.State())
		}
		time.Sleep(time.Millisecond)
	}
	return c.Use(id)
}

func (c *Client) signIn() {
	c.l.t.Helper()
	if s := c.State(); s.Prompt == nil || s.Prompt.Kind != session.PromptSignIn {
		c.l.t.Fatalf("the client does not ask to sign in: %+v", s)
	}
	in := session.SignIn{Password: password}
	if c.State().Prompt.Code {
		in.Code = c.code()
	}
	c.do(in)
}

// SignOut signs the user out.
func (c *Client) SignOut() {
	c.l.t.Helper()
	c.do(session.SignOut{})
	c.l.Settle()
}

// App is an application as the user sees it.
func (c *Client) App(id wire.AppID) session.App {
	c.l.t.Helper()
	s := c.State()
	for _, a := range s.Apps {
		if a.ID == id {
			return a
		}
	}
	c.l.t.Fatalf("there is no application %s: %+v", id, s)
	return session.App{}
}

// Answer answers the prompt, which must ask for something.
func (c *Client) Answer() {
	c.l.t.Helper()
	p := c.State().Prompt
	if p == nil || p.Kind != session.PromptInteraction {
		c.l.t.Fatalf("the client asks nothing: %+v", c.State())
	}
	a := session.Answer{Prompt: p.ID}
	for _, i := range p.Interactions {
		switch i.Kind {
		case wire.InteractionMFA:
			a.MFA = c.code()
		case wire.InteractionPassword:
			a.Password = password
		case wire.InteractionReason:
			a.Reason = "because"
		}
	}
	c.do(a)
	c.l.Settle()
	if p := c.State().Prompt; p != nil && p.Error != nil {
		c.l.t.Fatalf("the answer did not count: %+v", p.Error)
	}
}

func (c *Client) code() session.Secret {
	code, err := totp.GenerateCode(totpSeed, time.Now())
	if err != nil {
		c.l.t.Fatal(err)
	}
	return session.Secret(code)
}

// Interrupt takes the client off the network; Restore puts it back.
func (c *Client) Interrupt() { c.host.cut(true) }

// Restore puts the client back on the network, at the address that it has.
func (c *Client) Restore() { c.host.cut(false) }

// Sent is how many packets the device has sent, whether they arrived or not.
func (c *Client) Sent() int {
	c.host.network.mu.Lock()
	defer c.host.network.mu.Unlock()
	return c.host.sent
}

// Move gives the client another address.
func (c *Client) Move(addr string) { c.host.move(addr) }

// Flow is a connection of a program on the client to an application.
type Flow struct {
	*stream
	l *Lab
}

// Use opens a connection to an application, as a program does, and writes into
// it: that opens a flow, or has the user asked.
func (c *Client) Use(id wire.AppID) *Flow {
	c.l.t.Helper()
	at := c.App(id).Listen
	s, err := c.local.dial(at)
	if err != nil {
		c.l.t.Fatalf("dial %s at %v: %v", id, at, err)
	}
	f := &Flow{s, c.l}
	f.l.t.Cleanup(func() { f.Close() })
	if _, err := io.WriteString(f, "hello\n"); err != nil {
		c.l.t.Fatalf("write to %s: %v", id, err)
	}
	c.l.Settle()
	return f
}

// Echo reads what Use wrote, and is an error where that does not come.
func (f *Flow) Echo() error {
	f.in.mu.Lock()
	waiting := len(f.in.buf)
	reset := f.in.reset
	f.in.mu.Unlock()
	if reset {
		return errors.New("the flow was reset")
	}
	if waiting == 0 {
		return errors.New("the flow has not answered")
	}
	b := make([]byte, waiting)
	_, err := io.ReadFull(f, b)
	return err
}

// Ping sends a line and reads it back, within a second.
func (f *Flow) Ping() error {
	if _, err := fmt.Fprintln(f, "ping"); err != nil {
		return err
	}
	f.l.Settle()
	return f.Echo()
}

// Reset says when the flow was reset; the zero time: not yet.
func (f *Flow) Reset() time.Time {
	synctest.Wait()
	at, _ := f.wasReset()
	return at
}
