package osdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// resolvconf is ModeResolvconf and ModeOpenresolv: a program collects what each
// writer wants in a record of its own, and makes resolv.conf of all. Ours comes
// first, and a server on this machine has both programs name no other.
type resolvconf struct {
	o    Options
	mode Mode
	log  *slog.Logger
	look func(last Adapter) (world, error)
	step func(name string)
	last Adapter
}

func newResolvconf(o Options, m Mode) *resolvconf {
	r := &resolvconf{o: o, mode: m, log: o.Log, look: lookAround, step: func(string) {}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// Apply implements Configurator.
func (r *resolvconf) Apply(ctx context.Context, w Want) (Told, error) {
	j, err := recall(r.o, r.log)
	if err != nil {
		return Told{}, err
	}
	if w.Empty() {
		return Told{}, r.undo(ctx, j)
	}
	around, err := r.look(r.last)
	if err != nil {
		return Told{}, err
	}
	if w = w.around(around.links); w.Empty() {
		return Told{}, r.undo(ctx, j)
	}
	r.last = around.adapter
	j = layered(j, r.mode)
	l := j.Layers
	l.set(w)
	j.Want, j.Records = w.noted(), wantedRecords(l)
	records, err := r.records(ctx)
	if err != nil {
		return Told{}, err
	}
	if i := slices.IndexFunc(records, isLocal); i >= 0 {
		return Told{}, fmt.Errorf("resolvconf's record %s is of a server on this machine, which would ask us, and we it: the file is to be written instead", records[i].name)
	}
	vpns := r.sort(l, records, around)
	l.learn(around)
	j.Place = around.place
	if err := j.write(r.o); err != nil {
		return Told{}, err
	}
	r.step("journal")
	first := !r.there(ourRecord)
	if !l.Server.IsValid() { // it would have the VPN's come to nothing
		if err := r.remove(ctx, ourRecord); err != nil {
			return Told{}, err
		}
		r.step("deleted")
	}
	if err := r.addVPN(ctx, l, records); err != nil {
		return Told{}, err
	}
	l.Past = nil // of records that is written down
	r.step("added VPN")
	if !l.Server.IsValid() {
		return Told{}, nil
	}
	err = r.add(ctx, w.Server, records)
	r.step("added")
	if err == nil {
		err = r.alone(w.Server)
	}
	if err == nil {
		return l.told(around, w, vpns), nil
	}
	if first { // nobody would be told whom we are to ask
		_, undo := r.Apply(context.WithoutCancel(ctx), Want{VPN: w.VPN})
		err = errors.Join(err, undo)
	}
	return Told{}, err
}

// wantedRecords are the names of those that are to be there.
func wantedRecords(l *layers) (names []string) {
	if l.Server.IsValid() {
		names = append(names, ourRecord)
	}
	if l.Own != nil {
		names = append(names, vpnRecord(l.Own.Device))
	}
	return names
}

// addVPN gives the record of a VPN of ours, where it is not there already, and
// takes away those of others that have gone. Where it is for all names it alone
// counts, so far as the program can that, unless all names come to us.
func (r *resolvconf) addVPN(ctx context.Context, l *layers, records []record) error {
	for _, name := range ourRecords(r.o) {
		if name != ourRecord && (l.Own == nil || name != vpnRecord(l.Own.Device)) {
			if err := r.remove(ctx, name); err != nil {
				return err
			}
		}
	}
	if l.Own == nil {
		return nil
	}
	name, text, args := vpnRecord(l.Own.Device), vpnText(l.Own), []string{"-a"}
	alone := r.mode == ModeOpenresolv && l.Own.All && !l.Server.IsValid()
	if alone {
		args = []string{"-x", "-a"}
	}
	excludes := slices.Contains(r.exclusives(), name)
	i := slices.IndexFunc(records, func(o record) bool { return o.name == name })
	there := i >= 0 && strings.TrimSpace(records[i].text) == strings.TrimSpace(text) || excludes && r.has(name, text)
	if there && excludes == alone {
		return nil
	}
	// As with ours, it may have done what counts and fail.
	if _, err := r.run(ctx, text, append(args, name)...); err != nil && !r.has(name, text) {
		return err
	} else if err != nil {
		r.log.Info("resolvconf did what was asked and then failed", "err", err)
	}
	if servers, err := r.servers(); err != nil || !l.Server.IsValid() && !slices.Contains(servers, l.Own.Servers[0]) {
		return errors.Join(err, fmt.Errorf("%s does not name %s, though resolvconf was told to: is it no link to its file, does another record come first, or are its updates off (resolvconf --enable-updates)?", resolvConf, l.Own.Servers[0]))
	}
	return nil
}

// has says whether a record lies there that says so.
func (r *resolvconf) has(name, text string) bool {
	return slices.ContainsFunc(recordsAt(r.o), func(o record) bool {
		return o.name == name && strings.TrimSpace(o.text) == strings.TrimSpace(text)
	})
}

// servers are those of resolv.conf.
func (r *resolvconf) servers() ([]netip.Addr, error) {
	text, err := r.conf()
	return parseConf(text).Servers, err
}

// remove takes one of our records away.
func (r *resolvconf) remove(ctx context.Context, name string) error {
	if r.there(name) {
		if _, err := r.run(ctx, "", "-d", name); err != nil && r.there(name) {
			return err
		}
	}
	return nil
}

// add gives our record, where it is not there already.
func (r *resolvconf) add(ctx context.Context, server netip.Addr, records []record) error {
	text, args := "nameserver "+server.String()+"\n", []string{"-a", ourRecord}
	if rival := r.exclusive(); rival != "" {
		// Somebody has theirs alone count, as wg-quick does: then ours must too, with
		// the search lists that it hides.
		var search []string
		for _, o := range records {
			if o.name != ourRecord {
				search = append(search, o.conf.Search...)
			}
		}
		if slices.Sort(search); len(search) > 0 {
			text += "search " + strings.Join(slices.Compact(search), " ") + "\n"
		}
		args = append([]string{"-x"}, args...)
	}
	i := slices.IndexFunc(records, func(o record) bool { return o.name == ourRecord })
	if i >= 0 && strings.TrimSpace(records[i].text) == strings.TrimSpace(text) && r.alone(server) == nil && (args[0] == "-x") == r.excludes() {
		return nil
	}
	// It may fail for what it does afterwards, as telling other services. Whether it
	// has done what counts is seen in the file.
	if _, err := r.run(ctx, text, args...); err != nil {
		if wrong := r.alone(server); wrong != nil {
			return errors.Join(err, wrong)
		}
		r.log.Info("resolvconf did what was asked and then failed", "err", err)
	}
	return nil
}

// exclusive is somebody else's record that alone counts; empty: none.
func (r *resolvconf) exclusive() string {
	for _, name := range r.exclusives() {
		if !isOurs(name) {
			return name
		}
	}
	return ""
}

// excludes says whether ours alone counts.
func (r *resolvconf) excludes() bool { return slices.Contains(r.exclusives(), ourRecord) }

// exclusives are the names of openresolv's exclusive records.
func (r *resolvconf) exclusives() []string {
	entries, err := os.ReadDir(r.o.path("/run/resolvconf/exclusive"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries { // by a number, which says the order
		_, name, _ := strings.Cut(e.Name(), " ")
		names = append(names, name)
	}
	return names
}

// alone says why resolv.conf has not our server, or not only.
func (r *resolvconf) alone(server netip.Addr) error {
	servers, err := r.servers()
	if err != nil {
		return err
	}
	switch {
	case len(servers) == 1 && servers[0] == server:
		return nil
	case !slices.Contains(servers, server):
		return fmt.Errorf("%s does not name %s, though resolvconf was told to: is it no link to its file, does another record come first, or are its updates off (resolvconf --enable-updates)?", resolvConf, server)
	case r.mode == ModeOpenresolv:
		return fmt.Errorf("%s names servers beside %s: set resolv_conf_local_only=YES and no name_servers in /etc/resolvconf.conf", resolvConf, server)
	}
	return fmt.Errorf("%s names servers beside %s: set TRUNCATE_NAMESERVER_LIST_AFTER_LOOPBACK_ADDRESS=yes in /etc/default/resolvconf", resolvConf, server)
}

func (r *resolvconf) conf() ([]byte, error) {
	path, err := r.o.resolve(resolvConf)
	if err == nil {
		var b []byte
		if b, err = os.ReadFile(r.o.path(path)); err == nil || errors.Is(err, fs.ErrNotExist) {
			return b, nil
		}
	}
	return nil, fmt.Errorf("read %s: %w", resolvConf, err)
}

// records asks for all, in their order.
func (r *resolvconf) records(ctx context.Context) ([]record, error) {
	out, err := r.run(ctx, "", "-l")
	if err != nil && len(out) > 0 { // openresolv fails where there are none
		return nil, err
	}
	return parseRecords(out), nil
}

// sort makes the physical layer of the records that are no VPN's, and an upstream
// of each that is.
func (r *resolvconf) sort(l *layers, records []record, w world) []Upstream {
	var vpns []Upstream
	physical := &bytes.Buffer{}
	for _, o := range records {
		if isOurs(o.name) {
			continue
		}
		link := r.link(o, w)
		if link == "" {
			physical.WriteString(o.text)
			continue
		}
		vpns = append(vpns, l.upstream(o.conf.Servers, link, o.conf.Search))
	}
	if r.mode == ModeResolvconf {
		base, err := os.ReadFile(r.o.path("/etc/resolvconf/resolv.conf.d/base"))
		if err == nil {
			physical.Write(base)
		}
	}
	l.Physical = &content{Text: physical.Bytes()}
	return vpns
}

// link is the tunnel that a record is of; empty: it is of none. Records are named
// after the interface, with the program's name behind it or "tun." before.
func (r *resolvconf) link(o record, w world) string {
	head, tail, _ := strings.Cut(o.name, ".")
	for _, name := range []string{o.name, head, tail} {
		if is, ok := w.links[name]; ok {
			if is {
				return name
			}
			return ""
		}
	}
	return ""
}

// undo has our records gone. j may be nil.
func (r *resolvconf) undo(ctx context.Context, j *journal) error {
	if _, is := findResolvconf(r.o); is == NoResolvconf || is == SystemdResolvconf {
		if err := r.withdraw(j); err != nil {
			return err
		}
		return dropJournal(r.o)
	}
	for _, name := range ourRecords(r.o) {
		if err := r.remove(ctx, name); err != nil {
			return err
		}
		r.step("deleted")
	}
	if j != nil && j.Mode == r.mode && j.Layers != nil { // after a new start there are no records, but the file may be of before
		if servers, err := r.servers(); err == nil && slices.ContainsFunc(servers, j.Layers.puts) {
			if _, err := r.run(ctx, "", "-u"); err != nil {
				return err
			}
		}
	}
	r.step("updated")
	return dropJournal(r.o)
}

// withdraw is undo where the program has been removed with its package, and its
// file was left as it was.
func (r *resolvconf) withdraw(j *journal) error {
	patterns := slices.Concat(recordFiles(ourRecord), recordFiles(vpnRecord("*")),
		[]string{"/run/resolvconf/exclusive/* " + ourRecord, "/run/resolvconf/exclusive/* " + vpnRecord("*")})
	for _, pattern := range patterns {
		names, _ := filepath.Glob(r.o.path(pattern)) // errors are of the pattern
		for _, name := range names {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove our record: %w", err)
			}
		}
	}
	path, err := r.o.resolve(resolvConf)
	if err != nil || j == nil || j.Mode != r.mode || j.Layers == nil {
		return nil // it leads nowhere, or is none of ours
	}
	cur, err := lookSettled(r.o.path(path))
	if err != nil || cur == nil || !slices.ContainsFunc(parseConf(cur.Text).Servers, j.Layers.puts) {
		return err
	}
	next, known := *cur, j.Layers.Known.Servers
	next.Text = nil
	for line := range bytes.Lines(cur.Text) {
		if !j.Layers.isOwn(line) {
			next.Text = append(next.Text, less(line, j.Layers.completes())...)
			continue
		}
		for _, a := range known {
			next.Text = append(next.Text, "nameserver "+a.String()+"\n"...)
		}
		known = nil
	}
	_, err = swap(r.o.path(path), &next, r.step)
	return explain(err)
}

// there says whether a record is.
func (r *resolvconf) there(name string) bool {
	return slices.ContainsFunc(recordFiles(name), func(path string) bool {
		_, err := os.Lstat(r.o.path(path))
		return err == nil
	})
}

// Watch implements Configurator.
func (r *resolvconf) Watch(ctx context.Context, again func()) error {
	return watch(ctx, func() map[string][]string {
		all := watchedFiles(r.o)
		for _, dir := range append(slices.Clone(recordFolders), "/run/resolvconf/exclusive") {
			all[r.o.path(dir)] = []string{"*"}
		}
		return all
	}, again)
}

// run runs the system's resolvconf.
func (r *resolvconf) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // it waits 10 s for its own lock
	defer cancel()
	path, _ := findResolvconf(r.o)
	if path == "" {
		return nil, errors.New("resolvconf is not there any more")
	}
	// The helper's own files are nobody else's to read. What this makes is.
	c := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `umask 022 && exec "$@"`, "sh", path}, args...)...)
	var out, errs bytes.Buffer
	c.Dir, c.Env = "/", []string{"PATH=" + strings.Join(programFolders, ":"), "LC_ALL=C"}
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	c.SysProcAttr = inRoot(r.o)
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("resolvconf %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}
