package cli

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

const eventsAbout = "What happened is kept across restarts: the last 5,000 events, at most. Without a flag the last hundred are told, the oldest first."

func eventsFlags(c *call, fs *flag.FlagSet) {
	fs.BoolVar(&c.follow, "follow", false, "go on telling, until Tidegate ends or you interrupt it")
	fs.StringVar(&c.since, "since", "", "only what happened since `WHEN`: 90m, 12h or 7d ago, today, or a date such as 2026-11-20")
	fs.StringVar(&c.search, "search", "", "only what has all the words of `TEXT` in it")
}

// events tells what has happened: the last of it, or all that is asked for.
func (c *call) events(ctx context.Context, _ []string) error {
	q := session.HistoryQuery{EventFilter: session.EventFilter{Search: c.search}}
	if c.since != "" {
		var err error
		if q.Since, err = c.sinceWhen(c.since); err != nil {
			return err
		}
	}
	most := 0
	if c.since == "" && c.search == "" {
		most = session.MaxEvents
	}
	last, err := c.tellHistory(ctx, q, most)
	if err != nil || !c.follow {
		return err
	}
	for s := range c.client.Watch(ctx) {
		if n := len(s.Events); n == 0 || s.Events[n-1].Seq <= last {
			continue
		}
		if s.Events[0].Seq > last+1 { // more has happened than a state tells
			q.After = last
			if last, err = c.tellHistory(ctx, q, 0); err != nil {
				return err
			}
		}
		if last, err = c.printEvents(s.Events, &s, last, q); err != nil {
			return err
		}
	}
	return nil // Tidegate has ended, or the user has had enough
}

// tellHistory prints what is kept of q, at most so many if that is not 0, the oldest
// first, and returns the number of the newest event there is.
func (c *call) tellHistory(ctx context.Context, q session.HistoryQuery, most int) (newest uint64, err error) {
	all, err := c.client.History(ctx, session.HistoryQuery{Limit: 1})
	if err != nil {
		return 0, err
	}
	if all.Problem != "" && q.After == 0 { // once is enough
		fmt.Fprintln(c.Err, plaintext.Line(all.Problem))
	}
	newest = q.After
	if len(all.Events) > 0 {
		newest = all.Events[0].Seq
	}
	var found []session.Event
	q.Before, q.Limit = newest+1, most
	for {
		h, err := c.client.History(ctx, q)
		if err != nil {
			return 0, err
		}
		found = append(found, h.Events...)
		if !h.More || len(h.Events) == 0 || most > 0 && len(found) >= most {
			break
		}
		q.Before = h.Events[len(h.Events)-1].Seq
	}
	slices.Reverse(found)
	s, err := c.client.State(ctx)
	if err != nil {
		return 0, err
	}
	_, err = c.printEvents(found, &s, 0, session.HistoryQuery{})
	return newest, err
}

// printEvents prints the events after the one numbered last that q asks for, and
// returns the number of the newest. What is of another enrolment than the active one says so.
func (c *call) printEvents(events []session.Event, s *session.State, last uint64, q session.HistoryQuery) (uint64, error) {
	has := q.Matcher()
	for _, e := range events {
		if e.Seq <= last {
			continue
		}
		last = e.Seq
		if !has(&e) || e.At.Before(q.Since) {
			continue
		}
		if c.json {
			if err := c.write(e, ""); err != nil {
				return last, err
			}
			continue
		}
		if _, err := fmt.Fprintf(c.Out, "%s  %s\n", lang.Time(e.At.In(c.Zone), "2 Jan 15:04:05"), plaintext.Line(e.Sentence(s.Enrolment, s.Enrolments))); err != nil {
			return last, fmt.Errorf("write events: %w", err)
		}
	}
	return last, nil
}

// sinceWhen reads a time that is over: so long ago, today, or the beginning of a date.
func (c *call) sinceWhen(text string) (time.Time, error) {
	now := time.Now().In(c.Zone)
	if text == "today" {
		return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, c.Zone), nil
	}
	for _, format := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(format, text, c.Zone); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usageError{lang.F("%q is no time to begin at: say how long ago, as 90m, 12h or 7d, or today, or a date as 2026-11-20", text)}
}
