//go:build !linux

package netwatch

func beats() (each <-chan struct{}, stop func()) { return ticks() }
