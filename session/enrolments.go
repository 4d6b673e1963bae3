package session

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// A device can be enrolled with several controllers. One enrolment is active; the
// others rest: no connection is made for them, and the keychain has their keys and
// cookies, so that switching back signs in without a question.
//
//	         Enrol                     SwitchEnrolment
//	none ──────────► active ◄───────────────────────────► resting
//	                    │                                    │
//	                    └──────────► forgotten ◄─────────────┘
//	                              ForgetEnrolment

// KeptEnrolments are all enrolments of a device, as they are kept across restarts:
// the active one, and the others. Nothing in it is secret.
type KeptEnrolments struct {
	Enrolled
	Others []Enrolled `json:"others,omitempty"`
	// Gone are the items in the keychain that are to go still: of enrolments that are
	// no more, and of sessions that are over.
	Gone []VaultItem `json:"gone,omitempty"`
}

// Checked says what is wrong with what was kept: people edit files.
func (k KeptEnrolments) Checked() error {
	known := map[wire.DeviceID]bool{}
	for _, e := range k.All() {
		switch {
		case !e.Enrolled():
			return errors.New("an enrolment names no device")
		case known[e.Device]:
			return fmt.Errorf("the device %s is enrolled twice", e.Device)
		}
		known[e.Device] = true
	}
	return nil
}

// The sizes in bytes of what a controller may say of an enrolment: all of them are read
// and written as one, and each is shown in a line.
const (
	maxEnrolmentName = 1 << 10
	maxCertificate   = 32 << 10
)

// fits says whether e is of a size that is kept.
func (e Enrolled) fits() bool {
	return max(len(e.Name), len(e.User), len(e.Device)) <= maxEnrolmentName && max(len(e.Certificate), len(e.CA)) <= maxCertificate
}

// All are the enrolments, the active one first.
func (k KeptEnrolments) All() []Enrolled {
	if !k.Enrolled.Enrolled() && len(k.Others) == 0 {
		return nil
	}
	return append([]Enrolled{k.Enrolled}, k.Others...)
}

// item names a secret of the enrolment in the keychain. Those of the first one have
// the bare names, as they had when there was but one.
func (e Enrolled) item(i VaultItem) VaultItem {
	if e.Apart {
		return i + "." + VaultItem(e.Device)
	}
	return i
}

// Items are the names of all secrets of the enrolment in the keychain.
func (e Enrolled) Items() []VaultItem {
	return []VaultItem{e.item(ItemCookie), e.item(ItemDeviceKey)}
}

// standby are the enrolments that rest, and what there is of them in memory.
type standby struct {
	resting []Enrolled
	// held are key and cookie of those that were active in this run: they rest there
	// even where the keychain does not take them.
	held map[wire.DeviceID]held
	// leaving: the data plane still holds something of the one before, and is given
	// nothing of the next until it has closed that.
	leaving bool
	open    bool // it may hold something of a session

	gone    []VaultItem       // to go from the keychain
	noted   []VaultItem       // of gone, as it is kept
	storing map[VaultItem]int // items that are about to be stored, and how often
	purging int               // how many removals are under way
	// unsaved: the active enrolment could not be saved; the keychain is left as it is
	// until it is, for what was saved still goes by it.
	unsaved bool
}

type held struct {
	identity Identity
	cookie   Secret
}

// is says whether both are the same enrolment.
func (e Enrolment) is(o Enrolment) bool { return e.Device == o.Device }

// kept are the enrolments as they are to be kept.
func (c *core) kept() KeptEnrolments {
	return KeptEnrolments{c.enrolled, c.others.resting, c.others.gone}
}

// loadEnrolments reads what is kept.
func (c *core) loadEnrolments() {
	k, err := c.o.Records.LoadEnrolments()
	if err != nil {
		c.o.Log.Error("read enrolments", "error", err)
		c.launch = func() *Problem {
			return &Problem{Code: "enrolment-damaged", Title: lang.T("The enrolment of this device cannot be read"), Detail: sentence(err),
				Fix: lang.T("Put the file right and start Tidegate again, or ask your administrator for a new enrolment link and paste it here.")}
		}
		k = KeptEnrolments{}
	}
	c.enrolled, c.others.resting, c.others.gone, c.others.noted = k.Enrolled, k.Others, k.Gone, k.Gone
	if err != nil {
		return
	}
	known := map[wire.DeviceID]bool{}
	for _, e := range k.All() {
		known[e.Device] = true
	}
	for d := range c.choices.Pinned {
		if !known[d] {
			c.unpin(d)
		}
	}
}

