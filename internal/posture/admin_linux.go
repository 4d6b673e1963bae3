package posture

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// adminGroups are those whose members may become root by custom: Debian's,
// Red Hat's and the BSDs', old Ubuntu's.
var adminGroups = []string{"sudo", "wheel", "admin"}

// admin says whether the user is root, or in one of the administrators'
// groups: as the process is, or as the files say that the next one will be.
func (m machine) admin(context.Context) (on, known bool) {
	if m.uid == 0 {
		return true, true
	}
	groups, err := readSmall(m.root, "etc/group")
	if err != nil {
		return false, false
	}
	name := m.userName()
	for line := range strings.Lines(string(groups)) {
		group, gid, members, ok := parseGroup(line)
		if !ok || !slices.Contains(adminGroups, group) {
			continue
		}
		if slices.Contains(m.groups, gid) || name != "" && slices.Contains(members, name) {
			return true, true
		}
	}
	return false, true
}

// userName is the user's, if a file says it.
func (m machine) userName() string {
	users, err := readSmall(m.root, "etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(users)) {
		f := strings.Split(line, ":")
		if len(f) > 2 && f[2] == strconv.Itoa(m.uid) {
			return f[0]
		}
	}
	return ""
}

// parseGroup reads a line of group(5).
func parseGroup(line string) (name string, gid int, members []string, ok bool) {
	f := strings.Split(strings.TrimSpace(line), ":")
	if len(f) != 4 {
		return "", 0, nil, false
	}
	gid, err := strconv.Atoi(f[2])
	return f[0], gid, strings.Split(f[3], ","), err == nil
}
