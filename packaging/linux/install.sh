#!/bin/sh
# Installs Tidegate from the archive that this lies in, or removes it.
#
#   ./install.sh [--prefix FOLDER]     for everybody, with the helper: as root
#   ./install.sh --user                for yourself, without the helper: needs no rights
#   ./install.sh --remove              removes what it has installed for you or, as
#                                      root, for everybody; it lies beside what it
#                                      installed too: PREFIX/share/tidegate/install.sh
#
# PREFIX is /usr/local, and ~/.local for yourself. Where the archive's programs are
# newer than what is installed, install over it. Your settings stay: /etc/tidegate and
# what lies in your own folders.
set -eu

die() {
	printf 'install: %s\n' "$@" >&2
	exit 1
}
usage() {
	sed -n '2,13s/^# \{0,1\}//p' "$0"
	exit "$1"
}

here=$(cd "$(dirname "$0")" && pwd)
what=install
user=no
[ "$(id -u)" = 0 ] || user=maybe
prefix=
while [ $# -gt 0 ]; do
	case $1 in
	--user) user=yes ;;
	--remove) what=remove ;;
	--prefix)
		[ $# -gt 1 ] || usage 2 >&2
		prefix=$2
		shift
		;;
	-h | --help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	shift
done
if [ "$what$user" = installmaybe ]; then
	die "for everybody it needs root (sudo ./install.sh); for yourself alone: ./install.sh --user"
fi

if [ "$user" = no ]; then
	umask 022 # everybody uses what is installed, whatever is usual for root's own
	prefix=${prefix:-/usr/local}
	autostart=/etc/xdg/autostart
	units=/etc/systemd/user
else
	config=${XDG_CONFIG_HOME:-$HOME/.config}
	prefix=${prefix:-$HOME/.local}
	autostart=$config/autostart
	units=$config/systemd/user
fi
case $prefix in
/*) ;;
*) die "--prefix wants a full path" ;;
esac
own=$prefix/share/tidegate
list=$own/installed

# place FILE: where a file of the package goes; nothing: not here.
place() {
	case $1 in
	/usr/bin/* | /usr/libexec/* | /usr/share/*) to=$prefix${1#/usr} ;;
	/usr/lib/systemd/user/*) to=$units/${1##*/} ;;
	/etc/xdg/autostart/*) to=$autostart/${1##*/} ;;
	/usr/lib/*) to=/etc/${1#/usr/lib/} ;;
	*) to=$1 ;;
	esac
	case $user$to in
	no*) ;;
	*"$prefix"/libexec/*) to= ;;
	*"$prefix"/* | *"$units"/* | *"$autostart"/*) ;;
	*) to= ;;
	esac
	case $1 in # polkit reads nothing below other prefixes
	/usr/share/polkit-1/*)
		to=
		[ "$user" != no ] || to=$1
		;;
	esac
	case $1 in # where shells look below other prefixes than /usr
	/usr/share/zsh/vendor-completions/*) to=$prefix/share/zsh/site-functions/${1##*/} ;;
	esac
}

# folder PATH: makes it, and notes each folder that was not there.
folder() {
	[ ! -d "$1" ] || return 0
	folder "${1%/*}"
	mkdir "$1"
	echo "$1/" >>"$notes"
}

# running: whether systemd runs, and these are its units.
running() { [ "$user" = no ] && [ -d /run/systemd/system ]; }

refresh() {
	if command -v update-desktop-database >/dev/null; then
		update-desktop-database -q "$prefix/share/applications" || true
	fi
}

