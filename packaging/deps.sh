#!/usr/bin/env bash
# Installs the Debian packages that Tidegate is built, tested and shown with:
# the only script of this repository that changes the machine.
#
#   packaging/deps.sh [--list] [build] [test] [demo] [bench] [package] [windows]
#
# No group: build, test and demo.
#
# It installs only what is missing, is silent about the rest, and asks for no
# privileges when there is nothing to do. --list names the packages of the
# groups, one a line, and changes nothing.
set -euo pipefail

# groups (comma separated), package, why.
packages() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' <<-'TABLE'
	build            gcc                the window's OpenGL and X11 bindings are C
	build            libc6-dev          the C library's headers, for gcc
	build            make               runs the Makefile
	build            pkg-config         finds the libraries below
	build            ca-certificates    the Go module proxy is reached by TLS
	build            libgl1-mesa-dev    OpenGL ES headers: how the window is drawn
	build            libx11-dev         X11 headers: the window itself
	build            libxcursor-dev     X11 headers: mouse cursors
	build            libxi-dev          X11 headers: mouse and touch input
	build            libxinerama-dev    X11 headers: several monitors
	build            libxrandr-dev      X11 headers: monitor sizes and scale
	build            libxxf86vm-dev     X11 headers: gamma, which GLFW links to
	test,demo        xvfb               a display of its own, never yours
	test,demo        libgl1-mesa-dri    draws OpenGL without a graphics card
	test,demo        dbus               a session bus of its own
	test,demo        openbox            a window manager: focus, raise, close
	test,demo        xfce4-panel        a real tray (StatusNotifier host)
	test,demo        dunst              a real notification service
	test,demo        gnome-keyring      a real keychain (Secret Service)
	test,demo        xdotool            types and clicks as a user does
	test,demo        x11-utils          asks the display what is where
	test,demo        hsetroot           the backdrop of the pictures
	test,demo        scrot              takes the pictures
	test,demo        fonts-inter        the font of panel and notifications
	test,demo        curl               a browser's part, in scenarios
	test,demo        xdg-utils          opens a web application, as a desktop does
	test,demo        netcat-openbsd     a plain TCP client, in scenarios
	test,demo        openssh-client     a real ssh client, in scenarios
	test             git                a real client of the gateway as a proxy
	test             nftables           a real firewall, in a network of its own
	test             iproute2           networks of their own, and what is in them
	test             iputils-ping       a real ping, through the client's device
	test             librsvg2-bin       the second opinion on every shipped icon
	test             desktop-file-utils checks the menu entry
	test             man-db             reads the manual page
	test             zsh                a real shell that completes commands
	test             fish               another
	test,package     xz-utils           packs the archives
	test             systemd            enables the units, where packages are installed to try them
	test             appstream          checks the software centre's page
	test             bind9-dnsutils     dig: a real client of the resolver
	test             python3-pacparser  a second reader of the proxy's file for browsers
	test             chromium           a real browser, and its own way to look names up
	test             openconnect        the program that speaks a classic VPN's protocols
	test             libev4             ocserv, a classic VPN's server, which is not installed: it would start
	test             libgssapi-krb5-2   the same
	test             libhttp-parser2.9  the same
	test             libmaxminddb0      the same
	test             libnl-route-3-200  the same
	test             liboath0           the same
	test             libradcli4         the same
	test             libreadline8       the same
	test             libseccomp2        the same
	test             libtalloc2         the same
	test,bench       libprotobuf-c1     the same, and unbound's
	test,bench       dnsmasq-base       a real resolver: the network's, and one to be measured beside
	windows          gcc-mingw-w64-x86-64-win32 the window's OpenGL bindings are C, there as well
	bench            dnsperf            asks resolvers, and says how fast they are
	bench            libevent-2.1-7     unbound, which is measured too, and not installed: it would start
	bench            libpython3.11      the same
	TABLE
}

say() { printf 'deps: %s\n' "$*"; }
die() {
	printf 'deps: %s\n' "$@" >&2
	exit 1
}

usage() {
	sed -n '2,11s/^# \{0,1\}//p' "$0"
	exit "$1"
}

# wanted GROUP...: the lines of the table in any of the groups.
wanted() {
	packages | awk -v groups="$*" '
		BEGIN { n = split(groups, g, " ") }
		{ for (i = 1; i <= n; i++) if (("," $1 ",") ~ ("," g[i] ",")) { print; next } }'
}

