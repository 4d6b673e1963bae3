package cli

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// settingsVerbs are what `tidegate settings` does with one.
var settingsVerbs = []verb{
	{"show", "SETTING", "show one"},
	{"set", "SETTING VALUE", "set one that is yours to set"},
}

// setBy says who sets something.
type setBy string

const (
	byYou           setBy = "you"           // here
	byWindow        setBy = "window"        // the user too, on the window's settings page
	byAdministrator setBy = "administrator" // with the controller
	byMachine       setBy = "machine"       // it is as this machine is
)

// setting is one thing that is set, here or elsewhere.
type setting struct {
	Name   string   `json:"name"`
	Value  string   `json:"value"` // empty: not known now
	By     setBy    `json:"set_by"`
	Means  string   `json:"means"`
	Values []string `json:"values,omitempty"` // what it can be set to, here
}

// Those that are set here.
const (
	startAtLogin  = "start-at-login"
	language      = "language"
	notifications = "notifications"
	idle          = "idle"
)

// What stands for nothing chosen.
const (
	systems     = "system"
	allNotices  = "all"
	idleDefault = "default"
)

// settingNames are all that there are.
func settingNames() (all []candidate) {
	for _, s := range settingsOf(&session.State{}) {
		all = append(all, candidate{s.Name, s.Means})
	}
	return all
}

// settingsOf are the settings, as the state has them; those that are the user's
// own are not in it.
func settingsOf(s *session.State) []setting {
	var all []setting
	add := func(name, value string, by setBy, means string, values ...string) {
		all = append(all, setting{name, value, by, means, values})
	}
	if s.Login != session.LoginUnknown || runtime.GOOS == "linux" {
		add(startAtLogin, string(s.Login), byYou, "start with the desktop, in the tray", "on", "off")
	}
	add(language, cmp.Or(s.Choices.Language, systems), byYou, "of the window, the tray and the notifications", append([]string{systems}, session.Languages...)...)
	add(notifications, cmp.Or(string(s.Choices.Notices), allNotices), byYou, "what the desktop tells you of", allNotices, string(session.NoticesImportant), string(session.NoticesNone))
	add("appearance", "", byWindow, "light, dark, or as the desktop has it")
	add("controller", s.Enrolment.Controller, byAdministrator, "where this device is enrolled")
	add("user", s.Enrolment.User, byAdministrator, "who may sign in on it")
	fixed := s.Fixed
	if fixed == nil {
		fixed = &wire.Settings{}
	}
	known := func(value string) string {
		if s.Fixed == nil {
			return ""
		}
		return value
	}
	span := func(d wire.Duration) string { return known(brief(d.D())) }
	if steps := session.IdleSteps(*fixed); len(steps) > 0 {
		values := []string{idleDefault}
		for _, d := range steps {
			values = append(values, brief(d.D()))
		}
		add(idle, brief(s.Choices.IdleOf(*fixed).D()), byYou, "a data channel that carries nothing for so long is suspended; any time up to the longest", values...)
	} else {
		add(idle, span(fixed.Idle), byAdministrator, "a data channel that carries nothing for so long is suspended")
	}
	add("ride-through", span(fixed.RideThrough), byAdministrator, "an interruption of the control channel shorter than this prevents no access")
	add("warning-lead", span(fixed.WarningLead), byAdministrator, "you are asked so long before access would lapse")
	add("stamp-rounding", span(fixed.StampRounding), byAdministrator, "an answer counts from the next multiple of it")
	add("hide-values", known(onOff(fixed.HideValues)), byAdministrator, "you are told what kind of criterion failed, and not its values")
	add("strict-dns", known(onOff(fixed.StrictDNS)), byAdministrator, "names that are not your applications' go to the network's own servers, even beside a VPN")
	add("keychain", string(s.Keychain), byMachine, "where the session is kept between two starts")
	add("helper", helperSetting(s.Helper), byMachine, helperMeans(s.Helper))
	add("tray", string(s.Tray), byMachine, "whether the desktop shows the icon")
	add("names", namesSetting(s), byMachine, "how programs find your applications by name; tidegate dns says more")
	return all
}

// helperSetting is what there is of the helper.
func helperSetting(h session.Helper) string {
	if h.Version == "" || h.Phase == session.HelperUnknown {
		return string(h.Phase)
	}
	return fmt.Sprintf("%s (%s)", h.Phase, h.Version)
}

// helperMeans says what sets it up, where something does.
func helperMeans(h session.Helper) string {
	const means = "makes the network device by which all programs reach your applications"
	if h.CanSetUp() {
		return lang.English("%s; to set it up: %s", means, h.Command)
	}
	return means
}

