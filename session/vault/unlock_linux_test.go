package vault

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

// secrets is a Secret Service whose login collection is locked, and that asks by a
// prompt.
type secrets struct {
	conn   *dbus.Conn
	asked  chan struct{} // of each prompt
	looked chan struct{} // somebody has seen it to be locked
	mu     sync.Mutex
	locked bool
}

const promptPath = dbus.ObjectPath("/org/freedesktop/secrets/prompt/u7")

func newSecrets(t *testing.T, bus string) *secrets {
	t.Helper()
	s := &secrets{conn: desktoptest.Connect(t, bus), asked: make(chan struct{}, 8), looked: make(chan struct{}, 1), locked: true}
	for iface, methods := range map[string]map[string]any{
		"org.freedesktop.DBus.Properties": {"Get": s.property},
		secretIface:                       {"Unlock": s.unlock},
	} {
		for _, path := range []dbus.ObjectPath{secretPath, loginPath} {
			if err := s.conn.ExportMethodTable(methods, path, iface); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.conn.ExportMethodTable(map[string]any{"Prompt": s.prompt}, promptPath, promptIface); err != nil {
		t.Fatal(err)
	}
	if reply, err := s.conn.RequestName(secretService, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("own %s: %v, %v", secretService, reply, err)
	}
	return s
}

func (s *secrets) property(_, name string) (dbus.Variant, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "Locked" {
		if s.locked {
			select {
			case s.looked <- struct{}{}:
			default:
			}
		}
		return dbus.MakeVariant(s.locked), nil
	}
	return dbus.MakeVariant([]dbus.ObjectPath{loginPath}), nil
}

func (s *secrets) unlock([]dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	return nil, promptPath, nil
}

func (s *secrets) prompt(string) *dbus.Error {
	s.asked <- struct{}{}
	return nil
}

// answer completes the prompt, after signals that are none of its.
func (s *secrets) answer(t *testing.T, dismissed bool) {
	t.Helper()
	s.mu.Lock()
	s.locked = dismissed
	s.mu.Unlock()
	for _, path := range []dbus.ObjectPath{"/org/freedesktop/secrets/prompt/u6", promptPath} {
		if err := s.conn.Emit(path, promptIface+".Completed", dismissed == (path == promptPath), dbus.MakeVariant([]dbus.ObjectPath{loginPath})); err != nil {
			t.Fatal(err)
		}
	}
}

// The answer that counts is the user's: not another prompt's, and not whatever else
// comes on the connection while the question stands.
func TestUnlock(t *testing.T) {
	bus := desktoptest.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	s := newSecrets(t, bus)
	shared := desktoptest.Connect(t, bus)
	ask := func(ctx context.Context) <-chan error {
		told := make(chan error, 1)
		go func() { told <- unlock(ctx, shared) }()
		select {
		case <-s.asked:
		case err := <-told:
			t.Fatalf("nobody was asked: %v", err)
		case <-time.After(10 * time.Second):
			t.Fatal("nobody is asked")
		}
		return told
	}
	first := ask(t.Context())
	s.answer(t, true)
	if err := <-first; !errors.Is(err, session.ErrKeychainLocked) {
		t.Errorf("dismissed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	given := ask(ctx)
	cancel()
	if err := <-given; !errors.Is(err, session.ErrKeychainLocked) {
		t.Errorf("given up: %v", err)
	}
	last := ask(t.Context())
	s.answer(t, false)
	if err := <-last; err != nil {
		t.Errorf("answered: %v", err)
	}
	if err := unlock(t.Context(), shared); err != nil || len(s.asked) > 0 {
		t.Errorf("unlocked, %d are asked: %v", len(s.asked), err)
	}
}

// A keychain that is unlocked for somebody else, and one that starts and is open, are
// told of.
func TestOpened(t *testing.T) {
	for name, open := range map[string]func(*testing.T, string, *secrets){
		"it is unlocked": func(t *testing.T, _ string, s *secrets) { s.unlocked(t) },
		"it starts": func(t *testing.T, bus string, s *secrets) {
			s.conn.Close()
			newSecrets(t, bus).unlocked(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bus := desktoptest.Bus(t)
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
			s := newSecrets(t, bus)
			told := make(chan error, 1)
			go func() { told <- Keychain{}.Opened(t.Context()) }()
			<-s.looked
			open(t, bus, s)
			select {
			case err := <-told:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Error("nobody is told")
			}
		})
	}
}

// unlocked has it be, as whoever is asked by another program does.
func (s *secrets) unlocked(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	s.locked = false
	s.mu.Unlock()
	if err := s.conn.Emit(loginPath, "org.freedesktop.DBus.Properties.PropertiesChanged", collectionIface,
		map[string]dbus.Variant{"Locked": dbus.MakeVariant(false)}, []string{}); err != nil {
		t.Fatal(err)
	}
}