// enrolments are those that there are, by organisation and user.
func (f *facts) enrolments() []Enrolment {
	var all []Enrolment
	for _, e := range (KeptEnrolments{Enrolled: f.enrolled, Others: f.others.resting}).All() {
		all = append(all, e.Enrolment)
	}
	slices.SortFunc(all, func(a, b Enrolment) int {
		return cmp.Or(cmp.Compare(a.Label(), b.Label()), cmp.Compare(a.User, b.User), cmp.Compare(a.Device, b.Device))
	})
	return all
}

// resting is the enrolment of that device, of those that rest, and the others of them.
func (c *core) resting(d wire.DeviceID) (e Enrolled, rest []Enrolled, ok bool) {
	for _, o := range c.others.resting {
		if o.Device == d {
			e, ok = o, true
			continue
		}
		rest = append(rest, o)
	}
	return e, rest, ok
}

// doSwitch makes another enrolment the active one.
func (c *core) doSwitch(cmd SwitchEnrolment) error {
	next, rest, ok := c.resting(cmd.Device)
	switch {
	case c.enrolled.Enrolled() && cmd.Device == c.enrolled.Device:
		return nil
	case !ok:
		return errNoEnrolment
	case c.busy == PromptEnrol:
		return errBusy
	}
	if err := c.saveEnrolments(KeptEnrolments{next, append(rest, c.enrolled), c.others.gone}); err != nil {
		return err
	}
	c.rest()
	c.others.resting = append(rest, c.enrolled)
	c.activate(next)
	return nil
}

var errNoEnrolment = saying("this device has no such enrolment; `tidegate enrolments` lists those it has")

// saveEnrolments is save, whose error is in the user's words.
func (c *core) saveEnrolments(k KeptEnrolments) error {
	if err := c.save(k); err != nil {
		c.o.Log.Error("save enrolments", "error", err)
		return says("this could not be saved: %w; free some space in your home folder, and try again", err)
	}
	return nil
}

// save has the enrolments kept, and with them what could not be saved before.
func (c *core) save(k KeptEnrolments) error {
	if err := c.o.Records.SaveEnrolments(k); err != nil {
		return err
	}
	c.others.noted = k.Gone
	if c.others.unsaved {
		c.others.unsaved = false
		c.makeUp()
	}
	return nil
}

// rest ends what the active enrolment has open, and holds its key and its cookie.
func (c *core) rest() {
	if c.identity.Key != nil {
		c.hold(c.enrolled, held{c.identity, c.cookie})
	}
	c.leave()
}

// hold keeps the secrets of an enrolment that rests at hand.
func (c *core) hold(e Enrolled, h held) {
	if c.others.held == nil {
		c.others.held = map[wire.DeviceID]held{}
	}
	c.others.held[e.Device] = h
}

// leave ends what the active enrolment has open.
func (c *core) leave() {
	c.others.leaving = c.others.open
	c.closeSession(nil)
	c.identity, c.asked, c.keyLost, c.opening = Identity{}, false, false, false
	c.proposed, c.enrolling, c.launch = nil, false, nil
}

// activate makes e, which rested, the active enrolment, and takes up its session.
func (c *core) activate(e Enrolled) {
	c.enrolled = e
	if h, ok := c.others.held[e.Device]; ok {
		delete(c.others.held, e.Device)
		c.identity, c.cookie, c.asked = h.identity, h.cookie, true
		return
	}
	c.keychain = KeychainUnknown
	c.openKeychain()
}

// left takes note that the data plane holds nothing of a session any more: that it
// says so, and has heard that it is to.
func (c *core) left(f DataplaneFacts) {
	if c.wanted.Session == "" && f.Change == c.wanted.Change && len(f.Sites) == 0 && len(f.Apps) == 0 && f.DNS == nil && !f.TUN {
		c.others.leaving, c.others.open = false, false
	}
}

// mistaken says whether e, new, is called as another enrolment is, or not at all: the
// secrets, the pins and what is kept go by a device's name.
func (c *core) mistaken(e Enrolled) bool {
	return !e.Enrolled() || slices.ContainsFunc(c.kept().All(), func(o Enrolled) bool { return o.is(e.Enrolment) && !o.same(e) })
}

