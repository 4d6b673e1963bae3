package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/vault"
)

// profileName is the demo's own, beside the user's everyday one.
const profileName = "demo"

// play opens the client on the user's own desktop, pointed at the lab's
// enrolment link, and ends when the client does. What is typed goes to the lab.
func play(ctx context.Context, o options) (err error) {
	p, err := profile.Open(profileName)
	if err != nil {
		return err
	}
	if c, err := local.Dial(p); err == nil {
		c.Close()
		return errors.New("a demo is running already; end it first")
	}
	l, err := startLab(ctx, o.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	defer func() { err = errors.Join(err, forget(p)) }()
	fmt.Println(`demo: Tidegate opens in your tray, with the lab's enrolment link.`)
	for _, line := range l.greeting {
		fmt.Println("demo:", line)
	}
	fmt.Println("demo: type: code maya, for the code that her authenticator shows; quit Tidegate or press Ctrl+C to end")
	go typed(l)
	go func() {
		for line := range l.lines {
			fmt.Println("demo:", line)
		}
	}()
	client := exec.Command(o.client, "--profile", profileName, l.link)
	client.Stdout, client.Stderr = os.Stderr, os.Stderr
	client.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := client.Start(); err != nil {
		return fmt.Errorf("start Tidegate: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("Tidegate ended: %w", err)
		}
	case <-ctx.Done():
		client.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	return nil
}

// typed passes on what the person types; it ends with the process.
func typed(l *labProcess) {
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		if _, err := io.WriteString(l.in, s.Text()+"\n"); err != nil {
			return
		}
	}
}

// forget removes what the demo's client has kept: keychain items and files.
func forget(p profile.Profile) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	k := vault.Keychain{Service: p.Keychain()}
	items := []session.VaultItem{session.ItemCookie, session.ItemDeviceKey}
	kept, err := vault.Records{Dir: p.Config}.LoadEnrolments()
	if err != nil {
		errs = append(errs, err)
	}
	for _, e := range kept.All() {
		items = append(items, e.Items()...)
	}
	for _, item := range append(items, kept.Gone...) {
		if err := k.Delete(ctx, item); err != nil && !errors.Is(err, session.ErrKeychainAbsent) {
			errs = append(errs, fmt.Errorf("remove the demo's keychain item %s: %w", item, err))
		}
	}
	dirs := []string{p.Config, p.Runtime, p.State}
	if config, err := os.UserConfigDir(); err == nil {
		dirs = append(dirs, filepath.Join(config, "fyne", "org.tidegate.Tidegate."+profileName))
	}
	for _, d := range dirs {
		if err := os.RemoveAll(d); err != nil {
			errs = append(errs, fmt.Errorf("remove the demo's files: %w", err))
		}
	}
	return errors.Join(errs...)
}
