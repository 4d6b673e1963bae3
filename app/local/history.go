package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Histories says what happened. Safe for concurrent use.
type Histories interface {
	History(q session.HistoryQuery) session.History
}

// maxHistory bounds the answer in bytes.
const maxHistory = 4 << 20

// maxSearch bounds what is searched for, in bytes.
const maxSearch = 1 << 10

// history answers with what is kept of what happened.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(r.URL.Query())
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	if s.o.Histories != nil {
		wire.WriteJSON(w, http.StatusOK, s.o.Histories.History(q))
		return
	}
	for st := range s.o.Source.Watch(r.Context()) { // nothing else is kept
		wire.WriteJSON(w, http.StatusOK, q.Select(st.Events))
		return
	}
	shuttingDown(w)
}

// readQuery reads what writeQuery wrote.
func readQuery(v url.Values) (q session.HistoryQuery, err error) {
	number := func(name string, to *uint64) {
		if s := v.Get(name); s != "" && err == nil {
			if *to, err = strconv.ParseUint(s, 10, 64); err != nil {
				err = fmt.Errorf("%s is no number", name)
			}
		}
	}
	number("before", &q.Before)
	number("after", &q.After)
	var limit uint64
	number("limit", &limit)
	q.Limit = int(min(limit, session.MaxHistory))
	if s := v.Get("since"); s != "" && err == nil {
		if q.Since, err = time.Parse(time.RFC3339Nano, s); err != nil {
			err = errors.New("since is no time")
		}
	}
	q.Search, q.Topic = v.Get("search"), session.Topic(v.Get("topic"))
	if len(q.Search) > maxSearch && err == nil {
		err = errors.New("the search is too long; search for less")
	}
	return q, err
}

func writeQuery(q session.HistoryQuery) string {
	v := url.Values{}
	number := func(name string, n uint64) {
		if n != 0 {
			v.Set(name, strconv.FormatUint(n, 10))
		}
	}
	number("before", q.Before)
	number("after", q.After)
	number("limit", uint64(max(0, q.Limit)))
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	for name, s := range map[string]string{"search": q.Search, "topic": string(q.Topic)} {
		if s != "" {
			v.Set(name, s)
		}
	}
	return v.Encode()
}

// History asks for what is kept of what happened.
func (c *Client) History(ctx context.Context, q session.HistoryQuery) (session.History, error) {
	var h session.History
	err := c.get(ctx, pathHistory+"?"+writeQuery(q), maxHistory, &h)
	return h, err
}
