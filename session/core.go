package session

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// core holds intent and facts. Only the session's goroutine touches it.
type core struct {
	o   Options
	now func() time.Time
	// run does work off the goroutine; what the job returns is applied on it.
	run       func(job func(context.Context) func(*core))
	link      *link
	vaultTail chan struct{}   // closed when the last queued use of the keychain is over
	last      context.Context // of writes to it, which outlive the client by a moment

	facts
	intent
	notices notices

	notes   []Event  // what happened and no state shows
	settled []func() // answers to commands, once their state is published

	quit, quitting bool
	state          State  // the last published
	wanted         Wanted // the last applied
	applied        bool
	guards         VPNGuard // the last that Classic was told
	guarded        bool
}

// facts are what is so, whoever wants it.
type facts struct {
	enrolled Enrolled
	others   standby
	identity Identity // of enrolled; zero while the key is not at hand
	keychain Keychain
	opening  bool   // the keychain is being asked for key and cookie
	awaiting bool   // it is awaited that the keychain opens
	keyLost  bool   // the keychain opened and the device key is not in it
	unkept   bool   // it did not take all that is to be kept
	cookie   Secret // empty: signed out
	asked    bool   // the keychain was asked for the cookie
	ended    *wire.Problem

	hello    *wire.Hello
	control  controlFact
	snapshot *wire.Snapshot
	expires  time.Time     // of the session, by our clock; zero: not told
	ahead    time.Duration // the controller's clock less ours, to the second
	catalog  []App         // from the snapshot's tokens, sorted
	sites    []WantedSite
	routes   []WantedRoute
	names    map[wire.SiteID]string
	plane    DataplaneFacts
	device   deviceFact
	foreseen *Ahead  // not changed any more
	unseen   telling // why the last question for it was not answered
	lived    lived
	tray     TrayHost
	locked   bool           // the screen is
	zone     *time.Location // that the machine has been set to; nil: that of the process
	vpn      VPNFacts
	vpnSeen  bool // somebody has reported it
	choices  KeptChoices
	host     hostFacts
	events   []Event
	eventSeq uint64
}

// controlFact is what the control channel's runner last said.
type controlFact struct {
	established bool
	transport   string
	since       time.Time
	lost        time.Time // when it was interrupted; zero while established or never tried
	ever        bool      // it has been established since sign-in or start
	retry       time.Time
	asked       bool  // the user had the last try made
	why         error // it was interrupted; nil: it was not tried, or ended well
}

// intent is what the user wants.
type intent struct {
	proposed    *wire.EnrolmentLink // a clicked link
	proposals   int                 // how many there were
	enrolling   bool                // the user asked to enrol though enrolled already
	busy        PromptKind          // the prompt whose answer is under way
	busySeq     uint64              // names the answer that busy is of
	refused     telling             // why the last answer did not count
	refusedAt   PromptKind
	dismissed   string             // id of the prompt that the user closed
	asks        map[wire.AppID]ask // applications whose cure the user was asked or asked for
	due         map[wire.EntitlementID]due
	askSeq      uint64
	waited      map[wire.AppID]bool
	putOff      map[wire.AppID]time.Time // when a prompt of an application was dismissed, or missed
	answered    string                   // id of the interaction prompt that has been answered
	answerEnd   time.Time                // and until when its effect is awaited
	cured       map[wire.EntitlementID]bool
	launch      telling
	opened      opened // the last that was opened by its name in a browser
	window      WindowRequest
	beside      vpnIntent
	choicesLost telling // what was chosen could not be read
	// acknowledged are the codes of problems that the user has put away.
	acknowledged map[string]bool
}

func newCore(o Options, now func() time.Time, run func(func(context.Context) func(*core))) *core {
	c := &core{o: o, now: now, run: run, last: context.Background(), notices: newNotices()}
	c.asks, c.waited, c.due = map[wire.AppID]ask{}, map[wire.AppID]bool{}, map[wire.EntitlementID]due{}
	c.putOff = map[wire.AppID]time.Time{}
	c.beside = newVPNIntent()
	c.cured, c.acknowledged = map[wire.EntitlementID]bool{}, map[string]bool{}
	return c
}

