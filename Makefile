# SPDX-License-Identifier: Apache-2.0
# The whole build. `make help` lists the targets. Variables: CC, BUILD (output folder), SAN (e.g. address,undefined), V=1.
CC      ?= gcc
BUILD   ?= build
SAN     ?=
OPT     ?= -O2
PREFIX  ?= /usr/local
DESTDIR ?=

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wvla $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -I.
CFLAGS  += -std=gnu11 $(OPT) -g -fno-omit-frame-pointer -fPIC $(WARN) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined)
LDFLAGS += -rdynamic $(if $(SAN),-fsanitize=$(SAN))
LDLIBS  := -lxxhash -lz -lcjson -lfyaml -lsnappy -lm -ldl -lpthread
FUSE_CFLAGS := $(shell pkg-config --cflags fuse3 2>/dev/null)
FUSE_LIBS   := $(shell pkg-config --libs fuse3 2>/dev/null)
Q       := $(if $(V),,@)

# Floors of the house, lowest first. A folder's files are its *.c.
FLOORS  := base fs-abstraction state/type state/flink state/ckpt state/backend runtime sql statetool fusefs
LIB_SRC := $(foreach d,$(FLOORS),$(wildcard $(d)/*.c))
CLI_SRC := $(wildcard cli/*.c)
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
TESTLIB_SRC := $(wildcard tests/lib/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC := $(wildcard bench/bench_*.c)
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
BENCH_BIN := $(patsubst bench/%.c,$(BUILD)/bench/%,$(BENCH_SRC))

.PHONY: all
all: $(BUILD)/weir ## build the weir binary and libweir.a

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(if $(filter fusefs/%,$<),$(FUSE_CFLAGS)) -MMD -MP -c $< -o $@

$(BUILD)/libweir.a: $(call obj,$(LIB_SRC))
	@$(if $(V),,echo "  AR   $@")
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/weir: $(call obj,$(CLI_SRC)) $(BUILD)/libweir.a
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(call obj,$(CLI_SRC)) -Wl,--whole-archive $(BUILD)/libweir.a -Wl,--no-whole-archive $(FUSE_LIBS) $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(call obj,$(TESTLIB_SRC)) $(BUILD)/libweir.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libweir.a $(FUSE_LIBS) -lcheck -lsubunit -lrt $(LDLIBS)

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libweir.a $(LDLIBS)

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BUILD)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--whole-archive $(BUILD)/libweir.a -Wl,--no-whole-archive $(FUSE_LIBS) $(LDLIBS)

.PHONY: tests
tests: $(UNIT_BIN) $(FUZZ_BIN) ## build the test programs

.PHONY: unit
unit: all tests ## run the unit suites of this BUILD only (T=name picks some)
	@tests/run.sh $(BUILD) $(T)

.PHONY: clean
clean: ## remove build output
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 16

-include $(patsubst %.o,%.d,$(call obj,$(LIB_SRC) $(CLI_SRC) $(UNIT_SRC) $(TESTLIB_SRC) $(FUZZ_SRC) $(BENCH_SRC)))
.SECONDARY:
