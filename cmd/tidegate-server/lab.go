package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/tidegate/tidegate/internal/lab"
)

// runLab runs a lab until it is told to end. What it prints begins with
// "lab:", and it takes commands on standard input.
func runLab(ctx context.Context, args []string) error {
	o := newOptions("lab")
	quick := o.Bool("quick", false, "seconds instead of minutes, for the scripted tour")
	path := o.Bool("relay", false, "put a path in front of the gateway that counts packets")
	words, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.only(words); err != nil {
		return err
	}
	c := lab.DefaultConfig()
	if o.config != "" {
		if c, err = lab.LoadConfig(o.config); err != nil {
			return err
		}
	}
	if *quick {
		c = c.Quick()
	}
	dir, err := os.MkdirTemp("", "tidegate-lab-")
	if err != nil {
		return fmt.Errorf("make a folder for the lab: %w", err)
	}
	defer os.RemoveAll(dir)
	w := &labConsole{out: os.Stdout}
	opts := lab.Options{Config: c, Dir: dir, Log: o.log(slog.LevelWarn)}
	if *path {
		opts.GatewayPath = func(listen string) (_ string, err error) {
			if w.relay, err = lab.NewRelay(listen); err != nil {
				return "", err
			}
			return w.relay.Addr(), nil
		}
	}
	l, err := lab.Start(ctx, opts)
	if w.relay != nil {
		defer w.relay.Close()
	}
	if err != nil {
		return err
	}
	w.lab = l
	if err := w.greet(ctx); err != nil {
		l.Close()
		return err
	}
	go w.read(ctx, os.Stdin) // ends with the process: a read cannot be interrupted
	<-ctx.Done()
	return l.Close()
}

// labConsole is the lab's terminal.
type labConsole struct {
	lab   *lab.Lab
	relay *lab.Relay // nil without --relay
	out   io.Writer
}

func (w *labConsole) greet(ctx context.Context) error {
	w.say("controller %s", w.lab.Controller())
	w.say("gateway %s", w.lab.Gateway())
	for _, p := range w.lab.Config().People {
		w.say("person %s, password %s", p.Name, p.Password)
		link, err := w.lab.Link(ctx, p.Name)
		if err != nil {
			return err
		}
		w.say("link %s %s", p.Name, link)
	}
	w.say("config %s", w.lab.ControllerFile())
	w.say("type: code NAME for a one-time code, link NAME for another enrolment link")
	w.say("try: touch ~/harbour-pass, and rm it again: Crane Control opens, and is cut")
	server, file, name := os.Args[0], w.lab.ControllerFile(), w.lab.Config().People[0].Name
	w.say("try: %s controller risk %s high --config %s (and low)", server, name, file)
	w.say("try: %s controller renew user %s --config %s", server, name, file)
	w.say("try: %s policy explain %s crane --config %s", server, name, file)
	w.say("try: cp %s new.yaml, edit it, %s policy apply new.yaml --config %[1]s", file, server)
	w.say("ready")
	return nil
}

func (w *labConsole) read(ctx context.Context, in io.Reader) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		word, name, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if word == "" {
			continue
		}
		if err := w.do(ctx, word, strings.TrimSpace(name)); err != nil {
			w.say("error: %v", err)
		}
	}
}

func (w *labConsole) do(ctx context.Context, word, name string) error {
	switch word {
	case "code":
		code, err := w.lab.Code(name)
		if err != nil {
			return err
		}
		w.say("code %s %s", name, code)
	case "link":
		link, err := w.lab.Link(ctx, name)
		if err != nil {
			return err
		}
		w.say("link %s %s", name, link)
	case "packets":
		if w.relay == nil {
			return fmt.Errorf("nothing counts them; start the lab with --relay")
		}
		w.say("packets %d", w.relay.Packets())
	case "udp":
		if w.relay == nil || name != "drop" && name != "pass" {
			return fmt.Errorf("type udp drop, or udp pass, in a lab with --relay")
		}
		w.relay.DropUDP(name == "drop")
		w.say("udp %s", name)
	case "stop", "start":
		return w.power(word, name)
	default:
		return fmt.Errorf("%q is none of code NAME, link NAME, stop controller|gateway, start controller|gateway", word)
	}
	return nil
}

func (w *labConsole) power(word, name string) error {
	var err error
	switch word + " " + name {
	case "stop controller":
		err = w.lab.StopController()
	case "start controller":
		err = w.lab.StartController()
	case "stop gateway":
		err = w.lab.StopGateway()
	case "start gateway":
		err = w.lab.StartGateway()
	default:
		return fmt.Errorf("there is no %q to %s; write controller or gateway", name, word)
	}
	if err == nil {
		w.say("%s %s: done", word, name)
	}
	return err
}

func (w *labConsole) say(format string, args ...any) {
	fmt.Fprintf(w.out, "lab: "+format+"\n", args...)
}
