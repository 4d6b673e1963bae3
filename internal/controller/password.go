package controller

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/internal/controller/config"
)

// passwords verifies few passwords at a time, since each takes much memory,
// and lets few wait.
type passwords struct {
	running, waiting chan struct{}
	nobody           config.PasswordHash // is worked on for users that do not exist
}

func newPasswords() *passwords {
	return &passwords{running: make(chan struct{}, 2), waiting: make(chan struct{}, 64), nobody: config.UnknownHash()}
}

// verify says whether a password is the user's; for no user it takes as long.
// Its error says that the queue was full or ctx ended.
func (p *passwords) verify(ctx context.Context, u *config.User, password string) (bool, error) {
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return false, errors.New("too many sign-ins at once")
	}
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	h := p.nobody
	if u != nil {
		h = u.Password
	}
	return h.Matches(password) && u != nil, nil
}
