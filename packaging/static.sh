#!/usr/bin/env bash
# Builds the programs that need no C, tidegate-helper and tidegate-server, as they are
# released: byte for byte the same from the same sources, in whatever folder they lie
# and whoever builds them, with the same version of Go.
#
#   packaging/static.sh INTO
set -euo pipefail
into=$(realpath -m "$1")
cd "$(dirname "$0")/.."
mkdir -p "$into"
GOFLAGS='' CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' \
	-o "$into/" ./cmd/tidegate-helper ./cmd/tidegate-server