// namesSetting is how the system was told of the applications' names.
func namesSetting(s *session.State) string {
	switch d := s.Local.DNS; {
	case d == nil:
		return ""
	case d.Mode == "":
		return "off"
	default:
		return d.Mode
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// brief writes a time as people do: 5m and not 5m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// settings lists what is set, shows one, or sets one.
func (c *call) settings(ctx context.Context, args []string) error {
	if err := c.client.Do(ctx, session.LookAround{}); err != nil {
		return err
	}
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	all := settingsOf(&s)
	if len(args) == 0 {
		return c.listSettings(all)
	}
	if !slices.ContainsFunc(settingsVerbs, func(v verb) bool { return v.name == args[0] && len(strings.Fields(v.args)) == len(args)-1 }) {
		return usageError{lang.F("it is: %s", "tidegate settings [show SETTING|set SETTING VALUE]")}
	}
	i := slices.IndexFunc(all, func(x setting) bool { return x.Name == args[1] })
	if i < 0 {
		var known []string
		for _, x := range all {
			known = append(known, x.Name)
		}
		return usageError{lang.F("there is no setting %q%s; `tidegate settings` lists them", args[1], hint(args[1], known))}
	}
	if args[0] == "set" {
		return c.set(ctx, all[i], args[2])
	}
	if c.json {
		return c.write(all[i], "  ")
	}
	rows := [][]string{{lang.T("Setting"), all[i].Name}, {lang.T("Value"), shownValue(all[i])}, {lang.T("Means"), lang.Told(all[i].Means)}, {lang.T("Set by"), lang.T(whoSets[all[i].By])}}
	if len(all[i].Values) > 0 {
		rows = append(rows, []string{lang.T("Can be"), strings.Join(all[i].Values, ", ")})
	}
	c.table(nil, rows)
	return nil
}

// whoSets are those who set something, in words.
var whoSets = map[setBy]string{
	byYou: "you", byWindow: "you, in the window: tidegate window", byAdministrator: "your administrator", byMachine: "this machine",
}

// shownValue is a setting's value for people.
func shownValue(s setting) string {
	switch {
	case s.Value != "":
		return s.Value
	case s.By == byWindow:
		return lang.T("in the window")
	}
	return lang.T("not known now")
}

func (c *call) listSettings(all []setting) error {
	if c.json {
		return c.write(all, "  ")
	}
	var rows [][]string
	for _, s := range all {
		by := whoSets[s.By]
		if s.By == byWindow {
			by = whoSets[byYou]
		}
		rows = append(rows, []string{s.Name, shownValue(s), lang.T(by), lang.Told(s.Means)})
	}
	c.table([]string{"SETTING", "VALUE", "SET BY", "MEANS"}, rows)
	return nil
}

// set sets one that is the user's.
func (c *call) set(ctx context.Context, s setting, value string) error {
	switch {
	case s.Name == idle && s.Value == "":
		return deniedError{lang.F("whether %s is yours to set is not known now; sign in first: tidegate sign-in", s.Name)}
	case s.By == byWindow:
		return usageError{lang.F("%s is chosen in the window: tidegate window", s.Name)}
	case s.By == byAdministrator:
		return deniedError{lang.F("%s is fixed by your administrator; ask them to change it", s.Name)}
	case s.By == byMachine:
		return usageError{lang.F("%s is as this machine has it, and is not set here", s.Name)}
	}
	var span wire.Duration
	if s.Name == idle && value != idleDefault {
		if err := span.UnmarshalText([]byte(value)); err != nil || span == 0 {
			return usageError{lang.F("%s is %s or a time, for example %s, and not %s", s.Name, idleDefault, s.Values[len(s.Values)-1], strconv.Quote(value))}
		}
	} else if !slices.Contains(s.Values, value) {
		return usageError{lang.F("%s is one of %s, and not %s", s.Name, strings.Join(s.Values, ", "), strconv.Quote(value))}
	}
	var cmd session.Command
	switch s.Name {
	case startAtLogin:
		cmd = session.StartAtLogin{On: value == "on"}
	case language:
		cmd = session.ChooseLanguage{Language: chosenBut(value, systems)}
	case notifications:
		cmd = session.ChooseNotices{Notices: session.Notices(chosenBut(value, allNotices))}
	case idle:
		cmd = session.ChooseIdle{Idle: span}
	}
	if err := c.client.Do(ctx, cmd); err != nil {
		return err
	}
	if choice, ok := cmd.(session.ChooseLanguage); ok {
		lang.Set(choice.Language)
	}
	return c.done("%s is %s.", s.Name, value)
}

// chosenBut is a value, or empty for the word that stands for nothing chosen.
func chosenBut(value, nothing string) string {
	if value == nothing {
		return ""
	}
	return value
}
