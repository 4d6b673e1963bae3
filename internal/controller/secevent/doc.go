// Package secevent reads Security Event Tokens (RFC 8417) with the events of
// CAEP 1.0 that Tidegate carries: risk-level-change, session-revoked and
// credential-change. The controller calls it with what RFC 8935 pushes.
//
// It is pure: it stores nothing and reads no clock, so whether a token came
// before is its caller's to know. Everything may be used concurrently.
package secevent
