//go:build linux && (amd64 || arm64)

package confine

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// programs are the calls that start another program, or end one.
var programs = []uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_KILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_PIDFD_SEND_SIGNAL,
}

// owners are the calls of files' owners, which Landlock knows nothing of: most are
// root's, and so this process's, and whose they are and who executes them as whom is
// not to be its to say.
var owners = slices.Concat(earlier, []uint32{
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
	unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR,
})

// foreign are the calls to look into another program, to change the machine, and
// the doors around this filter.
var foreign = []uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_PERSONALITY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
}

// x32 marks the calls of amd64's other ABI, which would pass by their numbers.
const x32 = 0x40000000

// namespaces are clone's flags for others than the process is in.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// SystemCalls has all threads of this process, and those that it starts, refused,
// for good, sockets other than Unix's and netlink's, other namespaces, and the
// calls that only another program makes. It needs NoNewPrivs, which Capabilities has set.
func SystemCalls(a Allow) error {
	f := filter(a)
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	return nil
}

// filter is the program, on struct seccomp_data: the call's number at 0, the
// architecture at 4, the first argument's low half at 16.
func filter(a Allow) []unix.SockFilter {
	const load, equal, atLeast, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const anyOf = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	const refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	f := []unix.SockFilter{
		{Code: load, K: 4},
		{Code: equal, K: auditArch, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: 0},
		{Code: atLeast, K: x32, Jf: 1},
		{Code: ret, K: refuse},
	}
	refused := foreign
	if !a.Programs {
		refused = slices.Concat(programs, foreign)
	}
	if !a.Files {
		refused = slices.Concat(owners, refused)
	}
	for _, n := range refused {
		f = append(f, unix.SockFilter{Code: equal, K: n, Jf: 1}, unix.SockFilter{Code: ret, K: refuse})
	}
	f = append(f, []unix.SockFilter{
		{Code: equal, K: unix.SYS_CLONE3, Jf: 1}, // its flags are out of sight; who calls it tries clone then
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: equal, K: unix.SYS_CLONE, Jf: 4},
		{Code: load, K: 16},
		{Code: anyOf, K: namespaces, Jf: 1},
		{Code: ret, K: refuse},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}...)
	families := []uint32{unix.AF_UNIX, unix.AF_NETLINK}
	if a.Internet {
		families = append(families, unix.AF_INET, unix.AF_INET6)
	}
	f = append(f,
		unix.SockFilter{Code: equal, K: unix.SYS_SOCKET, Jf: uint8(len(families)) + 2},
		unix.SockFilter{Code: load, K: 16},
	)
	for i, family := range families {
		f = append(f, unix.SockFilter{Code: equal, K: family, Jt: uint8(len(families) - i)})
	}
	return append(f,
		unix.SockFilter{Code: ret, K: refuse},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	)
}
