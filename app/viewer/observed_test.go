package viewer

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/app/window"
	"github.com/tidegate/tidegate/session"
)

// told is a client that has these states, one after the other.
type told struct {
	window.Client
	states []session.State
}

// Watch implements window.Client.
func (c told) Watch(context.Context) iter.Seq[session.State] { return slices.Values(c.states) }

// The window comes back for what wants to be seen, and not over a locked screen.
func TestObserved(t *testing.T) {
	ask := &session.Prompt{ID: "p"}
	states := []session.State{
		{Window: session.WindowRequest{Seq: 7}}, // why it was started
		{Window: session.WindowRequest{Seq: 7}, Locked: true},
		{Window: session.WindowRequest{Seq: 7}, Locked: true, Prompt: ask},
		{Window: session.WindowRequest{Seq: 7}, Prompt: ask},
		{Window: session.WindowRequest{Seq: 7}, Prompt: ask},
		{Window: session.WindowRequest{Seq: 8}, Prompt: ask},
	}
	var seen int
	var needed []int
	c := observed{told{states: states}, func() { needed = append(needed, seen-1) }}
	for range c.Watch(t.Context()) {
		seen++
	}
	if !slices.Equal(needed, []int{3, 5}) || seen != len(states) {
		t.Errorf("it comes back with the states %v of %d", needed, seen)
	}
}
