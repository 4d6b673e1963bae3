//go:build !linux

package hook

import (
	"errors"
	"io/fs"
	"net"
)

// peer refuses everybody: nothing here says who has connected.
func peer(*net.UnixConn) (int, error) {
	return -1, errors.New("this system does not say who has connected")
}

func owned(fs.FileInfo) bool { return false }
