// Package vault keeps the client's secrets in the OS keychain through
// go-keyring (the Secret Service on Linux), and the enrolment, which is not
// secret, in a file. Secrets are never written anywhere else. Used by package
// session, off its goroutine; safe for concurrent use.
package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"

	"github.com/tidegate/tidegate/session"
)

// Keychain is a session.Vault. Service names the profile whose items it keeps.
type Keychain struct {
	Service string
}

// Get fetches an item. The desktop may ask the user to unlock the keychain
// meanwhile; when ctx ends first, the keychain counts as locked.
func (k Keychain) Get(ctx context.Context, item session.VaultItem) ([]byte, error) {
	var s string
	err := bounded(ctx, func() (err error) {
		s, err = keyring.Get(k.Service, string(item))
		return err
	})
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, session.ErrNoSecret // not ours, or damaged: the same to us
	}
	return b, nil
}

// Set stores an item in place of the old one.
func (k Keychain) Set(ctx context.Context, item session.VaultItem, secret []byte) error {
	return bounded(ctx, func() error {
		return keyring.Set(k.Service, string(item), base64.StdEncoding.EncodeToString(secret))
	})
}

// Delete removes an item.
func (k Keychain) Delete(ctx context.Context, item session.VaultItem) error {
	err := bounded(ctx, func() error { return keyring.Delete(k.Service, string(item)) })
	if errors.Is(err, session.ErrNoSecret) {
		return nil
	}
	return err
}

// bounded runs one call of go-keyring, which knows no context and blocks while
// an unlock dialog is open. A call that is given up ends when its dialog does, or never,
// where the keychain's service does: so later ones do not wait for it.
func bounded(ctx context.Context, call func() error) error {
	done := make(chan error, 1)
	go func() {
		if err := unlocked(ctx); err != nil {
			done <- err
			return
		}
		err := call()
		if errors.Is(err, dbus.ErrClosed) {
			// The tray library shares this connection and closes it when it
			// ends, maybe under us. The next call opens another.
			err = call()
		}
		done <- err
	}()
	select {
	case err := <-done:
		if errors.Is(err, session.ErrKeychainLocked) {
			return err
		}
		return classify(err)
	case <-ctx.Done():
		return fmt.Errorf("%w: no answer: %w", session.ErrKeychainLocked, ctx.Err())
	}
}

// classify turns what go-keyring returns, much of it plain text, into the
// three errors that the session knows. What it cannot tell counts as locked:
// the user can retry that.
func classify(err error) error {
	var d dbus.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return session.ErrNoSecret
	case errors.Is(err, keyring.ErrUnsupportedPlatform),
		errors.As(err, &d) && (d.Name == "org.freedesktop.DBus.Error.ServiceUnknown" || d.Name == "org.freedesktop.DBus.Error.NameHasNoOwner"),
		errors.Is(err, dbus.ErrClosed),
		strings.Contains(err.Error(), "session bus"),
		strings.Contains(err.Error(), "dbus-launch"),
		strings.Contains(err.Error(), "no such file or directory"),
		strings.Contains(err.Error(), "connection refused"):
		return fmt.Errorf("%w: %w", session.ErrKeychainAbsent, err)
	}
	return fmt.Errorf("%w: %w", session.ErrKeychainLocked, err)
}
