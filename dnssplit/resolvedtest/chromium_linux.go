package resolvedtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The policies by which an administrator says whom Chromium asks for names.

// SystemNames has it look names up as the system does.
func SystemNames() map[string]any { return map[string]any{"DnsOverHttpsMode": "off"} }

// OwnNames has it ask this resolver alone.
func (d *DoH) OwnNames() map[string]any {
	return map[string]any{"DnsOverHttpsMode": "secure", "DnsOverHttpsTemplates": "https://" + d.name + "/dns-query{?dns}"}
}

// Trust has Chromium take the resolver's certificate, as an argument.
func (d *DoH) Trust() string { return "--ignore-certificate-errors-spki-list=" + d.key }

// SetPolicies has Chromium on the machine whose files lie below root do as its
// administrator says.
func SetPolicies(root string, policies map[string]any) error {
	b, err := json.Marshal(policies)
	if err != nil {
		return fmt.Errorf("write Chromium's policies: %w", err)
	}
	dir := filepath.Join(root, "etc/chromium/policies/managed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write Chromium's policies: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "names.json"), b, 0o644); err != nil {
		return fmt.Errorf("write Chromium's policies: %w", err)
	}
	return nil
}

// Chromium is a command that prints what a page shows, whose URL is to come after
// it. Its own folder is home, and it is to be run with that as HOME.
func Chromium(home string, more ...string) []string {
	return append([]string{"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + home, "--dump-dom"}, more...)
}

// NoSuchName says of what Chromium has printed, and of what it has said besides,
// that it has found no such name. It may say that before it has found out why.
func NoSuchName(printed, said string) bool {
	_, failed, _ := strings.Cut(said, "Page load failed: ")
	return strings.Contains(failed, "ERR_NAME_NOT_RESOLVED") || strings.Contains(printed, "ERR_NAME_NOT_RESOLVED") || strings.Contains(printed, `"errorCode":"DNS_PROBE_`)
}
