package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Prompt is the one thing that the user is asked now: one covers everything
// that is due. A prompt that was dismissed or missed stays in the state until it
// is answered or would not help any more: the window opens no dialog for it, but
// shows a banner, and the command ShowPrompt brings it back. A program that tries
// such an application again within the warning lead does not.
type Prompt struct {
	// ID changes when what is asked changes, and never with an error or the clock.
	ID   string     `json:"id"`
	Kind PromptKind `json:"kind"`
	// Proposed is the controller (host:port) of a clicked link that waits to be
	// confirmed (enrol); Enrol with an empty link accepts it.
	Proposed string `json:"proposed,omitempty"`
	// Organisation is what that link calls whose controller it is, which nobody has
	// vouched for; Fingerprint is of the CA that it pins, in groups (enrol).
	Organisation string `json:"organisation,omitempty"`
	Fingerprint  string `json:"fingerprint,omitempty"`
	// User is whose answer is asked (sign-in).
	User string `json:"user,omitempty"`
	// Code: the sign-in takes a one-time code too.
	Code bool `json:"code,omitempty"`
	// Interactions are to be answered, all of them (interaction).
	Interactions []wire.Interaction `json:"interactions,omitempty"`
	// Choice are those of which one is to be answered besides; the user chooses.
	Choice []wire.Interaction `json:"choice,omitempty"`
	// Apps are those whose access hangs on it (interaction).
	Apps []wire.AppID `json:"apps,omitempty"`
	// Deadline is when access lapses unanswered; zero when it is prevented already.
	Deadline time.Time `json:"deadline,omitzero"`
	// Busy: an answer is under way.
	Busy bool `json:"busy,omitempty"`
	// Error says why the last answer did not count.
	Error *Problem `json:"error,omitempty"`
	// Dismissed: the user closed it.
	Dismissed bool `json:"dismissed,omitempty"`
	// Missed: it was not answered in time, or nothing waits for it any more. An
	// answer still helps; ShowPrompt asks it anew.
	Missed bool `json:"missed,omitempty"`
}

// PromptKind is the kind of a prompt.
type PromptKind string

// The kinds of prompts.
const (
	PromptEnrol       PromptKind = "enrol"       // paste an enrolment link: answered by Enrol
	PromptSignIn      PromptKind = "sign-in"     // answered by SignIn
	PromptInteraction PromptKind = "interaction" // answered by Answer
)
