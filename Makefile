# SPDX-License-Identifier: Apache-2.0
# The whole build. `make help` lists the targets. Variables: CC, BUILD (output folder), SAN (e.g. address,undefined), OPT, V=1.
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
BUILD   ?= build
SAN     ?=
OPT     ?= -O2
PREFIX  ?= /usr/local
DESTDIR ?=
SEEDS   ?= 20000
VERSION := $(shell sed -n 's/.*WEIR_VERSION "\(.*\)"/\1/p' include/weir/weir.h)

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wvla
WARN    += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -I.
CFLAGS  += -std=gnu11 $(OPT) -g -fno-omit-frame-pointer -fPIC $(WARN) $(if $(SAN),-fsanitize=$(SAN) $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined))
LDFLAGS += -rdynamic $(if $(SAN),-fsanitize=$(SAN))
LDLIBS  := -lxxhash -lz -lcjson -lfyaml -lsnappy -lm -ldl -lpthread
FUSE_CFLAGS = $(shell pkg-config --cflags fuse3 2>/dev/null)
FUSE_LIBS   = $(shell pkg-config --libs fuse3 2>/dev/null)
Q       := $(if $(V),,@)

# Floors of the house, lowest first. A folder's files are its *.c.
FLOORS  := base fs-abstraction state/type state/flink state/ckpt state/backend runtime sql statetool fusefs
LIB_SRC := $(foreach d,$(FLOORS),$(wildcard $(d)/*.c))
CLI_SRC := $(wildcard cli/*.c)
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_HELP := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*/*.c))
TESTLIB_SRC := $(wildcard tests/lib/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
SIM_SRC := $(wildcard tests/sim/*.c)
BENCH_SRC := $(wildcard bench/bench_*.c)
BENCHLIB_SRC := $(filter-out $(BENCH_SRC),$(wildcard bench/*.c))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
BENCH_BIN := $(patsubst bench/%.c,$(BUILD)/bench/%,$(BENCH_SRC))
WHOLE    = -Wl,--whole-archive $(BUILD)/libweir.a -Wl,--no-whole-archive

.PHONY: all
all: $(BUILD)/weir ## build build/weir and build/libweir.a

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(if $(filter fusefs/%,$<),$(FUSE_CFLAGS)) $(if $(filter bench/%,$<),-DWEIR_BENCH_FLAGS='"$(OPT)"') -MMD -MP -c $< -o $@

$(BUILD)/libweir.a: $(call obj,$(LIB_SRC))
	@$(if $(V),,echo "  AR   $@")
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/weir: $(call obj,$(CLI_SRC)) $(BUILD)/libweir.a
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(call obj,$(CLI_SRC)) $(WHOLE) $(FUSE_LIBS) $(LDLIBS)

# A unit program is its test_x.c, the other .c files of its folder, the test library, and libweir.
.SECONDEXPANSION:
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $$(call obj,$$(filter tests/unit/$$(*D)/%,$(UNIT_HELP))) $(call obj,$(TESTLIB_SRC)) $(BUILD)/libweir.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libweir.a -lcheck -lsubunit -lrt $(FUSE_LIBS) $(LDLIBS)

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libweir.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libweir.a $(FUSE_LIBS) $(LDLIBS)

$(BUILD)/sim: $(call obj,$(SIM_SRC)) $(BUILD)/libweir.a
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libweir.a $(FUSE_LIBS) $(LDLIBS)

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(call obj,$(BENCHLIB_SRC)) $(BUILD)/libweir.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(WHOLE) $(FUSE_LIBS) $(LDLIBS)

# ---- what a fresh Debian 12 needs -------------------------------------------------------------------------------------

# package=why
PACKAGES := gcc=compiler libc6-dev=compiler make=build pkg-config=build libxxhash-dev=checksums zlib1g-dev=gzip-input libsnappy-dev=compressed-state \
	librocksdb7.8=rocksdb-state libcjson-dev=control-socket libfyaml-dev=config.yaml libfuse3-dev=mount fuse3=mount check=tests clang=second-compiler libclang-rt-14-dev=second-compiler \
	jq=command-line-tests scdoc=man-page
.PHONY: deps
deps: ## install the Debian packages that are missing (says which and why)
	@missing=; for p in $(PACKAGES); do \
	    dpkg -s "$${p%%=*}" 2>/dev/null | grep -q '^Status: install ok' || { echo "weir needs $${p%%=*} ($${p#*=})"; missing="$$missing $${p%%=*}"; }; done; \
	[ -z "$$missing" ] || { \
	    command -v apt-get >/dev/null || { echo "this is not Debian: please install them yourself"; exit 1; }; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

# ---- for users --------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: ## build, then show the main job on real data: run, kill, resume, savepoint, mount, migrate
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory all
	@examples/demo.sh $(BUILD)/weir $(BUILD)/demo

.PHONY: check
check: ## all tests (installs what is missing)
	@$(MAKE) --no-print-directory deps
	@tests/check.sh

.PHONY: interop
interop: ## let Flink's own classes read what weir wrote (needs Java 17, Maven, pip)
	@$(MAKE) --no-print-directory all
	@tests/interop/run.sh $(BUILD)/weir

.PHONY: bench
bench: $(BENCH_BIN) $(BUILD)/weir ## measure, print ratios with their targets
	@bench/run.sh $(BUILD)

# ---- for developers ---------------------------------------------------------------------------------------------------

.PHONY: tests
tests: $(UNIT_BIN) $(FUZZ_BIN) ## build the test programs

.PHONY: unit
unit: all tests ## the unit suites of this BUILD (T=name picks some)
	@tests/run.sh $(BUILD) $(T)

.PHONY: sim
sim: $(BUILD)/sim ## the simulator: SEEDS=20000 [FIRST=n]
	@$(BUILD)/sim $(SEEDS) $(FIRST)

.PHONY: tidy
tidy: ## includes point down; READMEs name what there is
	@tests/tidy/includes.sh
	@tests/tidy/readmes.sh

.PHONY: headers
headers: ## every header compiles alone
	@for h in $(wildcard include/weir/*.h base/*.h fs-abstraction/*.h state/*/*.h runtime/*.h statetool/*.h fusefs/*.h cli/*.h); do \
	    $(CC) $(CPPFLAGS) -std=gnu11 -Wall -Wextra -Werror $(FUSE_CFLAGS) -fsyntax-only -x c $$h || exit 1; done

.PHONY: format
format: ## clang-format the files given as F="a.c b.h"
	clang-format -i $(F)

$(BUILD)/weir.1: docs/man/weir.1.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

.PHONY: install
install: all $(BUILD)/weir.1 ## install to PREFIX (default /usr/local)
	install -D -m 755 $(BUILD)/weir $(DESTDIR)$(PREFIX)/bin/weir
	install -D -m 644 $(BUILD)/libweir.a $(DESTDIR)$(PREFIX)/lib/libweir.a
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/weir include/weir/*.h
	install -D -m 644 $(BUILD)/weir.1 $(DESTDIR)$(PREFIX)/share/man/man1/weir.1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/lib/pkgconfig
	$(BUILD)/weir completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weir
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' docs/libweir.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/libweir.pc

.PHONY: clean
clean: ## remove build output
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 12

-include $(patsubst %.o,%.d,$(call obj,$(LIB_SRC) $(CLI_SRC) $(UNIT_SRC) $(UNIT_HELP) $(TESTLIB_SRC) $(FUZZ_SRC) $(SIM_SRC) $(BENCH_SRC) $(BENCHLIB_SRC)))
.SECONDARY:
