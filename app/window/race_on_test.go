//go:build race

package window

// oneIn is how many of the scenes are looked at, one in so many: what they look like
// has nothing to do with races, and is tested whole without the detector.
const oneIn = 12
