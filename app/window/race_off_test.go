//go:build !race

package window

// oneIn is how many of the scenes are looked at, one in so many.
const oneIn = 1
