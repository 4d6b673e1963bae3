// Package run starts a program in a user, a mount and a network namespace of its
// own, whose only way out is a TUN device that the tray process carries: any
// program reaches the applications by their own names and addresses, without
// privilege, and nothing else. No route, resolver or address of the local network
// is seen in there, so none can lead elsewhere what is meant for an application.
//
// The command line calls Start, which becomes the program: there is one process
// from the first to the last, so that terminal, signals, job control, exit code
// and standard streams are the program's own.
//
//	tidegate run -- PROGRAM           this process, as the user started it
//	   │ Start: exec itself
//	   ▼
//	before Go runs (enter_linux.c):   unshare; map the user to itself
//	   │
//	   ▼
//	Inside: lo, TUN, routes ──► tray process: the device, over its local socket
//	   │    hosts, resolv.conf, nsswitch.conf bound over the system's
//	   │    all privileges of the namespaces given up
//	   ▼ exec
//	PROGRAM
//
// The tray process carries the device while the program lives, or whatever has
// inherited the connection to it from the program.
//
// It is no sandbox: files, processes and local sockets are those outside, and the
// loopback network is empty, without the proxies that the environment may name.
// Names that are not in /etc/hosts, those that came after the start and those below
// a domain, are asked of the tray process, within the device; others there are
// none. A root without /etc/hosts has all asked there. The network ends with
// the tray process. Whoever replaces the system's /etc/hosts meanwhile, by renaming
// another over it, has Linux take ours away; names are asked of the tray process
// then, or of a resolver that does not answer in here.
//
// Nothing here is for concurrent use: it is called once by main.
package run
