package local

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/diag"
)

// diagnosing is a Diagnoser.
type diagnosing func(context.Context, func(diag.Progress)) (diag.Report, error)

func (d diagnosing) Diagnose(ctx context.Context, told func(diag.Progress)) (diag.Report, error) {
	return d(ctx, told)
}

func TestDiagnose(t *testing.T) {
	p := place(t)
	want := diag.Report{Version: "1", Checks: []diag.Check{{ID: "x", Outcome: diag.Bad, Text: "wrong", Fix: "mend it"}}, Files: []diag.File{{Name: "log.txt", Text: strings.Repeat("line\n", 1<<18)}}}
	steps := []diag.Progress{{Total: 2}, {Done: 1, Total: 2, Title: "The controller"}}
	serve(t, p, &apptest.Source{}, func(s *Server) {
		s.o.Diagnoser = diagnosing(func(_ context.Context, told func(diag.Progress)) (diag.Report, error) {
			for _, step := range steps {
				told(step)
			}
			return want, nil
		})
	})
	var got []diag.Progress
	r, err := dial(t, p).Diagnose(t.Context(), func(p diag.Progress) { got = append(got, p) })
	if err != nil || cmp.Diff(steps, got) != "" {
		t.Errorf("%v, %+v", err, got)
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

// A diagnosis ends with whoever asked for it.
func TestDiagnosisIsGivenUp(t *testing.T) {
	p := place(t)
	ended := make(chan struct{})
	serve(t, p, &apptest.Source{}, func(s *Server) {
		s.o.Diagnoser = diagnosing(func(ctx context.Context, told func(diag.Progress)) (diag.Report, error) {
			told(diag.Progress{Total: 1})
			<-ctx.Done()
			close(ended)
			return diag.Report{}, ctx.Err()
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := dial(t, p).Diagnose(ctx, func(diag.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
}

func TestNobodyDiagnoses(t *testing.T) {
	p := place(t)
	serve(t, p, &apptest.Source{})
	if _, err := dial(t, p).Diagnose(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "cannot look at itself") {
		t.Error(err)
	}
}
