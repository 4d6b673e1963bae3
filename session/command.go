package session

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// Command is what a user asks of the client: a value, comparable but for SaveVPN and
// AnswerVPNPrompt, which no menu and no notice has. What fails
// comes back as a Problem or a prompt's error in a later State; Do itself
// fails only for a command that makes no sense now.
type Command interface{ command() string }

// Secret is a password or a code on its way from a dialog to the controller.
// It is never logged, printed or kept in State.
type Secret string

// String hides the secret from every log.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// The commands.
type (
	// Enrol enrols this device by an enrolment link; an empty one means the
	// link that was proposed, in the prompt of that id and in no other. The new
	// enrolment is made active; the one before rests.
	Enrol struct {
		Link   Secret `json:"link,omitempty"` // it holds a code
		Prompt string `json:"prompt,omitempty"`
	}
	// ProposeEnrol puts an enrolment link before the user, who confirms it in
	// the enrol prompt: a link that was clicked never enrols by itself. Without a link
	// the prompt asks for one.
	ProposeEnrol struct {
		Link Secret `json:"link,omitempty"`
	}
	// SwitchEnrolment makes another of State.Enrolments the active one. What the one
	// before has open is closed; its session rests, and is taken up again by the next
	// switch.
	SwitchEnrolment struct {
		Device wire.DeviceID `json:"device"`
	}
	// ForgetEnrolment removes one from this device, with its key and its cookie. Where
	// it was the active one, the first of the others is made active.
	ForgetEnrolment struct {
		Device wire.DeviceID `json:"device"`
	}
	// SignIn answers the sign-in prompt. Device is that of the enrolment which asked:
	// what is typed for one controller is not told to another; empty: the active one's.
	SignIn struct {
		Device   wire.DeviceID `json:"device,omitempty"`
		Password Secret        `json:"password"`
		Code     Secret        `json:"code,omitempty"`
	}
	// SignOut ends the session at the controller and forgets the cookie.
	SignOut struct{}
	// Answer answers the interaction prompt of that id: MFA, Password and
	// Reason as they are asked; a message is acknowledged by answering. Choice
	// is the kind chosen where there is a choice; empty: the one that is given.
	// Device is as in SignIn.
	Answer struct {
		Prompt   string        `json:"prompt"`
		Device   wire.DeviceID `json:"device,omitempty"`
		MFA      Secret        `json:"mfa,omitempty"`
		Password Secret        `json:"password,omitempty"`
		Reason   string        `json:"reason,omitempty"`

		Choice wire.InteractionKind `json:"choice,omitempty"`
	}
	// DismissPrompt closes the prompt without an answer.
	DismissPrompt struct {
		Prompt string `json:"prompt"`
	}
	// ShowPrompt brings a dismissed prompt back; with App set it asks what
	// would cure that application.
	ShowPrompt struct {
		App wire.AppID `json:"app,omitempty"`
	}
	// OpenApp launches an application: the browser for http and https; for the
	// rest the caller shows or copies App.OpenWith.
	OpenApp struct {
		App wire.AppID `json:"app"`
	}
	// ShowWindow raises the window.
	ShowWindow struct {
		Page Page       `json:"page,omitempty"`
		App  wire.AppID `json:"app,omitempty"`
	}
	// Acknowledge puts a problem away that only informs (its Action is
	// "acknowledge"); it does not come back in this run.
	Acknowledge struct {
		Code string `json:"code"`
	}
	// Retry tries at once what waits (the controller, the keychain).
	Retry struct{}
	// Pause suspends all data channels at once. Open connections rest; whatever
	// is used next resumes.
	Pause struct{}
	// LookAhead asks the controller for State.Ahead anew.
	LookAhead struct{}
	// SaveVPN makes or changes a connection to a classic VPN.
	SaveVPN struct {
		VPNSettings
	}
	// RemoveVPN removes one that is not up.
	RemoveVPN struct {
		Connection string `json:"connection"`
	}
	// ConnectVPN connects one, by hand; DisconnectVPN ends it in any phase. With
	// Raise, the window shows the connections as soon as the server asks something,
	// or it has come to nothing.
	ConnectVPN struct {
		Connection string `json:"connection"`
		Raise      bool   `json:"raise,omitempty"`
	}
	DisconnectVPN struct {
		Connection string `json:"connection"`
	}
	// AnswerVPNPrompt answers State.VPN.Prompt: a value for each of its fields, or none to
	// trust a certificate. CancelVPNPrompt ends what asked.
	AnswerVPNPrompt struct {
		Prompt string   `json:"prompt"`
		Values []Secret `json:"values,omitempty"`
	}
	CancelVPNPrompt struct {
		Prompt string `json:"prompt"`
	}
	// ChooseLanguage, ChooseNotices and ChooseIdle set what Choices has of that name.
	ChooseLanguage struct {
		Language string `json:"language,omitempty"`
	}
	ChooseNotices struct {
		Notices Notices `json:"notices,omitempty"`
	}
	ChooseIdle struct {
		Idle wire.Duration `json:"idle,omitempty"`
	}
	// Pin keeps an application at hand, or no longer.
	Pin struct {
		App    wire.AppID `json:"app"`
		Pinned bool       `json:"pinned,omitempty"`
	}
	// StartAtLogin has the client start with the desktop, or no longer.
	StartAtLogin struct {
		On bool `json:"on,omitempty"`
	}
	// SetUpHelper has the helper started, for this user too; State.Helper tells.
	SetUpHelper struct{}
	// LookAround looks anew at State.Login and State.Helper.
	LookAround struct{}
	// Quit ends the client.
	Quit struct{}
)

