package local

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

type lookups map[string]session.Lookup

func (l lookups) Explain(name string) (session.Lookup, error) {
	if known, ok := l[name]; ok {
		return known, nil
	}
	return session.Lookup{}, errors.New("that is no name")
}

func TestLookup(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	known := lookups{
		"wiki.corp": {Name: "wiki.corp", Answers: session.AnswerTidegate, Addresses: []netip.Addr{netip.MustParseAddr("100.96.1.1")}},
		"a&b=c ü":   {Name: "odd", Why: "as it was asked"},
	}
	serve(t, p, src, func(s *Server) { s.o.Lookups = known })
	c := dial(t, p)
	for name, want := range known {
		got, err := c.Lookup(t.Context(), name)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", name, err, diff)
		}
	}
	_, err := c.Lookup(t.Context(), "10.0.0.1")
	var refused *wire.Problem
	if !errors.As(err, &refused) || refused.Title != "that is no name" {
		t.Errorf("of no name it says %v", err)
	}
}

func TestLookupWithoutNames(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	serve(t, p, src)
	if _, err := dial(t, p).Lookup(t.Context(), "wiki.corp"); err == nil || err.Error() != "Tidegate has nothing to do with names here" {
		t.Errorf("it says %v", err)
	}
}
