// Package dayload is a simulated working day of many sessions, on which the
// engine of package reevaluate is measured beside what it takes the place of:
// polling every five minutes with cel-go.
//
// Each session has ten of forty realistic conditions and thirteen changes of
// claims from 07:00 to 19:00. The same seed makes the same day. The benchmark
// program and this package's benchmarks call it; Run is for one goroutine, and
// takes the CPU time of the whole process for its own.
package dayload
