// Package config reads a controller's configuration: the administrator's
// resources in YAML (users, sites, gateways, entitlements, conditions, policies
// and scripts), checked against each other, with every error at its file, line
// and column and what to write instead. A Config is immutable and may be read
// by any number of goroutines; the controller replaces it whole.
package config
