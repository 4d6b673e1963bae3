package osdns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files of dns-delegate (systemd.dns-delegate(5)). Those with our head are ours.
const (
	delegateDir  = "/run/systemd/dns-delegate.d"
	delegateHead = "# Made by Tidegate, which removes it: names of these domains are its to answer.\n"
	delegateEnd  = ".dns-delegate"
)

// delegate tells systemd-resolved by files of dns-delegate, which depend on no
// link: while nobody answers at our address, our names are SERVFAIL. It has
// systemd-resolved read its files anew only when one has changed: at that moment
// lookups of any name that are under way may be refused.
type delegate struct{ o Options }

func (d *delegate) Apply(ctx context.Context, w Want) (Told, error) {
	w, err := w.present()
	if err != nil {
		return Told{}, err
	}
	if w.Empty() {
		return Told{}, d.undo(ctx)
	}
	have, err := d.files()
	if err != nil {
		return Told{}, err
	}
	if err := (&journal{Mode: ModeDelegate, Place: place{Boot: bootID()}, Want: w.noted()}).keep(d.o); err != nil {
		return Told{}, err
	}
	var before [][]string
	for i := 0; have[delegateName(i)] != nil; i++ {
		before = append(before, delegateDomains(have[delegateName(i)]))
	}
	r, err := dialResolve1(ctx, d.o)
	if err == nil {
		defer r.close()
		err = r.yield(ctx, w)
	}
	failed := err // it reads the files when it comes
	shares := share(before, w.names(), most)
	changed := false
	for i, domains := range shares {
		name := delegateName(i)
		text := delegateText(w.Server, domains)
		if string(have[name]) != string(text) {
			changed = true
			if err := d.write(name, text); err != nil {
				return Told{}, err
			}
		}
		delete(have, name)
	}
	for name := range have {
		changed = true
		if err := d.remove(name); err != nil {
			return Told{}, err
		}
	}
	if failed != nil {
		return Told{}, failed
	}
	if err := d.take(ctx, r, w.Server, shares, changed); err != nil {
		return Told{}, err
	}
	if err := r.setVPN(ctx, w.vpn()); err != nil {
		return Told{}, err
	}
	return told(ctx, r, w, func(c claim) bool { return ourDelegate(c.Delegate) })
}

// take has systemd-resolved read the files, if it has not.
func (d *delegate) take(ctx context.Context, r *resolve1, server netip.Addr, shares [][]string, changed bool) error {
	so := func(ctx context.Context) (bool, error) {
		all, err := r.delegates(ctx)
		if err != nil {
			return false, err
		}
		all = slices.DeleteFunc(all, func(c claim) bool { return !ourDelegate(c.Delegate) })
		if len(all) != len(shares) {
			return false, fmt.Errorf("it has %d delegates of ours, and %d are wanted", len(all), len(shares))
		}
		for i, domains := range shares {
			ok := slices.ContainsFunc(all, func(c claim) bool {
				slices.Sort(c.Domains)
				return c.Delegate == delegateName(i) && slices.Equal(c.Domains, domains) &&
					slices.Equal(c.Servers, []netip.AddrPort{netip.AddrPortFrom(server, 53)})
			})
			if !ok {
				return false, fmt.Errorf("its delegate %s is another", delegateName(i))
			}
		}
		return true, nil
	}
	if !changed {
		if ok, err := so(ctx); ok || failed(err, "org.freedesktop.DBus.Error.ServiceUnknown") {
			return err
		}
	}
	if err := r.reload(ctx); err != nil {
		return err
	}
	return until(ctx, "read its delegates", so)
}

// undo takes all our delegates back.
func (d *delegate) undo(ctx context.Context) error {
	have, err := d.files()
	if err != nil {
		return err
	}
	for name := range have {
		err = errors.Join(err, d.remove(name))
	}
	if err != nil {
		return err
	}
	if err := forgetVPNs(ctx, d.o); err != nil {
		return err
	}
	removeParts(d.o.path(delegateDir + "/tidegate*" + delegateEnd))
	j, err := peekJournal(d.o)
	if len(have) > 0 || err == nil && j != nil && j.Mode == ModeDelegate {
		if err := d.forgotten(ctx, len(have) > 0); err != nil {
			return err
		}
	}
	return dropJournal(d.o)
}

// forgotten has systemd-resolved read that there are no files of ours. One that
// does not run will not find any.
func (d *delegate) forgotten(ctx context.Context, changed bool) error {
	r, err := dialResolve1(ctx, d.o)
	if nobodyThere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.close()
	err = d.take(ctx, r, netip.Addr{}, nil, changed)
	if err == nil || errors.Is(err, errNoDelegates) {
		return nil
	}
	// One that is masked, say, cannot be started: each bus says that in its own words.
	if has, rerr := r.runs(ctx); rerr == nil && !has {
		return nil
	}
	return err
}

func delegateName(i int) string {
	if i == 0 {
		return "tidegate"
	}
	return fmt.Sprintf("tidegate-%d", i+1)
}

// ourDelegate says whether a delegate has one of our names.
func ourDelegate(name string) bool {
	return name == "tidegate" || strings.HasPrefix(name, "tidegate-")
}

// files are the texts of our delegates, by name.
func (d *delegate) files() (map[string][]byte, error) {
	names, err := filepath.Glob(d.o.path(delegateDir + "/tidegate*" + delegateEnd))
	if err != nil {
		return nil, err
	}
	have := map[string][]byte{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a delegate: %w", err)
		}
		if name := strings.TrimSuffix(filepath.Base(n), delegateEnd); ourDelegate(name) && strings.HasPrefix(string(b), delegateHead) {
			have[name] = b
		}
	}
	return have, nil
}

func delegateText(server netip.Addr, domains []string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s[Delegate]\nDNS=%s\nDefaultRoute=no\n", delegateHead, server)
	for _, n := range domains {
		fmt.Fprintf(&b, "Domains=~%s\n", n)
	}
	return []byte(b.String())
}

// delegateDomains are the domains of a text of ours.
func delegateDomains(text []byte) (domains []string) {
	for line := range strings.Lines(string(text)) {
		if d, ok := strings.CutPrefix(line, "Domains=~"); ok {
			domains = append(domains, strings.TrimSuffix(d, "\n"))
		}
	}
	return domains
}

func (d *delegate) write(name string, text []byte) error {
	// Who runs systemd-resolved reads it, whatever the helper's umask.
	err := os.MkdirAll(d.o.path(delegateDir), 0o755)
	if err == nil {
		err = os.Chmod(d.o.path(delegateDir), 0o755)
	}
	if err != nil {
		return fmt.Errorf("make the folder of delegates: %w", err)
	}
	return replace(d.o.path(filepath.Join(delegateDir, name+delegateEnd)), text, 0o644)
}

func (d *delegate) remove(name string) error {
	return put(d.o.path(filepath.Join(delegateDir, name+delegateEnd)), nil)
}
