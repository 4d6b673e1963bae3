// Package archtest holds the house rules that a machine can check, as a test:
// the direction of imports, a doc comment for each package, no heaps. It has
// no code that runs.
package archtest
