// Package plan foresees what a new configuration would do: the difference of
// the resources, and its effect on the live sessions, who would gain or lose
// an entitlement, who would be asked what, and when. The controller calls it
// with what it knows of its sessions; package plan itself is pure: it reads no
// clock and no store, and changes nothing.
package plan
