//go:build !race

package flow

// standardSchedules is how many schedules a run of the tests takes.
const standardSchedules = 1500

// footprints is how much more memory than usual the run costs.
const footprints = 1
