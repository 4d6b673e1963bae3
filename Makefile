# The targets are listed by: make help
#
# Everything is made below build/. The tag gles has the window draw with OpenGL
# ES, whose bindings compile in a minute; the default ones take ten. All
# commands take the same flags, so that each package is compiled once.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

GO          ?= go
FUZZTIME    ?= 20s
FLAGS       := -tags gles -buildvcs=false
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# With a display at hand the demo opens there and needs no other.
DEMO_DEPS := $(if $(DISPLAY)$(WAYLAND_DISPLAY),build,build demo)

.PHONY: help build demo test lint bench fuzz package package-windows reproduce clean
.NOTPARALLEL:

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

build: ## build the programs into build/bin
	@packaging/deps.sh build
	@mkdir -p build/bin
	$(GO) build $(FLAGS) -o build/bin/ . ./cmd/...

demo: ## show it: a lab and the client beside it, or a tour of them without a display
	@packaging/deps.sh $(DEMO_DEPS)
	@mkdir -p build/bin
	$(GO) build $(FLAGS) -o build/bin/ . ./cmd/... ./internal/demo
	@build/bin/demo

# What the window looks like is tested whole without the race detector, which takes
# minutes for it and finds nothing there (app/window, oneIn).
test: ## run every check and every test, with the race detector
	@packaging/deps.sh build test
	@packaging/resolved.sh
	@packaging/unpack.sh resolvconf openresolv vpnc-scripts ocserv
	@$(MAKE) --no-print-directory lint build
	packaging/static.sh build/static
	@mkdir -p build
	( rc=0; $(GO) test -race -vet=off -timeout 14m $(FLAGS) ./... || rc=1; \
		$(GO) test -vet=off -timeout 14m $(FLAGS) -run '^(TestPictures|TestEverybodyCanUseIt|TestLayouts|TestAllThatStandsThereIsSaid)$$' ./app/window || rc=1; exit $$rc ) 2>&1 | tee build/test.log | sed '/no test files/d' || { \
		printf '\nmake test: these failed (the whole: build/test.log):\n'; \
		grep -E -A4 '^(FAIL|panic:|fatal error:)|^ *--- FAIL|DATA RACE' build/test.log; exit 1; }

# ST1005 would have error strings begin in lower case: some begin with a name.
# The tag ci has Fyne draw in memory, which needs no C of the other system. What is
# vetted for macOS is all but the window, whose C cannot be had here, and what tests
# and benchmarks make on Linux.
WINDOWS := . ./cmd/tidegate-server
MACOS   := $(addsuffix /...,./session ./tunnel ./dnssplit ./internal/wire ./internal/policy ./internal/controller ./internal/gateway ./internal/posture) \
           ./app/cli ./app/local ./app/profile ./internal/lab ./internal/classicvpn ./cmd/tidegate-server

lint: ## gofmt, go vet and staticcheck; types for Windows, and vet for macOS
	@packaging/deps.sh build
	@bad=$$(find . -name '*.go' -not -path './build/*' -exec gofmt -l {} +); \
		[ -z "$$bad" ] || { printf 'make lint: gofmt would change:\n%s\n' "$$bad"; exit 1; }
	$(GO) vet $(FLAGS) ./...
	GOOS=windows CGO_ENABLED=0 $(GO) build -tags ci -buildvcs=false -o /dev/null $(WINDOWS)
	GOOS=darwin CGO_ENABLED=0 $(GO) vet $(MACOS)
	GOFLAGS=-buildvcs=false $(GO) run $(STATICCHECK) -tags gles -checks inherit,-ST1005 ./...

bench: ## measure, each figure on a line: bench: NAME VALUE UNIT
	@packaging/deps.sh build demo bench
	@mkdir -p build/bin
	$(GO) build $(FLAGS) -o build/bin/ . ./cmd/... ./internal/bench
	$(GO) test $(FLAGS) -vet=off -c -o build/window.test ./app/window
	@build/bin/bench

fuzz: ## fuzz each decoder for FUZZTIME
	@grep -rlE --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file"); do \
			echo "fuzz: $$(dirname "$$file") $$target"; \
			$(GO) test $(FLAGS) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
		done; done

package: ## make the packages, in build/package
	@packaging/deps.sh build package
	@rm -rf build/package
	packaging/package.sh build/package
	@ls -l build/package

# OpenGL's bindings are compiled anew for it, and its tag gles does not build there.
package-windows: ## build for Windows with mingw, into build/windows: takes ten minutes
	@packaging/deps.sh build windows
	@mkdir -p build/windows
	GOOS=windows CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o build/windows/ ./cmd/tidegate-server
	GOOS=windows CGO_ENABLED=1 CC=x86_64-w64-mingw32-gcc $(GO) build -buildvcs=false -ldflags '-s -w -H windowsgui' -o build/windows/ .

reproduce: ## build helper and server twice from nothing, and compare them
	packaging/reproduce.sh

clean: ## remove build
	rm -rf build
