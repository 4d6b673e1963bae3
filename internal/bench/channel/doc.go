// Package channel measures the data channel beside wireguard-go, end to end, in
// network namespaces: a client's, a gateway's and an application's, joined by
// links without delay and by paths with delay, loss and a rate. The programs on
// them are this same binary in roles of their own, so that each side pays for
// its processes. Package bench calls it. It needs root.
package channel
