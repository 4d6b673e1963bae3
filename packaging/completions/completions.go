// Package completions holds what has bash, zsh and fish complete the commands of
// tidegate, for the packages, which install it, and for the command line, which
// writes it. It asks "tidegate __complete" at each Tab. It is data and safe for
// concurrent use.
package completions

import _ "embed"

// The files, as each shell reads them.
var (
	//go:embed tidegate.bash
	Bash string
	//go:embed _tidegate
	Zsh string
	//go:embed tidegate.fish
	Fish string
)
