#!/usr/bin/env bash
# Builds the programs that need no C twice, each time in another folder and from
# nothing, and fails unless they are byte for byte the same.
#
#   packaging/reproduce.sh [--warm]
#
# --warm takes the compiler's cache as it is, and so seconds and not minutes: it finds
# what is of the folder, the time or the builder, and trusts the compiler.
set -euo pipefail

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GOMODCACHE=$(go env GOMODCACHE)
GOCACHE=$(go env GOCACHE)
export GOMODCACHE GOCACHE
for folder in one "another folder/of another name"; do
	mkdir -p "$work/$folder"
	tar --exclude=./build --exclude=./.git -cf - . | tar -C "$work/$folder" --touch -xf -
	if [ "${1:-}" != --warm ]; then
		GOCACHE=$work/cache
	fi
	"$work/$folder/packaging/static.sh" "$work/$folder/build"
	if [ "${1:-}" != --warm ]; then
		rm -rf "$work/cache"
	fi
done
for program in "$work"/one/build/*; do
	name=${program##*/}
	cmp "$program" "$work/another folder/of another name/build/$name"
	for trace in "$work" "$GOMODCACHE" "$HOME/"; do
		if [ "$trace" != / ] && grep -qaF "$trace" "$program"; then
			printf 'reproduce: %s holds %s, of the machine that built it\n' "$name" "$trace" >&2
			exit 1
		fi
	done
	sha256sum "$program" | sed "s|$work/one/build/||"
done
