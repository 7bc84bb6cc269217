# seedfs: text-to-image generation as a filesystem.
#
#   make            build/seedfs
#   make demo       install what is missing, mount a sketch, show the pictures
#   make check      install what tests need, build, run every test (see below)
#   make install    PREFIX=/usr/local DESTDIR=; mount.seedfs goes to HELPERDIR=/sbin
#   make deb        a Debian package, in build/deb/
#
# Knobs (make V=1 …): V=1 shows commands; DEBUG=1 -O0 -g; DEVELOPER=1 -Werror;
# SANITIZE=address,undefined or thread; CC=clang; BUILD=build directory.
# Parts of check: check-unit check-mount check-asan check-warnings lint hdr-check.
# What takes hours: check-long.

PREFIX ?= /usr/local
DESTDIR ?=
# Where mount(8) looks for mount.TYPE, and nowhere else.
HELPERDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/sbin,$(PREFIX)/sbin)
BUILD ?= build
CC ?= cc
PKG_CONFIG ?= pkg-config
# The version stands in debian/changelog, and nowhere else.
VERSION := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)

ifeq ($(origin CC),default)
CC = cc
endif

# pkg-config name = Debian package, for the message that names what is missing.
LIBS_NEEDED = fuse3=libfuse3-dev libcurl=libcurl4-openssl-dev libcjson=libcjson-dev \
	libpng=libpng-dev libjpeg=libjpeg62-turbo-dev libwebp=libwebp-dev \
	libwebpdemux=libwebp-dev libcrypto=libssl-dev libdeflate=libdeflate-dev \
	libseccomp=libseccomp-dev lcms2=liblcms2-dev zimg=libzimg-dev expat=libexpat1-dev zlib=zlib1g-dev
PKGS = $(foreach l,$(LIBS_NEEDED),$(firstword $(subst =, ,$(l))))
TEST_PKGS = cmocka libmicrohttpd

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wcast-qual -Wvla -Wundef \
	-Wformat=2 -Wimplicit-fallthrough -Wswitch-enum -Wconversion -Wsign-conversion

ifdef DEBUG
OPTIMISE = -O0 -g
else
OPTIMISE = -O2 -g
endif
ifdef DEVELOPER
WARNINGS += -Werror
endif
ifdef SANITIZE
HARDEN = -DSEED_CRASH_POINTS -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN_LD = -fsanitize=$(SANITIZE)
else
# tests/mount/hardening.bats looks at what became of each.
CONTROL_FLOW = $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),-fcf-protection)
HARDEN = $(if $(DEBUG),,-D_FORTIFY_SOURCE=3) -fstack-protector-strong -fstack-clash-protection \
	$(CONTROL_FLOW)
HARDEN_LD = -Wl,-z,relro,-z,now,-z,noexecstack
endif

GOALS_WITHOUT_LIBS = clean demo check check-long install-deps install-test-deps install-long-deps install-deb-deps uninstall
ifneq ($(filter-out $(GOALS_WITHOUT_LIBS),$(or $(MAKECMDGOALS),all)),)
MISSING := $(sort $(foreach l,$(LIBS_NEEDED),$(if $(shell $(PKG_CONFIG) --exists \
	$(firstword $(subst =, ,$(l))) 2>/dev/null && echo yes),,$(lastword $(subst =, ,$(l))))))
# A header of libc stands for all of them.
ifeq ($(shell $(CC) -E -include stdio.h -x c /dev/null >/dev/null 2>&1 && echo yes),)
MISSING += $(patsubst cc,gcc,$(firstword $(CC))) libc6-dev
endif
ifneq ($(MISSING),)
$(error Packages are missing. As root: apt-get install pkg-config $(MISSING))
endif
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS))
endif

CPPFLAGS_ALL = -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSEEDFS_VERSION='"$(VERSION)"' \
	-DFUSE_USE_VERSION=312 $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL = -std=gnu11 $(OPTIMISE) $(WARNINGS) $(HARDEN) -fPIE -pthread -MMD -MP $(CFLAGS)
LDFLAGS_ALL = -pie -pthread $(HARDEN_LD) $(LDFLAGS)

# Loops over pixels and samples are written for the compiler to vectorize.
$(BUILD)/lib/image/%.o $(BUILD)/lib/sketch/%.o: OPTIMISE := $(OPTIMISE:-O2=-O3)

