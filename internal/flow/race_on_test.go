//go:build race

package flow

// standardSchedules is how many schedules a run of the tests takes.
const standardSchedules = 300

// footprints is how much more memory the race detector costs.
const footprints = 2
