# leadd: one non-recursive graph. `make help` says what there is.
# SPDX-License-Identifier: MIT

VERSION = 0.1.0
PREFIX = /usr
DESTDIR =
CC = gcc
# Where everything is built; the sanitizer build and other compilers get folders of their own.
BUILD = build
SANITIZE =
# A build with ways to break it on purpose (LEADD_BREAK in the environment), for tests that must be able to fail.
BREAKABLE =
FUZZ =
OPTIMIZE = -O2 -g
# Tests are compiled once and run for a moment: what optimizing them would save is a fraction of what it takes.
OPTIMIZE_TESTS = -O0 -g -Wno-format-truncation
WERROR = -Werror

# ---- data: the rooms, in the order in which a lead walks through them ----
ROOMS = base worktime spool intake policy decide store followup notify gate trial report control
LIBRARIES = lua5.4 sqlite3 libsystemd jansson glib-2.0 libical expat zlib libzstd libidn2
# What only leadd-notify may have: mail and the network; and leadd-mail: mail.
NOTIFIER_LIBRARIES = gmime-3.0 libcurl
MAIL_LIBRARIES = gmime-3.0

library_SOURCES = $(foreach room,$(ROOMS),$(sort $(wildcard daemon/$(room)/*.c)))
leadd_SOURCES = $(sort $(wildcard daemon/*.c))
leadctl_SOURCES = $(sort $(wildcard daemon/leadctl/*.c))
notifier_SOURCES = $(sort $(wildcard daemon/notifier/*.c))
mail_SOURCES = $(sort $(wildcard daemon/mail/*.c))
support_SOURCES = $(sort $(wildcard tests/support/*.c))
unit_SOURCES = $(sort $(wildcard tests/unit/*.c))
bench_SOURCES = $(sort $(wildcard tests/bench/*.c))
fault_SOURCES = $(sort $(wildcard tests/fault/*.c))

# ---- flags ----
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZERS = $(SANITIZERS) -fsanitize=fuzzer-no-link
CPPFLAGS += -Iinclude -D_GNU_SOURCE -DLEADD_VERSION='"$(VERSION)"' -DLEADD_PREFIX='"$(PREFIX)"' $(if $(BREAKABLE),-DLEADD_BREAKABLE)
CFLAGS += -std=gnu17 -Wall -Wextra $(WERROR) $(OPTIMIZE) -fstack-protector-strong -fno-common $(if $(SANITIZE),$(SANITIZERS) -Wno-format-truncation) $(if $(FUZZ),$(FUZZERS))
LDFLAGS += $(if $(SANITIZE),$(SANITIZERS)) $(if $(FUZZ),$(SANITIZERS)) -Wl,-z,relro,-z,now
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null)
PACKAGE_LIBS := $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null)
LDLIBS = $(PACKAGE_LIBS) -lpthread -lm
NOTIFIER_CFLAGS := $(shell pkg-config --cflags $(NOTIFIER_LIBRARIES) 2>/dev/null)
NOTIFIER_LIBS := $(shell pkg-config --libs $(NOTIFIER_LIBRARIES) 2>/dev/null)
MAIL_LIBS := $(shell pkg-config --libs $(MAIL_LIBRARIES) 2>/dev/null)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
library_OBJECTS = $(call objects,$(library_SOURCES))
unit_PROGRAMS = $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(unit_SOURCES))
bench_PROGRAMS = $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(bench_SOURCES))
fault_PROGRAMS = $(patsubst tests/fault/%.c,$(BUILD)/tests/fault/%,$(fault_SOURCES))
programs = $(BUILD)/leadd $(BUILD)/leadctl $(BUILD)/leadd-notify $(BUILD)/leadd-mail

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all programs objects tests tools demo check check-long check-gigabyte bench docs lint install uninstall clean help unit

all: programs ## build the daemon and the client
programs: $(if $(leadd_SOURCES),$(BUILD)/leadd) $(if $(leadctl_SOURCES),$(BUILD)/leadctl) $(BUILD)/leadd-notify $(BUILD)/leadd-mail
objects: programs $(call objects,$(unit_SOURCES) $(bench_SOURCES) $(fault_SOURCES) $(support_SOURCES)) ## compile everything without linking the tests
tools: programs $(bench_PROGRAMS) $(fault_PROGRAMS)
tests: tools $(unit_PROGRAMS)

# ---- rules ----
# `make V=1` shows whole commands.
V =
silent = $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V),,@$(if $(silent),,echo '  $(patsubst $(BUILD)/%,%,$@)';))
# Objects depend on the flags they were built with.
flags_text = $(CC) $(OPTIMIZE_TESTS) $(CPPFLAGS) $(CFLAGS) $(PACKAGE_CFLAGS) $(LDFLAGS) $(LDLIBS)
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@printf '%s\n' '$(subst ','\'',$(flags_text))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(flags_text))' > $@
FORCE:

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(say)$(CC) $(CPPFLAGS) $(CFLAGS) $(PACKAGE_CFLAGS) -MMD -MP -c -o $@ $<

$(call objects,$(unit_SOURCES) $(support_SOURCES)): OPTIMIZE = $(OPTIMIZE_TESTS)

$(BUILD)/libleadd.a: $(library_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	$(say)ar rcs $@ $^

$(BUILD)/leadd: $(call objects,$(leadd_SOURCES)) $(BUILD)/libleadd.a
	$(say)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/leadctl: $(call objects,$(leadctl_SOURCES)) $(BUILD)/libleadd.a
	$(say)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(call objects,$(notifier_SOURCES) $(mail_SOURCES)): PACKAGE_CFLAGS += $(NOTIFIER_CFLAGS)
$(BUILD)/leadd-notify: $(call objects,$(notifier_SOURCES)) $(BUILD)/libleadd.a
	$(say)$(CC) $(LDFLAGS) -o $@ $^ $(NOTIFIER_LIBS) $(LDLIBS)
$(BUILD)/leadd-mail: $(call objects,$(mail_SOURCES)) $(BUILD)/libleadd.a
	$(say)$(CC) $(LDFLAGS) -o $@ $^ $(MAIL_LIBS) $(LDLIBS)

# A test that lets allocations of our own code fail.
test_WRAP =
$(BUILD)/tests/unit/test_policy_exhaustion: test_WRAP = $(patsubst %,-Wl$(,)--wrap=%,arena_alloc arena_strndup arena_strdup arena_printf malloc calloc realloc reallocarray strdup strndup free)
, := ,
# gold links in half the time, and a hundred tests twice.
test_LINKER := $(if $(shell command -v ld.gold 2>/dev/null),-fuse-ld=gold)
test_link = @mkdir -p $(@D); $(if $(silent),,echo '  $(patsubst $(BUILD)/%,%,$@)';) $(CC) $(LDFLAGS) $(test_LINKER) $(test_WRAP) -o $@ $^ $(LDLIBS) -lcmocka
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call objects,$(support_SOURCES)) $(BUILD)/libleadd.a
	$(test_link)

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libleadd.a
	@mkdir -p $(@D); $(if $(silent),,echo '  $(patsubst $(BUILD)/%,%,$@)';) $(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

unit: $(unit_PROGRAMS) ## build and run the unit tests of this build
	@set -e; for t in $(unit_PROGRAMS); do $$t; done

DEPENDENCIES = contrib/install-deps --quiet

demo: ## install what is missing, build, run real payloads through a daemon on a temporary spool
	@$(DEPENDENCIES) build
	@$(MAKE) --no-print-directory -s -j2 programs
	@contrib/demo

check: ## install what is missing, run every test, print what each part took
	@$(DEPENDENCIES) build test
	@tests/run

check-long: ## the kill test with 10,000 kills (less than an hour)
	@$(DEPENDENCIES) build test
	@$(MAKE) --no-print-directory -s -j2 tests
	@tests/fault/kill.py --kills 10000

check-gigabyte: ## one file of 1 GiB, killed in the middle and resumed (some minutes, 4 GiB of disk)
	@$(DEPENDENCIES) build test
	@$(MAKE) --no-print-directory -s -j2 tests
	@tests/long/gigabyte.py

bench: ## decisions per second beside a floor that does the same writes
	@$(DEPENDENCIES) build test
	@$(MAKE) --no-print-directory -s -j2 tests
	@tests/bench/run

docs: ## write the parts of the rule reference that the code knows (leadd-rules.5, rules/README.md, contrib/editor)
	@contrib/generate-reference

lint: ## formatting, static checks, the order of rooms
	@$(DEPENDENCIES) build test
	@tests/run --part lint

install: programs ## install below DESTDIR and PREFIX
	install -D -m 0755 $(BUILD)/leadd $(DESTDIR)$(PREFIX)/sbin/leadd
	install -D -m 0755 $(BUILD)/leadctl $(DESTDIR)$(PREFIX)/bin/leadctl
	install -D -m 0755 $(BUILD)/leadd-notify $(DESTDIR)$(PREFIX)/sbin/leadd-notify
	install -D -m 0755 $(BUILD)/leadd-mail $(DESTDIR)$(PREFIX)/libexec/leadd/leadd-mail
	install -D -m 0755 contrib/leadd-drop $(DESTDIR)$(PREFIX)/bin/leadd-drop
	for f in $$(cd rules && find . -type f ! -name README.md); do install -D -m 0644 rules/$$f $(DESTDIR)$(PREFIX)/share/leadd/rules/$$f || exit 1; done
	mkdir -p $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/sbin/leadd|$(PREFIX)/sbin/leadd|' leadd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd.service
	install -D -m 0644 contrib/leadd-notify.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-notify.socket
	sed 's|/usr/sbin/leadd-notify|$(PREFIX)/sbin/leadd-notify|' contrib/leadd-notify@.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-notify@.service
	sed 's|/usr/bin/leadctl|$(PREFIX)/bin/leadctl|' contrib/leadd-metrics.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-metrics.service
	install -D -m 0644 contrib/leadd-metrics.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-metrics.timer
	install -D -m 0644 contrib/leadd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/leadd.conf
	install -D -m 0644 contrib/leadd.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/leadd.conf
	install -D -m 0644 contrib/leadd.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/leadd.catalog
	install -D -m 0644 contrib/leadctl.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/leadctl
	install -D -m 0644 contrib/man/leadctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/leadctl.1
	install -D -m 0644 contrib/man/leadd.8 $(DESTDIR)$(PREFIX)/share/man/man8/leadd.8
	install -D -m 0644 contrib/man/leadd-notify.8 $(DESTDIR)$(PREFIX)/share/man/man8/leadd-notify.8
	install -D -m 0644 contrib/man/leadd-rules.5 $(DESTDIR)$(PREFIX)/share/man/man5/leadd-rules.5
	for f in leadd.lua .luarc.json .luacheckrc README.md; do install -D -m 0644 contrib/editor/$$f $(DESTDIR)$(PREFIX)/share/leadd/editor/$$f || exit 1; done

uninstall: ## remove what install put there; spool, database and /etc/leadd stay
	rm -f $(DESTDIR)$(PREFIX)/sbin/leadd $(DESTDIR)$(PREFIX)/sbin/leadd-notify $(DESTDIR)$(PREFIX)/bin/leadctl $(DESTDIR)$(PREFIX)/bin/leadd-drop
	rm -rf $(DESTDIR)$(PREFIX)/share/leadd $(DESTDIR)$(PREFIX)/libexec/leadd
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd.service $(DESTDIR)$(PREFIX)/lib/sysusers.d/leadd.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/leadd.conf
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-metrics.service $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-metrics.timer
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-notify.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/leadd-notify@.service
	rm -f $(DESTDIR)$(PREFIX)/share/man/man8/leadd-notify.8 $(DESTDIR)$(PREFIX)/share/man/man5/leadd-rules.5
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/catalog/leadd.catalog $(DESTDIR)$(PREFIX)/share/bash-completion/completions/leadctl
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/leadctl.1 $(DESTDIR)$(PREFIX)/share/man/man8/leadd.8

clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14
