package local

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/wire"
)

// What is said after the switch to protocolDevice: the client sends one byte,
// handover, with two descriptors, a TUN device and its own process (pidfd); the
// server answers with a frame, the length in four bytes and names in JSON. Then
// nothing more is said: the device is carried until both the connection and the
// process have ended.
const (
	protocolDevice = "tidegate-device"
	handover       = 'D'
	maxFrame       = 8 << 20
	handoverTime   = 10 * time.Second
)

// names are the answer to a handover.
type names struct {
	Names  map[string][2]netip.Addr `json:"names"`
	Server netip.Addr               `json:"server,omitzero"`
}

// Attachment is a device that the tray process carries.
type Attachment struct {
	// Names are the applications' hosts and the addresses that stand for them.
	Names map[string][2]netip.Addr
	// Server answers lookups, at port 53 within the device; zero: nobody does.
	Server netip.Addr
	conn   *net.UnixConn
}

// Attach hands a TUN device to the running instance of a profile, which carries
// it until the Attachment is closed, with all that Keep made of it, and process
// (a pidfd) has ended. Both files stay the caller's. It returns ErrNotRunning
// where there is no instance, and a *wire.Problem where that one refuses.
func Attach(p profile.Profile, device, process *os.File) (*Attachment, error) {
	c, err := dialSocket(p.Socket())
	if err != nil {
		return nil, err
	}
	a := &Attachment{conn: c}
	if err := a.handOver(device, process); err != nil {
		c.Close()
		return nil, err
	}
	return a, nil
}

func (a *Attachment) handOver(device, process *os.File) error {
	a.conn.SetDeadline(time.Now().Add(handoverTime))
	defer a.conn.SetDeadline(time.Time{})
	if _, err := fmt.Fprintf(a.conn, "POST %s HTTP/1.1\r\nHost: tidegate\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n", pathDevices, protocolDevice); err != nil {
		return fmt.Errorf("ask Tidegate: %w", err)
	}
	r := bufio.NewReader(a.conn) // of which nothing is left over: the server waits for us
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("ask Tidegate: %w", err)
	}
	if resp.StatusCode == http.StatusNotFound {
		return errVersion
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return wire.ReadProblem(resp.StatusCode, resp.Body)
	}
	if err := sendFiles(a.conn, handover, device, process); err != nil {
		return fmt.Errorf("hand over the device: %w", err)
	}
	var answer names
	if err := readFrame(r, &answer); err != nil {
		return fmt.Errorf("hand over the device: %w", err)
	}
	a.Names, a.Server = answer.Names, answer.Server
	return nil
}

// Close ends the attachment, unless Keep has.
func (a *Attachment) Close() error { return a.conn.Close() }

// writeFrame writes v behind its length.
func writeFrame(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxFrame {
		return errors.New("the message is too large")
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// readFrame reads what writeFrame writes.
func readFrame(r io.Reader, v any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return errors.New("the message is too large")
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	if len(b) < int(n) {
		return io.ErrUnexpectedEOF
	}
	return json.Unmarshal(b, v)
}
