// Package resolver answers lookups: those of our zones itself, and all others, where
// they come to it, with what the network's own servers say, byte for byte.
package resolver
