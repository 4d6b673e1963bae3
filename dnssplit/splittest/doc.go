// Package splittest proves the split: on a machine with a real systemd-resolved
// and on one without, over thousands of lookups by real programs, that no name of
// ours is asked of the network and that no other is asked of us where it need not
// be. It has no code that runs outside its tests, which need root.
package splittest
