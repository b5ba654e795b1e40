#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fio's engine interface changes with every release, often without its version number following, so
# the engine has to be compiled with the headers of exactly the fio that will load it. No
# distribution packages them: they come from fio's source package, of which only ./configure is run.
#
#   fio-headers.sh OUT        write the compiler's flags for the installed fio (or FIO_SRC) to OUT,
#                             fetching what is missing
#   fio-headers.sh --compat   compile the engine against the fio versions of newer Debian suites,
#                             and against the source trees that FIO_SRCS lists
#
# Environment: BUILD (folder for all that is fetched), FIO (the fio binary), FIO_SRC (a source tree
# of one's own; left untouched: where it isn't configured, a copy in BUILD is).
set -u

BUILD=${BUILD:-build}
FIO=${FIO:-fio}
here=$(dirname "$0")
# shellcheck source=host/private-apt.sh
. "$here/../host/private-apt.sh"

die() {
	echo "fio-headers: $*" >&2
	exit 1
}

# The version of a source tree, in the form that its fio will print.
tree_version() {
	local version
	version=$(sed -n 's/^FIO_VERSION = //p' "$1/FIO-VERSION-FILE" 2>/dev/null)
	if [ -z "$version" ] && [ -e "$1/.git" ]; then
		version=$(git -C "$1" describe --match 'fio-[0-9]*' --abbrev=4 HEAD 2>/dev/null)
	fi
	[ -n "$version" ] || version=$(sed -n 's/^DEF_VER=//p' "$1/FIO-VERSION-GEN" 2>/dev/null)
	echo "$version"
}

# configure_tree DIR: makes DIR/config-host.h, compiling nothing of fio.
configure_tree() {
	if ! (cd "$1" && ./configure) >"$1/configure.log" 2>&1 || [ ! -s "$1/config-host.h" ]; then
		die "fio's configure failed; its output is in $1/configure.log"
	fi
}

# write_flags OUT DIR VERSION. -isystem, since warnings in fio's headers are not ours to mend.
write_flags() {
	local dir
	dir=$(cd "$2" && pwd)
	printf -- '-isystem %s -include %s/config-host.h -DFLT_FIO_VERSION="%s"\n' \
		"$dir" "$dir" "$3" >"$1.tmp.$$"
	if cmp -s "$1.tmp.$$" "$1"; then
		rm "$1.tmp.$$"
	else
		mv "$1.tmp.$$" "$1"
	fi
}

