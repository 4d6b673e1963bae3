package cli

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// obeyedSigns are what a terminal would obey, or be misled by.
const obeyedSigns = "\x1b]0;owned\a\x1b[2J\u009b31m\u202e"

// spoil puts them behind each text of a state, and behind what a controller gives names
// to: not behind our own words, whose types have names.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				spoil(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.String:
		if name := v.Type().Name(); v.CanSet() && v.Len() > 0 && (name == "string" || strings.HasSuffix(name, "ID")) {
			v.SetString(v.String() + obeyedSigns)
		}
	}
}

// Whatever a controller calls things, a terminal is not steered by it: in an answer, in
// a question, in what went wrong, and in JSON.
func TestHostileNamesSteerNoTerminal(t *testing.T) {
	s := tempting()
	s.Enrolments = []session.Enrolment{s.Enrolment, {Device: "d2", User: "ada", Name: "Harbour", Controller: "h.example:443"}}
	spoil(reflect.ValueOf(&s))
	for _, line := range [][]string{
		{"status"}, {"apps"}, {"why", string(s.Apps[0].ID)}, {"why", "nothing"}, {"open", string(s.Apps[0].ID)}, {"open", s.Apps[0].Name}, {"events"}, {"enrolments"},
		{"switch", "harbor"}, {"forget", s.Enrolments[1].Name}, {"vpn"}, {"vpn", "connect", "nothing"}, {"dns"}, {"proxy"}, {"settings"},
		{"settings", "set", "controller", "x"}, {"__complete", "open", ""}, {"__complete", "switch", ""}, {"__complete", "vpn", "connect", ""},
	} {
		for _, json := range []bool{false, true} {
			keys, tty := terminal(t)
			if _, err := keys.WriteString("no\r"); err != nil {
				t.Fatal(err)
			}
			src := &apptest.Source{}
			src.Publish(s)
			var out bytes.Buffer
			args := line
			if json && line[0] != "__complete" {
				args = append([]string{line[0], "--json"}, line[1:]...)
			}
			Run(t.Context(), args, Options{In: tty, Out: &out, Err: &out,
				Dial: func() (Client, error) { return running{src, make(chan struct{})}, nil }})
			if strings.ContainsAny(out.String(), "\x1b\a\u009b\u202e") {
				t.Errorf("%q: a terminal would obey\n%q", args, out.String())
			}
			if out.Len() == 0 && line[0] != "__complete" {
				t.Errorf("%q: nothing was said", args)
			}
		}
	}
}
