package posture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// commLength is how much of a program's name the kernel keeps (TASK_COMM_LEN
// without its zero).
const commLength = 15

// processProbes find out which of the programs run, in one walk.
func processProbes(claims []wire.Gather) []probe {
	var names, hides []string
	for _, g := range claims {
		names, hides = append(names, g.Process), append(hides, g.Name)
	}
	return []probe{{
		key:      probeKey{builtin: fmt.Sprintf("processes %q", claims)},
		programs: names,
		hides:    hides,
		run: func(_ context.Context, c wire.DeviceClaims) {
			seen := running(os.DirFS("/"), names)
			for _, g := range claims {
				if on, known := seen.has(g.Process); known {
					c[g.Name] = on
				}
			}
		},
	}}
}

// processes are those that run of the programs looked for.
type processes struct {
	pids    map[string][]int
	partial bool // there are others, which this user cannot see
}

// has says whether the program runs.
func (p processes) has(program string) (on, known bool) {
	on = len(p.pids[program]) > 0
	return on, on || !p.partial
}

// running looks for programs among the processes that proc(5) shows: mounted
// with hidepid, it shows only this user's.
func running(root fs.FS, programs []string) processes {
	p := processes{pids: map[string][]int{}, partial: true}
	entries, err := fs.ReadDir(root, "proc")
	if err != nil {
		return p
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		name, alive := nameOf(root, pid)
		if pid == 1 && alive {
			p.partial = false
		}
		if !alive {
			continue
		}
		for _, want := range programs {
			if name.is(want) {
				p.pids[want] = append(p.pids[want], pid)
			}
		}
	}
	return p
}

// programName is how a process is called.
type programName struct {
	comm       string // by itself, cut short
	executable string // its file's name, for one's own processes; or empty
	argument   string // the name it was started by; or empty
}

// is says whether this is the program. What the process calls itself in its
// arguments counts only for the end of a name that the kernel cut short.
func (n programName) is(program string) bool {
	return n.comm == program || n.executable == program ||
		len(n.comm) == commLength && strings.HasPrefix(program, n.comm) && n.argument == program
}

// nameOf reads the name of a process that is not over: a zombie is.
func nameOf(root fs.FS, pid int) (programName, bool) {
	dir := "proc/" + strconv.Itoa(pid)
	stat, err := readSmall(root, dir+"/stat")
	if err != nil {
		return programName{}, false
	}
	comm, state, err := parseStat(stat)
	if err != nil || state == 'Z' || state == 'X' {
		return programName{}, false
	}
	n := programName{comm: comm}
	if exe, err := fs.ReadLink(root, dir+"/exe"); err == nil {
		n.executable = path.Base(strings.TrimSuffix(exe, " (deleted)"))
	}
	if len(comm) == commLength {
		if line, err := readSmall(root, dir+"/cmdline"); err == nil {
			arg, _, _ := bytes.Cut(line, []byte{0})
			n.argument = path.Base(string(arg))
		}
	}
	return n, true
}

// parseStat reads name and state of proc_pid_stat(5). The name may itself have
// brackets and spaces.
func parseStat(stat []byte) (comm string, state byte, err error) {
	from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if from < 0 || to < from || len(stat) < to+3 || stat[to+1] != ' ' {
		return "", 0, errors.New("read a process's state: it is malformed")
	}
	return string(stat[from+1 : to]), stat[to+2], nil
}
