// Package heap has the collector rest while there is little to collect.
package heap

//lint:ignore U1000 it is there to be kept
var floor []byte

// Floor has the collector wait until about as many bytes more are garbage as it
// would: it runs when the heap has doubled, which for a program that keeps a few
// megabytes is many times a second while flows begin and end, and the slowest of
// them are those that meet it. The floor is never written to and takes no memory.
// It is called once, by a program that is to do so, before it begins.
func Floor(bytes int) { floor = make([]byte, bytes) }
