//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

const (
	secretService   = "org.freedesktop.secrets"
	secretPath      = dbus.ObjectPath("/org/freedesktop/secrets")
	loginCollection = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	keyringPassword = "the keychain of a desktop that lasts one test"
)

// StartKeyring starts the keychain, unlocked. What an earlier one of this
// desktop kept is still in it.
func (d *Desktop) StartKeyring(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	p, _, err := d.launch(ctx, spec{
		name:  "gnome-keyring-daemon",
		args:  []string{"--foreground", "--unlock", "--components=secrets", "--control-directory=" + d.tree.path("run", "keyring")},
		stdin: keyringPassword,
	})
	if err != nil {
		return err
	}
	if err := d.waitName(ctx, p, secretService, true); err != nil {
		return err
	}
	return d.waitLocked(ctx, p, false)
}

// StopKeyring ends the keychain: there is no Secret Service any more.
func (d *Desktop) StopKeyring(ctx context.Context) error {
	p := d.program("gnome-keyring-daemon")
	if p == nil {
		return errors.New("stop the keychain: it does not run")
	}
	d.forget(p)
	p.stop()
	return d.waitName(ctx, p, secretService, false)
}

// LockKeyring locks the keychain. As nobody is there to answer a prompt,
// programs are refused at once what they ask of it.
func (d *Desktop) LockKeyring(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := d.bus.Object(secretService, secretPath).CallWithContext(ctx, "org.freedesktop.Secret.Service.Lock", 0,
		[]dbus.ObjectPath{loginCollection}).Store(&locked, &prompt)
	if err != nil {
		return fmt.Errorf("lock the keychain: %w", err)
	}
	return d.waitLocked(ctx, d.program("gnome-keyring-daemon"), true)
}

// UnlockKeyring unlocks the keychain, as signing in to a desktop does.
func (d *Desktop) UnlockKeyring(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	service := d.bus.Object(secretService, secretPath)
	var output dbus.Variant
	var session dbus.ObjectPath
	err := service.CallWithContext(ctx, "org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &session)
	if err != nil {
		return fmt.Errorf("unlock the keychain: %w", err)
	}
	secret := struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}{session, nil, []byte(keyringPassword), "text/plain"}
	err = service.CallWithContext(ctx, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0,
		loginCollection, secret).Err
	if err != nil {
		return fmt.Errorf("unlock the keychain: %w", err)
	}
	return d.waitLocked(ctx, d.program("gnome-keyring-daemon"), false)
}

// waitLocked returns when the keychain is locked, or unlocked.
func (d *Desktop) waitLocked(ctx context.Context, p *program, wanted bool) error {
	what := "the keychain to be unlocked"
	if wanted {
		what = "the keychain to be locked"
	}
	err := d.poll(ctx, what, func() (bool, string, error) {
		v, err := d.property(ctx, secretService, loginCollection, "org.freedesktop.Secret.Collection", "Locked")
		if err != nil {
			return false, err.Error(), nil // the collection may be on its way
		}
		locked, ok := v.Value().(bool)
		return ok && locked == wanted, v.String(), nil
	})
	if err != nil && p != nil {
		return p.fail(err)
	}
	return err
}

// program is the newest running program of a name, nil if there is none.
func (d *Desktop) program(name string) *program {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.programs) - 1; i >= 0; i-- {
		if d.programs[i].name == name {
			return d.programs[i]
		}
	}
	return nil
}
