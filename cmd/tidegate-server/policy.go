package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/config/policycase"
)

// policyOptions are the flags of `tidegate-server policy`.
type policyOptions struct {
	*options
	json bool
	yes  bool
	plan string
}

// runPolicy is for administrators: it checks, tries, foresees and applies
// policies. check, test and schema need no controller, the others ask the
// running one.
func runPolicy(ctx context.Context, args []string) error {
	o := &policyOptions{options: newOptions("policy")}
	o.BoolVar(&o.json, "json", false, "write JSON")
	o.BoolVar(&o.yes, "yes", false, "apply without asking")
	o.StringVar(&o.plan, "plan", "", "apply only if this plan still holds")
	words, err := o.parse(args)
	if err != nil {
		return err
	}
	verb := ""
	if len(words) > 0 {
		verb, words = words[0], words[1:]
	}
	switch {
	case verb == "check" && len(words) == 1:
		return checkPolicy(o, words[0], os.Stdout)
	case verb == "test" && len(words) >= 2:
		return testPolicy(o, words[0], words[1:], os.Stdout)
	case verb == "schema" && len(words) == 0:
		return writeSchema(os.Stdout)
	case verb == "plan" && len(words) == 1, verb == "apply" && len(words) == 1, verb == "explain" && len(words) == 2:
	default:
		return usageError("policy: say check PATH, test PATH CASES, plan PATH, apply PATH, explain USER APP|HOST[:PORT] or schema")
	}
	if err := o.needConfig(); err != nil {
		return err
	}
	conf, err := config.Load(o.config)
	if err != nil {
		return err
	}
	socket := controller.AdminSocket(conf.StateDir)
	switch verb {
	case "plan":
		return planPolicy(ctx, o, socket, words[0], os.Stdout)
	case "apply":
		return applyPolicy(ctx, o, socket, words[0], os.Stdin, os.Stdout)
	}
	return explainPolicy(ctx, o, socket, words[0], words[1], os.Stdout)
}

// checkPolicy reads a configuration and writes what is wrong with it, and what
// could be better.
func checkPolicy(o *policyOptions, path string, out io.Writer) error {
	conf, err := config.Load(path)
	if err != nil {
		return err
	}
	warnings := conf.Lint(time.Now())
	if o.json {
		return writeJSON(out, warnings)
	}
	for _, w := range warnings {
		fmt.Fprintln(out, w)
	}
	_, err = fmt.Fprintf(out, "%s: no errors, warnings: %d\n", path, len(warnings))
	return err
}

// testPolicy runs cases and fails if one does.
func testPolicy(o *policyOptions, path string, files []string, out io.Writer) error {
	conf, err := config.Load(path)
	if err != nil {
		return err
	}
	list, err := policycase.Load(files...)
	if err != nil {
		return err
	}
	results, err := policycase.Run(conf, list)
	if err != nil {
		return err
	}
	failed := 0
	told := make([]caseResult, 0, len(results))
	for _, r := range results {
		t := caseResult{Case: r.Case.Name, Passed: len(r.Differences) == 0}
		for _, d := range r.Differences {
			t.Differences = append(t.Differences, d.Error())
		}
		if !t.Passed {
			failed++
		}
		told = append(told, t)
	}
	if o.json {
		err = writeJSON(out, told)
	} else {
		err = printCases(out, told)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d cases fail", failed, len(results))
	}
	return err
}

// caseResult is the outcome of a case, for people and for scripts.
type caseResult struct {
	Case        string   `json:"case"`
	Passed      bool     `json:"passed"`
	Differences []string `json:"differences,omitempty"`
}

func writeSchema(out io.Writer) error {
	b, err := config.Schema()
	if err == nil {
		_, err = out.Write(b)
	}
	return err
}

func planPolicy(ctx context.Context, o *policyOptions, socket, path string, out io.Writer) error {
	src, err := checkedSource(path)
	if err != nil {
		return err
	}
	p, err := controller.AdminPlan(ctx, socket, src, progress(os.Stderr))
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, p)
	}
	return p.WriteText(out)
}

// checkedSource reads a configuration and finds its mistakes before anything is
// sent, so that they are named by the files' own paths.
func checkedSource(path string) (config.Source, error) {
	if _, err := config.Load(path); err != nil {
		return nil, err
	}
	return config.ReadSource(path)
}

// applyPolicy shows the plan, asks, and applies just that plan.
func applyPolicy(ctx context.Context, o *policyOptions, socket, path string, in io.Reader, out io.Writer) error {
	src, err := checkedSource(path)
	if err != nil {
		return err
	}
	id := o.plan
	if id == "" {
		p, err := controller.AdminPlan(ctx, socket, src, progress(os.Stderr))
		if err != nil {
			return err
		}
		if err := p.WriteText(out); err != nil {
			return err
		}
		id = p.ID
		if len(p.Changes) == 0 {
			_, err := fmt.Fprintln(out, "There is nothing to apply.")
			return err
		}
		if !o.yes {
			fmt.Fprint(out, "Apply it? Write yes: ")
			var answer string
			fmt.Fscanln(in, &answer)
			if answer != "yes" {
				return fmt.Errorf("nothing was applied")
			}
		}
	}
	if err := controller.AdminApply(ctx, socket, src, id); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "plan %s is in force\n", id)
	return err
}

// progress tells on a terminal how far long work is.
func progress(out *os.File) func(done, total int) {
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done, total int) {
		fmt.Fprintf(out, "\rlooking at session %d of %d", done, total)
		if done == total {
			fmt.Fprint(out, "\r\033[K")
		}
	}
}

func explainPolicy(ctx context.Context, o *policyOptions, socket, user, app string, out io.Writer) error {
	all, err := controller.AdminExplain(ctx, socket, user, app)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, all)
	}
	return printExplanations(out, all)
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
