# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Downloads from the Debian mirror that this machine already trusts, without touching its apt:
# sources, lists, cache and the set of installed packages all live in a folder of our own. Sourced
# by scripts:
#
#   papt_init DIR TYPES [SUITE]   prepare DIR; TYPES is "deb", "deb-src" or both. Without SUITE the
#                                 machine's own sources are used as they are; with SUITE the ones of
#                                 its main suite, pointed at SUITE instead. Fails where the machine
#                                 has no apt sources.
#   papt_update                   fetch the lists (silent; the output is in DIR/update.log)
#   papt apt-get|apt-cache ...    run the tool there
#
# Mirror, keyring, proxy and access options come from the system's files, whichever of the two
# formats they have.

papt_dir=

# Copies the system's sources with other types and, if asked, another suite. Third parties' entries
# come along when the suite stays: the package we look for may come from one of them.
papt_rewrite() {
	local format=$1 types=$2 suite=$3 codename=$4
	awk -v format="$format" -v types="$types" -v suite="$suite" -v codename="$codename" '
	function emit_deb822(   i, line, skip, main) {
		main = 0
		for (i = 1; i <= n; i++)
			if (tolower(stanza[i]) ~ /^suites:/ &&
			    (" " substr(stanza[i], 8) " ") ~ ("[ \t]" codename "[ \t]"))
				main = 1
		if (n && (suite == "" || main))
			for (i = 1; i <= n; i++) {
				line = stanza[i]
				if (tolower(line) ~ /^types:/)
					line = "Types: " types
				else if (suite != "" && tolower(line) ~ /^suites:/)
					line = "Suites: " suite
				else if (suite != "" && tolower(line) ~ /^components:/)
					line = "Components: main"
				print line
			}
		print ""
		n = 0
	}
	format == "deb822" && /^[ \t]*$/ { emit_deb822(); next }
	format == "deb822" && /^#/ { next }
	format == "deb822" { stanza[++n] = $0; next }
	/^[ \t]*deb[ \t]/ && !/cdrom:/ {
		line = $0
		sub(/#.*/, "", line)
		options = ""
		if (match(line, /\[[^]]*\]/)) {
			options = substr(line, RSTART, RLENGTH) " "
			line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
		}
		split(line, field, /[ \t]+/)
		first = field[1] == "" ? 2 : 1
		if (suite != "") {
			if (field[first + 2] !~ ("^" codename "$"))
				next
			rest = suite " main"
		} else {
			rest = line
			sub(/^[ \t]*deb[ \t]+[^ \t]+[ \t]+/, "", rest)
		}
		count = split(types, type, " ")
		for (i = 1; i <= count; i++)
			print type[i] " " options field[first + 1] " " rest
	}
	END { if (format == "deb822") emit_deb822() }'
}

papt_init() {
	local dir=$1 types=$2 suite=${3:-} codename='' file out
	command -v apt-get >/dev/null || return 1
	mkdir -p "$dir" || return 1
	papt_dir=$(cd "$dir" && pwd)
	rm -rf "$papt_dir/sources.list.d"
	mkdir -p "$papt_dir"/{sources.list.d,lists/partial,archives/partial}
	# shellcheck disable=SC1091
	codename=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
	# The main suite may be called by its name or by its present role.
	codename="(${codename:-sid}|sid|unstable|testing|stable|oldstable)"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
		[ -r "$file" ] || continue
		out=$papt_dir/sources.list.d/$(basename "$file")
		case $file in
		*.sources) papt_rewrite deb822 "$types" "$suite" "$codename" <"$file" >"$out" ;;
		*) papt_rewrite list "$types" "$suite" "$codename" <"$file" >"${out%.list}.list" ;;
		esac
		grep -q '[^[:space:]]' "$out" || rm -f "$out"
	done
	[ -n "$(ls -A "$papt_dir/sources.list.d")" ] || return 1
	# An empty list of installed packages makes apt resolve a package down to its C library. The
	# hooks are cleared because some of them clean or index the system's own cache.
	: >"$papt_dir/status"
	cat >"$papt_dir/apt.conf" <<-EOF
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Pre-Install-Pkgs;
		#clear DPkg::Pre-Invoke;
		#clear DPkg::Post-Invoke;
		#clear Acquire::IndexTargets::deb::DEP-11;
		#clear APT::Default-Release;
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$papt_dir/sources.list.d";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State "$papt_dir";
		Dir::State::lists "$papt_dir/lists";
		Dir::State::status "$papt_dir/status";
		Dir::Cache "$papt_dir";
		Dir::Cache::archives "$papt_dir/archives";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		Dir::Log "$papt_dir";
		Dir::Log::Planner "/dev/null";
		Acquire::Languages "none";
		APT::Sandbox::User "";
		APT::Get::List-Cleanup "true";
	EOF
}

papt() {
	local tool=$1
	shift
	"$tool" -q -c "$papt_dir/apt.conf" "$@" </dev/null
}

papt_update() {
	papt apt-get update >"$papt_dir/update.log" 2>&1
}
