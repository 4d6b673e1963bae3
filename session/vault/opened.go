package vault

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Opened returns nil once the keychain, which was locked or not there, opens: the user
// has unlocked it for somebody else, or the desktop starts it. It fails where that is not
// told, as on Windows and macOS.
func (k Keychain) Opened(ctx context.Context) error {
	if !hasSecretService {
		return fmt.Errorf("nobody tells when this keychain opens")
	}
	conn, err := sessionBus(ctx)
	if err != nil {
		return fmt.Errorf("watch the keychain: %w", err)
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(secretService), dbus.WithMatchPathNamespace(secretPath))
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
			dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, secretService))
	}
	if err != nil {
		return fmt.Errorf("watch the keychain: %w", err)
	}
	// Only what opens from now on counts: one that is open, and was of no use all the
	// same, would be tried for ever.
	for was := open(ctx, conn); ; {
		select {
		case _, ok := <-signals:
			if !ok {
				return fmt.Errorf("watch the keychain: the session bus has ended")
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		now := open(ctx, conn)
		if now && !was {
			return nil
		}
		was = now
	}
}

// open tells whether the keychain is there and unlocked; it is not started for that.
func open(ctx context.Context, conn *dbus.Conn) bool {
	is, err := locked(ctx, conn, collectionOf(ctx, conn, dbus.FlagNoAutoStart), dbus.FlagNoAutoStart)
	return err == nil && !is
}