// start reads the enrolment and asks the keychain for what belongs to it.
func (c *core) start() {
	c.recall()
	c.loadChoices()
	c.lookAround()
	c.loadEnrolments()
	if c.enrolled.Enrolled() {
		c.openKeychain()
		return
	}
	c.purge()
}

// settle brings everything in line with intent and facts: it keeps the control
// channel's runner on its task, derives, applies and publishes. It returns
// when the clock alone will change the result.
func (c *core) settle(ctx context.Context, now time.Time, publish func(State)) time.Time {
	if c.zone != nil {
		now = now.In(c.zone)
	}
	spoke := c.speak()
	c.link.set(ctx, c.task())
	c.declare()
	c.follow()
	c.guard()
	w := &wake{now: now}
	c.reportDevice(w)
	next := derive(&c.facts, &c.intent, w)
	for i := range next.Sites {
		next.Sites[i].Cause = c.notices.causes[next.Sites[i].ID]
		next.Sites[i].For = c.notices.users[next.Sites[i].ID]
	}
	if c.quitting {
		next.Control, next.ZTA = ControlChannel{}, ZTA{Title: lang.T("Tidegate has ended")}
	}
	next.Version = c.o.Version
	c.lived.note(&next, now)
	prev := c.state
	if spoke {
		prev.Problems = next.Problems // the same in other words
	}
	es := append(happened(&prev, &next), c.notes...)
	belong(es, &prev, &next)
	c.record(es, now)
	c.notes = nil
	next.Events = append([]Event(nil), c.events...)
	want := c.want(next.ZTA.Allowed && !c.quitting, w)
	if want.Change = c.wanted.Change; want.Session != c.wanted.Session {
		want.Change++
	}
	if !c.applied || !reflect.DeepEqual(want, c.wanted) {
		c.o.Dataplane.Apply(want)
		c.wanted, c.applied = want, true
		c.others.open = c.others.open || want.Session != ""
	}
	next.Revision, next.At = c.state.Revision, c.state.At.In(now.Location()) // another zone is news
	if next.Revision == 0 || !reflect.DeepEqual(next, c.state) {
		next.Revision++
		next.At = now
		c.state = next
		publish(next)
	}
	return w.at
}

// speak has the process speak the language that the user chose, and says whether that
// is another one than before.
func (c *core) speak() bool {
	tag := lang.Of(c.choices.Language)
	if tag == lang.Tag() {
		return false
	}
	lang.Set(tag)
	return true
}

// answer lets those go on whose commands the last state holds.
func (c *core) answer() {
	for _, f := range c.settled {
		f()
	}
	c.settled = nil
}

// task is what the control channel's runner is to do.
func (c *core) task() task {
	t := task{enrolled: c.enrolled, identity: c.identity, cookie: c.cookie}
	switch {
	case c.quitting || !c.enrolled.Enrolled() || c.identity.Key == nil || !c.asked:
		return task{}
	case c.cookie != "":
		t.kind = taskEvents
	case c.hello == nil:
		t.kind = taskHello
	default:
		t.kind = taskRest // signed out: nothing until the user answers
	}
	t.client = c.o.Controller
	return t
}

// want is the data plane's configuration.
func (c *core) want(allowed bool, w *wake) Wanted {
	if c.snapshot == nil || c.cookie == "" || c.quitting || c.others.leaving {
		return Wanted{}
	}
	want := Wanted{Allowed: allowed, Session: c.snapshot.Session, Identity: c.identity, Idle: c.choices.of(c.enrolled.Device).IdleOf(c.snapshot.Settings).D(),
		Routes: c.routes, Suspend: c.notices.suspend, Device: c.device.claims, Gathering: c.device.gathering(w), StrictDNS: c.snapshot.Settings.StrictDNS}
	for _, s := range c.sites {
		n := c.notices.sites[s.ID]
		s.Wake, s.Suspend, s.Runs = n.wake, n.suspend, c.snapshot.Runs
		want.Sites = append(want.Sites, s)
	}
	for _, a := range c.catalog {
		want.Apps = append(want.Apps, WantedApp{ID: a.ID, Site: a.Site, Entitlement: a.Entitlement, Host: a.Host, Port: a.Port})
	}
	return want
}