func (Enrol) command() string           { return "enrol" }
func (ProposeEnrol) command() string    { return "propose-enrol" }
func (SwitchEnrolment) command() string { return "switch-enrolment" }
func (ForgetEnrolment) command() string { return "forget-enrolment" }
func (SignIn) command() string          { return "sign-in" }
func (SignOut) command() string         { return "sign-out" }
func (Answer) command() string          { return "answer" }
func (DismissPrompt) command() string   { return "dismiss-prompt" }
func (ShowPrompt) command() string      { return "show-prompt" }
func (OpenApp) command() string         { return "open-app" }
func (ShowWindow) command() string      { return "show-window" }
func (Acknowledge) command() string     { return "acknowledge" }
func (Retry) command() string           { return "retry" }
func (Pause) command() string           { return "pause" }
func (LookAhead) command() string       { return "look-ahead" }
func (SaveVPN) command() string         { return "save-vpn" }
func (RemoveVPN) command() string       { return "remove-vpn" }
func (ConnectVPN) command() string      { return "connect-vpn" }
func (DisconnectVPN) command() string   { return "disconnect-vpn" }
func (AnswerVPNPrompt) command() string { return "answer-vpn" }
func (CancelVPNPrompt) command() string { return "cancel-vpn" }
func (ChooseLanguage) command() string  { return "choose-language" }
func (ChooseNotices) command() string   { return "choose-notices" }
func (ChooseIdle) command() string      { return "choose-idle" }
func (Pin) command() string             { return "pin" }
func (StartAtLogin) command() string    { return "start-at-login" }
func (SetUpHelper) command() string     { return "set-up-helper" }
func (LookAround) command() string      { return "look-around" }
func (Quit) command() string            { return "quit" }

// envelope is a command on the local socket.
type envelope struct {
	Do   string          `json:"do"`
	With json.RawMessage `json:"with,omitempty"`
}

// EncodeCommand writes c for the local socket, secrets in clear: the socket is
// the user's alone.
func EncodeCommand(c Command) ([]byte, error) {
	with, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	return json.Marshal(envelope{Do: c.command(), With: with})
}

// DecodeCommand reads what EncodeCommand wrote.
func DecodeCommand(b []byte) (Command, error) {
	var e envelope
	if err := wire.ReadJSON(strings.NewReader(string(b)), &e); err != nil {
		return nil, err
	}
	switch e.Do {
	case "enrol":
		return decode[Enrol](e)
	case "propose-enrol":
		return decode[ProposeEnrol](e)
	case "switch-enrolment":
		return decode[SwitchEnrolment](e)
	case "forget-enrolment":
		return decode[ForgetEnrolment](e)
	case "sign-in":
		return decode[SignIn](e)
	case "sign-out":
		return decode[SignOut](e)
	case "answer":
		return decode[Answer](e)
	case "dismiss-prompt":
		return decode[DismissPrompt](e)
	case "show-prompt":
		return decode[ShowPrompt](e)
	case "open-app":
		return decode[OpenApp](e)
	case "show-window":
		return decode[ShowWindow](e)
	case "acknowledge":
		return decode[Acknowledge](e)
	case "retry":
		return decode[Retry](e)
	case "pause":
		return decode[Pause](e)
	case "look-ahead":
		return decode[LookAhead](e)
	case "save-vpn":
		return decode[SaveVPN](e)
	case "remove-vpn":
		return decode[RemoveVPN](e)
	case "connect-vpn":
		return decode[ConnectVPN](e)
	case "disconnect-vpn":
		return decode[DisconnectVPN](e)
	case "answer-vpn":
		return decode[AnswerVPNPrompt](e)
	case "cancel-vpn":
		return decode[CancelVPNPrompt](e)
	case "choose-language":
		return decode[ChooseLanguage](e)
	case "choose-notices":
		return decode[ChooseNotices](e)
	case "choose-idle":
		return decode[ChooseIdle](e)
	case "pin":
		return decode[Pin](e)
	case "start-at-login":
		return decode[StartAtLogin](e)
	case "set-up-helper":
		return decode[SetUpHelper](e)
	case "look-around":
		return decode[LookAround](e)
	case "quit":
		return decode[Quit](e)
	}
	return nil, fmt.Errorf("unknown command %q", e.Do)
}

func decode[C Command](e envelope) (Command, error) {
	var c C
	if len(e.With) == 0 {
		return c, nil
	}
	if err := wire.ReadJSON(strings.NewReader(string(e.With)), &c); err != nil {
		return nil, fmt.Errorf("command %s: %w", e.Do, err)
	}
	return c, nil
}
