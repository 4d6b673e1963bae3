package osdns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
)

const resolvConf = "/etc/resolv.conf"

// direct is ModeDirect: our server stands in resolv.conf, alone, or, where only a VPN
// of ours is there, its servers. What the physical network and a classic VPN want
// there is kept apart, so that each may come and go while we are there, and what is
// left when we go is what would be there had we never come.
//
//	            a network's program writes
//	theirs ──────────────────────────────────► theirs
//	  │ Apply: journal, swap                      │ Watch, Apply: the new text is
//	  ▼                                           ▼ the physical layer, or a VPN's
//	covered ──── a VPN goes: its layer does ──► covered
//	  │ Undo: what stands there is ours, so base() takes its place
//	  ▼
//	theirs            (whatever else stands there is left alone)
type direct struct {
	o    Options
	log  *slog.Logger
	look func(last Adapter) (world, error)
	step func(name string) // is called between what a crash may come between
	last Adapter
}

func newDirect(o Options) *direct {
	d := &direct{o: o, log: o.Log, look: lookAround, step: func(string) {}}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Apply implements Configurator.
func (d *direct) Apply(_ context.Context, w Want) (Told, error) {
	j, err := recall(d.o, d.log)
	if err != nil {
		return Told{}, err
	}
	if w.Empty() {
		return Told{}, d.undo(j)
	}
	before := j
	j = layered(j, ModeDirect)
	l := j.Layers
	if d.last == (Adapter{}) && j.Place.Boot == bootID() {
		d.last = l.Adapter
	}
	around, err := d.look(d.last)
	if err != nil {
		return Told{}, err
	}
	if w = w.around(around.links); w.Empty() {
		return Told{}, d.undo(before)
	}
	d.last, l.Adapter = around.adapter, around.adapter
	if err := d.apply(j, w, around); err != nil {
		return Told{}, err
	}
	return l.told(around, w, l.vpns()), nil
}

// target is the file that is written: where the name leads, or the name itself
// where it leads to a folder that is not there.
func (d *direct) target() string {
	if path, err := d.o.resolve(resolvConf); err == nil {
		return path
	}
	return resolvConf
}

// missing is the folder that a link led to which our file has taken the place of,
// as there was none; empty: it has not.
func missing(o Options, j *journal) string {
	if j == nil {
		return ""
	}
	c := j.change(resolvConf)
	if c == nil || c.Was == nil || c.Was.Link == "" {
		return ""
	}
	to := c.Was.Link
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(resolvConf), to)
	}
	return filepath.Dir(to)
}

// apply has the file say what is wanted, and the journal what is below that.
func (d *direct) apply(j *journal, want Want, w world) error {
	// A link that led nowhere comes back as soon as it leads somewhere.
	if at := missing(d.o, j); at != "" && j.Layers.VPN == nil && d.exists(at) {
		if err := d.undoFile(j, resolvConf, w); err != nil {
			return explain(err)
		}
	}
	path := d.target()
	if err := d.leave(j, path, w); err != nil {
		return err
	}
	d.recover(j, path)
	cur, err := lookSettled(d.o.path(path))
	if err != nil {
		return explain(err)
	}
	l, written := j.Layers, encoded(j)
	c := j.change(path)
	if c != nil {
		l.Physical = c.Was
	}
	// Each round takes up what somebody has written during the last, cur, where by
	// then something else may be there.
	there := cur
	for range 10 {
		before := l.VPN
		d.update(j, c != nil, cur, w)
		if before != nil && (l.VPN == nil || !bytes.Equal(l.VPN.Text, before.Text)) {
			l.Left = append(l.Left, before.Text)
		}
		l.learn(w)
		l.set(want)
		j.Want, l.Going = want.noted(), false
		if c == nil {
			j.Files = append(j.Files, change{Path: path})
			c = &j.Files[len(j.Files)-1]
		}
		vpn := l.VPN
		if vpn != nil && !vpn.alive(w, d.exists) {
			d.fall(j, w.place)
		}
		next := l.ours()
		c.Was, c.Now = l.Physical, next
		if there.equal(next) {
			l.Past, l.Left = nil, nil
			if bytes.Equal(encoded(j), written) {
				return nil
			}
			return j.write(d.o)
		}
		// A layer that has gone stays written down until the file has none of it.
		gone := l.VPN == nil && vpn != nil
		if gone {
			l.VPN = vpn
		}
		err = j.write(d.o)
		if gone {
			l.VPN = nil
		}
		if err != nil {
			return err
		}
		d.step("journal")
		was, err := swap(d.o.path(path), next, d.step)
		if err != nil {
			return explain(err)
		}
		d.step("done")
		written = nil
		if was.equal(there) {
			if gone || len(l.Past)+len(l.Left) > 0 {
				l.Past, l.Left = nil, nil
				return j.write(d.o)
			}
			return nil
		}
		if cur, there = was, next; cur == nil || !covered(cur.Text) {
			d.log.Info("somebody wrote it at the same moment", "file", path)
		}
	}
	return fmt.Errorf("write %s: another program writes it again and again: only one can", path)
}

