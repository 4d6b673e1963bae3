// Package names gives the applications' names addresses that stand for them on
// this device: a Pool. The data plane says which names there are and asks what an
// address stands for; the resolver asks for the addresses of a name.
//
// Both addresses of a name come from one index, which begins as a hash of the
// name: the same name has the same addresses on most devices and after each
// start. Where two names meet, the one that was there first keeps it, and a file
// remembers that. A name that is gone keeps its index, answering nobody, while a
// program may still hold its addresses:
//
//	          Set, Answer                Set without it
//	(no index) ─────────► has addresses ◄──────────────► gone, answers nobody
//	    ▲                    │ below a domain, and nobody      │ nobody has used it
//	    │                    │ has used it for Keep            │ for Keep
//	    └────────────────────┴── another needs the room ───────┘
//
// Time is the wall clock's across starts, and in between nobody's who sets it: a
// step while this runs changes nothing, and a step backward while it does not only
// lengthens the wait. A step forward then cannot be told from time.
//
// A Pool is safe for concurrent use. Nothing is written while others wait for a
// lock, and an address is in the file before anybody is told of it.
package names
