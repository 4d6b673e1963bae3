package config

import (
	"encoding/hex"
	"path"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type (
	deviceClaimSpec struct {
		Process string           `yaml:"process" jsonschema:"oneof_required=process" jsonschema_description:"True while a program of this name runs."`
		File    string           `yaml:"file" jsonschema:"oneof_required=file" jsonschema_description:"True while there is this file; an absolute path, or one under ~/."`
		Digest  string           `yaml:"digest" jsonschema:"oneof_required=digest" jsonschema_description:"The SHA-256 of this file in hexadecimal."`
		Script  deviceScriptSpec `yaml:"script" jsonschema:"oneof_required=script" jsonschema_description:"What this program on the device prints."`
	}
	deviceScriptSpec struct {
		Path    string        `yaml:"path" jsonschema:"required" jsonschema_description:"The program; an absolute path, or one under ~/."`
		SHA256  string        `yaml:"sha256" jsonschema:"required,pattern=^[0-9a-f]{64}$" jsonschema_description:"Its SHA-256 in hexadecimal; any other is not run."`
		Type    string        `yaml:"type" jsonschema:"required,enum=bool,enum=int,enum=string" jsonschema_description:"What it prints."`
		Timeout wire.Duration `yaml:"timeout" jsonschema_description:"What bounds a run, 5s by default."`
	}
)

func (l *loader) deviceClaim(d *resource.Document) {
	s := deviceClaimSpec{Script: deviceScriptSpec{Timeout: wire.Duration(5 * time.Second)}}
	l.errs.Add(d.Decode(&s))
	g := wire.Gather{Name: wire.Variable(d.Name)}
	var written []string
	for _, key := range []string{"process", "file", "digest", "script"} {
		if d.Has(key) {
			written = append(written, key)
		}
	}
	if len(written) != 1 {
		const choice = "write exactly one of process, file, digest and script"
		if len(written) == 0 {
			l.errs.Add(d.At().Errorf("the claim does not say how it is found out; %s", choice))
		} else {
			l.errs.Add(d.At(written[1]).Errorf("the claim is found out in two ways, %s; %s", strings.Join(written, " and "), choice))
		}
		return
	}
	typ := "bool"
	switch written[0] {
	case "process":
		g.Kind, g.Process = wire.GatherProcess, s.Process
		if s.Process == "" || strings.ContainsAny(s.Process, "/\\") {
			l.errs.Add(d.At("process").Errorf("%q is not a program's name; write it without its folder, for example process: falcon-sensor", s.Process))
		}
	case "file":
		g.Kind, g.Path = wire.GatherFile, s.File
		l.path(d, s.File, "file")
	case "digest":
		typ = "string"
		g.Kind, g.Path = wire.GatherDigest, s.Digest
		l.path(d, s.Digest, "digest")
	case "script":
		typ = s.Script.Type
		g.Kind, g.Path, g.SHA256, g.Type, g.Timeout = wire.GatherScript, s.Script.Path, strings.ToLower(s.Script.SHA256), typ, s.Script.Timeout
		l.path(d, s.Script.Path, "script", "path")
		if b, err := hex.DecodeString(g.SHA256); err != nil || len(b) != 32 {
			l.errs.Add(d.At("script", "sha256").Errorf("sha256 is not 64 digits of hexadecimal; write what sha256sum prints of the program, which runs only if it is that"))
		}
		if t := s.Script.Timeout.D(); t < minTimeout || t > wire.MaxGather {
			l.errs.Add(d.At("script", "timeout").Errorf("a run takes from %v to %v, not %v; write for example timeout: 5s", minTimeout, wire.MaxGather, t))
		}
	}
	l.declare(d, "device.", typ)
	l.conf.Gather = append(l.conf.Gather, g)
}

func (l *loader) path(d *resource.Document, p string, at ...any) {
	full := p
	if rest, home := strings.CutPrefix(p, "~/"); home {
		full = "/" + rest
	}
	if !path.IsAbs(full) || path.Clean(full) != full || full == "/" {
		l.errs.Add(d.At(at...).Errorf("%q is not the path of a file; write an absolute one such as /etc/agent.conf, or one in the user's home such as ~/.config/agent", p))
	}
}
