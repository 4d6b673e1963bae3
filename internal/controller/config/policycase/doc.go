// Package policycase holds a configuration against cases: resources of kind
// Case, each of which says who tries what, when and with which claims, and what
// must come of it. It asks the packages that controllers and gateways decide
// by; nothing has to run.
//
//	apiVersion: tidegate.org/v1
//	kind: Case
//	metadata: {name: ledger-at-closing-time}
//	spec:
//	  as: alice
//	  at: 2026-11-20T16:58:00Z
//	  app: ledger
//	  claims: {responses: {mfa: 10m ago}, device: {firewall: true}}
//	  expect: {allow: true, until: "17:00", cure: [], reason: time}
//
// tidegate-server policy test calls it. It keeps nothing between calls.
package policycase
