//go:build !linux

package osdns

import (
	"context"
	"errors"
	"runtime"
)

var errNotYet = errors.New("names cannot be split on " + runtime.GOOS + " yet: they are served for programs through the loopback listeners")

// New fails: no way to tell this system is built yet.
func New(Mode, Options) (Configurator, error) { return nil, errNotYet }

// Undo has nothing to take back.
func Undo(context.Context, Options) error { return nil }

// Left is nothing: see New.
func Left(Options) (Want, error) { return Want{}, nil }

// Observe looks at nothing: see New.
func Observe(context.Context, Options) (Environment, error) {
	return Environment{System: runtime.GOOS}, nil
}
