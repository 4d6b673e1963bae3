package cli

import (
	"context"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/mistyped"
	"github.com/tidegate/tidegate/session"
)

// spoken is a client from which it is learnt which language the user has chosen, before
// anything is told.
type spoken struct {
	Client
	learnt bool
}

func (c *spoken) learn(s *session.State) {
	c.learnt = true
	lang.Set(s.Choices.Language)
}

// State is the client's.
func (c *spoken) State(ctx context.Context) (session.State, error) {
	s, err := c.Client.State(ctx)
	if err == nil {
		c.learn(&s)
	}
	return s, err
}

// Watch is the client's.
func (c *spoken) Watch(ctx context.Context) iter.Seq[session.State] {
	return func(yield func(session.State) bool) {
		for s := range c.Client.Watch(ctx) {
			if c.learn(&s); !yield(s) {
				return
			}
		}
	}
}

// Do is the client's.
func (c *spoken) Do(ctx context.Context, cmd session.Command) error {
	c.ask(ctx)
	return c.Client.Do(ctx, cmd)
}

// Diagnose is the client's.
func (c *spoken) Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error) {
	c.ask(ctx)
	return c.Client.Diagnose(ctx, told)
}

// ask asks for the language where nothing has told it. Where that fails, so does what
// follows, and says why.
func (c *spoken) ask(ctx context.Context) {
	if !c.learnt {
		c.State(ctx)
	}
}

// lower makes a title fit behind a colon; German keeps its capitals there.
func lower(s string) string {
	if lang.Tag() == "de" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || strings.ToUpper(s[:n]) != s[:n] {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}

// hint says what may have been meant.
func hint(name string, known []string) string { return lang.Told(mistyped.Hint(name, known)) }
