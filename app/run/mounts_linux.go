package run

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// daemons answer for names outside the namespaces, and would ask the local
// network: by their sockets, which are files.
var daemons = []string{
	"/run/systemd/resolve/io.systemd.Resolve",
	"/run/systemd/resolve/io.systemd.Resolve.Monitor",
	"/run/nscd/socket",
	"/var/run/nscd/socket",
	"/run/avahi-daemon/socket",
	"/run/mdnsd",
}

// cover has names looked up in our files, and beyond them of server alone. Linux
// binds only over what there is: of the files of a minimal root, one is enough.
// folder is one of the user's own.
func cover(folder string, names Names, server netip.Addr, ipv6 bool) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	known := false
	for _, f := range []struct {
		path string
		text func(system string) string
	}{
		{"/etc/hosts", func(system string) string { return hosts(system, names, ipv6) }},
		{"/etc/resolv.conf", func(string) string { return resolver(server) }},
		{"/etc/nsswitch.conf", nsswitch},
	} {
		system, err := os.ReadFile(f.path)
		if errors.Is(err, os.ErrNotExist) {
			continue // then nobody is asked by it either
		}
		if err == nil {
			err = bind(folder, f.path, f.text(string(system)))
		}
		if err != nil {
			return fmt.Errorf("replace %s: %w", f.path, err)
		}
		known = known || f.path != "/etc/nsswitch.conf"
	}
	if !known {
		return errors.New("no name could be found in there, as this system has neither /etc/hosts nor /etc/resolv.conf: create an empty /etc/hosts")
	}
	for _, path := range daemons {
		// What is no socket any more refuses the connection.
		err := unix.Mount("/dev/null", path, "", unix.MS_BIND, "")
		if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.EACCES) {
			return fmt.Errorf("hide %s: %w", path, err)
		}
	}
	return nil
}

// bind binds a file with that text over path. The file has no name afterwards.
func bind(folder, path, text string) error {
	f, err := os.CreateTemp(folder, "run-")
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return unix.Mount(f.Name(), path, "", unix.MS_BIND, "")
}
