package policycase

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Case is one, as it stands in a file.
type Case struct {
	Name  string
	Place resource.Place // of its name

	doc  *resource.Document
	spec config.CaseSpec
	at   time.Time
}

// Load reads the cases in files, and in directories' files *.yaml; it passes
// over resources of other kinds. What is wrong comes back as resource.Errors,
// or as the error of reading.
func Load(paths ...string) ([]Case, error) {
	var cases []Case
	var errs resource.Errors
	first := map[string]resource.Place{}
	for _, p := range paths {
		docs, err := config.Documents(p)
		switch err.(type) {
		case nil, resource.Errors:
			errs.Add(err)
		default:
			return nil, err
		}
		for _, d := range docs {
			if d.Kind != config.CaseKind {
				continue
			}
			c := Case{Name: d.Name, Place: d.AtName(), doc: d}
			errs.Add(c.read())
			if at, dup := first[c.Name]; dup {
				errs.Add(c.Place.Errorf("Case %q exists already, at %s; give this one another name", c.Name, at))
			} else {
				first[c.Name] = c.Place
			}
			cases = append(cases, c)
		}
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return cases, nil
}

func (c *Case) read() error {
	var errs resource.Errors
	d := c.doc
	errs.Add(d.Decode(&c.spec))
	if len(errs) > 0 {
		return errs.Err()
	}
	at, err := time.Parse(time.RFC3339, string(c.spec.At))
	if err != nil {
		errs.Add(d.At("at").Errorf("at %q is not a time; write for example 2026-11-20T16:58:00Z", c.spec.At))
	}
	c.at = at.UTC()
	if c.spec.As == "" {
		errs.Add(d.At("as").Errorf("as is missing; write the name of a User"))
	}
	if (c.spec.App == "") == (c.spec.Entitlement == "") {
		errs.Add(d.At().Errorf("a case is about one application or entitlement; write app: with a shortcut's id, or entitlement: with a name"))
	}
	if c.spec.Expect.Allow == nil {
		errs.Add(d.At("expect").Errorf("what is expected is missing; write expect: {allow: true} or {allow: false}"))
	}
	for _, key := range []string{"until", "warn"} {
		if _, err := c.expected(key); err != nil {
			errs.Add(d.At("expect", key).Errorf("%s: %v", key, err))
		}
	}
	for i, k := range c.spec.Expect.Cure {
		if !k.Known() {
			errs.Add(d.At("expect", "cure", i).Errorf("unknown interaction %q; write mfa, password, reason or message", k))
		}
	}
	for k, text := range c.spec.Claims.Responses {
		if !k.Known() {
			errs.Add(d.At("claims", "responses", string(k)).Errorf("unknown interaction %q; write mfa, password, reason or message", k))
		}
		if _, err := c.answered(string(text)); err != nil {
			errs.Add(d.At("claims", "responses", string(k)).Errorf("%s: %v", k, err))
		}
	}
	return errs.Err()
}

// never is an instant that does not come.
const never = "never"

// expected is the time that is expected of until or warn; zero where it is never.
func (c *Case) expected(key string) (time.Time, error) {
	text := string(c.spec.Expect.Until)
	if key == "warn" {
		text = string(c.spec.Expect.Warn)
	}
	if text == never || !c.doc.Has("expect", key) {
		return time.Time{}, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil && len(text) == len(layout) {
			t = c.at.Truncate(24 * time.Hour).Add(t.Sub(t.Truncate(24 * time.Hour)))
			if t.Before(c.at) {
				t = t.Add(24 * time.Hour)
			}
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write HH:MM in UTC, a time such as 2026-11-20T17:00:00Z, or never", text)
}

// answered is when the user answered.
func (c *Case) answered(text string) (time.Time, error) {
	if ago, ok := strings.CutSuffix(text, " ago"); ok {
		var d wire.Duration
		if err := d.UnmarshalText([]byte(ago)); err == nil {
			return c.at.Add(-d.D()), nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is not a time; write for example 10m ago, or 2026-11-20T14:32:00Z", text)
	}
	return t.UTC(), nil
}
