package posture

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/wire"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
func link(s string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(s), Mode: fs.ModeSymlink | 0o777}
}

// here is an ordinary user's machine, with that root.
func here(root fstest.MapFS) machine {
	return machine{
		root: root, uid: 1000, groups: []int{1000},
		getenv:   func(string) string { return "" },
		rules:    func() ([]chain, error) { return nil, errors.New("not permitted") },
		settings: func(context.Context, string, string) (string, bool) { return "", false },
	}
}

func verdict(on, known bool) string {
	switch {
	case !known:
		return "unknown"
	case on:
		return "on"
	}
	return "off"
}

func TestSystem(t *testing.T) {
	for _, c := range []struct {
		name string
		root fstest.MapFS
		want wire.DeviceClaims
	}{
		{"nothing known", fstest.MapFS{}, wire.DeviceClaims{"os_name": "linux", "client_version": "1.2.3"}},
		{"Debian", fstest.MapFS{
			"etc/os-release":            file("NAME=x\nID=debian\nVERSION_ID=\"12\"\n"),
			"proc/sys/kernel/hostname":  file("laptop\n"),
			"proc/sys/kernel/osrelease": file("6.1.0-9-amd64\n"),
		}, wire.DeviceClaims{"os_name": "debian", "os_version": "12", "hostname": "laptop", "kernel": "6.1.0-9-amd64", "client_version": "1.2.3"}},
		{"the vendor's file alone", fstest.MapFS{"usr/lib/os-release": file("ID='arch'\n")},
			wire.DeviceClaims{"os_name": "arch", "client_version": "1.2.3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, got := here(c.root), wire.DeviceClaims{}
			m.version = "1.2.3"
			m.system(t.Context(), got)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("claims (-want +got):\n%s", d)
			}
		})
	}
}

func TestAdmin(t *testing.T) {
	files := fstest.MapFS{
		"etc/passwd": file("root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n"),
		"etc/group":  file("root:x:0:\nsudo:x:27:bob,ann\nann:x:1000:\nwheel:x:10:\nbad line\n"),
	}
	for _, c := range []struct {
		name   string
		root   fstest.MapFS
		uid    int
		groups []int
		want   string
	}{
		{"root", fstest.MapFS{}, 0, nil, "on"},
		{"named by the group", files, 1000, nil, "on"},
		{"of the group now", files, 1001, []int{1001, 10}, "on"},
		{"ordinary", files, 1001, []int{1001, 1000}, "off"},
		{"no groups to read", fstest.MapFS{}, 1000, []int{27}, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := here(c.root)
			m.uid, m.groups = c.uid, c.groups
			if got := verdict(m.admin(t.Context())); got != c.want {
				t.Errorf("admin is %s, want %s", got, c.want)
			}
		})
	}
}

