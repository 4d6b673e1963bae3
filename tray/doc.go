// Package tray shows the client's state as an icon with a menu in the
// desktop's tray, and turns what is clicked into commands.
//
// MenuFor and IconFor are pure: state in, a comparable value out. Tray applies
// the values to a StatusNotifier host, in place and only where they differ, so
// that an open menu neither closes nor flickers, and a click chooses what was shown
// though the menu has changed since; systray.go and place.go alone know the
// library that speaks D-Bus. Package app starts one Tray a process (the library
// keeps its state in package variables).
package tray