// add makes e, new, the active enrolment; the one before rests. But a user who turned
// away while it was asked for keeps the one before, and e rests: its code is spent. One
// with the same controller for the same user is replaced, and what there is of it removed.
func (c *core) add(e Enrolled, id Identity) error {
	raw, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		return fmt.Errorf("encode the device key: %w", err)
	}
	var rest, replaced []Enrolled
	e.Apart = slices.ContainsFunc(c.others.gone, func(i VaultItem) bool { return i == ItemDeviceKey || i == ItemCookie })
	for _, o := range c.kept().All() {
		if o.same(e) {
			replaced = append(replaced, o)
			continue
		}
		rest = append(rest, o)
		e.Apart = e.Apart || !o.Apart
	}
	gone := condemned(c.others.gone, e.item(ItemCookie)) // what was left there is another's
	for _, o := range replaced {
		gone = condemned(gone, o.Items()...)
	}
	active, before := e, c.enrolled
	other := before.Enrolled() && !before.same(e)
	aside := other && !c.enrolling
	if aside {
		rest = append(slices.DeleteFunc(rest, func(o Enrolled) bool { return o.Device == before.Device }), e)
		active = before
	}
	saved := c.save(KeptEnrolments{active, rest, gone})
	c.others.unsaved = saved != nil
	for _, o := range replaced {
		c.drop(o)
	}
	switch {
	case aside:
		c.hold(e, held{identity: id})
		c.notes = append(c.notes, Event{Kind: "enrolled", Of: e.Label(), User: e.User, Text: lang.F("Enrolled with %s; %s stays in use", e.Label(), before.Label())})
	case other:
		c.rest()
	default:
		c.leave()
	}
	c.enrolled, c.others.resting, c.others.gone = active, rest, gone
	if !aside {
		c.identity, c.asked = id, true
	}
	c.purge()
	c.keep(e.item(ItemDeviceKey), raw)
	return saved
}

// same says whether two enrolments are of the same user with the same controller.
func (e Enrolled) same(o Enrolled) bool {
	return strings.EqualFold(e.Controller, o.Controller) && e.User == o.User && e.CA == o.CA
}

// drop ends the session of e at its controller, where there is one, and removes its
// secrets, which are noted as gone, and what was pinned. A controller that does not
// answer holds up nothing else.
func (c *core) drop(e Enrolled) {
	h, ok := c.others.held[e.Device]
	delete(c.others.held, e.Device)
	if e.Device == c.enrolled.Device {
		h, ok = held{c.identity, c.cookie}, c.asked
	}
	c.unpin(e.Device)
	v, o, run, last := c.o.Vault, c.o, c.run, c.last
	leave := func(h held) {
		if h.cookie != "" && h.identity.Key != nil {
			run(func(context.Context) func(*core) {
				signOut(last, o.Controller, e, h, o.Log.Warn)
				return nil
			})
		}
	}
	if ok {
		leave(h)
		c.remove(e.Items(), nil)
		return
	}
	c.remove(e.Items(), func(ctx context.Context) error {
		id, cookie, err := e.secrets(ctx, v, nil)
		if errors.Is(err, ErrNoSecret) {
			return nil
		}
		leave(held{id, cookie})
		return err
	})
}

// signOut ends a session at its controller, which may not be reached.
func signOut(ctx context.Context, controller Controller, e Enrolled, h held, warn func(string, ...any)) {
	ctx, cancel := context.WithTimeout(ctx, signOutTime)
	defer cancel()
	client := controller.Connect(e, h.identity)
	defer client.Close()
	if err := client.SignOut(ctx, h.cookie); err != nil {
		warn("sign out at the controller", "error", err)
	}
}

// signOutTime bounds the word to the controller that a session is over.
const signOutTime = 3 * time.Second

// unpin forgets what was pinned of an enrolment that is no more.
func (c *core) unpin(d wire.DeviceID) {
	if len(c.choices.Pinned[d]) == 0 {
		return
	}
	next := c.choices
	next.Pinned = maps.Clone(next.Pinned)
	delete(next.Pinned, d)
	if err := c.o.Records.SaveChoices(next); err != nil {
		c.o.Log.Warn("save choices", "error", err)
		return
	}
	c.choices = next
}

// doForget removes an enrolment from this device. Where it was the active one,
// another is made active, if there is one.
func (c *core) doForget(cmd ForgetEnrolment) error {
	if c.busy == PromptEnrol {
		return errBusy
	}
	gone, rest, ok := c.resting(cmd.Device)
	next, active := c.enrolled, cmd.Device == c.enrolled.Device && c.enrolled.Enrolled()
	switch {
	case active:
		gone, next, rest = c.enrolled, Enrolled{}, nil
		if all := c.enrolments(); len(all) > 1 {
			first := all[slices.IndexFunc(all, func(e Enrolment) bool { return e.Device != gone.Device })]
			next, rest, _ = c.resting(first.Device)
		}
	case !ok:
		return errNoEnrolment
	}
	left := condemned(c.others.gone, gone.Items()...)
	if err := c.saveEnrolments(KeptEnrolments{next, rest, left}); err != nil {
		return err
	}
	c.others.gone = left
	c.drop(gone)
	c.others.resting = rest
	c.notes = append(c.notes, Event{Kind: "forgotten", Of: gone.Label(), User: gone.User, Text: lang.F("The enrolment with %s was removed from this device", gone.Label())})
	if !active {
		return nil
	}
	c.leave()
	if !next.Enrolled() {
		c.enrolled = Enrolled{}
		return nil
	}
	c.activate(next)
	return nil
}