func TestDiskEncryption(t *testing.T) {
	// sda3 > dm-0 (dm-crypt) > dm-1 (LVM); dm-2 is LVM on the bare sdb.
	const sda, dm = "sys/devices/pci/block/sda", "sys/devices/virtual/block/"
	blocks := fstest.MapFS{
		sda + "/dev":                file("8:0\n"),
		sda + "/slaves":             {Mode: fs.ModeDir | 0o755},
		sda + "/sda3/dev":           file("8:3\n"),
		sda + "/sda3/partition":     file("3\n"),
		"sys/devices/sdb/dev":       file("8:16\n"),
		"sys/devices/sdb/slaves":    {Mode: fs.ModeDir | 0o755},
		dm + "dm-0/dev":             file("253:0\n"),
		dm + "dm-0/dm/uuid":         file("CRYPT-LUKS2-abc-root\n"),
		dm + "dm-0/dm/name":         file("luks\n"),
		dm + "dm-0/slaves/sda3/dev": file("8:3\n"),
		dm + "dm-1/dev":             file("253:1\n"),
		dm + "dm-1/dm/uuid":         file("LVM-abc\n"),
		dm + "dm-1/dm/name":         file("vg-root\n"),
		dm + "dm-1/slaves/dm-0/dev": file("253:0\n"),
		dm + "dm-2/dev":             file("253:2\n"),
		dm + "dm-2/dm/uuid":         file("LVM-def\n"),
		dm + "dm-2/slaves/sdb/dev":  file("8:16\n"),
		dm + "dm-3/dev":             file("253:3\n"), // LVM over both
		dm + "dm-3/slaves/dm-0/dev": file("253:0\n"),
		dm + "dm-3/slaves/sdb/dev":  file("8:16\n"),
		dm + "dm-4/dev":             file("253:4\n"),
		dm + "dm-4/dm/uuid":         file("CRYPT-VERITY-abc\n"),
		dm + "dm-4/slaves/sdb/dev":  file("8:16\n"),
		dm + "md0/dev":              file("9:0\n"),
		dm + "md0/slaves/dm-0/dev":  file("253:0\n"),
		dm + "md0/md0p1/dev":        file("259:0\n"),
		dm + "md0/md0p1/partition":  file("1\n"),
		dm + "loop/dev":             file("7:0\n"), // lies on itself
		dm + "loop/slaves/x/dev":    file("7:0\n"),
		"dev/mapper/vg-root":        link("../dm-1"),
	}
	for number, to := range map[string]string{
		"8:0": "pci/block/sda", "8:3": "pci/block/sda/sda3", "8:16": "sdb", "253:0": "virtual/block/dm-0", "253:1": "virtual/block/dm-1",
		"253:2": "virtual/block/dm-2", "253:3": "virtual/block/dm-3", "253:4": "virtual/block/dm-4", "9:0": "virtual/block/md0",
		"259:0": "virtual/block/md0/md0p1", "7:0": "virtual/block/loop",
	} {
		blocks["sys/dev/block/"+number] = link("../../devices/" + to)
	}
	for _, name := range []string{"dm-0", "dm-1", "dm-2"} {
		blocks["sys/class/block/"+name] = link("../../devices/virtual/block/" + name)
	}
	blocks["sys/class/block/sdb"] = link("../../devices/sdb")
	for _, c := range []struct {
		name, mounts string
		devices      []string // of a btrfs
		want         string
	}{
		{"none", "", nil, "unknown"},
		{"no root", "30 1 8:3 / /home rw - ext4 /dev/sda3 rw\n", nil, "unknown"},
		{"malformed", "30 1 8:3 / /\n- - - - / - - -\n", nil, "unknown"},
		{"partition", "30 1 8:3 / / rw shared:1 - ext4 /dev/sda3 rw\n", nil, "off"},
		{"dm-crypt", "30 1 253:0 / / rw - ext4 /dev/mapper/luks rw\n", nil, "on"},
		{"LVM on dm-crypt", "30 1 253:1 / / rw shared:1 master:2 - xfs /dev/mapper/vg-root rw\n", nil, "on"},
		{"LVM on a disk", "30 1 253:2 / / rw - ext4 /dev/mapper/vg rw\n", nil, "off"},
		{"LVM on both", "30 1 253:3 / / rw - ext4 /dev/mapper/vg rw\n", nil, "off"},
		{"dm-verity", "30 1 253:4 / / ro - ext4 /dev/mapper/v ro\n", nil, "off"},
		{"partition of a RAID on dm-crypt", "30 1 259:0 / / rw - ext4 /dev/md0p1 rw\n", nil, "on"},
		{"mounted over", "30 1 8:3 / / rw - ext4 /dev/sda3 rw\n31 30 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n", nil, "on"},
		{"unheard of device", "30 1 99:9 / / rw - ext4 /dev/what rw\n", nil, "unknown"},
		{"overlay", "30 1 0:29 / / rw - overlay overlay rw\n", nil, "unknown"},
		{"circle", "30 1 7:0 / / rw - ext4 /dev/loop rw\n", nil, "unknown"},
		{"btrfs subvolume on LVM on dm-crypt", "30 1 0:29 /@ / rw - btrfs /dev/mapper/vg-root rw,subvol=/@\n", []string{"dm-1"}, "on"},
		{"btrfs over two", "30 1 0:29 /@ / rw - btrfs /dev/mapper/vg-root rw\n", []string{"dm-1", "sdb"}, "off"},
		{"btrfs elsewhere", "30 1 0:29 / / rw - btrfs /dev/mapper/vg-root rw\n", []string{"sdb"}, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{"proc/self/mountinfo": file(c.mounts)}
			for name, f := range blocks {
				root[name] = f
			}
			for _, d := range c.devices {
				root["sys/fs/btrfs/1234/devices/"+d] = link("../../../../class/block/" + d)
			}
			if got := verdict(here(root).diskEncryption(t.Context())); got != c.want {
				t.Errorf("disk encryption is %s, want %s", got, c.want)
			}
		})
	}
}

