package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/admission"
	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// Options make a Controller. Config and Store are needed.
type Options struct {
	Config *config.Config
	// Source is the file or directory that Config was read from, for Apply to
	// replace; "" has none.
	Source string
	// Store keeps the state; the caller closes it after Run has returned.
	Store store.Store
	// Logger takes what happens and the audit; nil drops it.
	Logger *slog.Logger
	// StateDir overrides the configuration's: keys, certificates, admin.sock.
	StateDir string
	// DisableUDP serves no HTTP/3, as where a network drops UDP.
	DisableUDP bool
	// PacketConn, where set, is served by HTTP/3 alone, without TCP and the
	// administration socket; Run closes it. It is for simulated networks.
	PacketConn net.PacketConn
}

// Controller is a controller. New makes one, Run serves it.
type Controller struct {
	store     store.Store
	log       *slog.Logger
	stateDir  string
	noUDP     bool
	conn      net.PacketConn // of Options
	authority *authority
	conf      atomic.Pointer[configured]
	passwords *passwords
	enrolling chan struct{} // bounds the work for whoever is not known yet
	stranger  atomic.Int64  // when a signal of nobody's was last recorded, in Unix nanoseconds
	audits    auditRing
	auditFile auditFile
	verdicts  verdicts
	lookouts  *lookouts
	hub       hub
	epoch     uint64        // the policy revision at the start: it rises with each
	snapshots atomic.Uint64 // made since
	admission admission.Limiter
	closing   chan struct{} // closed when Run ends: event streams end
	requests  sync.RWMutex  // read while one is served; written, for good, when Run has ended

	source    string     // of Options
	applying  sync.Mutex // one Apply or ReloadFrom at a time
	reloading sync.Mutex // one Reload at a time

	mu      sync.Mutex // guards sockets
	sockets *sockets
}

// configured is a configuration in force, and the policy revision from which on
// it is, as tokens that are made from it carry it (see inTokens).
type configured struct {
	*config.Config
	revision uint64
}

// New checks the options and prepares keys and state: it makes the state
// directory with its keys at first, and raises the policy revision. It opens
// no socket.
func New(o Options) (*Controller, error) {
	if o.Config == nil || o.Store == nil {
		return nil, errors.New("controller: Config and Store are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StateDir == "" {
		o.StateDir = o.Config.StateDir
	}
	a, err := openAuthority(o.StateDir, o.Config.Title)
	if err != nil {
		return nil, fmt.Errorf("controller: %w", err)
	}
	host, _, _ := config.SplitAddress(o.Config.Listen, true)
	public, _, _ := config.SplitAddress(o.Config.PublicAddress, true)
	a.hosts = []string{public}
	if host != public {
		a.hosts = append(a.hosts, host)
	}
	c := &Controller{source: o.Source, store: o.Store, log: o.Logger, stateDir: o.StateDir, noUDP: o.DisableUDP, conn: o.PacketConn, authority: a,
		passwords: newPasswords(), lookouts: newLookouts(), enrolling: make(chan struct{}, 16), closing: make(chan struct{}),
		auditFile: auditFile{name: filepath.Join(o.StateDir, auditName), limit: maxAuditFile}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if c.epoch, err = c.raisePolicy(ctx); err != nil {
		return nil, fmt.Errorf("controller: %w", err)
	}
	revision, err := c.configRevision(ctx, o.Config, c.epoch)
	if err != nil {
		return nil, fmt.Errorf("controller: %w", err)
	}
	c.conf.Store(&configured{o.Config, inTokens(revision)})
	if err := c.prepare(ctx, nil); err != nil {
		return nil, fmt.Errorf("controller: %w", err)
	}
	return c, nil
}

// prepare brings the store in line with the configuration; before is the one
// that it replaces, nil where that is not known.
func (c *Controller) prepare(ctx context.Context, before *config.Config) error {
	if err := c.configuredCodes(ctx); err != nil {
		return err
	}
	if err := c.endUnknown(ctx); err != nil {
		return err
	}
	return c.voidTokens(ctx, before)
}

// Reload takes a new configuration: sessions of users who are gone or disabled
// end, the tokens of whoever lost something are void from now on, and everybody
// gets new ones: who is connected at once, the others when they come back.
// Addresses and the state directory stay what they are.
func (c *Controller) Reload(ctx context.Context, conf *config.Config) error {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	before := c.config()
	next := *conf
	next.Listen, next.PublicAddress, next.StateDir = before.Listen, before.PublicAddress, before.StateDir
	revision, err := c.raisePolicy(ctx)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	if err := c.keepConfig(ctx, &next, revision); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	// In force before the sessions are looked at: whichever tokens are made from
	// here on are of the new revision.
	c.conf.Store(&configured{&next, inTokens(revision)})
	err = c.prepare(ctx, before)
	if _, rerr := c.raisePolicy(ctx); err == nil {
		err = rerr
	}
	c.hub.wakeAll()
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	return nil
}

// ReloadFrom is Reload of what load reads, which no Apply replaces meanwhile. An
// error of load's is returned as it is, and has changed nothing.
func (c *Controller) ReloadFrom(ctx context.Context, load func() (*config.Config, error)) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	conf, err := load()
	if err != nil {
		return err
	}
	return c.Reload(ctx, conf)
}

func (c *Controller) config() *config.Config { return c.conf.Load().Config }

func (c *Controller) devices() records[deviceRecord]   { return records[deviceRecord]{c.store} }
func (c *Controller) sessions() records[sessionRecord] { return records[sessionRecord]{c.store} }
func (c *Controller) users() records[userRecord]       { return records[userRecord]{c.store} }

// CA is the certificate authority's certificate in DER.
func (c *Controller) CA() []byte { return c.authority.cert.Raw }

// AdminSocket is where the administration socket is.
func (c *Controller) AdminSocket() string { return AdminSocket(c.stateDir) }

// AdminSocket is the administration socket of a state directory.
func AdminSocket(stateDir string) string { return filepath.Join(stateDir, "admin.sock") }

// Addr is the host:port that the controller listens on; "" before Listen.
func (c *Controller) Addr() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets == nil {
		return ""
	}
	return c.sockets.addr().String()
}

// PublicAddr is the host:port for clients and links: the configured one, with
// the port that is listened on where it names none.
func (c *Controller) PublicAddr() string {
	addr := c.Addr()
	public := c.config().PublicAddress
	if public == "" {
		return addr
	}
	host, port, err := net.SplitHostPort(public)
	if _, bound, berr := net.SplitHostPort(addr); err == nil && berr == nil && (port == "0" || port == "") {
		return net.JoinHostPort(host, bound)
	}
	return public
}

// internal logs a defect and makes the refusal for it.
func (c *Controller) internal(what string, err error) *wire.Problem {
	if errors.Is(err, context.Canceled) { // the peer has gone
		c.log.Debug(what, "error", err)
	} else {
		c.log.Error(what, "error", err)
	}
	return refuse(wire.CodeInternal)
}
