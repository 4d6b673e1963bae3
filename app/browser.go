package app

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// openTime is how long a browser's start is watched for a failure.
const openTime = 5 * time.Second

// openURL opens an application's URL in the user's browser. Only http and
// https on a loopback address or at a name that named has are ever opened, whatever
// a controller says: that is where applications are reached. named is asked for names
// in lower case and without the last dot.
func openURL(raw string, named func(host string) bool) error {
	u, err := applicationURL(raw, named)
	if err != nil {
		return err
	}
	cmd := opener(u)
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s is not installed", cmd.Path)
		}
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the browser, where the opener becomes it
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s found no browser: %w", filepath.Base(cmd.Path), err)
		}
		return nil
	case <-time.After(openTime):
		return nil
	}
}

// applicationURL returns raw, written anew, if it may be opened.
func applicationURL(raw string, named func(host string) bool) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("the application's address is damaged")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return "", fmt.Errorf("the application's address is not one for a browser")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil && named(strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")) {
		return u.String(), nil
	}
	if err != nil || addr.Zone() != "" || !addr.IsLoopback() {
		return "", fmt.Errorf("the application's address is not on this device")
	}
	return u.String(), nil
}
