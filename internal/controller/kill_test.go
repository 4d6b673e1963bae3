package controller

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store/natskv"
	"github.com/tidegate/tidegate/internal/wire"
)

// victimDir, in the environment, makes this test binary a controller on that
// directory, for its parent to kill.
const victimDir = "TIDEGATE_TEST_VICTIM"

func runVictim(dir string) {
	err := func() error {
		s, err := natskv.Open(context.Background(), natskv.Options{Dir: dir + "/store"})
		if err != nil {
			return err
		}
		conf, err := config.Load("config/testdata/controller.yaml")
		if err != nil {
			return err
		}
		conf.Listen = "127.0.0.1:0"
		c, err := New(Options{Config: conf, Store: s, StateDir: dir})
		if err != nil {
			return err
		}
		if err := c.Listen(); err != nil {
			return err
		}
		fmt.Println("listening")
		return c.Run(context.Background())
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKill kills a controller with SIGKILL: what it acknowledged holds.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimDir+"="+dir)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
		t.Fatalf("the victim said %q: %v", line, err)
	}
	link, err := AdminEnrol(t.Context(), AdminSocket(dir), "bob")
	if err != nil {
		t.Fatal(err)
	}
	kept := enrolWith(t, nil, link, true)
	if link, err = AdminEnrol(t.Context(), AdminSocket(dir), "bob"); err != nil {
		t.Fatal(err)
	}
	lost := enrolWith(t, nil, link, false)
	q := wire.SignInRequest{User: "bob", Password: bobPassword}
	cookies := map[*peer]*http.Cookie{}
	for _, p := range []*peer{kept, lost} {
		status, h, b := call(t, p.client, link.Controller, "POST", wire.PathSession, nil, q)
		if status != http.StatusOK {
			t.Fatalf("sign-in: %d %s", status, b)
		}
		cookies[p] = (&http.Response{Header: h}).Cookies()[0]
	}
	if err := AdminRevokeDevice(t.Context(), AdminSocket(dir), wire.DeviceID(lost.id)); err != nil {
		t.Fatal(err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	victim.Wait() // its error is the kill

	r := start(t, exampleConfig(t), openNATS(t, dir+"/store"), dir)
	defer r.stop()
	for _, p := range []*peer{kept, lost} {
		p.r, p.cookie = r, &http.Cookie{Name: wire.CookieName, Value: cookies[p].Value}
		p.client = newClient(t, link.CA, &p.cert, true)
	}
	var s wire.Snapshot
	kept.open(t, wire.PathEvents).next(wire.EventSnapshot, &s)
	status, _, b := lost.do(t, "GET", wire.PathEvents, nil)
	want(t, "the revoked device", status, b, wire.CodeDevice)
	status, _, b = call(t, newClient(t, link.CA, nil, false), r.Addr(), "POST", wire.PathEnrol, nil, wire.EnrolRequest{Code: link.Code, CSR: csr(t, newKey(t))})
	want(t, "the used code", status, b, wire.CodeEnrolCode)
}
