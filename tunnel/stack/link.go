//go:build linux

package stack

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	vnetHeader = 10    // struct virtio_net_hdr
	largest    = 65536 // of a packet with its payload, and of a chunk of gVisor's
	// A packet smaller than this is copied, so that it does not hold a chunk of
	// 64 KiB while it waits.
	keepWhole = 24 << 10
)

// link is the device as gVisor sees it. Checksums of what comes are not looked
// at, and those of TCP are left to the kernel: between two ends on one machine
// it computes none.
type link struct {
	device     *os.File
	raw        syscall.RawConn
	mtu        int
	dispatcher gvisor.NetworkDispatcher
}

var (
	_ gvisor.LinkEndpoint = (*link)(nil)
	_ gvisor.GSOEndpoint  = (*link)(nil)
)

// newLink takes over the device that f is.
func newLink(f *os.File, mtu int) (*link, error) {
	device, err := open(f)
	if err != nil {
		return nil, fmt.Errorf("use the device: %w", err)
	}
	raw, err := device.SyscallConn()
	if err != nil {
		device.Close()
		return nil, fmt.Errorf("use the device: %w", err)
	}
	return &link{device: device, raw: raw, mtu: mtu}, nil
}

// open has wireguard/tun take the device, and the kernel hand over segments of TCP
// whole and unsummed behind virtio headers, which are read here: cut into packets
// first, they would cost gVisor as much as a thousand small ones. What is no TUN
// brings its packets in the same form.
func open(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, kind := -1, uint16(0)
	if e := raw.Control(func(old uintptr) {
		var r *unix.Ifreq
		if r, err = unix.NewIfreq(""); err == nil {
			err = unix.IoctlIfreq(int(old), unix.TUNGETIFF, r)
		}
		switch {
		case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
			err = nil
		case err != nil:
			return
		default:
			kind = r.Uint16()
		}
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); e != nil || err != nil {
		return nil, errors.Join(e, err)
	}
	if kind == 0 {
		return os.NewFile(uintptr(fd), f.Name()), nil
	}
	const need = unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR
	if kind&need != need {
		unix.Close(fd)
		return nil, errors.New("it is no TUN with virtio headers")
	}
	device, _, err := tun.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		return nil, err // the descriptor is a file's by now, which closes it
	}
	// Without those of UDP, which gVisor would have to cut.
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6); err != nil {
		device.Close()
		return nil, fmt.Errorf("set its offload: %w", err)
	}
	return device.File(), nil
}

// close unblocks read.
func (l *link) close() error { return l.device.Close() }

// read reads packets until the device is gone or closed, and gives those to
// gVisor that take wants it to have. The packet is take's while it runs.
func (l *link) read(take func(packet []byte) bool) error {
	var head [vnetHeader]byte
	whole := buffer.NewViewSize(largest)
	defer func() { whole.Release() }()
	for {
		var n int
		var errno error
		err := l.raw.Read(func(fd uintptr) bool {
			n, errno = unix.Readv(int(fd), [][]byte{head[:], whole.AsSlice()})
			return errno != unix.EAGAIN && errno != unix.EINTR
		})
		switch {
		case err != nil:
			return fmt.Errorf("read the device: %w", err)
		case errno != nil:
			return fmt.Errorf("read the device: %w", errno)
		case n == 0:
			return errors.New("read the device: it has ended")
		}
		n -= vnetHeader
		if n <= 0 || !take(whole.AsSlice()[:n]) {
			continue
		}
		view := whole
		if n < keepWhole {
			view = buffer.NewViewWithData(whole.AsSlice()[:n])
		} else {
			view.CapLength(n)
			whole = buffer.NewViewSize(largest)
		}
		l.deliver(view)
	}
}

func (l *link) deliver(view *buffer.View) {
	protocol := header.IPv4ProtocolNumber
	if view.AsSlice()[0]>>4 == 6 {
		protocol = header.IPv6ProtocolNumber
	}
	p := gvisor.NewPacketBuffer(gvisor.PacketBufferOptions{Payload: buffer.MakeWithView(view)})
	l.dispatcher.DeliverNetworkPacket(protocol, p)
	p.DecRef()
}

// WritePackets implements gvisor.LinkWriter. What the device does not take is
// lost, as on any link.
func (l *link) WritePackets(list gvisor.PacketBufferList) (int, tcpip.Error) {
	n := 0
	for _, p := range list.AsSlice() {
		var head [vnetHeader]byte
		if p.GSOOptions.Type != gvisor.GSONone {
			vnet(&head, p)
		}
		if l.write(append([][]byte{head[:]}, p.AsSlices()...)) == nil {
			n++
		}
	}
	return n, nil
}

// vnet says what is left to the kernel of a packet: its checksum, and where it
// is larger than a segment, to cut it.
func vnet(head *[vnetHeader]byte, p *gvisor.PacketBuffer) {
	put := func(at int, v uint16) { head[at], head[at+1] = byte(v), byte(v>>8) } // both ends are this machine's
	put(2, uint16(p.HeaderSize()))
	if p.GSOOptions.NeedsCsum {
		head[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
		put(6, p.GSOOptions.L3HdrLen)
		put(8, p.GSOOptions.CsumOffset)
	}
	if p.Data().Size() > int(p.GSOOptions.MSS) {
		head[1] = unix.VIRTIO_NET_HDR_GSO_TCPV4
		if p.GSOOptions.Type == gvisor.GSOTCPv6 {
			head[1] = unix.VIRTIO_NET_HDR_GSO_TCPV6
		}
		put(4, p.GSOOptions.MSS)
	}
}

// inject writes a packet of ours to the device.
func (l *link) inject(packet []byte) {
	var head [vnetHeader]byte
	l.write([][]byte{head[:], packet}) // an error is a loss
}

func (l *link) write(parts [][]byte) (err error) {
	closed := l.raw.Write(func(fd uintptr) bool {
		for {
			if _, err = unix.Writev(int(fd), parts); err != unix.EINTR {
				return true
			}
		}
	})
	return errors.Join(closed, err)
}

// The rest of gvisor.LinkEndpoint: a link without headers, addresses or ends.

func (l *link) MTU() uint32                      { return uint32(l.mtu) }
func (l *link) SetMTU(uint32)                    {}
func (l *link) MaxHeaderLength() uint16          { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress   { return "" }
func (l *link) SetLinkAddress(tcpip.LinkAddress) {}
func (l *link) Capabilities() gvisor.LinkEndpointCapabilities {
	return gvisor.CapabilityRXChecksumOffload
}
func (l *link) Attach(d gvisor.NetworkDispatcher)       { l.dispatcher = d }
func (l *link) IsAttached() bool                        { return l.dispatcher != nil }
func (l *link) Wait()                                   {}
func (l *link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (l *link) AddHeader(*gvisor.PacketBuffer)          {}
func (l *link) ParseHeader(*gvisor.PacketBuffer) bool   { return true }
func (l *link) Close()                                  {}
func (l *link) SetOnCloseAction(func())                 {}
func (l *link) GSOMaxSize() uint32                      { return 65535 }
func (l *link) SupportedGSO() gvisor.SupportedGSO       { return gvisor.HostGSOSupported }
