package osdns

import "syscall"

// inRoot has a program of the system run below Root.
func inRoot(o Options) *syscall.SysProcAttr {
	if o.Root == "" || o.Root == "/" {
		return nil
	}
	return &syscall.SysProcAttr{Chroot: o.Root}
}