func encoded(j *journal) []byte {
	b, err := json.Marshal(j)
	if err != nil {
		panic(err) // it has nothing that cannot be
	}
	return b
}

// ours is what is to stand in the file.
func (l *layers) ours() *content {
	c := content{Perm: 0o644}
	if b := l.base(); b != nil && b.Link == "" {
		c = *b
	}
	c.Text = l.below()
	if l.Own != nil {
		c.Text = coverVPN(c.Text, l.Own)
	}
	if l.Server.IsValid() {
		c.Text = cover(c.Text, l.Server)
	}
	return &c
}

// set has the layers that are not others' be what is wanted.
func (l *layers) set(w Want) {
	own := w.vpn()
	if l.Own != nil && !reflect.DeepEqual(l.Own, own) {
		l.Past = append(l.Past, l.Own)
	}
	l.Own, l.Server = own, netip.Addr{}
	if !w.none() {
		l.Server = w.Server
	}
}

// fall takes a VPN's layer away.
func (d *direct) fall(j *journal, now place) {
	l := j.Layers
	if l.alone(j.Place, now) {
		l.Physical, l.Unseen, j.Place = &content{Text: l.VPN.Text, Perm: 0o644}, false, now
	}
	l.VPN = nil
}

// update has the layers be what cur says, which somebody may have written since.
// known is true of a file that the journal has.
func (d *direct) update(j *journal, known bool, cur *content, w world) {
	l := j.Layers
	switch {
	case cur != nil && covered(cur.Text):
		base := uncover(cur.Text)
		if known && l.putBack(base) {
			l.VPN, l.Seen = nil, nil
		}
		if known && l.knows(base) {
			return
		}
		// Ours, but of before: a backup that somebody has put back, or the journal
		// is lost.
		again := *cur
		again.Text = base
		d.theirs(j, &again, w)
		l.Seen = nil
	case cur != nil && traced(cur.Text):
		was := *cur
		was.Text = l.bare(cur.Text, d.left(l, w))
		d.theirs(j, &was, w)
		if l.Seen = nil; l.VPN != nil && !l.VPN.Buried {
			l.Seen = cur.Text
		}
	default:
		d.theirs(j, cur, w)
		l.Seen = nil
	}
}

