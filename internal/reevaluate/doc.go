// Package reevaluate keeps verdicts true as time goes by and claims change,
// without polling: each verdict comes with the exact instant of its next change
// (package policy), a Subject keeps those of one session and judges again only
// what a change concerns, and a Calendar wakes the session at the first of them.
//
// The gateway calls it, and so does its benchmark, so that what is measured is
// what runs. A Subject belongs to its session's goroutine; a Calendar, of which
// a gateway has one, is for any number of them. Nothing here starts a goroutine,
// reads a clock but Calendar.Run, or logs.
package reevaluate
