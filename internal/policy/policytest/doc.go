// Package policytest makes random criteria, claims and instants, and has cel-go
// itself judge them: the oracle that package policy and the engine above it are
// tested against.
//
// It knows nothing of package policy. A Pair is a criterion in the words of that
// package and in those of plain CEL, in which within, during and inNetwork are
// written out. Each Oracle, vars and source of randomness is for one
// goroutine at a time.
package policytest
