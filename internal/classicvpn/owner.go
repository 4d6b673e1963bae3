package classicvpn

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// owner is the state; one goroutine has it.
type owner struct {
	v       *VPN
	ctx     context.Context
	all     *sync.WaitGroup
	reports chan session.VPNFacts
	dirty   bool // there is something to report

	version   string
	problem   *wire.Problem
	list      []*connection
	others    []session.VPNOther
	conflicts []session.VPNConflict

	current *attempt // nil: none
	prompt  *session.VPNPrompt
	asked   int // prompts so far
	looking bool
	alone   bool // there is no helper
}

// connection is one of the user's.
type connection struct {
	session.VPNSettings
	phase   session.VPNPhase
	since   time.Time
	link    session.VPNLink
	began   adapter // when it was connected
	failure *session.VPNFailure
	left    []session.VPNLeft
	taken   []session.VPNConflict
}

// stands says whether it has a link whose bytes are counted.
func (c *connection) stands() bool {
	return c.phase == session.VPNConnected || c.phase == session.VPNReconnecting
}

func newOwner(v *VPN, ctx context.Context, all *sync.WaitGroup, reports chan session.VPNFacts) *owner {
	w := &owner{v: v, ctx: ctx, all: all, reports: reports, dirty: true}
	list, err := v.store.load()
	if err != nil {
		v.o.Log.Warn("the VPN connections cannot be read", "error", err)
		w.problem = &wire.Problem{Code: "vpn-connections", Title: "Your VPN connections cannot be read", Detail: err.Error()}
		if len(list) > 0 {
			w.problem.Title = "Some of your VPN connections cannot be read"
		}
	}
	for _, s := range list {
		w.list = append(w.list, &connection{VPNSettings: s})
	}
	return w
}

// run does what is said until ctx ends, and all that it began has ended.
func (w *owner) run() {
	w.look()
	counts, looks := time.NewTicker(bytesEvery), time.NewTicker(lookEvery)
	defer counts.Stop()
	defer looks.Stop()
	for w.ctx.Err() == nil {
		if w.dirty {
			w.dirty = false
			w.report()
		}
		var count, look <-chan time.Time // a ticker that nobody waits for wakes nobody
		if slices.ContainsFunc(w.list, (*connection).stands) {
			count = counts.C
		}
		if (w.version == "" || w.alone) && len(w.list) > 0 {
			look = looks.C
		}
		select {
		case msg := <-w.v.msgs:
			msg(w)
		case <-count:
			w.count()
		case <-look:
			w.look()
		case <-w.ctx.Done():
		}
	}
}

// report tells all; what nobody has heard yet is old.
func (w *owner) report() {
	problem := w.problem
	if problem == nil && w.alone {
		problem = &wire.Problem{Code: wire.Code(session.VPNNoHelper)}
	}
	f := session.VPNFacts{Engine: w.version, Problem: problem, Others: w.others, Conflicts: slices.Clone(w.conflicts)}
	for _, c := range w.list {
		f.Connections = append(f.Connections, session.VPNFact{VPNSettings: c.VPNSettings, Phase: c.phase, Since: c.since, VPNLink: c.link, Failure: c.failure, Left: c.left})
		f.Conflicts = append(f.Conflicts, c.taken...)
	}
	if w.prompt != nil {
		p := *w.prompt
		f.Prompt = &p
	}
	select {
	case <-w.reports:
	default:
	}
	w.reports <- f
}

// look looks whether openconnect and the helper are there.
func (w *owner) look() {
	if w.looking {
		return
	}
	w.looking = true
	w.all.Go(func() {
		_, version, _ := w.v.outside.find()
		alone := !w.v.outside.helper(w.ctx)
		w.v.tell(w.ctx, func(w *owner) {
			w.looking = false
			w.found(version)
			w.dirty = w.dirty || w.alone != alone
			w.alone = alone
		})
	})
}

func (w *owner) found(version string) {
	w.dirty = w.dirty || w.version != version
	w.version = version
}

func (w *owner) get(id string) (*connection, error) {
	for _, c := range w.list {
		if c.ID == id {
			return c, nil
		}
	}
	return nil, errors.New(lang.T("there is no such VPN connection any more"))
}

// enter brings a connection into a phase.
func (w *owner) enter(c *connection, p session.VPNPhase) {
	if c.phase != p {
		c.phase, c.since = p, time.Now()
	}
	if p == session.VPNDisconnected {
		c.since, c.link, c.left, c.taken = time.Time{}, session.VPNLink{}, nil, nil
	}
	w.dirty = true
}

