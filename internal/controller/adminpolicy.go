package controller

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/plan"
	"github.com/tidegate/tidegate/internal/wire"
)

// Paths of the administration socket for policies.
const (
	adminPlan  = "/policy/plan"  // POST adminSource, answered lines of adminPlanLine
	adminApply = "/policy/apply" // POST adminSource
)

// maxSource bounds the text of a configuration that is sent to the socket.
const maxSource = 64 << 20

type adminSource struct {
	Source config.Source `json:"source"`
	Plan   string        `json:"plan,omitempty"` // the id of the plan that is applied
}

// adminPlanLine is progress, and at last the plan or what went wrong.
type adminPlanLine struct {
	Done  int        `json:"done,omitempty"`
	Total int        `json:"total,omitempty"`
	Plan  *plan.Plan `json:"plan,omitempty"`
	Error string     `json:"error,omitempty"`
}

// progressEvery is how often progress is told.
const progressEvery = 200 * time.Millisecond

func (c *Controller) adminPlan(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminSource
	if p := readBodyOf(w, r, maxSource, &q); p != nil {
		return p
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	var told time.Time
	p, err := c.Plan(r.Context(), q.Source, func(done, total int) {
		if now := time.Now(); now.Sub(told) >= progressEvery {
			told = now
			out.Encode(adminPlanLine{Done: done, Total: total}) // whoever has gone ends the request's context
			flush.Flush()
		}
	})
	line := adminPlanLine{Plan: p}
	if err != nil {
		line.Error = err.Error()
	}
	out.Encode(line)
	return nil
}

func (c *Controller) adminApply(w http.ResponseWriter, r *http.Request) *wire.Problem {
	var q adminSource
	if p := readBodyOf(w, r, maxSource, &q); p != nil {
		return p
	}
	return c.adminAnswer(w, nil, c.Apply(r.Context(), q.Source, q.Plan))
}

// AdminPlan asks what a configuration would do, and tells progress.
func AdminPlan(ctx context.Context, socket string, src config.Source, progress func(done, total int)) (*plan.Plan, error) {
	res, err := adminSend(ctx, socket, http.MethodPost, adminPlan, adminSource{Source: src})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	for lines := json.NewDecoder(bufio.NewReader(res.Body)); ; {
		var l adminPlanLine
		if err := lines.Decode(&l); err != nil {
			return nil, fmt.Errorf("ask for a plan: %w", err)
		}
		switch {
		case l.Error != "":
			return nil, errors.New(l.Error)
		case l.Plan != nil:
			return l.Plan, nil
		case progress != nil:
			progress(l.Done, l.Total)
		}
	}
}

// AdminApply replaces the configuration; with a plan's id only if that plan
// still holds.
func AdminApply(ctx context.Context, socket string, src config.Source, id string) error {
	return adminDo(ctx, socket, http.MethodPost, adminApply, adminSource{Source: src, Plan: id}, nil)
}
