package posture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxDeclared is how many declared claims are found out, at most: a controller
// takes 64 with the built-in ones.
const maxDeclared = 48

// maxFile is how much of a file is read, at most.
const maxFile = 64 << 20

// declared makes probes of what the administrator declared. All programs are
// looked for in one walk over the processes.
func declared(claims []wire.Gather, log *slog.Logger) []probe {
	var probes []probe
	var programs []wire.Gather
	for _, g := range claims[:min(len(claims), maxDeclared)] {
		p := probe{key: probeKey{gather: g}, hides: []string{g.Name}}
		switch g.Kind {
		case wire.GatherProcess:
			if g.Process != "" {
				programs = append(programs, g)
			}
			continue
		case wire.GatherFile:
			p.run = fileProbe(g)
		case wire.GatherDigest:
			p.dear, p.run = true, digestProbe(g, log)
		case wire.GatherScript:
			p.dear, p.run = true, scriptProbe(g, log)
		default:
			continue
		}
		path, err := locate(g.Path)
		if err != nil {
			log.Warn("a device claim cannot be found out", "claim", g.Name, "reason", err)
			continue
		}
		p.paths = []string{path}
		probes = append(probes, p)
	}
	if len(programs) > 0 {
		probes = append(probes, processProbes(programs)...)
	}
	return probes
}

// locate returns the absolute path that a declaration means.
func locate(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home folder: %w", err)
		}
		path = filepath.Join(home, rest)
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is not an absolute path", path)
	}
	return filepath.Clean(path), nil
}

// fileProbe finds out whether the file exists, whatever it is. One that may
// not be looked at is unknown.
func fileProbe(g wire.Gather) func(context.Context, wire.DeviceClaims) {
	return func(_ context.Context, c wire.DeviceClaims) {
		path, err := locate(g.Path)
		if err != nil {
			return
		}
		if _, err := os.Stat(path); err == nil {
			c[g.Name] = true
		} else if errors.Is(err, fs.ErrNotExist) {
			c[g.Name] = false
		}
	}
}

// digestProbe finds out the file's SHA-256.
func digestProbe(g wire.Gather, log *slog.Logger) func(context.Context, wire.DeviceClaims) {
	return func(ctx context.Context, c wire.DeviceClaims) {
		sum, err := digest(ctx, g.Path, io.Discard)
		switch {
		case err == nil:
			c[g.Name] = sum
		case !errors.Is(err, fs.ErrNotExist):
			log.Info("a file's digest is left out", "claim", g.Name, "reason", err)
		}
	}
}

// digest returns the SHA-256, in hex, of the regular file at path, and copies
// it to another place meanwhile. One that is longer than maxFile has none.
func digest(ctx context.Context, path string, to io.Writer) (string, error) {
	path, err := locate(path)
	if err != nil {
		return "", err
	}
	f, err := openRegular(path)
	if err != nil {
		return "", fmt.Errorf("open a file to hash: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, to), io.LimitReader(heeding{ctx, f}, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	if n > maxFile {
		return "", fmt.Errorf("hash %s: it is longer than %d MiB", path, maxFile>>20)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// heeding reads until its context ends.
type heeding struct {
	ctx context.Context
	r   io.Reader
}

func (h heeding) Read(b []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	return h.r.Read(b)
}
