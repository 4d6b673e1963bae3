package posture

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

func collect(_ context.Context, c wire.DeviceClaims) { gather(os.DirFS("/"), c) }

// gather reads the claims out of a root file system.
func gather(root fs.FS, c wire.DeviceClaims) {
	c["os_name"] = "linux"
	if f, err := root.Open("etc/os-release"); err == nil {
		name, version := osRelease(f)
		f.Close()
		if name != "" {
			c["os_name"] = name
		}
		if version != "" {
			c["os_version"] = version
		}
	}
	if encrypted, known := diskEncryption(root); known {
		c["disk_encryption"] = encrypted
	}
	if on, known := firewall(root); known {
		c["firewall"] = on
	}
}

// osRelease reads ID and VERSION_ID of os-release(5).
func osRelease(r io.Reader) (id, version string) {
	lines := bufio.NewScanner(io.LimitReader(r, 64<<10))
	for lines.Scan() {
		k, v, _ := strings.Cut(lines.Text(), "=")
		v = strings.Trim(v, `"'`)
		switch k {
		case "ID":
			id = v
		case "VERSION_ID":
			version = v
		}
	}
	return id, version
}

// diskEncryption says whether the root file system lies on a dm-crypt device,
// as device-mapper's own UUIDs tell. Unknown where there is no mount table.
func diskEncryption(root fs.FS) (encrypted, known bool) {
	mounts, err := fs.ReadFile(root, "proc/self/mounts")
	if err != nil {
		return false, false
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[1] != "/" {
			continue
		}
		known = true
		if !strings.HasPrefix(f[0], "/dev/mapper/") {
			continue
		}
		uuids, _ := fs.Glob(root, "sys/block/dm-*/dm/uuid")
		for _, u := range uuids {
			name, _ := fs.ReadFile(root, path.Join(path.Dir(u), "name"))
			uuid, _ := fs.ReadFile(root, u)
			if strings.TrimSpace(string(name)) == strings.TrimPrefix(f[0], "/dev/mapper/") {
				return strings.HasPrefix(string(uuid), "CRYPT-"), true
			}
		}
	}
	return false, known
}

// firewall says whether ufw or firewalld is configured to run: the rules
// themselves are for root's eyes. Unknown where neither is installed.
func firewall(root fs.FS) (on, known bool) {
	if b, err := fs.ReadFile(root, "etc/ufw/ufw.conf"); err == nil {
		return strings.Contains(string(b), "ENABLED=yes"), true
	}
	if _, err := fs.Stat(root, "run/firewalld.pid"); err == nil {
		return true, true
	}
	if _, err := fs.Stat(root, "etc/firewalld"); err == nil {
		return false, true
	}
	return false, false
}
