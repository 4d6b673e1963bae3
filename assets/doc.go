// Package assets holds what the client shows and does not compute: fonts,
// icons, the logo and the tray's pictures, embedded. Window, tray and
// notifications read from it. It keeps no state and is safe for concurrent use.
//
// Fonts are Inter (SIL OFL 1.1), icons are Material Symbols Rounded
// (Apache-2.0); their licences lie beside them. The logo and the tray's
// pictures are the project's own.
package assets

//go:generate sh brand/render.sh
