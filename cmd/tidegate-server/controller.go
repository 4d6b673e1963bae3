package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/controller/store/natskv"
	"github.com/tidegate/tidegate/internal/wire"
)

func runController(ctx context.Context, args []string) error {
	o := newOptions("controller")
	words, err := o.parse(args)
	if err != nil {
		return err
	}
	if len(words) == 1 && words[0] == "hash-password" {
		return hashPassword()
	}
	if err := o.needConfig(); err != nil {
		return err
	}
	conf, err := controller.LoadConfig(o.config)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return administer(ctx, controller.AdminSocket(conf.StateDir), words)
	}
	log := o.log(slog.LevelInfo)
	st, err := natskv.Open(ctx, natskv.Options{Dir: filepath.Join(conf.StateDir, "store"), Logger: log})
	if err != nil {
		return err
	}
	defer st.Close()
	c, err := controller.New(controller.Options{Config: conf, Store: st, Logger: log})
	if err != nil {
		return err
	}
	if err := c.Listen(); err != nil {
		return err
	}
	return c.Run(ctx)
}

// administer speaks to the running controller over its socket.
func administer(ctx context.Context, socket string, words []string) error {
	switch {
	case len(words) == 2 && words[0] == "enrol":
		return printLink(controller.AdminEnrol(ctx, socket, words[1]))
	case len(words) == 2 && words[0] == "enrol-gateway":
		return printLink(controller.AdminEnrolGateway(ctx, socket, words[1]))
	case len(words) == 3 && words[0] == "revoke":
		return revoke(ctx, socket, words[1], words[2])
	case len(words) == 1 && words[0] == "sessions":
		return printSessions(ctx, socket)
	}
	return errUsage
}

func printLink(l wire.EnrolmentLink, err error) error {
	if err != nil {
		return err
	}
	fmt.Println(l)
	return nil
}

func revoke(ctx context.Context, socket, what, id string) error {
	switch what {
	case "session":
		return controller.AdminRevokeSession(ctx, socket, wire.SessionID(id))
	case "user":
		return controller.AdminRevokeUser(ctx, socket, id)
	case "device":
		return controller.AdminRevokeDevice(ctx, socket, wire.DeviceID(id))
	}
	return errUsage
}

func printSessions(ctx context.Context, socket string) error {
	list, err := controller.AdminSessions(ctx, socket)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tUSER\tDEVICE\tADDRESS\tCREATED\tEXPIRES")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.User, s.Device, s.Address,
			s.Created.Format(time.RFC3339), s.Expires.Format(time.RFC3339))
	}
	return w.Flush()
}

func hashPassword() error {
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return fmt.Errorf("read a password: nothing came (%v); write it on standard input", err)
	}
	fmt.Println(controller.HashPassword(password))
	return nil
}
