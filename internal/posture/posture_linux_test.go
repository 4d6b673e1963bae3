package posture

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestGather(t *testing.T) {
	for _, c := range []struct {
		name string
		root fstest.MapFS
		want wire.DeviceClaims
	}{
		{"nothing known", fstest.MapFS{}, wire.DeviceClaims{"os_name": "linux"}},
		{"plain disk, ufw on", fstest.MapFS{
			"etc/os-release":   file("NAME=x\nID=debian\nVERSION_ID=\"12\"\n"),
			"proc/self/mounts": file("proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw 0 0\n"),
			"etc/ufw/ufw.conf": file("# x\nENABLED=yes\n"),
		}, wire.DeviceClaims{"os_name": "debian", "os_version": "12", "disk_encryption": false, "firewall": true}},
		{"encrypted disk, firewalld off", fstest.MapFS{
			"proc/self/mounts":             file("/dev/mapper/root / ext4 rw 0 0\n"),
			"sys/block/dm-0/dm/name":       file("root\n"),
			"sys/block/dm-0/dm/uuid":       file("CRYPT-LUKS2-abc-root\n"),
			"etc/firewalld/firewalld.conf": file(""),
		}, wire.DeviceClaims{"os_name": "linux", "disk_encryption": true, "firewall": false}},
		{"LVM without encryption", fstest.MapFS{
			"proc/self/mounts":       file("/dev/mapper/vg-root / ext4 rw 0 0\n"),
			"sys/block/dm-0/dm/name": file("vg-root\n"),
			"sys/block/dm-0/dm/uuid": file("LVM-abc\n"),
			"run/firewalld.pid":      file("1"),
		}, wire.DeviceClaims{"os_name": "linux", "disk_encryption": false, "firewall": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := wire.DeviceClaims{}
			gather(c.root, got)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("claims (-want +got):\n%s", d)
			}
		})
	}
}

func TestCollectHere(t *testing.T) {
	c := Collect(t.Context())
	if c["hostname"] == "" || c["os_name"] == "" {
		t.Errorf("this machine reports %v", c)
	}
}

func FuzzOSRelease(f *testing.F) {
	f.Add("ID=debian\nVERSION_ID=\"12\"\n")
	f.Fuzz(func(t *testing.T, s string) { osRelease(strings.NewReader(s)) })
}