LIB_SRC = $(wildcard lib/*/*.c)
FS_SRC = $(wildcard fs/*.c)
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/%.o)
FS_OBJ = $(FS_SRC:%.c=$(BUILD)/%.o)
UNIT_SRC = $(wildcard tests/unit/*.c)
UNIT_BIN = $(UNIT_SRC:%.c=$(BUILD)/%)
UPSTREAM_SRC = $(wildcard tests/upstream/*.c)

ifdef V
Q =
else
Q = @
endif

all: $(BUILD)/seedfs

# A change of flags rebuilds.
FLAGS = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL)
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' > $@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC  $<')
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/libseed.a: $(LIB_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/seedfs: $(FS_OBJ) $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm

# One program a file of tests/unit/, named after the file of lib/ it tests.
# What of fs/ speaks no FUSE request (options, …) is tested there, too.
FS_TESTABLE = $(filter-out $(BUILD)/fs/main.o,$(FS_OBJ))
# This one fails the store's system calls.
LD_store_faults = $(addprefix -Wl$(comma)--wrap=,openat64 mkdirat renameat linkat unlinkat fsync fdatasync \
	ftruncate64 fallocate64 write read)
# And this one has a store and a clock of its own.
LD_farm = $(addprefix -Wl$(comma)--wrap=seed_,clock_now_ms clock_chance s3_get s3_swap s3_cancel)
LD_mirror = $(LD_store_faults) $(addprefix -Wl$(comma)--wrap=,renameat2 fchmod futimens utimensat)
# This one looks at what is given back.
LD_key = $(addprefix -Wl$(comma)--wrap=,munmap curl_slist_free_all)
# This one has processes and a clock of its own.
LD_waiting = $(addprefix -Wl$(comma)--wrap=seed_,clock_now_ms process_is_ending)
# This one reaps workers that have worked for long.
LD_cage = -Wl,--wrap=wait4
# This one is the store that it asks.
LD_share = $(addprefix -Wl$(comma)--wrap=seed_s3_,get swap cancel key_room)
comma = ,
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(FS_TESTABLE) $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) $(LD_$(notdir $@)) -o $@ $^ $(PKG_LIBS) -lcmocka -lz -lm

# The test service shares no code with what it tests.
$(BUILD)/upstream: $(UPSTREAM_SRC:%.c=$(BUILD)/%.o)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lmicrohttpd -lcjson -lpng -ljpeg -lwebpmux -lwebp -lz -lm

# lib/s3/ as a command, and lib/share/ as hosts.
$(BUILD)/ask $(BUILD)/hosts $(BUILD)/farm: $(BUILD)/%: $(BUILD)/tests/s3/%.o $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm

# The engine in a world that a seed makes up: tests/sim/sim.h.
SIM_PORTS = clock_now_ms clock_wall_ms clock_chance disk_new disk_free disk_submit \
	worker_pool_new worker_pool_free worker_pool_submit worker_pool_fds \
	worker_pool_next_ms worker_pool_turn log_line log_lost process_is_ending \
	net_new net_free net_send net_scrub net_scrub_text net_hide net_keep_room net_waits net_is_coming net_may_be_late \
	net_stall net_has_left net_added_ms net_read_all net_cancel net_turn net_wait net_wake record_copy \
	$(addprefix store_,new_id record_read has_prompt has_image has_picture has_source prompt_read journal begin \
	take record_write finish checkpoint checkpoint_soon remove_prompt move_entry move_folder restore remove_file \
	prompt_write prompt_time remove_empty make_folder \
	thumb_begin result_open source_write source_open forget image_check image_copy reuse_note reuse_names reuse_follow \
	spent_read spent_note spent_sync recover mirror mirror_no_folder picture_read picture_record fill evict) \
	$(addprefix s3_,new free key_room set_quotes get put swap delete list cancel) sha256
SIM_SRC = $(wildcard tests/sim/*.c)
$(BUILD)/tests/unit/simulate: $(SIM_SRC:%.c=$(BUILD)/%.o) $(BUILD)/libseed.a
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) $(SIM_PORTS:%=-Wl,--wrap=seed_%) -o $@ $^ $(PKG_LIBS) -lm

mutants:
	@tests/sim/mutants.sh

# Fails one call of the program that loads it: tests/torture/. Never sanitized.
$(BUILD)/failing.so: tests/torture/failing.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -fPIC -pthread -shared -o $@ $<

# ---- fuzz targets: tests/fuzz/fuzz.h ----

# With libFuzzer where it is built for that (make fuzz), else with a program that
# gives the kept inputs and what damage makes of them.
FUZZ_SRC = $(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c))
FUZZ_MAIN = $(if $(findstring fuzzer,$(SANITIZE)),,$(BUILD)/tests/fuzz/replay.o)
FUZZ_LD = $(if $(findstring fuzzer,$(SANITIZE)),-fsanitize=fuzzer)
fuzz-programs: $(FUZZ_SRC:%.c=$(BUILD)/%)
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FUZZ_MAIN) $(FS_TESTABLE) $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) $(FUZZ_LD) -o $@ $^ $(PKG_LIBS) -lz -lm

# make fuzz SECONDS=60 [TARGETS='png jpeg']
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-fuzz CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined fuzz-programs
	@tests/fuzz/run.sh $(BUILD)-fuzz $(or $(SECONDS),60) $(TARGETS)

simulate: $(BUILD)/tests/unit/simulate
	@$< $(HOSTS:%=--hosts %) --seconds $(or $(SECONDS),60) --from $(or $(FROM),1000000)

# The flags of a sanitizer, without the optimiser, which takes faults away.
$(BUILD)/tests/canary.o: OPTIMISE = -O0
$(BUILD)/tests/canary.o: HARDEN := $(filter-out -D_FORTIFY_SOURCE=%,$(HARDEN))
$(BUILD)/tests/canary: $(BUILD)/tests/canary.o
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

unit-programs: $(UNIT_BIN) $(BUILD)/tests/unit/simulate $(BUILD)/tests/canary

# ---- installation ----

# README's links work where it is installed: docs/ and examples/ stand beside it.
DOCDIR = $(PREFIX)/share/doc/seedfs
PAGES = README.md CHANGELOG.md CONTRIBUTING.md HACKING.md SECURITY.md LICENSE
# systemd looks there for /usr and /usr/local.
UNITDIR ?= $(PREFIX)/lib/systemd/system
UNITS = seedfs.service seedfs@.service
# Where bash-completion, fish and zsh look below a prefix, and by which name.
COMPLETIONS = bash-completion/completions/seedfs fish/vendor_completions.d/seedfs.fish \
	zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_seedfs

install: $(BUILD)/seedfs
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(HELPERDIR) $(UNITDIR) $(DOCDIR)/docs \
		$(DOCDIR)/examples $(addprefix $(PREFIX)/share/man/man,1 7 8))
	install -m 755 $(BUILD)/seedfs $(DESTDIR)$(PREFIX)/bin/seedfs
	install -m 755 examples/seed $(DESTDIR)$(PREFIX)/bin/seed
	ln -sf $(PREFIX)/bin/seedfs $(DESTDIR)$(HELPERDIR)/mount.seedfs
	install -m 644 docs/seedfs.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 docs/seed.7 $(DESTDIR)$(PREFIX)/share/man/man7/
	ln -sf ../man7/seed.7 $(DESTDIR)$(PREFIX)/share/man/man1/seed.1
	ln -sf ../man1/seedfs.1 $(DESTDIR)$(PREFIX)/share/man/man8/mount.seedfs.8
	install -m 644 $(PAGES) $(DESTDIR)$(DOCDIR)/
	install -m 644 docs/* $(DESTDIR)$(DOCDIR)/docs/
	set -e; for file in $(COMPLETIONS); do \
		name=$${file##*/}; [ $$name != seedfs ] || name=seedfs.bash; \
		install -D -m 644 completions/$$name $(DESTDIR)$(PREFIX)/share/$$file; \
	done
	cp -P --preserve=mode examples/* $(DESTDIR)$(DOCDIR)/examples/
	for unit in $(UNITS); do \
		sed 's|/usr/local/bin/|$(PREFIX)/bin/|g' examples/$$unit \
			> $(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/seedfs $(DESTDIR)$(PREFIX)/bin/seed $(DESTDIR)$(HELPERDIR)/mount.seedfs
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/,man1/seedfs.1 man1/seed.1 man7/seed.7 \
		man8/mount.seedfs.8)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/,$(COMPLETIONS))
	rm -rf $(DESTDIR)$(DOCDIR)

# In a copy, which takes what the build leaves in a tree and beside it. Only the
# package's own build: the tests are `make check`, and it is tried by `make check-deb`.
DEB = $(BUILD)/deb
deb:
	@rm -rf $(DEB) && mkdir -p $(DEB)/seedfs
	@tar -c --exclude-vcs --exclude='./build*' . | tar -x -C $(DEB)/seedfs
	cd $(DEB)/seedfs && dpkg-buildpackage -b -us -uc
	@rm -rf $(DEB)/seedfs && ls $(DEB)/*.deb

check-deb: deb
	tests/deb.sh $(DEB)/seedfs_$(VERSION)_*.deb

clean:
	rm -rf $(BUILD) build-*

# ---- tests ----

BUILD_PACKAGES = gcc libc6-dev make pkg-config fuse3 \
	$(sort $(foreach l,$(LIBS_NEEDED),$(lastword $(subst =, ,$(l)))))
TEST_PACKAGES = git bats shellcheck clang jq curl attr procps iproute2 \
	python3 perl nodejs libcmocka-dev libmicrohttpd-dev vim nano rsync zsh fish systemd busybox emacs-nox patch \
	imagemagick pngcheck libimage-exiftool-perl icc-profiles-free libgs9-common \
	parallel ruby nginx-light ffmpeg fonts-dejavu-core bubblewrap \
	radosgw ceph-mon ceph-osd openssl

# What only check-long needs.
LONG_PACKAGES = clang-tidy cppcheck valgrind

CHECK = BUILD=$(BUILD) tests/check.sh

# What mount tests need beside the program.
upstream: $(BUILD)/upstream $(BUILD)/failing.so $(BUILD)/ask $(BUILD)/hosts $(BUILD)/farm

objects: $(LIB_OBJ) $(FS_OBJ) $(UNIT_SRC:%.c=$(BUILD)/%.o) $(FUZZ_SRC:%.c=$(BUILD)/%.o) $(UPSTREAM_SRC:%.c=$(BUILD)/%.o)

# Each header says itself what it needs: it compiles alone.
HEADERS = $(wildcard fs/*.h lib/*/*.h tests/*/*.h)
headers: $(HEADERS:%=$(BUILD)/%.ok)
$(BUILD)/%.h.ok: %.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)printf '#include "%s"\ntypedef int not_empty;\n' $< | $(CC) $(CPPFLAGS_ALL) \
		$(filter-out -MMD -MP,$(CFLAGS_ALL)) -Werror -fsyntax-only -x c - && touch $@

check:
	@$(CHECK) all
check-unit:
	@$(CHECK) unit
check-mount:
	@$(CHECK) mount
check-asan:
	@$(CHECK) asan
# PARTS='valgrind tsan': some of it only.
check-long:
	@$(CHECK) long $(PARTS)
check-warnings:
	@$(CHECK) warnings
# make analyse TOOLS='gcc tidy cppcheck'
analyse:
	@tests/analyse.sh $(TOOLS)
# make storm KILLS=300 [STORM_SEED=N]: what a release is tried with.
storm: all upstream
	@SEEDFS=$(CURDIR)/$(BUILD)/seedfs KILLS=$(or $(KILLS),300) STORM_LIMIT=3600 \
		bats --show-output-of-passing-tests tests/mount/storm.bats
# make crowd SECONDS=600 [CROWD_SEED=N]; with SANITIZE=thread or address,undefined it is
# that build which is tried.
CROWD_BUILD = $(BUILD)$(if $(findstring thread,$(SANITIZE)),-tsan,$(if $(SANITIZE),-asan))
crowd:
	@$(MAKE) --no-print-directory BUILD=$(CROWD_BUILD) SANITIZE=$(SANITIZE) all
	@$(MAKE) --no-print-directory BUILD=$(BUILD) SANITIZE= upstream
	@SEEDFS=$(CURDIR)/$(CROWD_BUILD)/seedfs UPSTREAM=$(CURDIR)/$(BUILD)/upstream SHUTDOWN_MS=5000 \
		TSAN_OPTIONS=halt_on_error=0:exitcode=66:suppressions=$(CURDIR)/tests/tsan.supp \
		ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 CROWD_SECONDS=$(or $(SECONDS),60) \
		bats --show-output-of-passing-tests tests/mount/crowd.bats
# make farm-storm HOSTS=8 NAMES=200 SECONDS=600 [SEED=N]; with SANITIZE host 1 is such a build. Crash
# points make leases short enough to be lost.
farm-storm:
	@$(MAKE) --no-print-directory BUILD=$(BUILD) SANITIZE= upstream
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-crash SANITIZE= CPPFLAGS='$(CPPFLAGS) -DSEED_CRASH_POINTS' all
	@[ -z '$(SANITIZE)' ] || $(MAKE) --no-print-directory BUILD=$(CROWD_BUILD) SANITIZE=$(SANITIZE) all
	@SEEDFS=$(CURDIR)/$(BUILD)-crash/seedfs UPSTREAM=$(CURDIR)/$(BUILD)/upstream \
		$(if $(SANITIZE),SEEDFS_1=$(CURDIR)/$(CROWD_BUILD)/seedfs SHUTDOWN_MS=5000) \
		TSAN_OPTIONS=halt_on_error=0:exitcode=66:suppressions=$(CURDIR)/tests/tsan.supp \
		ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 FARM_HOSTS=$(or $(HOSTS),8) FARM_NAMES=$(or $(NAMES),200) \
		FARM_SECONDS=$(or $(SECONDS),600) FARM_SEED=$(SEED) \
		bats --show-output-of-passing-tests tests/mount/farm_storm.bats
# make soak SECONDS=600: whether memory, descriptors and threads stay what they are.
soak: all upstream
	@tests/bench/soak.py $(BUILD)/seedfs $(BUILD)/upstream $(or $(SECONDS),600)
lint:
	@$(CHECK) lint
hdr-check:
	@$(CHECK) headers

DEB_PACKAGES = build-essential debhelper dpkg-dev lintian debootstrap

install-deps:
	@tests/check.sh install $(BUILD_PACKAGES)
install-test-deps:
	@tests/check.sh install $(BUILD_PACKAGES) $(TEST_PACKAGES)

install-long-deps:
	@tests/check.sh install $(LONG_PACKAGES)

install-deb-deps:
	@tests/check.sh install $(BUILD_PACKAGES) $(DEB_PACKAGES)

demo:
	@BUILD=$(BUILD) examples/demo.sh

FORCE:
.PHONY: simulate mutants fuzz fuzz-programs storm crowd farm-storm soak install uninstall all clean FORCE unit-programs upstream objects headers check check-unit \
	check-mount check-asan check-long analyse check-warnings lint hdr-check install-deps install-test-deps install-long-deps install-deb-deps \
	deb check-deb demo
.SECONDARY:

# These two stand in it as they are (.incbin).
$(BUILD)/lib/page/assets.o: lib/page/page.css lib/page/page.js

-include $(SIM_SRC:%.c=$(BUILD)/%.d) $(FUZZ_SRC:%.c=$(BUILD)/%.d) $(LIB_OBJ:.o=.d) $(FS_OBJ:.o=.d) $(UNIT_SRC:%.c=$(BUILD)/%.d) $(UPSTREAM_SRC:%.c=$(BUILD)/%.d) $(BUILD)/tests/s3/ask.d $(BUILD)/tests/s3/hosts.d $(BUILD)/tests/s3/farm.d

# ---- speed and exactness of the image work: tests/bench/, docs/performance.md ----

$(BUILD)/bench-image: $(BUILD)/tests/bench/image.o $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm

$(BUILD)/bench-quality: $(BUILD)/tests/bench/quality.o $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lcmocka -lm

$(BUILD)/bench-inflate: $(BUILD)/tests/bench/inflate.o $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lz -lm

$(BUILD)/bench-schedule: $(BUILD)/tests/bench/schedule.o $(BUILD)/libseed.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm

# The search for the worst stream; 1 if it takes more than three times zlib's time.
bench-inflate: $(BUILD)/bench-inflate
	@$< $(or $(SEARCH_SECONDS),60)

bench-image: $(BUILD)/bench-image
	@tests/bench/image.py $(BUILD)/bench-image $(ROUNDS)

bench-quality: $(BUILD)/bench-quality
	@tests/bench/image.py --quality $(BUILD)/bench-quality

# How soon the end of a task is seen, and what follows until close(2) returns.
bench-ending: all upstream $(BUILD)/bench-schedule
	@$(BUILD)/bench-schedule
	@tests/bench/ending.py $(BUILD)/seedfs $(BUILD)/upstream

# What 1,000 and 10,000 waiting writers cost, and what all but the workers costs.
bench-waiting: all upstream
	@tests/bench/waiting.py $(BUILD)/seedfs $(BUILD)/upstream $(WRITERS)

# Names and reads, beside the disk itself and bindfs.
bench-names: $(BUILD)/seedfs
	@tests/bench/names.py $< $(IMAGES)

# What a mount costs beside how much is stored, up to a million images (three million names in $TMPDIR).
bench-growth: $(BUILD)/seedfs
	@SVG=$(SVG) tests/bench/growth.py $< $(IMAGES)

# Hosts that share a bucket, beside a plain client of it: the tables of docs/scale.md. Needs Ceph.
# make bench-farm HOSTS='1 2 4 8'
bench-farm: all upstream
	@tests/bench/farm.py $(BUILD)/seedfs $(BUILD)/upstream $(HOSTS)

# The tables of docs/performance.md, one after the other: on a machine that does nothing else.
bench:
	@for part in image quality waiting ending names growth; do \
		$(MAKE) --no-print-directory bench-$$part || exit; done

.PHONY: bench bench-image bench-quality bench-inflate bench-ending bench-waiting bench-names bench-growth bench-farm
-include $(BUILD)/tests/bench/image.d $(BUILD)/tests/bench/quality.d $(BUILD)/tests/bench/inflate.d $(BUILD)/tests/bench/schedule.d
