package script

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// run is one execution of a program; it belongs to the goroutine of Run.
type run struct {
	ctx      context.Context // of the run alone; ends with its time
	thread   *starlark.Thread
	limits   Limits
	allow    []prefix
	printed  int
	requests int
	failed   error // the limit that ended the run, whatever became of the error
}

// local is the key of the run on its thread.
const local = "run"

func running(t *starlark.Thread) *run { return t.Local(local).(*run) }

// Run calls main with in and yields what it returned. Its error is an *Error.
// Run returns soon after ctx is done or l.Time is over.
func (p *Program) Run(ctx context.Context, in Input, l Limits) (v Value, err error) {
	l = l.filled()
	ctx, cancel := context.WithTimeoutCause(ctx, l.Time, kindf(ErrTime, "it took longer than %v; ask for less, or raise its timeout", l.Time))
	defer cancel()
	r := &run{ctx: ctx, thread: &starlark.Thread{Name: p.name}, limits: l}
	defer func() {
		if x := recover(); x != nil {
			v, err = Value{}, p.explain(r, kindf(ErrInternal, "internal error: %s; please report it", short(fmt.Sprint(x))))
		}
	}()
	if r.allow, err = parsePrefixes(l.Allow); err != nil {
		return Value{}, p.explain(r, kindf(ErrAllow, "http: %v", err))
	}
	arg, err := in.value()
	if err != nil {
		return Value{}, p.explain(r, kindf(ErrInput, "%v", err))
	}
	r.thread.SetLocal(local, r)
	r.thread.SetMaxExecutionSteps(l.Steps)
	r.thread.OnMaxSteps = func(t *starlark.Thread) { t.Cancel(r.overSteps().Error()) }
	r.thread.Print = r.print
	defer context.AfterFunc(ctx, func() { r.thread.Cancel("time") })()

	globals, err := p.starlark.Init(r.thread, predeclared)
	if err != nil {
		return Value{}, p.explain(r, err)
	}
	result, err := starlark.Call(r.thread, globals[entry], starlark.Tuple{arg}, nil)
	if err != nil {
		return Value{}, p.explain(r, err)
	}
	if r.failed != nil {
		return Value{}, p.explain(r, r.failed)
	}
	if v, err = newValue(p.name, result, l.Output-r.printed); err != nil {
		return Value{}, p.explain(r, err)
	}
	return v, nil
}

// fail notes err as what ended the run, unless something did before.
func (r *run) fail(err error) error {
	if r.failed == nil {
		r.failed = err
	}
	return err
}

func (r *run) overSteps() error {
	return r.fail(kindf(ErrSteps, "it took more than %d steps; let it do less at a time", r.limits.Steps))
}

func (r *run) overOutput() error {
	return r.fail(kindf(ErrOutput, "it printed and returned more than %d bytes; print less", r.limits.Output))
}

// print is Starlark's print. It cannot fail, but end the thread.
func (r *run) print(t *starlark.Thread, line string) {
	if r.printed += len(line) + 1; r.printed > r.limits.Output {
		t.Cancel(r.overOutput().Error())
		return
	}
	r.limits.Log(line)
}

// explain is err in words, with its kind and line.
func (p *Program) explain(r *run, err error) *Error {
	e := &Error{Script: p.name, Kind: ErrFailed}
	var at *starlark.EvalError
	if errors.As(err, &at) {
		for _, f := range at.CallStack { // outermost first
			if f.Pos.Filename() == fileName {
				e.Line, e.Column = f.Pos.Line, f.Pos.Col
			}
		}
	}
	switch {
	case r.failed != nil:
		err = r.failed
	case r.ctx.Err() != nil && strings.HasPrefix(err.Error(), "Starlark computation cancelled"):
		err = r.stopped()
	}
	e.Msg = short(err.Error())
	var known *kindError
	if errors.As(err, &known) {
		e.Kind = known.kind
	}
	return e
}

// stopped is why r's context is done.
func (r *run) stopped() error {
	cause := context.Cause(r.ctx)
	if errors.Is(cause, ErrTime) {
		return cause
	}
	return kindf(ErrStopped, "stopped: %v", cause)
}
