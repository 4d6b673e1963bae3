// Package osdns has the operating system ask us for the names of our zones, and
// nobody else for them. The helper uses it, as root.
//
// How depends on what the system asks names with, which Observe finds out and
// Choose decides. Each Configurator applies a whole wanted configuration: applying
// it twice is once, and the zero Want undoes it. What outlives this process is
// written down before it is done, and Undo takes it back after a crash.
package osdns
