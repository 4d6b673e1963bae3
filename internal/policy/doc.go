// Package policy is the language of access criteria and its evaluation.
//
// A criterion is a CEL expression in a typed and closed environment (see
// Compile). cel-go parses and type-checks it; the evaluation is our own, over
// the checked tree, because it has to answer a question that CEL has no words
// for: until when will this verdict stand? Every node yields its value at an
// instant and the instant until which that value is certain while the claims
// stay as they are, and Plan makes of it when access lapses, when to warn, and
// which answers of the user's would keep it.
//
// A criterion also says what it reads (Inputs, Names), so that a change of claims
// concerns only what depends on it, and Explain names every term that keeps it
// from holding. Foresee is Plan in figures, for an engine that keeps many of
// them: judging allocates nothing, words are made on demand.
//
// Logic is three-valued: a missing claim is unknown, and whatever is not known
// to be true is denied.
//
// The controller compiles to refuse bad policies at write time; the gateway
// compiles, plans and enforces. No client imports this package. Everything in
// it is pure: it reads no clock, does no I/O, and compiled criteria may be
// used by any number of goroutines at once.
package policy
