// Package config reads a controller's configuration: the administrator's
// resources in YAML, in a file or a directory, checked against each other, with
// every error at its file, line and column and what to write instead.
//
// Users and groups, sites and gateways; entitlements, which conditions guard,
// and policies, which give them to users; scripts and device claims, whose
// values criteria read; transmitters of outside signals. Schema describes them
// all, Lint warns of what works and is hardly meant, and package policycase
// tries what comes of them.
//
// The controller, tidegate-server's policy commands and the lab call it. A
// Config is immutable and may be read by any number of goroutines; the
// controller replaces it whole.
package config
