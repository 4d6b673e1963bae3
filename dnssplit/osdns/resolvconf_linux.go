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
	if w.none() {
		return Told{}, r.undo(ctx, j)
	}
	around, err := r.look(r.last)
	if err != nil {
		return Told{}, err
	}
	r.last = around.adapter
	j = layered(j, r.mode)
	l := j.Layers
	l.Server, j.Records = w.Server, []string{ourRecord}
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
	first := !r.there()
	err = r.add(ctx, w.Server, records)
	r.step("added")
	if err == nil {
		err = r.alone(w.Server)
	}
	if err == nil {
		return l.told(around, w, vpns), nil
	}
	if first { // nobody would be told whom we are to ask
		err = errors.Join(err, r.undo(context.WithoutCancel(ctx), j))
	}
	return Told{}, err
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
		if name != ourRecord {
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
	text, err := r.conf()
	if err != nil {
		return err
	}
	servers := parseConf(text).Servers
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
		if o.name == ourRecord {
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

// undo has our record gone. j may be nil.
func (r *resolvconf) undo(ctx context.Context, j *journal) error {
	if _, is := findResolvconf(r.o); is == NoResolvconf || is == SystemdResolvconf {
		if err := r.withdraw(j); err != nil {
			return err
		}
		return dropJournal(r.o)
	}
	if r.there() {
		if _, err := r.run(ctx, "", "-d", ourRecord); err != nil && r.there() {
			return err
		}
	}
	r.step("deleted")
	if j != nil && j.Mode == r.mode && j.Layers != nil { // after a new start there are no records, but the file may be of before
		if text, err := r.conf(); err == nil && slices.Contains(parseConf(text).Servers, j.Layers.Server) {
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
	for _, pattern := range append(recordFiles(ourRecord), "/run/resolvconf/exclusive/* "+ourRecord) {
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
	if err != nil || cur == nil || !slices.Contains(parseConf(cur.Text).Servers, j.Layers.Server) {
		return err
	}
	next := *cur
	next.Text = nil
	for line := range bytes.Lines(cur.Text) {
		if !isServer(line, j.Layers.Server) {
			next.Text = append(next.Text, line...)
			continue
		}
		for _, a := range j.Layers.Known.Servers {
			next.Text = append(next.Text, "nameserver "+a.String()+"\n"...)
		}
	}
	_, err = swap(r.o.path(path), &next, r.step)
	return explain(err)
}

// there says whether our record is.
func (r *resolvconf) there() bool {
	return slices.ContainsFunc(recordFiles(ourRecord), func(path string) bool {
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
