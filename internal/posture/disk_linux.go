package posture

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxStack is how many block devices may lie on one another.
const maxStack = 16

// diskEncryption says whether all that / is written to is encrypted by
// dm-crypt. Unknown where / is no file system on block devices.
func (m machine) diskEncryption(context.Context) (on, known bool) {
	table, err := readSmall(m.root, "proc/self/mountinfo")
	if err != nil {
		return false, false
	}
	root, ok := rootMount(string(table))
	if !ok {
		return false, false
	}
	devices := []string{"sys/dev/block/" + root.number}
	if root.kind == "btrfs" { // whose number is no device's
		devices = m.btrfsDevices(root.source)
	}
	for _, d := range devices {
		encrypted, known := m.encrypted(d, maxStack)
		if !known || !encrypted {
			return false, known
		}
	}
	return true, len(devices) > 0
}

// encrypted says whether the block device at that folder of sysfs is dm-crypt's
// or lies on such alone. dm-verity and dm-integrity hide nothing, though their
// names begin alike.
func (m machine) encrypted(device string, depth int) (on, known bool) {
	if depth == 0 || !m.exists(device+"/dev") {
		return false, false
	}
	uuid := m.line(device + "/dm/uuid")
	if strings.HasPrefix(uuid, "CRYPT-") && !strings.HasPrefix(uuid, "CRYPT-VERITY-") && !strings.HasPrefix(uuid, "CRYPT-INTEGRITY-") {
		return true, true
	}
	slaves, err := fs.ReadDir(m.root, device+"/slaves")
	if err != nil && m.exists(device+"/partition") {
		return m.encryptedWhole(device, depth-1)
	}
	if err != nil || len(slaves) == 0 {
		return false, true
	}
	for _, s := range slaves {
		number := m.line(device + "/slaves/" + s.Name() + "/dev")
		on, known := m.encrypted("sys/dev/block/"+number, depth-1)
		if !known || !on {
			return false, known
		}
	}
	return true, true
}

// encryptedWhole answers for the device that a partition is of, which sysfs
// has as the folder above it.
func (m machine) encryptedWhole(partition string, depth int) (on, known bool) {
	to, err := fs.ReadLink(m.root, partition)
	if err != nil {
		return false, false
	}
	whole := path.Join(path.Dir(partition), path.Dir(to))
	return m.encrypted("sys/dev/block/"+m.line(whole+"/dev"), depth)
}

// btrfsDevices returns all devices of the file system that lies on source.
func (m machine) btrfsDevices(source string) []string {
	name := m.blockName(source)
	if name == "" {
		return nil
	}
	const all = "sys/fs/btrfs"
	systems, _ := fs.ReadDir(m.root, all)
	for _, s := range systems {
		devices, _ := fs.ReadDir(m.root, path.Join(all, s.Name(), "devices"))
		if !slices.ContainsFunc(devices, func(d fs.DirEntry) bool { return d.Name() == name }) {
			continue
		}
		var folders []string
		for _, d := range devices {
			folders = append(folders, "sys/dev/block/"+m.line("sys/class/block/"+d.Name()+"/dev"))
		}
		return folders
	}
	return nil
}

// blockName is the kernel's name of the device that a mount's source means:
// dm-0 for /dev/mapper/root.
func (m machine) blockName(source string) string {
	if to, err := fs.ReadLink(m.root, inRoot(source)); err == nil && !path.IsAbs(to) {
		source = path.Join(path.Dir(source), to)
	} else if err == nil {
		source = to
	}
	if name, ok := strings.CutPrefix(source, "/dev/mapper/"); ok {
		uuids, _ := fs.Glob(m.root, "sys/class/block/dm-*/dm/name")
		for _, u := range uuids {
			if m.line(u) == name {
				return path.Base(path.Dir(path.Dir(u)))
			}
		}
		return ""
	}
	return path.Base(source)
}

// mount is a line of proc_pid_mountinfo(5).
type mount struct{ number, kind, source string }

// rootMount finds what is mounted on /, last if more than once.
func rootMount(table string) (root mount, ok bool) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if len(f) < 6 || f[4] != "/" || dash < 6 || len(f) < dash+3 {
			continue
		}
		root, ok = mount{number: f[2], kind: f[dash+1], source: f[dash+2]}, true
	}
	return root, ok
}
