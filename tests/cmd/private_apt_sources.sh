#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will derive private apt sources from both formats and touch no apt of the system.
. "$(dirname "$0")/../lib.sh"
. host/private-apt.sh

code='(bookworm|stable)'
rewritten=$(papt_rewrite deb822 "deb-src" "" "$code" <<'EOF'
# a comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://other.example/tools
Suites: nodistro
Components: extra
EOF
)
assert_eq "$rewritten" "Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb-src
URIs: http://other.example/tools
Suites: nodistro
Components: extra" "deb822, same suites"

rewritten=$(papt_rewrite deb822 "deb" sid "$code" <<'EOF'
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
EOF
)
assert_eq "$rewritten" "Types: deb
URIs: http://mirror.example/debian
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/a.gpg" "deb822, another suite"

list='deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm main contrib # ours
# deb http://off.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
  deb http://mirror.example/security bookworm-security main'
assert_eq "$(papt_rewrite list "deb-src" "" "$code" <<<"$list" | sed 's/ *$//')" \
	"deb-src [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/security bookworm-security main" "one-line, same suites"
assert_eq "$(papt_rewrite list "deb deb-src" trixie "$code" <<<"$list")" \
	"deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian trixie main
deb-src [signed-by=/k.gpg arch=amd64] http://mirror.example/debian trixie main" "one-line, another suite"

requires_cmd apt-get
papt_init "$TMP/apt" deb-src || skip "this machine has no apt sources"
before=$(find /etc/apt /var/lib/apt/lists /var/cache/apt -printf '%p %s %T@\n' 2>/dev/null | sort)
papt_update || skip "the mirror cannot be reached"
papt apt-get source --download-only --print-uris fio >"$TMP/uris" 2>/dev/null || skip "the mirror has no sources"
assert_match "$(cat "$TMP/uris")" "\.dsc'"
after=$(find /etc/apt /var/lib/apt/lists /var/cache/apt -printf '%p %s %T@\n' 2>/dev/null | sort)
assert_eq "$after" "$before" "the system's apt files"