# missing PACKAGE...: those that are not installed.
missing() {
	# dpkg-query exits 1 when it knows nothing of a package: that is an answer.
	{ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
		awk -v all="$*" '
			$2 == "installed" { have[$1] = 1 }
			END { n = split(all, p, " "); for (i = 1; i <= n; i++) if (!(p[i] in have)) print p[i] }'
}

# root COMMAND...: runs it as root, by sudo for anybody else.
root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

apt() {
	root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y \
		-o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# update reads the lists of packages. apt-get waits for dpkg's lock by itself
# but not for that of the lists, which another apt-get may hold for a while.
update() {
	local try
	say "reading the lists of packages (apt-get update)"
	for try in 1 2 3 4 5 6; do
		if apt update >"$log" 2>&1; then return; fi
		grep -q 'lists/lock' "$log" || break
		say "another program is reading them: waiting ($try of 6)"
		sleep 10
	done
	tail -n 20 "$log" >&2
	die "apt-get update failed: see above. Is there a network, and a source in /etc/apt?"
}

# known PACKAGE...: whether apt has a version of each to install.
known() {
	local p
	for p; do
		[ -n "$(apt-cache --quiet=0 show --no-all-versions "$p" 2>/dev/null)" ] || return 1
	done
}

fetch() {
	local fresh=no
	if ! known "$@"; then
		update
		fresh=yes
	fi
	if apt install --no-install-recommends "$@" >"$log" 2>&1; then return; fi
	# Old lists name versions that the mirror no longer has.
	if [ "$fresh" = no ]; then
		update
		if apt install --no-install-recommends "$@" >"$log" 2>&1; then return; fi
	fi
	tail -n 30 "$log" >&2
	die "apt-get install failed: see above. By hand: apt-get install $*"
}

# go_version says nothing when Go is good enough for this repository.
go_version() {
	local need have
	need=$(awk '$1 == "go" { print $2; exit }' "$(dirname "$0")/../go.mod")
	if ! command -v go >/dev/null; then
		if [ -x /usr/local/go/bin/go ]; then
			die "Go is in /usr/local/go/bin, which is not in PATH: export PATH=\$PATH:/usr/local/go/bin"
		fi
		die "Go $need or newer is needed, and Debian's is older:" \
			"take it from https://go.dev/dl/, unpack it to /usr/local, and put /usr/local/go/bin in PATH"
	fi
	have=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
	have=${have#go}
	if [ "$(printf '%s\n' "$need" "$have" | sort -V | head -n 1)" = "$need" ]; then return; fi
	# Since 1.21 go fetches a newer one by itself, unless it was told not to.
	if [ "$(printf '%s\n' 1.21 "$have" | sort -V | head -n 1)" = 1.21 ] && [ "$(cd / && go env GOTOOLCHAIN)" != local ]; then
		say "Go is $have: it will fetch $need by itself"
		return
	fi
	die "Go is $have, and $need or newer is needed: take it from https://go.dev/dl/"
}

list=no
groups=()
for arg; do
	case $arg in
	build | test | demo | bench | package | windows) groups+=("$arg") ;;
	--list) list=yes ;;
	-h | --help) usage 0 ;;
	*)
		say "no group $arg" >&2
		usage 2 >&2
		;;
	esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build test demo)

if [ "$list" = yes ]; then
	wanted "${groups[@]}" | awk '{ print $2 }'
	exit
fi

command -v dpkg-query >/dev/null ||
	die "this is no Debian: install what your system calls these, then build with go:" \
		"$(wanted "${groups[@]}" | awk '{ printf "%s ", $2 }')"

for g in "${groups[@]}"; do
	if [ "$g" = build ]; then go_version; fi
done

mapfile -t want < <(wanted "${groups[@]}" | awk '{ print $2 }')
mapfile -t need < <(missing "${want[@]}")
if [ ${#need[@]} -gt 0 ]; then
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		die "these packages are missing, and installing them needs root or sudo. As root:" \
			"  apt-get install --no-install-recommends ${need[*]}"
	fi
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	say "installing ${#need[@]} of ${#want[@]} packages:"
	wanted "${groups[@]}" | awk -v need=" ${need[*]} " '
		index(need, " " $2 " ") { p = $2; $1 = $2 = ""; sub(/^ +/, ""); printf "deps:   %-19s %s\n", p, $0 }'
	fetch "${need[@]}"
	mapfile -t need < <(missing "${need[@]}")
	[ ${#need[@]} -eq 0 ] || die "apt-get ended well, but these are still missing: ${need[*]}"
	say "installed"
fi
