// Command sbom says what programs are made of: it reads the modules that Go wrote
// into them, finds their licences in the module cache, and writes a bill of
// materials (CycloneDX 1.5, JSON) and the licences' texts. What it writes of the
// same programs is the same each time. packaging/package.sh runs it:
//
//	sbom -name tidegate -version 0.1.0 -bom FILE -licences FILE PROGRAM...
//
// It runs go list in the module that it is started in, and needs no network once the
// programs have been built. A module whose licence it does not know fails it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	name := flags.String("name", "", "the product's `NAME`")
	version := flags.String("version", "", "its `VERSION`")
	bomFile := flags.String("bom", "", "write the bill of materials to `FILE`")
	textFile := flags.String("licences", "", "write the licences' texts to `FILE`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *name == "" || *version == "" || *bomFile == "" || *textFile == "" || flags.NArg() == 0 {
		flags.Usage()
		return fmt.Errorf("-name, -version, -bom, -licences and a program are wanted")
	}
	p := product{name: *name, version: *version, made: time.Unix(0, 0).UTC()}
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
		}
		p.made = time.Unix(seconds, 0).UTC()
	}
	for _, file := range flags.Args() {
		if err := p.add(file); err != nil {
			return err
		}
	}
	if err := p.find(); err != nil {
		return err
	}
	bom, err := p.bom()
	if err != nil {
		return err
	}
	if err := os.WriteFile(*bomFile, bom, 0o644); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	if err := os.WriteFile(*textFile, p.texts(), 0o644); err != nil {
		return fmt.Errorf("write the licences: %w", err)
	}
	return nil
}
