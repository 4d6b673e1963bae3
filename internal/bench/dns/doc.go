// Package dns measures the resolver of split DNS beside dnsmasq and unbound,
// with dnsperf, in a network namespace whose only way out leads to one server
// that knows every name. All are asked in turns in one run, each with its cache
// and its sockets bound to the adapter, as on a user's machine. The resolver and
// that server are this same binary in roles of their own. CoreDNS is left out: it
// comes as a library that takes minutes to build. Package bench calls this one. It
// needs root.
package dns
