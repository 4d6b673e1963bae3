package vault

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/session"
)

// Of the Secret Service (its specification, version 0.2).
const (
	secretService   = "org.freedesktop.secrets"
	secretPath      = dbus.ObjectPath("/org/freedesktop/secrets")
	secretIface     = "org.freedesktop.Secret.Service"
	promptIface     = "org.freedesktop.Secret.Prompt"
	collectionIface = "org.freedesktop.Secret.Collection"
	loginPath       = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	defaultPath     = dbus.ObjectPath("/org/freedesktop/secrets/aliases/default")
	noPrompt        = dbus.ObjectPath("/")
	getProperty     = "org.freedesktop.DBus.Properties.Get"
)

// hasSecretService: go-keyring uses one here.
const hasSecretService = runtime.GOOS != "windows" && runtime.GOOS != "darwin"

// unlocked returns when the keychain is, as far as it can be, or not a Secret Service.
func unlocked(ctx context.Context) error {
	if !hasSecretService {
		return nil
	}
	shared, err := dbus.SessionBus()
	if err != nil {
		return nil // go-keyring says so
	}
	return unlock(ctx, shared)
}

// unlock has the desktop ask for the keychain's password where it is locked, and returns
// when the user has answered. go-keyring would as well, but takes whatever signal comes
// first on the connection that it shares with the tray for the answer: the keychain then
// counts as locked before the user has read the question. What else is wrong is for
// go-keyring to tell.
//
// shared is asked whether it is locked; the question has a connection of its own, and
// is withdrawn when that ends.
func unlock(ctx context.Context, shared *dbus.Conn) error {
	collection := collectionOf(ctx, shared, 0)
	if is, err := locked(ctx, shared, collection, 0); err != nil || !is {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := sessionBus(ctx)
	if err != nil {
		return nil
	}
	defer conn.Close()
	service := conn.Object(secretService, secretPath)
	var at []dbus.ObjectPath // those that need no prompt
	var prompt dbus.ObjectPath
	err = service.CallWithContext(ctx, secretIface+".Unlock", 0, []dbus.ObjectPath{collection}).Store(&at, &prompt)
	if err != nil || prompt == noPrompt {
		return nil
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(secretService), dbus.WithMatchObjectPath(prompt),
		dbus.WithMatchInterface(promptIface), dbus.WithMatchMember("Completed")); err != nil {
		return fmt.Errorf("%w: %w", session.ErrKeychainLocked, err)
	}
	if err := conn.Object(secretService, prompt).CallWithContext(ctx, promptIface+".Prompt", 0, "").Err; err != nil {
		return fmt.Errorf("%w: nobody asks for its password: %w", session.ErrKeychainLocked, err)
	}
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return fmt.Errorf("%w: the session bus has ended", session.ErrKeychainLocked)
			}
			if s.Name != promptIface+".Completed" || s.Path != prompt {
				continue
			}
			if len(s.Body) == 2 && s.Body[0] == false { // it was not dismissed
				return nil
			}
			return fmt.Errorf("%w: its password was not given", session.ErrKeychainLocked)
		case <-ctx.Done():
			return fmt.Errorf("%w: its password was not given in time", session.ErrKeychainLocked)
		}
	}
}

// collectionOf is the collection that go-keyring keeps items in.
func collectionOf(ctx context.Context, conn *dbus.Conn, flags dbus.Flags) dbus.ObjectPath {
	var all dbus.Variant
	err := conn.Object(secretService, secretPath).CallWithContext(ctx, getProperty, flags, secretIface, "Collections").Store(&all)
	if paths, ok := all.Value().([]dbus.ObjectPath); err == nil && ok && slices.Contains(paths, loginPath) {
		return loginPath
	}
	return defaultPath
}

// locked tells whether a collection is.
func locked(ctx context.Context, conn *dbus.Conn, collection dbus.ObjectPath, flags dbus.Flags) (is bool, err error) {
	var v dbus.Variant
	if err := conn.Object(secretService, collection).CallWithContext(ctx, getProperty, flags, collectionIface, "Locked").Store(&v); err != nil {
		return false, err
	}
	return is, v.Store(&is)
}

// sessionBus is a connection to the session's bus of its own.
func sessionBus(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
