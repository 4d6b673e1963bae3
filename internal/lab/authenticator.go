package lab

import (
	"fmt"
	"sync"
	"time"

	"github.com/pquerna/otp/totp"
)

// step is how long a one-time code is shown (RFC 6238, section 5.2).
const step = 30 * time.Second

// typing is how long a code must still be good for whoever types it.
const typing = 8 * time.Second

// authenticator stands in for the people's own. A code works once, and a
// script answers more often than every half minute: so it never shows one
// twice, and its clock strays by the one step each way that a controller
// forgives.
type authenticator struct {
	mu   sync.Mutex
	last map[string]int64
}

// Code is the next one-time code of a user's authenticator.
func (l *Lab) Code(user string) (string, error) {
	p, err := l.o.Config.Person(user)
	if err != nil {
		return "", err
	}
	a := &l.codes
	a.mu.Lock()
	defer a.mu.Unlock()
	at := time.Now()
	now := at.Unix() / int64(step/time.Second)
	oldest := at.Add(typing).Unix()/int64(step/time.Second) - 1
	n := max(oldest, a.last[user]+1)
	if n > now+1 {
		wait := time.Unix((n-1)*int64(step/time.Second), 0).Sub(at)
		return "", fmt.Errorf("%s has used all codes there are yet; the next one comes in %v", user, wait.Round(time.Second))
	}
	code, err := totp.GenerateCode(p.TOTP, time.Unix(n*int64(step/time.Second), 0))
	if err != nil {
		return "", fmt.Errorf("make a one-time code for %s: %w", user, err)
	}
	a.last[user] = n
	return code, nil
}