func (w *owner) connect(id string) error {
	c, err := w.get(id)
	if err != nil {
		return err
	}
	if a := w.current; a != nil {
		other, _ := w.get(a.to.ID)
		switch {
		case other.phase == session.VPNDisconnecting:
			return errors.New(lang.F("%s is being disconnected; connect in a moment", name(other.VPNSettings)))
		case a.to.ID == id:
			return nil
		}
		c.failure, w.dirty = &session.VPNFailure{Code: session.VPNBusy, Detail: name(other.VPNSettings)}, true
		return errors.New(lang.F("%s has the tunnel, and there is one at a time; disconnect it first", name(other.VPNSettings)))
	}
	for _, c := range w.list {
		if c.failure != nil && c.failure.Code == session.VPNBusy {
			c.failure = nil
		}
	}
	c.failure = nil
	w.enter(c, session.VPNSigningIn)
	ctx, stop := context.WithCancel(w.ctx)
	a := newAttempt(w.v, c.VPNSettings, ctx, stop)
	w.current = a
	w.all.Go(func() {
		failure := a.run()
		stop()
		w.v.tell(w.ctx, func(w *owner) { w.over(a, failure) })
	})
	return nil
}

// over takes an attempt that has ended.
func (w *owner) over(a *attempt, failure *session.VPNFailure) {
	w.current, w.prompt = nil, nil
	c, err := w.get(a.to.ID)
	if err != nil {
		return
	}
	if c.phase != session.VPNDisconnecting {
		c.failure = failure
		if failure != nil && failure.Code == session.VPNNoHelper {
			w.look()
		}
	}
	w.enter(c, session.VPNDisconnected)
	for _, other := range w.list {
		if other.failure != nil && other.failure.Code == session.VPNBusy && other != c {
			other.failure = nil
		}
	}
}

func (w *owner) disconnect(id string) error {
	c, err := w.get(id)
	if err != nil {
		return err
	}
	if w.current == nil || w.current.to.ID != id {
		w.dirty = w.dirty || c.failure != nil
		c.failure = nil
		return nil
	}
	w.prompt = nil
	w.enter(c, session.VPNDisconnecting)
	w.current.stop()
	return nil
}

// ask puts a question of the current attempt before the user.
func (w *owner) ask(p session.VPNPrompt) {
	w.asked++
	p.ID, p.Connection = "vpn-"+strconv.Itoa(w.asked), w.current.to.ID
	w.prompt, w.dirty = &p, true
}

// maxValue bounds a value, in bytes.
const maxValue = 4096

func (w *owner) answer(id string, values []session.Secret) error {
	p := w.prompt
	switch {
	case p == nil || p.ID != id:
		return errors.New(lang.T("nobody asks that any more"))
	case p.Busy:
		return errors.New(lang.T("the answer is on its way"))
	case len(values) != len(p.Fields):
		return errors.New(lang.F("%d answers are wanted", len(p.Fields)))
	}
	for i, v := range values {
		f := p.Fields[i]
		if s := string(v); len(s) > maxValue || strings.ContainsAny(s, "\n\r\x00") {
			return errors.New(lang.F("what is written for %q cannot be sent; it is one line", f.Label))
		}
		if f.Kind == session.VPNChoice && !slices.Contains(f.Choices, string(v)) {
			return errors.New(lang.F("choose one of those that stand for %q", f.Label))
		}
	}
	if p.Kind == session.VPNCertificate {
		c, err := w.get(p.Connection)
		if err != nil {
			return err
		}
		if err := w.pin(c, p.Fingerprint); err != nil {
			return err
		}
	}
	p.Busy, w.dirty = true, true
	w.current.answers <- answer{values: slices.Clone(values), trust: true}
	return nil
}

// cancel ends what asks: who does not trust a server is told so.
func (w *owner) cancel(id string) error {
	p := w.prompt
	if p == nil || p.ID != id {
		return nil
	}
	if p.Kind == session.VPNCertificate && !p.Busy {
		p.Busy, w.dirty = true, true
		w.current.answers <- answer{}
		return nil
	}
	return w.disconnect(p.Connection)
}

// changed takes a change of the network.
func (w *owner) changed(c netwatch.Change) {
	if w.current == nil {
		return
	}
	select {
	case w.current.moved <- c.Slept > 0:
	case was := <-w.current.moved:
		w.current.moved <- was || c.Slept > 0
	}
}

// count reads how much has gone through the tunnel, and what carries it.
func (w *owner) count() {
	for _, c := range w.list {
		if !c.stands() {
			continue
		}
		was := c.link
		if d, err := w.v.outside.device(c.link.Adapter); err == nil && d.index == c.began.index {
			c.link.Up, c.link.Down = max(0, d.up-c.began.up), max(0, d.down-c.began.down)
		}
		w.dirty = w.dirty || c.link.Up != was.Up || c.link.Down != was.Down
	}
}
