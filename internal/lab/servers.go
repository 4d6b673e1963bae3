package lab

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"text/template"
	"time"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store/natskv"
	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/rebind"
	"github.com/tidegate/tidegate/internal/wire"
)

//go:embed resources.yaml.tmpl
var resourcesText string

var resources = template.Must(template.New("resources.yaml").Funcs(template.FuncMap{
	"quote": strconv.Quote,
	"hash":  config.HashPassword,
}).Parse(resourcesText))

// bastion is offered where Options.Hosts says what it leads to: an SSH server.
const bastion = "bastion.harbour.example:22"

// writeResources writes the controller's file.
func (l *Lab) writeResources() error {
	front := l.gateway
	if l.o.GatewayPath != nil {
		var err error
		if front, err = l.o.GatewayPath(l.gateway); err != nil {
			return err
		}
	}
	var withCode []string
	for _, p := range l.o.Config.People {
		if p.Code {
			withCode = append(withCode, p.Name)
		}
	}
	var b bytes.Buffer
	err := resources.Execute(&b, map[string]any{"Config": l.o.Config, "Controller": l.controller, "Gateway": front,
		"State": l.path("controller"), "WithCode": withCode, "Bastion": l.o.Hosts[bastion] != ""})
	if err != nil {
		return fmt.Errorf("write the lab's resources: %w", err)
	}
	return writeFile(l.ControllerFile(), b.Bytes())
}

var gatewayFile = template.Must(template.New("gateway.yaml").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(
	`apiVersion: tidegate.org/v1
kind: Gateway
metadata: {name: quay}
spec:
  site: harbour
  listen: {{quote .Listen}}
  state: {{quote .State}}
  enrolment: {{quote .Link}}
  drain: 0s
  hosts:
{{- range $name, $addr := .Hosts}}
    {{quote $name}}: {{quote $addr}}
{{- end}}
`))

// writeGateway writes the gateway's file.
func (l *Lab) writeGateway(link wire.EnrolmentLink, hosts map[string]string) error {
	var b bytes.Buffer
	err := gatewayFile.Execute(&b, map[string]any{"Listen": l.gateway, "State": l.path("gateway"), "Link": link.String(), "Hosts": hosts})
	if err != nil {
		return fmt.Errorf("write the gateway's file: %w", err)
	}
	return writeFile(l.path("gateway.yaml"), b.Bytes())
}

// controllerPart is the controller while it runs.
type controllerPart struct {
	*part
	c *controller.Controller
}

// StartController starts the controller from its file and its state, which
// outlive it; where it runs already, nothing happens.
func (l *Lab) StartController() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c.part != nil {
		return nil
	}
	file := l.ControllerFile()
	conf, err := config.Load(file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log := l.o.Log.With("in", "controller")
	st, err := natskv.Open(ctx, natskv.Options{Dir: l.path("controller/store"), Logger: log})
	if err != nil {
		return fmt.Errorf("open the controller's store: %w", err)
	}
	c, err := controller.New(controller.Options{Config: conf, Source: file, Store: st, Logger: log, DisableUDP: l.o.NoQUIC})
	if err == nil {
		err = rebind.Do(c.Listen)
	}
	if err != nil {
		st.Close()
		return err
	}
	l.c = controllerPart{c: c, part: startPart("controller", func(ctx context.Context) error {
		defer st.Close()
		return c.Run(ctx)
	})}
	return nil
}

// StopController ends the controller and keeps its state.
func (l *Lab) StopController() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.c.stop()
	l.c = controllerPart{}
	return err
}

// Link makes a new enrolment link for a user.
func (l *Lab) Link(ctx context.Context, user string) (wire.EnrolmentLink, error) {
	c, err := l.running()
	if err != nil {
		return wire.EnrolmentLink{}, err
	}
	return c.NewEnrolment(ctx, user)
}

func (l *Lab) gatewayLink(ctx context.Context) (wire.EnrolmentLink, error) {
	c, err := l.running()
	if err != nil {
		return wire.EnrolmentLink{}, err
	}
	return c.NewGatewayEnrolment(ctx, "quay")
}

func (l *Lab) running() (*controller.Controller, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c.c == nil {
		return nil, fmt.Errorf("the controller does not run")
	}
	return l.c.c, nil
}

// StartGateway starts the gateway from its file and its state.
func (l *Lab) StartGateway() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.g != nil {
		return nil
	}
	conf, err := gateway.LoadConfig(l.path("gateway.yaml"))
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Options{Config: conf, Log: l.o.Log.With("in", "gateway")})
	if err != nil {
		return err
	}
	if err := rebind.Do(g.Listen); err != nil {
		return err
	}
	l.g = startPart("gateway", g.Run)
	return nil
}

// StopGateway ends the gateway and keeps its state.
func (l *Lab) StopGateway() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.g.stop()
	l.g = nil
	return err
}

// Revoke ends every session of a user, as an administrator would.
func (l *Lab) Revoke(ctx context.Context, user string) error {
	c, err := l.running()
	if err != nil {
		return err
	}
	return c.RevokeUser(ctx, user)
}

// Suspend has every session of a user suspend its data channels, as an
// administrator would, and says how many were told.
func (l *Lab) Suspend(ctx context.Context, user string) (int, error) {
	c, err := l.running()
	if err != nil {
		return 0, err
	}
	n, err := c.Suspend(ctx, controller.Match{User: user})
	return n.Told, err
}
