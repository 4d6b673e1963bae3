package osdns

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The test's own binary, started anew with this, applies or undoes on a machine.
const killedDoes = "OSDNS_TEST_KILLED"

// killedBegins is what it says when it begins.
const killedBegins = "it begins"

// atOnce has a process end when it has done: with the race detector it would sleep for
// a second first.
const atOnce = "GORACE=atexit_sleep_ms=0"

func init() {
	does := os.Getenv(killedDoes)
	if does == "" {
		return
	}
	words := strings.Fields(does)
	o := Options{Root: words[2], Bus: words[3]}
	c, err := New(Mode(words[1]), o)
	if err == nil {
		w := Want{Server: server, Domains: []string{zone}}
		for i := range 300 {
			w.Domains = append(w.Domains, fmt.Sprintf("app%d.%s", i, zone))
		}
		switch words[0] {
		case "undo":
			w = Want{}
		case "vpn":
			w = Want{VPN: tunnelled()}
		case "both":
			w.VPN = tunnelled()
		}
		fmt.Println(killedBegins)
		_, err = c.Apply(context.Background(), w)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// killed has a process of its own apply or undo, and kills it a while after it has
// begun. It says whether that was in time.
func (s *seat) killed(does string, after time.Duration) bool {
	s.t.Helper()
	c := s.Command(s.t.Context(), "/proc/self/exe")
	c.Env = append(os.Environ(), atOnce, fmt.Sprintf("%s=%s %s %s %s", killedDoes, does, s.mode, s.o.Root, s.o.Bus))
	out, err := c.StdoutPipe()
	if err == nil {
		err = s.Go(c)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	said := bufio.NewReader(out)
	if begins, err := said.ReadString('\n'); err == nil && strings.TrimSpace(begins) == killedBegins {
		defer time.AfterFunc(after, func() { c.Process.Kill() }).Stop()
	}
	text, _ := io.ReadAll(said) // it ends with the process
	err = c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", does, err, text)
	}
	return false
}

// later is the next moment to kill it at: all of a process that is soon done, and not
// too many of one that is not.
func later(after time.Duration) time.Duration { return after + after/2 + time.Millisecond }

// Whenever the process is killed, the next takes all back, and applies as if there
// had been none.
func TestResolvedKilledAtAnyMoment(t *testing.T) {
	each(t, func(s *seat) {
		before := s.picture()
		for _, does := range []string{"apply", "undo"} {
			kills := 0
			for after := time.Duration(0); ; after = later(after) {
				if does == "undo" {
					s.apply(s.want(zone, "more."+zone))
				}
				killed := s.killed(does, after)
				if kills%2 == 1 {
					s.apply(s.want(zone))
					s.answers("wiki."+zone, ours)
				}
				if err := s.Do(func() error { return Undo(t.Context(), s.o) }); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, s.picture()); diff != "" {
					t.Fatalf("%s, killed after %v: it is not as it was:\n%s", does, after, diff)
				}
				if !killed {
					break
				}
				kills++
			}
			t.Logf("%s: killed %d times", does, kills)
		}
	})
}

// What a crash has left of files that were just being written goes, too.
func TestHalfWrittenFilesGo(t *testing.T) {
	o := Options{Root: t.TempDir(), Bus: "unix:path=" + t.TempDir() + "/none"}
	d := &delegate{o}
	if err := d.write(delegateName(0), []byte("a text of others")); err != nil {
		t.Fatal(err)
	}
	if err := (&journal{Mode: ModeDelegate}).write(o); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{journalFile, delegateDir + "/tidegate.dns-delegate", delegateDir + "/tidegate-2.dns-delegate"} {
		f, err := os.CreateTemp(filepath.Dir(o.path(name)), filepath.Base(name)+".tidegate*")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := d.undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, dir := range []string{stateDir, delegateDir} {
		names, _ := filepath.Glob(o.path(dir + "/*"))
		left = append(left, names...)
	}
	if diff := cmp.Diff([]string{o.path(delegateDir + "/tidegate.dns-delegate")}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
