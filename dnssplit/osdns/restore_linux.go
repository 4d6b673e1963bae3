package osdns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
)

// undoDirect takes back what ModeDirect has left: what the journal says, and what
// is ours by its looks. j may be nil.
func undoDirect(o Options, j *journal) error { return newDirect(o).undo(j) }

// undo has the files be what they would be had we never been there, so far as
// what stands in them is ours: resolv.conf, what others keep to put back later,
// and then the journal.
func (d *direct) undo(j *journal) error {
	w, err := d.look(d.last)
	if err != nil {
		d.log.Error("the network is not known while resolv.conf is put back", "err", err)
		w = world{place: place{Boot: bootID()}, egress: func(netip.Addr) string { return "" }}
	}
	if j != nil && j.Layers != nil && !j.Layers.Going {
		for _, c := range j.Files {
			d.recover(j, c.Path)
		}
		j.Layers.Going = true
		if err := j.write(d.o); err != nil {
			return err
		}
		d.step("journal")
	}
	// The file is looked at again when nobody can put us back any more.
	for _, undo := range []func() error{
		func() error { return d.undoFiles(j, w) },
		func() error { return d.undoBackups(j) },
		func() error { return d.undoFiles(j, w) },
	} {
		if err := undo(); err != nil {
			return err
		}
		d.step("undone")
	}
	return dropJournal(d.o)
}

// undoFiles is undoFile of all that may be ours.
func (d *direct) undoFiles(j *journal, w world) error {
	paths := []string{d.target(), resolvConf}
	if j != nil {
		for _, c := range j.Files {
			paths = append(paths, c.Path)
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if err := d.undoFile(j, path, w); err != nil {
			return explain(err)
		}
	}
	return nil
}

// undoBackups has others not put us back when we are gone: what they have copied
// while we were there becomes what it would have been.
func (d *direct) undoBackups(j *journal) error {
	patterns := append(slices.Clone(vpncBackups), otherBackups)
	for _, p := range patterns {
		whole, part := aside(d.o.path(p))
		for _, p := range []string{whole, part} {
			names, _ := filepath.Glob(p) // errors are of the pattern
			for _, name := range names {
				os.Remove(name) // what a crash has left of this
			}
		}
	}
	for _, b := range backupsAt(d.o, patterns...) {
		if b.path == d.target() || j != nil && j.change(b.path) != nil {
			continue // it is no backup
		}
		if err := d.undoBackup(j, b, false); err != nil {
			return err
		}
	}
	return nil
}

// otherBackups are where others keep what they have overwritten: Tailscale, NetBird,
// Mullvad VPN, Cisco's and Pulse Secure's clients, editors and people, each by a
// name of their own.
const otherBackups = "/etc/*resolv*"

// undoBackup has a backup say what it would, had we not been there. That of a VPN
// which came when another had just gone has the other's layer in it: with above,
// only such a one is changed.
func (d *direct) undoBackup(j *journal, b backup, above bool) error {
	if !covered(b.text) || above && writer(uncover(b.text)) != vpncScript {
		return nil
	}
	path := d.o.path(b.path)
	c, err := look(path)
	if err != nil || c == nil || !covered(c.Text) {
		return nil // it is just being removed
	}
	next := *c
	next.Text = uncover(c.Text)
	if j != nil && j.Layers != nil && !j.Layers.Unseen && len(j.Files) > 0 && j.Files[0].Was != nil && writer(next.Text) == vpncScript {
		next.Text = j.Files[0].Was.Text // it keeps nothing of its own
	}
	// It keeps its time: of several, the newest is that of the VPN that is there.
	info, err := os.Lstat(path)
	if err != nil {
		return nil // as above
	}
	_, part := aside(path)
	if err = next.prepare(part, path); err == nil {
		d.step("backup")
		err = os.Chtimes(part, info.ModTime(), info.ModTime())
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part)
		return fmt.Errorf("put %s right: %w", path, err)
	}
	d.step("backup put right")
	return nil
}

// undoFile puts back what belongs at a path, if what stands there is ours.
func (d *direct) undoFile(j *journal, path string, w world) error {
	d.recover(j, path)
	for range 10 {
		cur, err := lookSettled(d.o.path(path))
		if err != nil {
			return err
		}
		next, mine := d.belongs(j, path, cur, w)
		if !mine {
			return nil
		}
		was, err := swap(d.o.path(path), next, d.step)
		if err != nil {
			return err
		}
		d.step("put back")
		if was.equal(cur) {
			return nil
		}
		// Somebody has written in this very moment: that is newer.
		if _, err := swap(d.o.path(path), was, d.step); err != nil {
			return err
		}
	}
	return fmt.Errorf("put %s back: another program writes it again and again", path)
}

// belongs is what is to stand at a path instead of cur; not mine: cur is to stay.
func (d *direct) belongs(j *journal, path string, cur *content, w world) (next *content, mine bool) {
	if cur == nil || !covered(cur.Text) && !traced(cur.Text) {
		return nil, false
	}
	c := *cur
	var l *layers
	if j != nil && j.Layers != nil {
		l = j.Layers
		if e := j.change(path); e != nil {
			l.Physical = e.Was
		} else {
			l = nil
		}
	}
	if !covered(cur.Text) { // a VPN has written over us
		if l == nil {
			l = &layers{}
		}
		c.Text = l.bare(cur.Text, d.left(l, w))
		return &c, true
	}
	c.Text = uncover(cur.Text)
	switch {
	case l == nil:
		return &c, true
	case l.putBack(c.Text):
	case l.VPN != nil && l.VPN.alive(w, d.exists) && !l.VPN.Buried:
		c.Text = l.VPN.Text
		return &c, true
	case !l.knows(c.Text):
		return &c, true // an older one of ours, which somebody has put back
	case l.Unseen:
		return &c, true
	case l.VPN != nil && !l.VPN.Buried && l.alone(j.Place, w.place):
		c.Text = l.VPN.Text
		return &c, true
	}
	return d.fresher(l.Physical, j.Place, w.place), true
}

// fresher is the physical layer, but for a network or a boot that it was not taken
// in, where its program says elsewhere what it wants in this.
func (d *direct) fresher(was *content, then, now place) *content {
	if was == nil || then.same(now) || writer(was.Text) != "NetworkManager" {
		return was
	}
	fresh, err := look(d.o.path("/run/NetworkManager/resolv.conf"))
	if err != nil || fresh == nil || fresh.Link != "" || covered(fresh.Text) || traced(fresh.Text) {
		return was
	}
	c := *was
	c.Text = fresh.Text
	return &c
}
