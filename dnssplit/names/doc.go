// Package names gives the applications' names addresses that stand for them on
// this device. The data plane and the resolver use it.
package names
