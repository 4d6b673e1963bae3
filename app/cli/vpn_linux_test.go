package cli

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// At a terminal what is asked is shown, passwords are not echoed, and a wrong
// answer may be given anew.
func TestVPNConnectAtTerminal(t *testing.T) {
	keys, tty := terminal(t)
	src := &apptest.Source{}
	src.Publish(vpns())
	secret := session.VPNPrompt{ID: "1", Kind: session.VPNForm, Message: "Welcome\nto it", Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password:"}}}
	again := secret
	again.ID, again.Error = "2", "Login failed."
	gate(src, asks(secret), asks(again), up)
	var out, errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- Run(t.Context(), []string{"vpn", "connect", "b"}, Options{In: tty, Out: &out, Err: &errs,
			Dial: func() (Client, error) { return running{src, nil}, nil }})
	}()
	for n, word := range []string{"wrong-canary", canary} {
		for end := time.Now().Add(20 * time.Second); len(src.Commands()) != n+1 || echoes(t, tty); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing is asked")
			}
		}
		typed(t, keys, word)
	}
	if got := <-code; got != Done || out.String() != "old.example:8443 is connected.\n" {
		t.Errorf("%d: %q %q", got, out.String(), errs.String())
	}
	if want := "Welcome to it\nPassword: \nLogin failed.\nWelcome to it\nPassword: \n"; errs.String() != want {
		t.Errorf("it asks %q, want %q", errs.String(), want)
	}
	if !echoes(t, tty) {
		t.Error("the echo stays off")
	}
}

func typed(t *testing.T, keys *os.File, word string) {
	t.Helper()
	if _, err := keys.WriteString(word + "\r"); err != nil {
		t.Fatal(err)
	}
}
