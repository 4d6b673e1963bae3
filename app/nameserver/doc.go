// Package nameserver answers lookups within a network device that a client
// carries: at one address, before anything goes to the data plane. So programs of
// `tidegate run` find all names that are the user's, those below a domain too, and
// hear of every other, at once, that there is none: nobody else is asked.
//
// Package app makes a Server for each such device. Its methods are safe for
// concurrent use; Run is called once.
package nameserver
