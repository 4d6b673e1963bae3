package session

import (
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// Choices are what the user has chosen, and the administrator has not fixed. The zero
// value is what holds before anything was chosen.
type Choices struct {
	Language string        `json:"language,omitempty"` // one of Languages; empty: the system's
	Notices  Notices       `json:"notices,omitempty"`
	Idle     wire.Duration `json:"idle,omitempty"` // as chosen; see IdleOf. Zero: the administrator's
	// Pinned are the applications that the user keeps at hand, of the active
	// enrolment, in the order in which they were pinned. Some may be served no more.
	Pinned []wire.AppID `json:"pinned,omitempty"`
}

// Notices are what the user wants to be notified of.
type Notices string

// What there is to choose. The zero value is all.
const (
	NoticesAll       Notices = ""
	NoticesImportant Notices = "important" // what waits for the user, and what took access away
	NoticesNone      Notices = "none"
)

// Languages are those that the client speaks.
var Languages = []string{"en", "de", "fr", "es"}

// MaxPinned is how many applications of an enrolment can be pinned.
const MaxPinned = 100

// KeptChoices are the choices as they are kept across restarts.
type KeptChoices struct {
	Language string        `json:"language,omitempty"`
	Notices  Notices       `json:"notices,omitempty"`
	Idle     wire.Duration `json:"idle,omitempty"`
	// Pinned are the pinned applications of each enrolment.
	Pinned map[wire.DeviceID][]wire.AppID `json:"pinned,omitempty"`
}

// of are the choices for an enrolment.
func (k KeptChoices) of(d wire.DeviceID) Choices {
	return Choices{Language: k.Language, Notices: k.Notices, Idle: k.Idle, Pinned: k.Pinned[d]}
}

// Checked says what is wrong with what was kept: another version may know more
// languages, and people edit files.
func (k KeptChoices) Checked() error {
	if err := checkLanguage(k.Language); err != nil {
		return err
	}
	if err := checkNotices(k.Notices); err != nil {
		return err
	}
	for d, pinned := range k.Pinned {
		if len(pinned) > MaxPinned {
			return fmt.Errorf("%d applications of %s are pinned, and %d can be", len(pinned), d, MaxPinned)
		}
	}
	return nil
}

func checkLanguage(tag string) error {
	if tag != "" && !slices.Contains(Languages, tag) {
		return says("Tidegate does not speak %q; choose the system's language, English (en), German (de), French (fr) or Spanish (es)", tag)
	}
	return nil
}

func checkNotices(n Notices) error {
	switch n {
	case NoticesAll, NoticesImportant, NoticesNone:
		return nil
	}
	return says("notifications are all, important or none, and not %q", n)
}

// loadChoices reads what was chosen. What cannot be read was set aside, which the user
// is told; nothing is chosen then.
func (c *core) loadChoices() {
	kept, err := c.o.Records.LoadChoices()
	if err != nil {
		c.o.Log.Warn("read choices", "error", err)
		kept = KeptChoices{}
		c.choicesLost = func() *Problem {
			return &Problem{Code: "choices-damaged", Title: lang.T("Your settings cannot be read"), Detail: sentence(err), Action: "acknowledge",
				Fix: lang.T("Tidegate goes on with its own. Choose yours again in Settings, and pin your applications again.")}
		}
	}
	c.choices = kept
}

// doChoose carries out a command that chooses. What could not be kept does not hold:
// it would be gone with the next start.
func (c *core) doChoose(cmd Command) error {
	next, err := c.chosen(cmd)
	if err != nil {
		return err
	}
	if err := c.o.Records.SaveChoices(next); err != nil {
		c.o.Log.Error("save choices", "error", err)
		return says("this could not be saved: %w; free some space in your home folder, and try again", err)
	}
	c.choices = next
	return nil
}

// chosen are the choices once cmd is carried out. What is published is not touched.
func (c *core) chosen(cmd Command) (KeptChoices, error) {
	next := c.choices
	switch cmd := cmd.(type) {
	case ChooseLanguage:
		next.Language = cmd.Language
		return next, checkLanguage(cmd.Language)
	case ChooseNotices:
		next.Notices = cmd.Notices
		return next, checkNotices(cmd.Notices)
	case ChooseIdle:
		next.Idle = cmd.Idle
		return next, c.mayIdle(cmd.Idle)
	case Pin:
		return c.pinned(next, cmd)
	}
	return next, says("this version does not know that command")
}

func (c *core) pinned(next KeptChoices, cmd Pin) (KeptChoices, error) {
	device := c.enrolled.Device
	was := next.Pinned[device]
	now := slices.DeleteFunc(slices.Clone(was), func(id wire.AppID) bool { return id == cmd.App })
	switch {
	case !cmd.Pinned:
	case c.app(cmd.App) == nil:
		return next, says("there is no application %q; `tidegate apps` lists them", cmd.App)
	case slices.Contains(was, cmd.App):
		return next, nil
	case len(was) >= MaxPinned:
		return next, says("%d applications are pinned, which is as many as can be; unpin one first", MaxPinned)
	default:
		now = append(now, cmd.App)
	}
	all := map[wire.DeviceID][]wire.AppID{}
	for d, p := range next.Pinned {
		if d != device {
			all[d] = p
		}
	}
	if len(now) > 0 {
		all[device] = now
	}
	next.Pinned = all
	return next, nil
}
