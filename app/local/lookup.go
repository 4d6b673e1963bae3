package local

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Lookups says who answers for a name. Safe for concurrent use.
type Lookups interface {
	// Explain asks nobody for the name. It fails for what is none, in the user's
	// words.
	Explain(name string) (session.Lookup, error)
}

// maxLookup bounds the answer.
const maxLookup = 1 << 20

// lookup answers who answers for a name.
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) {
	if s.o.Lookups == nil {
		(&wire.Problem{Code: wire.CodeNotFound, Status: http.StatusNotImplemented, Title: "Tidegate has nothing to do with names here"}).Write(w)
		return
	}
	l, err := s.o.Lookups.Explain(r.URL.Query().Get("name"))
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	wire.WriteJSON(w, http.StatusOK, l)
}

// Lookup asks who answers a program of this machine that looks a name up.
func (c *Client) Lookup(ctx context.Context, name string) (session.Lookup, error) {
	var l session.Lookup
	err := c.get(ctx, pathLookup+"?"+url.Values{"name": {name}}.Encode(), maxLookup, &l)
	return l, err
}
