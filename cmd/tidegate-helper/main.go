//go:build linux

// Command tidegate-helper opens network devices for users without privileges, and
// has names come to their clients. systemd starts it when somebody connects to its
// socket; it takes nothing from its environment but that socket, and nothing from
// those who connect but the requests of package protocol.
//
// It is several processes, each with what its part takes (package names). With
// -undo and -recover it is one that puts back what was changed, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/confine"
	"github.com/tidegate/tidegate/internal/helper/names"
	"github.com/tidegate/tidegate/internal/helper/server"
)

func main() {
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "tidegate-helper:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	server server.Options
	config string
	socket string
	names  names.Options
	part   string
}

func run() error {
	var o settings
	flag.StringVar(&o.config, "config", server.ConfigPath, "what the administrator allows")
	flag.StringVar(&o.socket, "socket", "", "listen here, where systemd passes no socket")
	flag.StringVar(&o.server.Journal, "journal", "/run/tidegate/helper", "a folder for what has to be undone")
	flag.StringVar(&o.server.Sessions, "sessions", "/run/systemd/sessions", "logind's folder of sessions")
	flag.StringVar(&o.names.OS.Root, "root", "/", "below which the system's files for names are")
	flag.StringVar(&o.names.OS.Bus, "bus", "", "the address of the system's D-Bus; empty: where it is")
	flag.StringVar(&o.part, "part", "", "be one of the helper's own processes: "+keeper+", "+worker+", "+standby+", "+sensing+" or "+looks)
	undo := flag.Bool("undo", false, "undo what was done for anybody, and end: after the helper was stopped, before it is removed")
	boot := flag.Bool("recover", false, "put back what the system was told of names before it was started, and end")
	says := flag.Bool("version", false, "say the version, and end")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("it takes no arguments, and got %q", flag.Args())
	}
	if *says {
		fmt.Println("tidegate-helper", version)
		return nil
	}
	o.server.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	o.names.Log, o.names.OS.Log, o.names.Table.Log = o.server.Log, o.server.Log, o.server.Log
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch {
	case o.part == standby:
		return o.standby(ctx)
	case o.part == sensing:
		return o.sense()
	case o.part == looks:
		return o.look(ctx)
	case *boot:
		return o.recover(ctx)
	}
	var unread error
	if o.server.Config, unread = server.Load(o.config); unread != nil {
		if !*undo {
			return unread
		}
		o.server.Config = server.Unlisted()
	}
	o.names.Table.Number, o.names.Table.Priority, o.names.Standby = o.server.Config.Physical, o.server.Config.Priority+2, o.startStandby
	switch {
	case o.part == keeper:
		return o.keep()
	case o.part == worker:
		return o.work(ctx)
	case o.part != "":
		return fmt.Errorf("it has no part %q", o.part)
	}
	if err := server.Prepare(o.server.Journal); err != nil {
		return err
	}
	if *undo {
		return errors.Join(unread, o.undo(ctx))
	}
	var err error
	if o.server.GID, err = group(o.server.Config.Group); err != nil {
		return err
	}
	return o.serve(ctx)
}

// serve is the main process.
func (o settings) serve(ctx context.Context) error {
	// They come before there is a socket, which they are not to have.
	if err := o.startParts(); err != nil {
		return err
	}
	if err := listen(o.socket, o.server.GID); err != nil {
		return err
	}
	keep := confine.Keep{Capabilities: []uintptr{unix.CAP_NET_ADMIN}, Write: []string{o.server.Journal, "/dev/net/tun"}}
	if len(o.server.Config.Programs) > 0 {
		// Without it nobody's program is known, nor within Landlock, with it or not.
		keep.Capabilities, keep.Write = append(keep.Capabilities, unix.CAP_SYS_PTRACE), nil
	}
	if err := confine.Capabilities(keep); err != nil {
		return err
	}
	l, err := passed()
	if err != nil {
		return err
	}
	link, err := linked()
	if err != nil {
		return err
	}
	if o.server.Senses, err = sensed(); err != nil {
		return err
	}
	if err := confine.SystemCalls(confine.Allow{}); err != nil {
		return err
	}
	o.server.Names = link
	s, err := server.New(o.server)
	if err != nil {
		return err
	}
	return s.Run(ctx, l)
}

// undo undoes all, for when the helper goes for good.
func (o settings) undo(ctx context.Context) error {
	err := names.Undo(ctx, o.names)
	s, failed := server.New(o.server)
	if failed == nil {
		failed = s.Undo()
	}
	return errors.Join(err, failed)
}

// recover puts back what was told before this start of the machine. Afterwards
// that is a running helper's.
func (o settings) recover(ctx context.Context) error {
	if server.Answered(o.server.Journal) {
		return nil
	}
	return names.Recover(ctx, o.names)
}

// group is the number of a group; -1 where there is none of that name.
func group(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("find the group %s: %w", name, err)
	}
	return strconv.Atoi(g.Gid)
}
