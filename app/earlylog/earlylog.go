// Package earlylog keeps the standard logger silent until main has set it up.
// The window's library complains to it while packages are initialized, about a
// locale such as C.UTF-8, and would do so in every call of the command line.
//
// main imports it for its effect. It has hardly any imports, so that it is
// initialized before the library; a test of main checks that it is.
package earlylog

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
