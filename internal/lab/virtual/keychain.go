package virtual

import (
	"context"
	"sync"

	"github.com/tidegate/tidegate/session"
)

// keychain keeps secrets, the enrolments and the user's choices in memory: a session.Vault and a
// session.Records.
type keychain struct {
	mu       sync.Mutex
	secrets  map[session.VaultItem][]byte
	enrolled session.KeptEnrolments
	choices  session.KeptChoices
}

func (k *keychain) Get(_ context.Context, item session.VaultItem) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.secrets[item]
	if !ok {
		return nil, session.ErrNoSecret
	}
	return b, nil
}

func (k *keychain) Set(_ context.Context, item session.VaultItem, secret []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.secrets[item] = append([]byte(nil), secret...)
	return nil
}

func (k *keychain) Delete(_ context.Context, item session.VaultItem) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.secrets, item)
	return nil
}

// Opened never returns before ctx ends: it is open.
func (k *keychain) Opened(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (k *keychain) LoadEnrolments() (session.KeptEnrolments, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.enrolled, nil
}

func (k *keychain) SaveEnrolments(e session.KeptEnrolments) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.enrolled = e
	return nil
}

func (k *keychain) LoadChoices() (session.KeptChoices, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.choices, nil
}

func (k *keychain) SaveChoices(c session.KeptChoices) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.choices = c
	return nil
}