remove() {
	[ -f "$list" ] || die "nothing that I installed is at $prefix"
	if [ "$user" = no ] && [ -x "$prefix/libexec/tidegate-helper" ]; then
		if running; then
			systemctl stop tidegate-helper.socket tidegate-helper.service || true # it says why
		fi
		systemctl disable --quiet tidegate-helper.socket tidegate-helper-recover.service || true
		if [ -d /run/tidegate/helper ] || [ -d /var/lib/tidegate/dns ]; then
			"$prefix/libexec/tidegate-helper" -undo ||
				printf 'install: what the helper did for users ends with the next start of the machine\n' >&2
		fi
		rm -rf /run/tidegate /var/lib/tidegate
		if getent group tidegate >/dev/null && ! groupdel tidegate; then
			printf 'install: the group tidegate stays: see above\n' >&2
		fi
	fi
	while read -r file; do
		case $file in
		*/) ;;
		*) rm -f "$file" ;;
		esac
	done <"$list"
	folders=$(grep '/$' "$list" | LC_ALL=C sort -r)
	rm -f "$own/install.sh" "$list"
	refresh
	printf '%s\n' "$folders" | while read -r folder; do
		if [ "$(ls -A "$folder" 2>/dev/null)" = mimeinfo.cache ]; then
			rm "$folder/mimeinfo.cache"
		fi
		rmdir "$folder" 2>/dev/null || true # others may have put something there
	done
	if running; then
		systemctl daemon-reload
	fi
	printf 'install: Tidegate is removed from %s\n' "$prefix"
	if [ "$user" = no ] && [ -d /etc/tidegate ]; then
		printf 'install: /etc/tidegate, with your settings, is left\n'
	fi
}

install_all() {
	[ -d "$here/files" ] || die "files are missing beside me: unpack the whole archive, and run me there"
	if [ "$user" = no ] && command -v dpkg-query >/dev/null && dpkg-query -W -f '${db:Status-Status}\n' tidegate 2>/dev/null | grep -qx installed; then
		die "the package tidegate is installed: remove that first (apt-get remove tidegate)"
	fi
	if [ "$user" = no ] && command -v rpm >/dev/null && rpm -q --quiet tidegate; then
		die "the package tidegate is installed: remove that first (dnf remove tidegate)"
	fi
	case $prefix in
	*[[:cntrl:][:space:]\"\'\`\\\$\%\&\|\;\<\>\~\*\?\#\(\)=]*)
		die "a menu entry can start no program below '$prefix', for a sign in that name: choose another by --prefix FOLDER"
		;;
	esac
	notes=$(mktemp)
	trap 'rm -f "$notes"' EXIT
	new=yes
	if [ -f "$list" ]; then
		new=no
		grep '/$' "$list" >"$notes" || true
	fi
	folder "$own"
	(cd "$here/files" && find . -type f | LC_ALL=C sort) | while read -r file; do
		place "${file#.}"
		[ -n "$to" ] || continue
		folder "${to%/*}"
		case $to in
		/etc/tidegate/*) # an administrator's
			[ ! -e "$to" ] || continue
			;;
		*) echo "$to" >>"$notes" ;;
		esac
		mode=644
		[ ! -x "$here/files/$file" ] || mode=755
		case $to in
		*.service | *.desktop | *.policy)
			sed -e "s|/usr/libexec/tidegate-helper|$prefix/libexec/tidegate-helper|" \
				-e "s|/usr/bin/tidegate|$prefix/bin/tidegate|" \
				-e "s|^\(Try\)\{0,1\}Exec=tidegate|\1Exec=$prefix/bin/tidegate|" "$here/files/$file" >"$to.new"
			;;
		*) cp "$here/files/$file" "$to.new" ;;
		esac
		chmod "$mode" "$to.new"
		mv "$to.new" "$to" # so that a program that runs goes on
	done
	cp "$here/install.sh" "$own/install.sh"
	if [ -f "$list" ]; then # what a newer one no longer has
		grep -v '/$' "$list" | while read -r file; do
			grep -qxF "$file" "$notes" || rm -f "$file"
		done
	fi
	cp "$notes" "$list"
	chmod 644 "$list"
	refresh
	if [ "$user" = no ]; then
		systemd-sysusers /etc/sysusers.d/tidegate.conf
		systemctl enable --quiet tidegate-helper-recover.service
		if [ "$new" = yes ]; then # later the socket is as the administrator has it
			systemctl enable --quiet tidegate-helper.socket
		fi
		if running; then # what does not start is no reason to be half installed: it says why
			systemctl daemon-reload || true
			if [ "$new" = yes ]; then
				systemctl start tidegate-helper.socket || true
			fi
			systemctl try-restart tidegate-helper.service || true
		fi
	fi
	printf 'install: Tidegate is in %s; to remove it: %s/install.sh --remove' "$prefix" "$own"
	[ "$user" = no ] || printf ' --user'
	printf '\n'
	case :$PATH: in
	*":$prefix/bin:"*) ;;
	*) printf 'install: %s/bin is not in your PATH: add it to have the command line\n' "$prefix" ;;
	esac
}

if [ "$what" = remove ]; then
	remove
else
	install_all
fi