func TestFirewall(t *testing.T) {
	const units = "run/systemd/units/invocation:"
	const filtering = "#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n"
	drops := chain{family: unix.NFPROTO_INET, kind: "filter", hook: unix.NF_INET_LOCAL_IN, drops: true}
	for _, c := range []struct {
		name      string
		root      fstest.MapFS
		rules     []chain
		permitted bool
		want      string
	}{
		{"nothing installed", fstest.MapFS{}, nil, false, "unknown"},
		{"ufw on", fstest.MapFS{"etc/ufw/ufw.conf": file("# x\nENABLED=yes\n")}, nil, false, "on"},
		{"ufw off", fstest.MapFS{"etc/ufw/ufw.conf": file("#ENABLED=yes\nENABLED=no\n")}, nil, false, "off"},
		{"firewalld runs", fstest.MapFS{"etc/firewalld": {Mode: fs.ModeDir}, units + "firewalld.service": link("0123")}, nil, false, "on"},
		{"firewalld runs without systemd", fstest.MapFS{"run/firewalld.pid": file("1")}, nil, false, "on"},
		{"firewalld stopped", fstest.MapFS{"etc/firewalld/firewalld.conf": file("")}, nil, false, "off"},
		{"nftables.service filters", fstest.MapFS{"etc/nftables.conf": file(filtering), units + "nftables.service": link("0123")}, nil, false, "on"},
		{"nftables.service off", fstest.MapFS{"etc/nftables.conf": file(filtering)}, nil, false, "off"},
		{"nftables.service with a secret file", fstest.MapFS{units + "nftables.service": link("0123")}, nil, false, "unknown"},
		{"rules of a service that tells nobody", fstest.MapFS{"etc/nftables.conf": file(""), units + "netfilter-persistent.service": link("0123")}, nil, false, "unknown"},
		{"the kernel's rules", fstest.MapFS{"etc/ufw/ufw.conf": file("ENABLED=no\n")}, []chain{drops}, true, "on"},
		{"no rules in the kernel", fstest.MapFS{"etc/nftables.conf": file(filtering), units + "nftables.service": link("0123")}, nil, true, "off"},
		{"ufw on, and its rules are gone", fstest.MapFS{"etc/ufw/ufw.conf": file("ENABLED=yes\n")}, nil, true, "off"},
		{"ufw on, with rules of old", fstest.MapFS{"etc/ufw/ufw.conf": file("ENABLED=yes\n"), "proc/net/ip_tables_names": file("filter\n")}, nil, true, "on"},
		{"rules of old", fstest.MapFS{"proc/net/ip_tables_names": file("filter\n")}, nil, true, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := here(c.root)
			if c.permitted {
				m.rules = func() ([]chain, error) { return c.rules, nil }
			}
			if got := verdict(m.firewall(t.Context())); got != c.want {
				t.Errorf("the firewall is %s, want %s", got, c.want)
			}
		})
	}
}

func TestParseRuleset(t *testing.T) {
	for _, c := range []struct {
		name, text string
		filters    bool
		whole      bool
	}{
		{"empty", "", false, true},
		{"Debian's, as installed", "flush ruleset\n\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n\tchain forward {\n\t\ttype filter hook forward priority filter;\n\t}\n}\n", false, true},
		{"a rule", "table ip x {\n set s { type ipv4_addr; elements = { 1.2.3.4 } }\n chain c {\n  type filter hook input priority 0; policy accept;\n  tcp dport { 22, 80 } drop\n }\n}\n", true, true},
		{"one line", "table ip x { chain c { type filter hook forward priority 0; policy drop; } }", true, true},
		{"only what goes out", "table ip x {\n chain c {\n  type filter hook output priority 0; policy drop;\n }\n}\n", false, true},
		{"only NAT", "table ip x {\n chain c {\n  type nat hook input priority 0;\n  snat to 1.2.3.4\n }\n}\n", false, true},
		{"a comment says so", "# type filter hook input priority 0; policy drop;\n", false, true},
		{"elsewhere", "include \"/etc/nftables.d/*.conf\"\n", false, false},
		{"by commands", "add table ip x\nadd chain ip x c { type filter hook input priority 0 ; }\nadd rule ip x c drop\n", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			filters, whole := parseRuleset(c.text)
			if filters != c.filters || whole != c.whole {
				t.Errorf("filters %v, whole %v; want %v, %v", filters, whole, c.filters, c.whole)
			}
		})
	}
}
