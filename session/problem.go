package session

import "time"

// Problem is something that is wrong, in the user's words, with what to do.
type Problem struct {
	Code   string    `json:"code"`
	Title  string    `json:"title"`
	Detail string    `json:"detail,omitempty"`
	Fix    string    `json:"fix,omitempty"`
	Until  time.Time `json:"until,omitzero"` // of a lock-out
	// Action is the command that the problem's one button sends: a name of a
	// command without arguments ("retry"), or "acknowledge", which Acknowledge
	// does with this problem's code, or empty.
	Action string `json:"action,omitempty"`
	// Warning: it may be put away, but it is no mere news.
	Warning bool `json:"warning,omitempty"`
}

// telling puts a problem into words whenever it is told, in the language of then.
type telling func() *Problem

// problem is nil where there is nothing to tell.
func (t telling) problem() *Problem {
	if t == nil {
		return nil
	}
	return t()
}
