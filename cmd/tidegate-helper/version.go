//go:build linux

package main

// version is the program's, and the client's.
const version = "0.1.0"
