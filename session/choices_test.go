package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// What is chosen shows at once, is kept, and holds after a restart.
func TestChoices(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.controller.snapshot.Settings.IdleMost = wire.Duration(time.Hour)
		b.enrolled("kept").start()
		b.state()
		for _, cmd := range []Command{
			ChooseLanguage{"de"}, ChooseNotices{NoticesImportant}, ChooseIdle{wire.Duration(time.Minute)},
			Pin{"wiki", true}, Pin{"payroll", true}, Pin{"wiki", true},
		} {
			b.do(cmd)
		}
		want := Choices{Language: "de", Notices: NoticesImportant, Idle: wire.Duration(time.Minute), Pinned: []wire.AppID{"wiki", "payroll"}}
		if d := cmp.Diff(want, b.state().Choices); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := cmp.Diff(want, b.records.choices.of(b.records.e.Device)); d != "" {
			t.Errorf("kept (-want +got):\n%s", d)
		}
		before := b.state().Choices
		b.do(Pin{App: "wiki"})
		if d := cmp.Diff([]wire.AppID{"payroll"}, b.state().Choices.Pinned); d != "" {
			t.Errorf("unpinned (-want +got):\n%s", d)
		}
		if d := cmp.Diff(want, before); d != "" {
			t.Errorf("what was published has changed (-want +got):\n%s", d)
		}
	})
}

// What makes no sense, and what cannot be kept, changes nothing.
func TestChoicesRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.state()
		for _, row := range []struct {
			cmd  Command
			says string
		}{
			{ChooseLanguage{"tlh"}, "choose the system's language"},
			{ChooseNotices{"loud"}, "all, important or none"},
			{Pin{"nothing", true}, "tidegate apps"},
		} {
			if err := b.s.Do(t.Context(), row.cmd); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%+v: %v", row.cmd, err)
			}
		}
		b.records.full = errors.New("no space left on device")
		if err := b.s.Do(t.Context(), ChooseLanguage{"fr"}); err == nil || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("a full disk: %v", err)
		}
		if d := cmp.Diff(Choices{}, b.state().Choices); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// Choices that cannot be read are told of, once, and the client goes on.
func TestChoicesLost(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.records.lost = errors.New("choices.json cannot be read; it was set aside as choices.json.damaged")
		b.enrolled("kept").start()
		if !problem(b.state(), "choices-damaged") {
			t.Error("nobody is told")
		}
		b.do(Acknowledge{"choices-damaged"})
		if problem(b.state(), "choices-damaged") {
			t.Error("it cannot be put away")
		}
	})
}

func problem(s State, code string) bool {
	for _, p := range s.Problems {
		if p.Code == code {
			return true
		}
	}
	return false
}

func TestChoicesTravel(t *testing.T) {
	for _, cmd := range []Command{ChooseLanguage{"de"}, ChooseLanguage{}, ChooseNotices{NoticesNone}, ChooseIdle{wire.Duration(time.Minute)}, Pin{"wiki", true}, Pin{App: "wiki"}} {
		b, err := EncodeCommand(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeCommand(b); err != nil || got != cmd {
			t.Errorf("%s: %+v, %v", cmd.command(), got, err)
		}
	}
}
