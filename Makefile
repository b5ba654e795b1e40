# SPDX-License-Identifier: GPL-2.0-only
#
# Faultline. `make help` lists the targets. Sources are found by wildcard, room by room; a new
# .c, .bpf.c, .scd or test needs no change here.
#
# Knobs: V=1 shows commands, WERROR=1 (or CI=true) makes warnings errors, SAN=address,undefined
# builds with sanitizers, BUILD= moves everything that is built, FIO= names the fio binary to build the
# engine for, FIO_SRC= a fio source tree of one's own, and CC, CFLAGS, CPPFLAGS, LDFLAGS, CLANG,
# LLVM_STRIP, BPFTOOL, PREFIX and DESTDIR mean what they mean elsewhere.

VERSION := 0.1.0

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

BUILD ?= build
PREFIX ?= /usr/local
FIO ?= fio
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin AR),default)
AR := ar
endif
CFLAGS ?= -O2 -g

# What is made in another folder (sanitizer builds) stays in it.
ifeq ($(BUILD),build)
CLI ?= faultline
ENGINE ?= engines/faultline.so
else
CLI ?= $(BUILD)/faultline
ENGINE ?= $(BUILD)/engines/faultline.so
endif

# A program of the working directory has to be called by a path.
CLI_COMMAND = $(if $(findstring /,$(CLI)),,./)$(CLI)

first_of = $(firstword $(foreach c,$(1),$(shell command -v $(c) 2>/dev/null)) $(firstword $(1)))
CLANG ?= $(call first_of,clang clang-19 clang-16 clang-15 clang-14)
LLVM_STRIP ?= $(call first_of,llvm-strip llvm-strip-19 llvm-strip-16 llvm-strip-15 llvm-strip-14)
BPFTOOL ?= $(call first_of,bpftool /usr/sbin/bpftool)
SCDOC ?= $(shell command -v scdoc 2>/dev/null)

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)';
else
say =
endif

# ---------------------------------------------------------------- what there is

TRACES_SRC := $(wildcard traces/*.c)
HOST_SRC := $(wildcard host/*.c)
TRACER_SRC := $(filter-out %.bpf.c,$(wildcard tracer/*.c))
BPF_SRC := $(wildcard tracer/*.bpf.c)
ANALYSIS_SRC := $(wildcard analysis/*.c)
ENGINE_SRC := $(wildcard engines/*.c)
CLI_SRC := $(wildcard faultline.c)
GGUF_SRC := $(wildcard traces/models/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_COMMON_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
PROGRAM_SRC := $(filter-out tests/unit/%,$(wildcard tests/*/*.c))
PRELOAD_SRC := $(wildcard tests/*/preload/*.c)
MAN_SRC := $(wildcard *.scd */*.scd)

