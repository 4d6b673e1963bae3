package channel

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
)

// wgFile holds the keys of both sides, in the bed's folder.
const wgFile = "wireguard.json"

// wgKeys are the private keys of client and gateway.
type wgKeys struct{ Client, Gateway []byte }

func makeWireGuard(dir string) error {
	var k wgKeys
	for _, into := range []*[]byte{&k.Client, &k.Gateway} {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		*into = key.Bytes()
	}
	b, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, wgFile), b, 0o600)
}

const (
	wgDevice = "wg0"
	wgPort   = 51820
)

// runWireGuard is one side of the peer, as wireguard-go runs it. The device's
// addresses and routes are the caller's. The command "cold" forgets the peer's
// session, as if it had been away for long.
func runWireGuard(ctx context.Context, r *role) error {
	b, err := os.ReadFile(filepath.Join(r.dir, wgFile))
	if err != nil {
		return err
	}
	var k wgKeys
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	own, other := k.Client, k.Gateway
	if r.side == "gateway" {
		own, other = other, own
	}
	peer, err := ecdh.X25519().NewPrivateKey(other)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	t, err := tun.CreateTUN(wgDevice, device.DefaultMTU)
	if err != nil {
		return fmt.Errorf("make %s: %w", wgDevice, err)
	}
	d := device.NewDevice(t, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, "wireguard: "))
	defer d.Close()
	public := hex.EncodeToString(peer.PublicKey().Bytes())
	var conf strings.Builder
	fmt.Fprintf(&conf, "private_key=%s\n", hex.EncodeToString(own))
	if r.side == "gateway" {
		fmt.Fprintf(&conf, "listen_port=%d\n", wgPort)
	}
	var peers strings.Builder
	fmt.Fprintf(&peers, "public_key=%s\nallowed_ip=0.0.0.0/0\n", public)
	if r.to != "" {
		fmt.Fprintf(&peers, "endpoint=%s\n", r.to)
	}
	if err := d.IpcSet(conf.String() + peers.String()); err != nil {
		return fmt.Errorf("configure %s: %w", wgDevice, err)
	}
	if err := d.Up(); err != nil {
		return fmt.Errorf("take %s up: %w", wgDevice, err)
	}
	ready(wgDevice)
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-r.commands:
			if c != "cold" {
				continue
			}
			if err := d.IpcSet("public_key=" + public + "\nremove=true\n" + peers.String()); err != nil {
				return fmt.Errorf("forget the peer: %w", err)
			}
			ready("cold")
		}
	}
}
