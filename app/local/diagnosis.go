package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/wire"
)

// Diagnoser finds out what is wrong. Safe for concurrent use.
type Diagnoser interface {
	// Diagnose looks at everything; told is called with the progress, on the
	// caller's goroutine. The error is ctx's.
	Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error)
}

// The events of a diagnosis: a diag.Progress each, and a diag.Report at the end.
const (
	eventProgress = "progress"
	eventReport   = "report"
)

// diagnosis makes one, and tells how far it is. It ends with its reader.
func (s *Server) diagnosis(w http.ResponseWriter, r *http.Request) {
	if s.o.Diagnoser == nil {
		(&wire.Problem{Code: wire.CodeNotFound, Status: http.StatusNotImplemented, Title: "Tidegate cannot look at itself here"}).Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	flush := http.NewResponseController(w)
	send := func(name string, v any) {
		e, err := wire.NewEvent("", name, v)
		if err == nil {
			_, err = e.WriteTo(w)
		}
		if err == nil {
			err = flush.Flush()
		}
		if err != nil {
			cancel() // the reader has gone
		}
	}
	report, err := s.o.Diagnoser.Diagnose(ctx, func(p diag.Progress) { send(eventProgress, p) })
	if err == nil {
		send(eventReport, report)
	}
}

// Diagnose has the instance look at itself, at this machine and at the ways to the
// controller and the gateways, which takes some seconds. told is called with the
// progress; nil is for nobody.
func (c *Client) Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error) {
	resp, err := c.request(ctx, http.MethodGet, pathDiagnosis, nil)
	if err != nil {
		return diag.Report{}, err
	}
	defer resp.Body.Close()
	for events := wire.NewEventReader(resp.Body); ; {
		e, err := events.Next()
		if ctx.Err() != nil {
			return diag.Report{}, context.Cause(ctx)
		}
		if err != nil {
			return diag.Report{}, errors.New("Tidegate ended before it was done; start it with: tidegate")
		}
		switch e.Name {
		case eventProgress:
			var p diag.Progress
			if json.Unmarshal(e.Data, &p) == nil && told != nil {
				told(p)
			}
		case eventReport:
			var r diag.Report
			if err := json.Unmarshal(e.Data, &r); err != nil {
				return r, fmt.Errorf("read diagnosis: %w", err)
			}
			return r, nil
		}
	}
}