// theirs takes up what somebody else wants of the file.
func (d *direct) theirs(j *journal, cur *content, w world) {
	l := j.Layers
	if cur == nil || cur.Link != "" || !l.overlaid(cur.Text, w) || l.successor(cur.Text, l.VPN != nil && !l.VPN.alive(w, d.exists)) {
		d.physical(j, cur, w)
		if l.VPN != nil && l.VPN.Link == "" {
			l.VPN = nil // no tunnel leads to it: only its file said that it was there
		} else if l.VPN != nil {
			l.VPN.Buried = true
		}
		return
	}
	if l.VPN != nil && !l.VPN.alive(w, d.exists) {
		d.fall(j, w.place)
	}
	backups := backupsAt(d.o, vpncBackups...)
	l.VPN = l.over(cur.Text, w, backups)
	for _, b := range backups {
		if b.path == l.VPN.Backup && (!covered(b.text) || j.Place == place{}) {
			was := *cur
			if was.Text = b.text; covered(b.text) {
				was.Text = uncover(b.text)
			}
			d.physical(j, &was, w)
			l.know(w)
			return
		}
	}
	if j.Place == (place{}) {
		l.Unseen, j.Place = true, w.place
	}
}

// physical has c be the physical layer.
func (d *direct) physical(j *journal, c *content, w world) {
	for _, b := range backupsAt(d.o, vpncBackups...) { // while it is known what was
		if err := d.undoBackup(j, b, true); err != nil {
			d.log.Error("a backup has lines of ours", "file", b.path, "err", err)
		}
	}
	j.Layers.Physical, j.Layers.Unseen, j.Place = c, false, w.place
}

// left are the layers of VPNs that have gone: that which is known, and those that
// are in a backup, as only a VPN that came after leaves them.
func (d *direct) left(l *layers, w world) [][]byte {
	all := slices.Clone(l.Left)
	if l.VPN != nil && !l.VPN.alive(w, d.exists) {
		all = append(all, l.VPN.Text)
	}
	for _, b := range backupsAt(d.o, vpncBackups...) {
		if covered(b.text) && writer(uncover(b.text)) == vpncScript {
			all = append(all, uncover(b.text))
		}
	}
	return all
}

// leave takes back what we put in the place of files that the name no longer
// leads to.
func (d *direct) leave(j *journal, path string, w world) error {
	for _, c := range j.Files {
		if c.Path != path {
			if err := d.undoFile(j, c.Path, w); err != nil {
				return err
			}
		}
	}
	j.Files = slices.DeleteFunc(j.Files, func(c change) bool { return c.Path != path })
	return nil
}

// recover ends a swap that was interrupted: what is left beside the file is of us,
// or, where ours has taken its place, what somebody had just written.
func (d *direct) recover(j *journal, path string) {
	whole, part := aside(d.o.path(path))
	os.Remove(part)
	c, err := look(whole)
	if c == nil || err != nil {
		return
	}
	cur, err := look(d.o.path(path))
	if err != nil {
		return
	}
	going := j == nil || j.Layers == nil || j.Layers.Going // then it is what was to come back
	if going || cur == nil || !covered(cur.Text) || c.Link != "" || covered(c.Text) || j.knows(path, c.Text, uncover(cur.Text)) {
		os.Remove(whole)
	} else if err := os.Rename(whole, d.o.path(path)); err == nil {
		d.log.Info("what another program had written is put back", "file", path)
	}
}

// knows says whether text is what one of the layers wants at a path, or more.
func (j *journal) knows(path string, text []byte, more ...[]byte) bool {
	texts, l := more, &layers{}
	if j != nil && j.Layers != nil {
		l = j.Layers
		texts = append(texts, j.Layers.text(), j.Layers.Seen)
		if j.Layers.VPN != nil {
			texts = append(texts, j.Layers.VPN.Text)
		}
		if e := j.change(path); e != nil && e.Was != nil {
			texts = append(texts, e.Was.Text)
		}
	}
	own := l.strip(text)
	return slices.ContainsFunc(texts, func(t []byte) bool { return bytes.Equal(t, text) || bytes.Equal(t, own) })
}

func (d *direct) exists(path string) bool {
	_, err := os.Lstat(d.o.path(path))
	return err == nil
}

// explain says what to do where the system does not let us write.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: /etc cannot be written here", err)
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: if it was made immutable, `chattr -i %s` lets it be written", err, resolvConf)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: the helper must run as root", err)
	}
	return err
}
