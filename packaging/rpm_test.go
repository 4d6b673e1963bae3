package packaging

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What rpm calls what is told in a package's header.
const (
	rpmBuildHost  = 1007
	rpmPreremove  = 1025
	rpmInstalled  = 1024
	rpmPostremove = 1026
	rpmRequires   = 1049
	rpmFolderOf   = 1116 // of each name, which of the folders
	rpmNames      = 1117
	rpmFolders    = 1118
)

// rpmHeader reads the texts and numbers of a package's header, by their tags: behind
// a lead of 96 bytes there is one of signatures, filled up to eight, and then this.
func rpmHeader(t *testing.T, file string) map[uint32][]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	number := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	at := 96
	at += 16 + int(number(at+8))*16 + int(number(at+12))
	at = (at + 7) &^ 7
	if !bytes.HasPrefix(b[at:], []byte{0x8e, 0xad, 0xe8, 1}) {
		t.Fatalf("%s has no header at %d", file, at)
	}
	entries := int(number(at + 8))
	store := at + 16 + entries*16
	all := map[uint32][]string{}
	for i := range entries {
		e := at + 16 + i*16
		tag, kind, from, count := number(e), number(e+4), store+int(number(e+8)), int(number(e+12))
		for range count {
			switch kind {
			case 4: // numbers
				all[tag] = append(all[tag], string(b[from:from+4]))
				from += 4
			case 6, 8, 9: // texts
				text, _, _ := bytes.Cut(b[from:], []byte{0})
				all[tag] = append(all[tag], string(text))
				from += len(text) + 1
			}
		}
	}
	return all
}

// The RPM holds what the .deb holds, asks for libraries by names that all
// distributions with RPMs give them, and does the same as it comes and goes.
func TestRPM(t *testing.T) {
	file := pack(t, "tidegate-*.rpm")
	header := rpmHeader(t, file)
	var files []string
	for i, name := range header[rpmNames] {
		files = append(files, header[rpmFolders][binary.BigEndian.Uint32([]byte(header[rpmFolderOf][i]))]+name)
	}
	slices.Sort(files)
	var want []string
	root := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "dpkg-deb", "-x", pack(t, "tidegate_*.deb"), root).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			want = append(want, strings.Replace(strings.TrimPrefix(path, root), "/zsh/vendor-completions/", "/zsh/site-functions/", 1))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, files); diff != "" || len(files) == 0 {
		t.Errorf("it does not hold what the .deb holds (-deb +rpm):\n%s", diff)
	}
	for tag, name := range map[uint32]string{rpmInstalled: "postinstall", rpmPreremove: "preremove", rpmPostremove: "postremove"} {
		script, err := os.ReadFile("linux/helper/" + name + ".sh")
		if err != nil || len(header[tag]) != 1 || strings.TrimSpace(header[tag][0]) != strings.TrimSpace(string(script)) {
			t.Errorf("%s is %q (%v)", name, header[tag], err)
		}
	}
	f, err := elf.Open(filepath.Join(filepath.Dir(file), "bin/tidegate"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) == 0 {
		t.Fatal(libraries, err)
	}
	for _, library := range libraries {
		if library = strings.Replace(library, "libm.so", "libc.so", 1); !slices.ContainsFunc(header[rpmRequires], func(r string) bool { return strings.HasPrefix(r, library+"(") }) {
			t.Errorf("nothing asks for %s: %v", library, header[rpmRequires])
		}
	}
	if got := header[rpmBuildHost]; !slices.Equal(got, []string{"localhost"}) {
		t.Errorf("it tells where it was made: %v", got)
	}
}
