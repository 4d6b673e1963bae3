package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// pages measures the window of a user with 2,000 applications: how long it computes to
// begin at Home, with as many pinned as can be, to turn to a page of theirs, for the
// slowest key of a search, and for a state. It is the
// benchmark of the window's own tests, without a display: what drawing adds goes with
// what is visible, which is the same for any number of applications.
func (b *bench) pages(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, b.pagesTest, "-test.run", "^$", "-test.bench", "^BenchmarkThousands$", "-test.benchtime", strconv.Itoa(b.runs*2)+"x")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measure the pages: %w", err)
	}
	figures, err := pageFigures(string(out))
	if err != nil {
		return err
	}
	for _, f := range figures {
		report(f.name, f.ms, "ms")
	}
	return nil
}

// figure is one that the benchmark reports.
type figure struct {
	name string
	ms   float64
}

// pageFigures reads the line of a benchmark: its name, how often it ran, and pairs of a
// figure and its name.
func pageFigures(out string) ([]figure, error) {
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		var all []figure
		for pair := range slices.Chunk(words[2:], 2) {
			if len(pair) < 2 || !strings.HasSuffix(pair[1], "-2000") {
				continue
			}
			ms, err := strconv.ParseFloat(pair[0], 64)
			if err != nil {
				return nil, fmt.Errorf("read the figures of the pages: %w", err)
			}
			all = append(all, figure{pair[1], ms})
		}
		return all, nil
	}
	return nil, errors.New("measure the pages: the benchmark says nothing")
}
