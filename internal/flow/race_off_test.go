//go:build !race

package flow

// standardSchedules is how many schedules a run of the tests takes.
const standardSchedules = 1500
