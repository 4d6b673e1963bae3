// Package resource reads Tidegate's configuration: YAML files of one or more
// documents, each with apiVersion, kind, metadata.name and spec.
//
//	apiVersion: tidegate.org/v1
//	kind: Site
//	metadata: {name: north}
//	spec:
//	  title: North
//
// It is strict: an unknown or repeated key, a value of another type, an anchor
// or a tag is an error, and every error says file, line and column, what is
// wrong and what to write instead. Whoever checks what the values mean finds
// the place of any field with Document.At, down to a character inside a scalar.
// What stands in a field tagged yaml:"name,secret" is in no message.
//
// The controller's and the gateway's libraries call it when they start. A
// Document is not changed after Parse; it may be read concurrently.
package resource
