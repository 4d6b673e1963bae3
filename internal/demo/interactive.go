package main

import (
	"context"
	"errors"
)

func play(ctx context.Context, o options) error { return errors.New("x") }
