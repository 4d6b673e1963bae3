// Package dnssplit has programs of this machine find the applications by their
// names, and nobody else asked for them: a Split. Package app runs one beside the
// data plane and the network device; without a helper it touches nothing of the
// system, and says so.
//
// The parts are in folders of their own: names gives each name an address,
// resolver answers lookups, osdns, which the helper runs as root, tells the
// system whom to ask. A Split holds them together:
//
//	off ──signed in──► waiting ──the device is up──► serving ──signed out, quit──► undoing ──► off
//	                     ▲  │ no helper, refused        │
//	                     │  ▼ (again in a minute)       │ the sockets are gone
//	                     └──────────────────────────────┘
//
// While it serves, the helper is told anew whenever the names, the machine's
// network or what else it is used with may have changed; telling twice is once. A
// process that ends without undoing leaves the names answered by nobody, or that
// there are none to be had, which is the helper's to see to.
//
// The methods of a Split are safe for concurrent use; Run is called once.
package dnssplit
