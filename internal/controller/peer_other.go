//go:build !linux

package controller

import (
	"errors"
	"net"
)

// peerUID knows no peer here, so the administration socket refuses everybody.
func peerUID(*net.UnixConn) (int, error) { return -1, errors.ErrUnsupported }
