package osdns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// modes are all that tell the system, each with what takes back what it has left.
// That takes the journal, or nil: then it goes by looks.
func modes(o Options) map[Mode]struct {
	Configurator
	undo func(context.Context, *journal) error
} {
	type way = struct {
		Configurator
		undo func(context.Context, *journal) error
	}
	d, l, f := &delegate{o}, &ownLink{o}, newDirect(o)
	r, n := newResolvconf(o, ModeResolvconf), newResolvconf(o, ModeOpenresolv)
	return map[Mode]way{
		ModeDelegate:   {d, func(ctx context.Context, _ *journal) error { return d.undo(ctx) }},
		ModeLink:       {l, func(ctx context.Context, _ *journal) error { return l.undo(ctx) }},
		ModeResolvconf: {r, r.undo},
		ModeOpenresolv: {n, n.undo},
		ModeDirect:     {f, func(_ context.Context, j *journal) error { return undoDirect(o, j) }},
	}
}

// New makes what tells the system in a mode. It changes nothing yet. What another
// mode has left is taken back when this one applies.
func New(m Mode, o Options) (Configurator, error) {
	if w, ok := modes(o)[m]; ok {
		return &sole{Configurator: w.Configurator, mode: m, o: o}, nil
	}
	return nil, fmt.Errorf("tell the system who is asked for names: there is no mode %q", m)
}

// sole is a mode that has the machine for itself.
type sole struct {
	Configurator
	mode Mode
	o    Options
}

func (s *sole) Apply(ctx context.Context, w Want) (Told, error) {
	j, err := peekJournal(s.o)
	if err == nil && j != nil && j.Mode != s.mode {
		err = Undo(ctx, s.o)
	}
	if err != nil && !errors.Is(err, errDamaged) {
		return Told{}, err
	}
	return s.Configurator.Apply(ctx, w)
}

// Undo takes back all that is left of whoever told the system before, in whichever
// mode. What is not in the journal is known by its looks.
func Undo(ctx context.Context, o Options) error {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	j, err := recall(o, log)
	if err != nil {
		return err
	}
	all := modes(o)
	// The journal's own mode is first: the others drop it.
	if j != nil {
		if w, ok := all[j.Mode]; ok {
			if err := w.undo(ctx, j); err != nil {
				return fmt.Errorf("undo %s: %w", j.Mode, err)
			}
			delete(all, j.Mode)
		}
	}
	var errs []error
	for m, w := range all {
		if err := w.undo(ctx, nil); err != nil {
			errs = append(errs, fmt.Errorf("undo %s: %w", m, err))
		}
	}
	return errors.Join(errs...)
}
