#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Brings Debian's newest llama.cpp into build/llama, on a release that has none (or none yet): the
# packages and all that they need, down to the C library, are unpacked beside the system, not
# installed, and run through wrappers in build/llama/bin.
#
# Exit status: 0 with the wrappers' paths on stdout, 77 where the mirror has no llama.cpp, 1 on
# errors.
set -u

BUILD=${BUILD:-build}
here=$(dirname "$0")
# shellcheck source=host/private-apt.sh
. "$here/../../host/private-apt.sh"

die() {
	echo "fetch-llama: $*" >&2
	exit 1
}

case ${1:-} in
'') update=no ;;
--update) update=yes ;;
*)
	echo "usage: fetch-llama.sh [--update]" >&2
	exit 2
	;;
esac

mkdir -p "$BUILD/llama"
dir=$(cd "$BUILD/llama" && pwd)
if [ -s "$dir/version" ] && [ $update = no ]; then
	ls "$dir"/bin/llama-*
	exit 0
fi

# Unstable first: llama.cpp moves fast, and newer is what people run.
version=
for suite in sid forky trixie; do
	if ! papt_init "$dir/apt" deb $suite || ! papt_update; then
		continue
	fi
	version=$(papt apt-cache policy llama.cpp-tools 2>/dev/null |
		sed -n 's/^  Candidate: \([^(].*\)/\1/p')
	[ -n "$version" ] && break
done
if [ -z "$version" ]; then
	echo "fetch-llama: no suite that this machine's apt sources lead to has llama.cpp-tools"
	exit 77
fi

echo "fetch-llama: llama.cpp $version from $suite" >&2
rm -f "$papt_dir"/archives/*.deb
papt apt-get install --download-only -y --no-install-recommends llama.cpp-tools \
	>"$dir/download.log" 2>&1 || die "cannot download; see $dir/download.log"

root=$dir/root
rm -rf "$root" "${dir:?}/bin" "$dir/version"
mkdir -p "$root" "$dir/bin"
for package in "$papt_dir"/archives/*.deb; do
	dpkg-deb -x "$package" "$root" || die "cannot unpack $package"
done
rm -rf "$papt_dir/archives" "$papt_dir/lists"

loader=$(find "$root"/usr/lib/*/ "$root"/lib* -name 'ld-linux*.so.[0-9]' ! -type l 2>/dev/null |
	head -n 1)
[ -n "$loader" ] || die "found no dynamic loader among the unpacked packages"
libraries=$(find "$root"/usr/lib/*/ -maxdepth 2 -name 'lib*.so*' -printf '%h\n' | sort -u |
	paste -sd:)

# ggml looks for its CPU back-ends beside the running executable (which is the loader, see below)
# and takes the best that this CPU can run.
find "$root" -path '*/ggml/*' -name 'libggml-*.so' -exec ln -sf {} "$(dirname "$loader")"/ \;

# Named after the program, so that the kernel's name for the process (and the trace's) is
# llama-bench and not that of the loader.
mkdir -p "$root/loader"
for program in "$root"/usr/bin/llama*; do
	name=$(basename "$program")
	ln -sf "$loader" "$root/loader/$name"
	cat >"$dir/bin/$name" <<-EOF
		#!/bin/sh
		exec '$root/loader/$name' --argv0 '$name' --library-path '$libraries' '$program' "\$@"
	EOF
	chmod +x "$dir/bin/$name"
done
# The command runs as whoever asked for a recording, also where root fetched it.
chmod -R a+rX "$dir/root" "$dir/bin"
echo "$version" >"$dir/version"
ls "$dir"/bin/llama-*
