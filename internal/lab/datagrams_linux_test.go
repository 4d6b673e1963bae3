package lab_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/session"
)

// TestPathScenarios plays testdata/path/*.txt, where the gateway is reached over a
// path that may drop UDP:
//
//	path drop-udp|pass-udp
func TestPathScenarios(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	play(t, "testdata/path", func(env *testscript.Env) error {
		var relay *lab.Relay
		err := setUp(env, path, func(listen string) (_ string, err error) {
			if relay, err = lab.NewRelay(listen); err != nil {
				return "", err
			}
			env.Defer(func() { relay.Close() })
			return relay.Addr(), nil
		})
		if err == nil {
			env.Values[sceneKey{}].(*scene).relay = relay
		}
		return err
	})
}

// doPath: path drop-udp|pass-udp
func (s *scene) doPath(ts *testscript.TestScript, args []string) error {
	switch strings.Join(args, " ") {
	case "drop-udp":
		s.relay.DropUDP(true)
	case "pass-udp":
		s.relay.DropUDP(false)
	default:
		return usage("path drop-udp|pass-udp")
	}
	return nil
}

// association is a program's UDP ASSOCIATE (RFC 1928, section 7).
type association struct {
	held net.Conn
	udp  *net.UDPConn
}

// doUDP uses the proxy for datagrams, which are answered:
//
//	udp open, udp say HOST PORT TEXT, udp lost HOST PORT TEXT, udp close
func (s *scene) doUDP(ts *testscript.TestScript, args []string) error {
	const how = "udp open|close, udp say|lost HOST PORT TEXT"
	switch {
	case len(args) == 1 && args[0] == "open":
		st, err := s.wait("the proxy listens", func(st *session.State) bool { return st.Local.Proxy.IsValid() })
		if err != nil {
			return err
		}
		s.udp, err = associate(st.Local.Proxy.String())
		return err
	case len(args) == 1 && args[0] == "close":
		return errors.Join(s.udp.udp.Close(), s.udp.held.Close())
	case len(args) < 4:
		return usage(how)
	}
	port, err := strconv.ParseUint(args[2], 10, 16)
	if err != nil {
		return err
	}
	text := strings.Join(args[3:], " ")
	switch args[0] {
	case "say":
		return s.udp.say(args[1], uint16(port), text, patience)
	case "lost":
		err := s.udp.say(args[1], uint16(port), text, 4*time.Second)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%q was answered, or %w", text, err)
		}
		return nil
	}
	return usage(how)
}

func associate(proxy string) (*association, error) {
	c, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	fail := func(err error) (*association, error) { c.Close(); return nil, err }
	if _, err := c.Write([]byte{5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil {
		return fail(err)
	}
	var answer [12]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return fail(err)
	}
	if answer[1] != 0 || answer[3] != 0 {
		return fail(fmt.Errorf("the proxy answers % x", answer))
	}
	udp, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: answer[6:10], Port: int(binary.BigEndian.Uint16(answer[10:]))})
	if err != nil {
		return fail(err)
	}
	return &association{c, udp}, nil
}

// say sends a datagram, each second again, until its answer has come.
func (a *association) say(host string, port uint16, text string, within time.Duration) error {
	head := binary.BigEndian.AppendUint16(append([]byte{0, 0, 0, 3, byte(len(host))}, host...), port)
	b := make([]byte, 64<<10)
	for end := time.Now().Add(within); time.Now().Before(end); {
		if _, err := a.udp.Write(append(head[:len(head):len(head)], text...)); err != nil {
			return err
		}
		a.udp.SetReadDeadline(time.Now().Add(time.Second))
		for {
			n, err := a.udp.Read(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
			if bytes.HasSuffix(b[:n], []byte("tides: "+text)) {
				return nil
			}
		}
	}
	return fmt.Errorf("no answer to %q: %w", text, os.ErrDeadlineExceeded)
}