# fio's headers change every type they meet, so only the files that include them (directly or
# through a header of the engine's own) are compiled fio's way; the others are ordinary sources.
includers = $(shell grep -lsE '^\#include ["<](engines/)?($(1))[">]' $(2) /dev/null)
empty :=
space := $(empty) $(empty)
alternatives = $(subst .,\.,$(subst $(space),|,$(strip $(1))))
FIO_HEADERS := fio.h optgroup.h
FIO_HEADERS += $(notdir $(call includers,$(call alternatives,$(FIO_HEADERS)), \
	       $(wildcard engines/*.h)))
ENGINE_FIO_SRC := $(call includers,$(call alternatives,$(FIO_HEADERS)),$(ENGINE_SRC))
ENGINE_OWN_SRC := $(filter-out $(ENGINE_FIO_SRC),$(ENGINE_SRC))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
TRACES_OBJ := $(call obj,$(TRACES_SRC))
HOST_OBJ := $(call obj,$(HOST_SRC))
TRACER_OBJ := $(call obj,$(TRACER_SRC))
ANALYSIS_OBJ := $(call obj,$(ANALYSIS_SRC))
ENGINE_FIO_OBJ := $(call obj,$(ENGINE_FIO_SRC))
ENGINE_OWN_OBJ := $(call obj,$(ENGINE_OWN_SRC))
CLI_OBJ := $(call obj,$(CLI_SRC))
GGUF_OBJ := $(call obj,$(GGUF_SRC))
UNIT_COMMON_OBJ := $(call obj,$(UNIT_COMMON_SRC))
SKELETONS := $(patsubst %.bpf.c,$(BUILD)/%.skel.h,$(BPF_SRC))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(PROGRAM_SRC))
PRELOADS := $(foreach s,$(PRELOAD_SRC),$(BUILD)/$(subst preload/,,$(s:.c=.so)))
MAN_PAGES := $(if $(SCDOC),$(addprefix $(BUILD)/man/,$(notdir $(MAN_SRC:.scd=))))
GGUF_GEN := $(if $(GGUF_SRC),$(BUILD)/gguf-gen)
LIBFLTRACE := $(if $(TRACES_SRC),$(BUILD)/libfltrace.a)
LIBHOST := $(if $(HOST_SRC),$(BUILD)/libhost.a)
LIBTRACER := $(if $(TRACER_SRC),$(BUILD)/libtracer.a)
LIBANALYSIS := $(if $(ANALYSIS_SRC),$(BUILD)/libanalysis.a)
LIBENGINE := $(if $(ENGINE_OWN_SRC),$(BUILD)/libengine.a)
ALL := $(if $(CLI_SRC),$(CLI)) $(if $(SAN),,$(if $(ENGINE_FIO_SRC),$(ENGINE))) $(LIBFLTRACE) \
       $(GGUF_GEN) $(MAN_PAGES)

# ---------------------------------------------------------------- flags

MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null || uname -m)))
BPF_ARCH := $(shell case '$(MACHINE)' in (x86_64 | i?86) echo x86 ;; (aarch64) echo arm64 ;; \
	    (riscv*) echo riscv ;; (powerpc*) echo powerpc ;; (s390*) echo s390 ;; \
	    (loongarch*) echo loongarch ;; (*) echo '$(MACHINE)' ;; esac)
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

ifneq ($(filter true 1,$(CI) $(WERROR)),)
ERROR_FLAGS := -Werror
endif
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	    -Wwrite-strings -Wvla -Wformat=2 -Wno-format-nonliteral -Wundef $(ERROR_FLAGS)
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
DEFINES := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DFLT_VERSION='"$(VERSION)"'
INCLUDES := -I. -I$(BUILD)
# Everything is position independent and hidden by default: the same objects go into the archive,
# the command and the engine.
COMMON_FLAGS := -fPIC -fvisibility=hidden -pthread $(DEFINES) $(INCLUDES) $(WARNINGS) $(SAN_FLAGS) \
		$(CFLAGS) $(CPPFLAGS)
C_FLAGS := -std=gnu11 $(COMMON_FLAGS)
# What fio may see is decided by the version script alone.
FIO_FLAGS := -std=gnu99 $(COMMON_FLAGS) -fvisibility=default
BPF_FLAGS := -O2 -g -target bpf -mcpu=v2 -D__TARGET_ARCH_$(BPF_ARCH) -I. \
	     $(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH)) -Wall -Wextra \
	     -Wno-unused-parameter -Wno-missing-declarations $(ERROR_FLAGS)
DEP_FLAGS = -MMD -MP -MF $(@:.o=.d)

TRACES_LIBS := -lzstd -lxxhash -ljansson
CLI_LIBS := -lbpf -lelf -lz $(TRACES_LIBS) -lpthread -lm
LINK_FLAGS := -Wl,--as-needed -Wl,-z,relro $(SAN_FLAGS) -pthread $(LDFLAGS)

# ---------------------------------------------------------------- everyday targets

.PHONY: all help FORCE
all: $(ALL)

help:
	@printf '  %-14s %s\n' \
	'all (default)' './faultline, the engine, build/libfltrace.a, build/gguf-gen, manual pages' \
	run 'install what is missing, build, replay jobfiles/optane-replay.fio, show the result' \
	test 'install what the tests need, build, run them (T="name ...": some of them)' \
	bench 'measure the figures of merit (B="name ...": some of them)' \
	fidelity 'hold replays against real llama.cpp, as root (FIDELITY_MINUTES=, FIDELITY_CONFIGS=)' \
	lint 'layout, static analysis, shell scripts' \
	'asan, tsan' 'libraries, command, unit tests under sanitizers: build/asan, build/tsan' \
	deps 'install what building and running need (deps-test, deps-lint: those)' \
	engine-compat "compile the engine for newer Debian's fio versions (and for FIO_SRCS=)" \
	traces 'record the shipped traces anew (as root, on an idle machine; fetches llama.cpp)' \
	format 'lay the sources out with clang-format' \
	install 'to DESTDIR/PREFIX ($(DESTDIR)$(PREFIX)); uninstall takes it away again' \
	clean 'remove what was built (distclean: and what was fetched or generated)'

# A file that is written only if its content changes, so that what depends on it is made anew then.
stamp = @f=$$(mktemp $@.XXXXXX) && printf '%s\n' '$(subst ','\'',$(1))' >$$f && \
	if cmp -s $$f $@; then rm $$f; else mv $$f $@; fi

# The compiler and its flags: a switch of them rebuilds.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	$(call stamp,$(CC) $(C_FLAGS) | $(LINK_FLAGS) | $(CLANG) $(BPF_FLAGS))

# The same for what there is to link, so that a source that is gone doesn't live on in an archive.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	$(call stamp,$(sort $(C_OBJ) $(ENGINE_FIO_OBJ)))

# Objects with fio's headers; the rule comes first and is the more specific one.
$(ENGINE_FIO_OBJ): $(BUILD)/%.o: %.c $(BUILD)/flags $(BUILD)/fio.cflags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(FIO_FLAGS) $$(cat $(BUILD)/fio.cflags) $(DEP_FLAGS) -c -o $@ $<

C_OBJ := $(TRACES_OBJ) $(HOST_OBJ) $(TRACER_OBJ) $(ANALYSIS_OBJ) $(ENGINE_OWN_OBJ) $(CLI_OBJ) \
	 $(GGUF_OBJ) $(UNIT_COMMON_OBJ) $(UNIT_TESTS:=.o) $(PROGRAMS:=.o)
$(C_OBJ): $(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(C_FLAGS) $(DEP_FLAGS) -c -o $@ $<

$(TRACER_OBJ) $(addsuffix .o,$(filter $(BUILD)/tests/unit/test_rec_%,$(UNIT_TESTS))): | $(SKELETONS)

$(SKELETONS:.skel.h=.bpf.o): $(BUILD)/%.bpf.o: %.bpf.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(CLANG) $(BPF_FLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $< && $(LLVM_STRIP) -g $@

# The name inside the skeleton is the file's, with '_' for '-'.
$(SKELETONS): $(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $(subst -,_,$(notdir $*)) >$@.tmp && \
		mv $@.tmp $@

# Moved into place, for a second make that links meanwhile.
define archive
$(1): $(2) $(BUILD)/sources
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)rm -f $$@.$$$$$$$$ && $(AR) rcs $$@.$$$$$$$$ $(2) && mv $$@.$$$$$$$$ $$@
endef
$(eval $(call archive,$(BUILD)/libfltrace.a,$(TRACES_OBJ)))
$(eval $(call archive,$(BUILD)/libhost.a,$(HOST_OBJ)))
$(eval $(call archive,$(BUILD)/libtracer.a,$(TRACER_OBJ)))
$(eval $(call archive,$(BUILD)/libanalysis.a,$(ANALYSIS_OBJ)))
$(eval $(call archive,$(BUILD)/libengine.a,$(ENGINE_OWN_OBJ)))

$(CLI): $(CLI_OBJ) $(TRACER_OBJ) $(ANALYSIS_OBJ) $(LIBHOST) $(LIBFLTRACE) $(BUILD)/sources
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LINK_FLAGS) -Wl,-z,now -o $@ $(filter %.o %.a,$^) $(CLI_LIBS)

# fio looks the engine up by the symbol `ioengine`; the version script keeps everything else
# inside, so that no symbol of ours can be mistaken for one of fio's. fio's own functions stay
# undefined (the program that loads us has them) and are bound lazily: in a fio that lacks one of
# them the engine's constructor still gets to say what is wrong.
$(ENGINE): $(ENGINE_FIO_OBJ) $(ENGINE_OWN_OBJ) $(LIBHOST) $(LIBFLTRACE) $(BUILD)/engine.map \
	   $(BUILD)/sources
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LINK_FLAGS) -shared -Wl,-z,lazy -Wl,-z,nodelete \
		-Wl,--version-script=$(BUILD)/engine.map -o $@ $(filter %.o %.a,$^) $(TRACES_LIBS) \
		-lpthread -lm

$(BUILD)/engine.map: Makefile
	@mkdir -p $(@D)
	@printf '{ global: ioengine; get_ioengine; faultline_evaluation; faultline_barrier; local: *; };\n' >$@

$(BUILD)/gguf-gen: $(GGUF_OBJ)
	$(call say,LD,$@)$(CC) $(LINK_FLAGS) -o $@ $^ -lpthread -lm

# Looked at on every build, since an upgrade of fio makes another engine necessary; rewritten only
# when something changed.
$(BUILD)/fio.cflags: FORCE
	@mkdir -p $(@D)
	@BUILD='$(BUILD)' FIO='$(FIO)' FIO_SRC='$(FIO_SRC)' engines/fio-headers.sh $@

ifneq ($(SCDOC),)
define man_page
$(BUILD)/man/$(notdir $(1:.scd=)): $(1)
	@mkdir -p $$(@D)
	$$(call say,MAN,$$(@F))$(SCDOC) <$$< >$$@.tmp && mv $$@.tmp $$@
endef
$(foreach m,$(MAN_SRC),$(eval $(call man_page,$(m))))
endif

# ---------------------------------------------------------------- tests and benchmarks

# A unit test is linked with the two libraries; test_rec_, test_ana_ and test_eng_ also with the
# tracer's, the analysis' and the engine's (those parts of it that do without fio) insides.
unit_rooms = $(if $(filter test_rec_%,$(1)),$(LIBTRACER)) \
	     $(if $(filter test_ana_%,$(1)),$(LIBANALYSIS)) \
	     $(if $(filter test_eng_%,$(1)),$(LIBENGINE))
define unit_test
$(1): $(1).o $(UNIT_COMMON_OBJ) $(call unit_rooms,$(notdir $(1))) $(LIBHOST) $(LIBFLTRACE)
	$$(call say,LD,$$@)$(CC) $(LINK_FLAGS) -o $$@ $$^ -lcmocka $(CLI_LIBS)
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_test,$(t))))

$(PROGRAMS): %: %.o $(LIBHOST) $(LIBFLTRACE)
	$(call say,LD,$@)$(CC) $(LINK_FLAGS) -o $@ $^ $(TRACES_LIBS) -lpthread -lm

# What is loaded into other people's programs: on its own, with nothing of ours.
define preload
$(BUILD)/$(subst preload/,,$(1:.c=.so)): $(1) $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$(CC) $(C_FLAGS) $(LINK_FLAGS) -shared -o $$@ $$<
endef
$(foreach s,$(PRELOAD_SRC),$(eval $(call preload,$(s))))

# The targets that do everything use every CPU, unless they are told how many.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))

.PHONY: run test unit test-programs bench fidelity lint format asan tsan engine-compat traces
unit: $(UNIT_TESTS)
test-programs: $(UNIT_TESTS) $(PROGRAMS) $(PRELOADS)

test:
	@$(MAKE) --no-print-directory deps deps-test
	@$(MAKE) --no-print-directory $(JOBS) all test-programs
	@BUILD='$(BUILD)' tests/run $(T)

# The result files land beside nothing else, so that what is shown is this run's.
run:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@rm -rf '$(BUILD)/run' && mkdir -p '$(BUILD)/run'
	@$(FIO) $$([ -t 1 ] || echo --eta=always --eta-newline=10) --aux-path='$(BUILD)/run' \
		jobfiles/optane-replay.fio
	@$(CLI_COMMAND) result '$(BUILD)'/run/*.result.json

bench:
	@$(MAKE) --no-print-directory deps deps-test
	@$(MAKE) --no-print-directory $(JOBS) all test-programs
	@BUILD='$(BUILD)' tests/run --bench $(B)

# Exit status 3 (the time box is over) is not make's business.
fidelity:
	@$(MAKE) --no-print-directory deps deps-test deps-fidelity
	@$(MAKE) --no-print-directory $(JOBS) all $(PROGRAMS) $(PRELOADS)
	@BUILD='$(BUILD)' FIDELITY_WRITE="$${FIDELITY_WRITE-FIDELITY.md}" \
		FIDELITY_PICTURE="$${FIDELITY_PICTURE-tests/fidelity/fidelity.png}" tests/fidelity/run || [ $$? -eq 3 ]

asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address,undefined CFLAGS='-O1 -g' $(JOBS) sanitized
tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SAN=thread CFLAGS='-O1 -g' $(JOBS) sanitized
.PHONY: sanitized
sanitized: $(LIBFLTRACE) $(LIBHOST) $(if $(CLI_SRC),$(CLI)) $(UNIT_TESTS)

engine-compat:
	@BUILD='$(BUILD)' FIO_SRCS='$(FIO_SRCS)' MAKE='$(MAKE)' engines/fio-headers.sh --compat

# The objects that --compat asks for, with the flags of the fio version it has fetched.
.PHONY: engine-objects
engine-objects: $(ENGINE_FIO_OBJ) $(ENGINE_OWN_OBJ)

traces: all
	@BUILD='$(BUILD)' traces/models/capture.sh

# ---------------------------------------------------------------- lint

FORMATTED := $(CLI_SRC) $(wildcard $(foreach d,traces traces/models host tracer analysis engines \
	     tests/* tests/*/preload,$(d)/*.[ch]))
TIDIED := $(filter-out $(ENGINE_FIO_SRC) $(BPF_SRC),$(filter %.c,$(FORMATTED)))
SHELL_SCRIPTS := $(sort $(wildcard .ci/run .ci/deps tests/run tests/fidelity/run tests/fidelity/report \
		 */*.sh */*/*.sh))
HEADERS := $(filter %.h,$(FORMATTED))

lint:
	@$(MAKE) --no-print-directory deps deps-lint
	@$(MAKE) --no-print-directory $(JOBS) -k lint-checks

.PHONY: lint-checks lint-format lint-cppcheck lint-shell lint-tidy
lint-checks: lint-format lint-cppcheck lint-shell lint-tidy

lint-format: $(patsubst %,$(BUILD)/lint/%.format,$(FORMATTED))
$(BUILD)/lint/%.format: % .clang-format
	@mkdir -p $(@D)
	$(call say,FORMAT,$<)clang-format --dry-run -Werror $< && touch $@

lint-cppcheck: $(BUILD)/lint/cppcheck
# What is suppressed, the compiler and clang's analyzer know better, or POSIX defines.
CPPCHECK_FLAGS := -q -j2 --std=c11 --enable=warning,performance,portability --inline-suppr \
	--error-exitcode=1 --library=.ci/cppcheck.cfg --suppress=missingInclude \
	--suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=uninitvar \
	--suppress=legacyUninitvar \
	--suppress=nullPointerRedundantCheck --suppress=ctunullpointer \
	--suppress=shiftTooManyBitsSigned --suppress=memleak -D__x86_64__ -D__linux__ -I.
CPPCHECKED := $(filter-out $(BPF_SRC),$(filter %.c,$(FORMATTED)))
$(BUILD)/lint/cppcheck: $(FORMATTED) .ci/cppcheck.cfg
	@mkdir -p $(@D)/cppcheck.d
	$(call say,CPPCHK,$(words $(CPPCHECKED)) files)cppcheck $(CPPCHECK_FLAGS) \
		--cppcheck-build-dir=$(@D)/cppcheck.d $(CPPCHECKED) && touch $@

lint-shell: $(patsubst %,$(BUILD)/lint/%.shell,$(SHELL_SCRIPTS))
$(BUILD)/lint/%.shell: % $(wildcard tests/lib.sh)
	@mkdir -p $(@D)
	$(call say,SHCHECK,$<)shellcheck -x -P SCRIPTDIR -P . $< && touch $@

lint-tidy: $(patsubst %,$(BUILD)/lint/%.tidy,$(TIDIED))
$(BUILD)/lint/%.tidy: % $(HEADERS) .clang-tidy | $(SKELETONS)
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet $< -- -std=gnu11 $(DEFINES) $(INCLUDES) 2>$@.log || \
		{ cat $@.log >&2; false; } && touch $@

format:
	clang-format -i $(FORMATTED)

# ---------------------------------------------------------------- packages

DEPS := gcc libc6-dev binutils clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libzstd-dev \
	libxxhash-dev libjansson-dev uthash-dev fio dpkg-dev xz-utils scdoc
DEPS_TEST := libcmocka-dev jq xz-utils zstd e2fsprogs util-linux procps
DEPS_FIDELITY := gnuplot-nox attr
DEPS_LINT := clang-format clang-tidy cppcheck shellcheck

.PHONY: deps deps-test deps-fidelity deps-lint
deps:
	@.ci/deps $(DEPS)
deps-test:
	@.ci/deps $(DEPS_TEST)
deps-fidelity:
	@.ci/deps $(DEPS_FIDELITY)
deps-lint:
	@.ci/deps $(DEPS_LINT)

# ---------------------------------------------------------------- install

LIB_DIR := $(PREFIX)/lib/faultline
SHARE_DIR := $(PREFIX)/share/faultline
MAN_DIR := $(PREFIX)/share/man
DOC_DIR := $(PREFIX)/share/doc/faultline

.PHONY: install uninstall clean distclean
install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(LIB_DIR)' '$(DESTDIR)$(DOC_DIR)' \
		'$(DESTDIR)$(SHARE_DIR)/jobfiles' '$(DESTDIR)$(SHARE_DIR)/traces'
	install -m755 $(CLI) '$(DESTDIR)$(PREFIX)/bin/'
	install -m755 $(ENGINE) '$(DESTDIR)$(LIB_DIR)/'
	@set -e; for t in $(wildcard traces/*.flt traces/*.txt); do \
		install -m644 $$t '$(DESTDIR)$(SHARE_DIR)/traces/'; done
	@set -e; for d in $(wildcard *.md */*.md traces/*.png tests/fidelity/*.png LICENSE); do \
		install -D -m644 $$d '$(DESTDIR)$(DOC_DIR)'/$$d; done
	@# The jobs name engine and traces by paths from the project's root; installed ones have to
	@# work from anywhere.
	@set -e; for j in $(wildcard jobfiles/*.fio); do \
		sed -E -e 's#(=external:)(\./)?engines/#\1$(LIB_DIR)/#' \
			-e 's#^([a-z_]*trace[a-z_]*=)(\./)?traces/#\1$(SHARE_DIR)/traces/#' \
			$$j >'$(DESTDIR)$(SHARE_DIR)'/$$j; chmod 644 '$(DESTDIR)$(SHARE_DIR)'/$$j; done
	@set -e; for m in $(MAN_PAGES); do \
		install -D -m644 $$m '$(DESTDIR)$(MAN_DIR)'/man$${m##*.}/$${m##*/}; done

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/faultline' $(foreach m,$(notdir $(MAN_SRC:.scd=)), \
		'$(DESTDIR)$(MAN_DIR)/man$(lastword $(subst ., ,$(m)))/$(m)')
	rm -rf '$(DESTDIR)$(LIB_DIR)' '$(DESTDIR)$(SHARE_DIR)' '$(DESTDIR)$(DOC_DIR)'

# What was fetched or generated at length (fio's and llama.cpp's packages, models) survives a clean.
clean:
	rm -rf $(filter-out $(addprefix $(BUILD)/,apt llama models) $(wildcard $(BUILD)/fio-*), \
		$(wildcard $(BUILD)/*)) $(CLI) $(ENGINE)

distclean: clean
	rm -rf $(BUILD)

-include $(patsubst %.o,%.d,$(C_OBJ) $(ENGINE_FIO_OBJ) $(SKELETONS:.skel.h=.bpf.o))
