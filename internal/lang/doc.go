// Package lang says the program's sentences in the user's language.
//
// The source's English sentence is the key, as with gettext: what a catalogue
// does not have is said in English. Catalogues are JSON files below catalog, a
// folder a language and a file a part of the program; an entry is a text, or the
// plural forms of one by their names in CLDR. Everything that says something to
// people calls it; logs, file formats, JSON keys and codes stay as they are.
//
// A process speaks one language at a time. All functions may be called from any
// goroutine; none keeps what it is given. Until Set is called it is English.
package lang
