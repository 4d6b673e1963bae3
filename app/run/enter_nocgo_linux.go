//go:build !cgo

package run

import "errors"

func entered() error {
	return errors.New("this build of Tidegate cannot make namespaces; use the proxy instead: tidegate proxy")
}

func ignore() {}
