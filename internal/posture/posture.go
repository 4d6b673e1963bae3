// Package posture finds out the device claims: what the device says of itself.
// They are what the device reports, not attested: all this runs under the
// user's control. A claim that cannot be found out is left out, never guessed,
// and a condition that reads it then denies and names it.
//
// The client makes one Watcher, hands it the claims that the administrator
// declared, and sends what it reports. It rests, and wakes nobody, until somebody
// follows the claims. It gathers then, every five minutes (seed 003: fixed), and
// at once where the operating system announces a change or it is told that the
// machine has slept, while which no timer runs. On Linux what is announced is:
//
//   - the files and folders that a claim depends on, by inotify;
//   - addresses and links, by rtnetlink;
//   - firewall rules, by nftables' notifications, where the client has
//     CAP_NET_ADMIN; for anybody else the files of ufw, firewalld and
//     nftables.service speak;
//   - processes, by the proc connector, which needs CAP_NET_ADMIN before
//     Linux 6.6. Without it a declared program is noticed when its executable
//     in one of the usual folders is opened and closed; a program that lies
//     elsewhere is seen every five minutes, and its end at once if this user
//     could see where it lies.
//
// Other systems announce nothing yet and know fewer claims.
//
// Whatever may block has a time limit, and no claim waits for another. A
// Watcher is safe for concurrent use.
package posture

import (
	"context"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Options make a Watcher. The zero value is this machine, silent.
type Options struct {
	// Version is the program's, for client_version; empty leaves that out.
	Version string
	// Root is what the built-in claims are read from, for tests; nil is the
	// machine's own "/", and only then its kernel is asked for firewall rules and
	// its desktop for settings. Declared claims are always the machine's own.
	Root fs.FS
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Watcher gathers device claims.
type Watcher struct {
	log     *slog.Logger
	builtin func() []probe // what to find out beside the declared claims
	listen  func(func(announcement), *slog.Logger) listener
	turn    chan struct{} // held while gathering; guards last
	last    map[probeKey]wire.DeviceClaims
	wake    chan struct{}

	mu       sync.Mutex
	followed bool
	declared []wire.Gather
	pending  announcement
	running  map[probeKey]bool // begun and not ended, though its time may be over
}

// New makes a Watcher, which starts nothing by itself.
func New(o Options) *Watcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{
		log:     o.Log,
		builtin: builtin(o),
		listen:  listen,
		turn:    make(chan struct{}, 1),
		last:    map[probeKey]wire.DeviceClaims{},
		wake:    make(chan struct{}, 1),
		running: map[probeKey]bool{},
	}
}

// Follow says whether somebody follows the claims. From when somebody does, Run
// gathers them, at once at first, and reports what it found, changed or not.
func (w *Watcher) Follow(on bool) {
	w.mu.Lock()
	same := w.followed == on
	w.followed = on
	w.mu.Unlock()
	if !same {
		w.announce(announcement{all: true, hurry: true})
	}
}

// Again has all claims gathered again soon, if somebody follows them: the machine
// has slept, and what happened meanwhile was not announced.
func (w *Watcher) Again() { w.announce(announcement{all: true}) }

// Declare says which claims to find out beside the built-in ones, in place of
// those said before. If they differ, a gathering follows at once, or right after
// the one that is under way, and Run reports what it found, changed or not. A
// declared claim that is called like a built-in one takes its place.
func (w *Watcher) Declare(claims []wire.Gather) {
	w.mu.Lock()
	same := slices.Equal(w.declared, claims)
	if !same {
		w.declared = slices.Clone(claims)
	}
	w.mu.Unlock()
	if same {
		return
	}
	if len(claims) > maxDeclared {
		w.log.Warn("too many device claims are declared: the last are left out", "declared", len(claims), "most", maxDeclared)
	}
	w.announce(announcement{all: true, hurry: true})
}

// Collect gathers all claims now, which takes at most ten seconds. It may be
// called whether Run runs or not.
func (w *Watcher) Collect(ctx context.Context) wire.DeviceClaims {
	return w.gather(ctx, announcement{all: true})
}

const (
	every    = 5 * time.Minute        // seed 003: "every 5 minutes (fixed)"
	settle   = 200 * time.Millisecond // announcements come in swarms
	apart    = time.Second            // from one gathering's start to the next
	farewell = time.Second            // after wire.MaxGather, for what was stopped to end
)

// Run gathers, while somebody follows the claims, until ctx ends, which returns
// nil. It calls report, from its own goroutine, with all claims at first, after a
// declaration, and whenever they differ from those it was called with last. The
// map is the callee's to keep. Once only.
func (w *Watcher) Run(ctx context.Context, report func(wire.DeviceClaims)) error {
	for w.rest(ctx) {
		w.follow(ctx, report)
	}
	return nil
}

// rest returns when somebody follows the claims, and false if ctx has ended before.
func (w *Watcher) rest(ctx context.Context) bool {
	for ctx.Err() == nil && !w.following() {
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// follow gathers until ctx ends or nobody follows the claims any more.
func (w *Watcher) follow(ctx context.Context, report func(wire.DeviceClaims)) {
	l := w.listen(w.announce, w.log)
	defer l.close()
	pace := newPace(w)
	defer pace.stop()
	var reported wire.DeviceClaims
	w.take() // what was declared meanwhile is gathered now
	due := announcement{all: true}
	for w.following() {
		began := time.Now()
		paths, programs := w.depends()
		l.watch(paths, programs)
		claims := w.gather(ctx, due)
		if ctx.Err() != nil || !w.following() {
			return
		}
		if reported == nil || due.hurry || !equal(reported, claims) {
			reported = claims
			report(clone(claims))
			l.watch(paths, programs) // it may be known by now where a program lies
		}
		if !pace.await(ctx, began) {
			return
		}
		due = w.take()
	}
}

// announce has Run gather soon what a concerns, or at once what was declared.
func (w *Watcher) announce(a announcement) {
	w.mu.Lock()
	w.pending.add(a)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// hurry says whether there is no time to lose: a declaration waits for its
// gathering; or nobody follows the claims any more, and goOn is false.
func (w *Watcher) hurry() (now, goOn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending.hurry || !w.followed, w.followed
}

// following says whether somebody follows the claims.
func (w *Watcher) following() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.followed
}

// take takes what was announced.
func (w *Watcher) take() announcement {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.pending
	w.pending = announcement{}
	select {
	case <-w.wake:
	default:
	}
	return a
}