// signedOut forgets the session; why is nil when the user wanted it.
func (c *core) signedOut(why *wire.Problem) {
	if c.cookie != "" {
		c.forget(c.enrolled.item(ItemCookie))
	}
	c.closeSession(why)
}

// closeSession ends all that the session has open. Its cookie is the caller's to keep.
func (c *core) closeSession(why *wire.Problem) {
	c.cookie, c.ended = "", why
	c.hello, c.snapshot, c.catalog, c.sites, c.routes = nil, nil, nil, nil, nil
	c.forgetNotices()
	c.control = controlFact{}
	c.plane, c.opened = DataplaneFacts{}, opened{}
	c.sentDevice(nil)
	c.foreseen, c.unseen = nil, nil
	c.refused, c.dismissed, c.answered = nil, "", ""
	if c.busy != PromptEnrol { // which is not the session's
		c.busy = ""
	}
	clear(c.asks)
	clear(c.due)
	clear(c.waited)
	clear(c.putOff)
	clear(c.cured)
}

// snapshotCame takes what the controller tells, whole.
func (c *core) snapshotCame(s wire.Snapshot) {
	c.tells(s.At)
	c.snapshot, c.expires = &s, c.ours(s.Expires)
	c.catalog, c.sites, c.routes, c.names = catalog(&s, c.o.Log)
	c.withdrawn()
	c.noteDue()
}

// tells notes what the controller's clock says just now; zero: nothing.
func (c *core) tells(at time.Time) {
	if !at.IsZero() {
		c.ahead = at.Sub(c.now()).Round(time.Second)
	}
}

// ours is an instant of the controller's clock by ours.
func (c *core) ours(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-c.ahead)
}

// planeChanged takes the data plane's facts, whole.
func (c *core) planeChanged(f DataplaneFacts) {
	if c.left(f); c.others.leaving {
		f = DataplaneFacts{Proxy: f.Proxy} // the rest is of the enrolment before
	}
	for id, a := range f.Apps {
		if !c.serves(id) {
			continue // it has not heard yet that this was taken away, or of a sign-out
		}
		if a.Waiting > 0 && !c.waited[id] {
			c.tried(id)
		}
		if was, ok := c.asks[id]; ok && a.Waiting == 0 && c.waited[id] && !was.over {
			was.over = true
			c.asks[id] = was
			c.missed(id)
		}
		c.waited[id] = a.Waiting > 0
	}
	for id, s := range f.Sites {
		for e, v := range s.Verdicts {
			// A channel that is suspended with its carrier is told of verdicts too.
			if s.State == Connected || v.Decision != c.plane.Sites[id].Verdicts[e].Decision {
				delete(c.cured, e)
			}
		}
	}
	if f.TUN != c.plane.TUN {
		c.lookAround()
	}
	c.channelsChanged(f)
	c.plane = f
	c.noteDue()
}

// begin marks that the answer to a prompt is under way. The result ends it, and
// says whether that answer was still awaited.
func (c *core) begin(k PromptKind) (end func(*core) bool) {
	c.busySeq++
	c.busy, c.refused = k, nil
	seq := c.busySeq
	return func(c *core) bool {
		if c.busySeq != seq || c.busy != k {
			return false
		}
		c.busy = ""
		return true
	}
}

// ask wants the cure of an application put before the user, anew.
func (c *core) ask(id wire.AppID) {
	delete(c.putOff, id)
	c.askSeq++
	c.asks[id] = ask{n: c.askSeq}
}

// unask forgets what an application wanted, which is over.
func (c *core) unask(id wire.AppID) {
	delete(c.putOff, id)
	delete(c.asks, id)
}

// bringUp puts the cure of an application before the user, anew where it is not
// asked at present.
func (c *core) bringUp(id wire.AppID) {
	c.dismissed = ""
	if p := c.state.Prompt; p == nil || p.Missed || !slices.Contains(p.Apps, id) {
		c.ask(id)
	}
}
