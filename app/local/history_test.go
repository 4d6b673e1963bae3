package local

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// asked is a history that notes what it is asked.
type asked struct {
	queries []session.HistoryQuery
	answer  session.History
}

func (a *asked) History(q session.HistoryQuery) session.History {
	a.queries = append(a.queries, q)
	return a.answer
}

func TestHistory(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	noon := time.Date(2026, 3, 2, 12, 0, 0, 5, time.UTC)
	known := &asked{answer: session.History{Events: []session.Event{{Seq: 7, At: noon, Kind: "x", Text: "y & z"}}, More: true, Problem: "full"}}
	serve(t, p, src, func(s *Server) { s.o.Histories = known })
	c := dial(t, p)
	want := []session.HistoryQuery{{}, {Before: 1 << 60, After: 3, Limit: 50, Since: noon,
		EventFilter: session.EventFilter{Search: "a&b= ü", Topic: session.TopicVPN}}}
	for _, q := range want {
		got, err := c.History(t.Context(), q)
		if d := cmp.Diff(known.answer, got); d != "" || err != nil {
			t.Errorf("%v\n%s", err, d)
		}
	}
	if d := cmp.Diff(want, known.queries); d != "" {
		t.Error(d)
	}
	_, err := c.History(t.Context(), session.HistoryQuery{EventFilter: session.EventFilter{Search: strings.Repeat("x", maxSearch+1)}})
	var refused *wire.Problem
	if !errors.As(err, &refused) || !strings.Contains(refused.Title, "too long") {
		t.Errorf("of a long search it says %v", err)
	}
	for _, path := range []string{"?before=-1", "?limit=many", "?since=noon"} {
		if _, err := c.request(t.Context(), "GET", pathHistory+path, nil); !errors.As(err, &refused) || refused.Status != 400 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Where nothing is kept, what the state holds is searched.
func TestHistoryOfTheState(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{Events: []session.Event{{Seq: 1, Text: "one"}, {Seq: 2, Text: "two"}}})
	serve(t, p, src)
	h, err := dial(t, p).History(t.Context(), session.HistoryQuery{EventFilter: session.EventFilter{Search: "TWO"}})
	if err != nil || len(h.Events) != 1 || h.Events[0].Seq != 2 {
		t.Errorf("%+v, %v", h, err)
	}
}