# fetch_source DIR VERSION: fio's source package of that version, patched and configured, in DIR;
# from the sources of the last papt_init.
fetch_source() {
	local dir=$1 version=$2 work=$1.part dsc
	rm -rf "$work"
	mkdir -p "$work"
	if ! (cd "$work" && papt apt-get source --download-only "fio=$version") >"$work/log" 2>&1; then
		return 1
	fi
	dsc=$(echo "$work"/*.dsc)
	[ -f "$dsc" ] || return 1
	command -v dpkg-source >/dev/null || die "dpkg-source is missing: run 'make deps'"
	# apt has checked the archive's signature, and the files' hashes against it.
	dpkg-source --no-check -x "$dsc" "$work/source" >>"$work/log" 2>&1 ||
		die "cannot unpack fio's source; see $work/log"
	configure_tree "$work/source"
	rm -rf "$dir"
	mv "$work/source" "$dir"
	echo "$version" >"$dir/.faultline-stamp"
	rm -rf "$work"
}

own_tree() {
	local out=$1 dir=$FIO_SRC version copy stamp
	[ -r "$FIO_SRC/ioengines.h" ] || die "FIO_SRC=$FIO_SRC is not a fio source tree"
	version=$(tree_version "$FIO_SRC")
	[ -n "$version" ] || die "cannot tell the version of the fio source tree $FIO_SRC"
	if [ ! -s "$dir/config-host.h" ]; then
		copy=$BUILD/fio-own
		stamp="$(cd "$FIO_SRC" && pwd) $version"
		if [ "$(cat "$copy/.faultline-stamp" 2>/dev/null)" != "$stamp" ]; then
			echo "  FIO     configuring a copy of $FIO_SRC in $copy"
			rm -rf "$copy"
			mkdir -p "$copy"
			cp -R "$FIO_SRC"/. "$copy"/ && rm -rf "$copy/.git" || exit 1
			configure_tree "$copy"
			echo "$stamp" >"$copy/.faultline-stamp"
		fi
		dir=$copy
	fi
	write_flags "$out" "$dir" "$version"
}

installed() {
	local out=$1 binary package version dir printed
	binary=$(command -v "$FIO") || die "fio is not installed: run 'make deps'"
	printed=$("$binary" --version 2>/dev/null) || die "cannot run $binary --version"
	command -v dpkg-query >/dev/null ||
		die "no dpkg here to tell the source of $printed: give its source tree with FIO_SRC="
	# dpkg may know the file by its path of before /usr was merged.
	binary=$(readlink -f "$binary")
	package=$(dpkg-query -S "$binary" "${binary#/usr}" 2>/dev/null | sed -n 's/:.*//p' | head -n 1)
	[ -n "$package" ] ||
		die "$binary ($printed) is of no package: give its source tree with FIO_SRC="
	version=$(dpkg-query -W -f '${source:Version}' "$package") || exit 1
	dir=$BUILD/fio-$version
	if [ "$(cat "$dir/.faultline-stamp" 2>/dev/null)" != "$version" ]; then
		echo "  FIO     fetching the headers of fio $version"
		papt_init "$BUILD/apt/fio" deb-src ||
			die "no apt sources here to fetch fio $version from: give its source tree with FIO_SRC="
		papt_update || die "cannot fetch package lists; see $BUILD/apt/fio/update.log"
		fetch_source "$dir" "$version" ||
			die "the mirror has no source of fio $version; upgrade fio, or give its source" \
				"tree with FIO_SRC="
	fi
	write_flags "$out" "$dir" "$printed"
}

# try_compile LABEL VERSION SOURCE_TREE
try_compile() {
	if ${MAKE:-make} --no-print-directory BUILD="$BUILD/compat-$2" FIO_SRC="$3" WERROR=1 \
		engine-objects; then
		echo "engine-compat: $1: fio $2: compiles"
	else
		echo "engine-compat: $1: fio $2: FAILED"
		return 1
	fi
}

# Compiles only: whether a fio of that version loads the result is for a machine that has one.
compat() {
	local suite version dir tree failed=0 seen=' '
	for tree in ${FIO_SRCS:-}; do
		version=$(tree_version "$tree")
		try_compile "$tree" "${version#fio-}" "$tree" || failed=1
	done
	for suite in trixie forky sid; do
		if ! papt_init "$BUILD/apt/$suite" deb-src "$suite" || ! papt_update; then
			echo "engine-compat: $suite: not to be reached through this machine's apt sources"
			continue
		fi
		version=$(papt apt-cache showsrc fio 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -n 1)
		if [ -z "$version" ]; then
			echo "engine-compat: $suite: no fio there"
			continue
		fi
		case $seen in
		*" $version "*)
			echo "engine-compat: $suite: fio $version, as before"
			continue
			;;
		esac
		seen+="$version "
		dir=$BUILD/fio-$version
		if [ "$(cat "$dir/.faultline-stamp" 2>/dev/null)" != "$version" ] &&
			! fetch_source "$dir" "$version"; then
			echo "engine-compat: $suite: the mirror lists fio $version but does not have its source"
			continue
		fi
		try_compile "$suite" "$version" "$dir" || failed=1
	done
	return $failed
}

case ${1:-} in
--compat) compat ;;
'') die "usage: fio-headers.sh OUT | --compat" ;;
*)
	if [ -n "${FIO_SRC:-}" ]; then
		own_tree "$1"
	else
		installed "$1"
	fi
	;;
esac
