# Faultline: one Makefile for everything.
#
#   make                 build/faultline, optimised
#   make VARIANT=asan    the same under build/asan (variants: release debug asan tsan fuzz cov)
#   make test            set up, then every test        make demo    set up, then the first runs
#   make bench           side by side with the peers    make install program, library, headers, manual
#   make test-long       what CI runs a sample of: every model of the audit against brute force, a million histories each
#   make pictures        draw those of the manual anew

VARIANT ?= release
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
B := build/$(VARIANT)

PKGS := jansson libfyaml hiredis openssl libcurl sqlite3 zlib libzstd
CFLAGS_release := -O2 -g
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_cov := -O0 -g --coverage
ifeq ($(VARIANT),fuzz)
CC := clang
endif
WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE $(WARN) $(CFLAGS_$(VARIANT)) -Isrc -Iinclude -I$(B)/gen $(PKG_CFLAGS) -pthread -MMD -MP $(CFLAGS)
LDFLAGS_ALL = $(CFLAGS_$(VARIANT)) -pthread $(LDFLAGS)
# CaDiCaL is C++, in an archive.
LIBS = $(PKG_LIBS) -lcadical -lstdc++ -lm

SRC := $(wildcard src/*/*.c)
CORE_SRC := $(filter-out src/cmd/main.c,$(SRC))
CORE_OBJ := $(CORE_SRC:%.c=$(B)/%.o)
UNIT_SRC := $(wildcard test/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:test/unit/%.c=$(B)/test/unit/%)
FUZZ_SRC := $(wildcard test/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:test/fuzz/%.c=$(B)/test/fuzz/%)
SIM_SRC := $(wildcard test/sim/*.c)
E2E_SRC := $(wildcard test/e2e/*.c)
PICTURES_SRC := $(wildcard test/pictures/*.c)
PICTURES_OBJ := $(PICTURES_SRC:%.c=$(B)/%.o)
BENCH_SRC := $(wildcard bench/*.c)
BENCH_BIN := $(BENCH_SRC:bench/%.c=$(B)/bench/%)

.PHONY: all lib unit pictures fuzzers sim e2e benches test test-long demo bench install clean tidy deps
all: $(B)/faultline
ifeq ($(VARIANT),release)
all: build/faultline
endif

# The program of the release variant is also build/faultline.
build/faultline: $(B)/faultline
	@ln -sf $(VARIANT)/faultline $@

$(B)/faultline: $(B)/src/cmd/main.o $(B)/libcore.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(B)/libcore.a: $(CORE_OBJ)
	@rm -f $@
	@ar rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $< ($(VARIANT))"
	@$(CC) $(CFLAGS_ALL) -c -o $@ $<

# libfaultline: the policies, the call that composes them, the HTTP client. Only fl_* is visible, in the archive too: its objects are
# joined into one, and what is hidden becomes local.
LIB_VERSION := 0.1.0
LIB_SRC := $(wildcard src/base/*.c src/policy/*.c src/client/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/lib/%.o)
LIB_LIBS := $(shell pkg-config --libs libcurl 2>/dev/null) -lm -pthread
lib: $(B)/libfaultline.so.$(LIB_VERSION) $(B)/libfaultline.a $(B)/faultline.pc
$(B)/lib/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $< ($(VARIANT), library)"
	@$(CC) $(CFLAGS_ALL) -fPIC -fvisibility=hidden -c -o $@ $<
$(B)/libfaultline.so.$(LIB_VERSION): $(LIB_OBJ) src/policy/libfaultline.map
	@$(CC) $(LDFLAGS_ALL) -shared -Wl,-soname,libfaultline.so.0 -Wl,--version-script=src/policy/libfaultline.map -Wl,-z,defs \
	    -o $@ $(LIB_OBJ) $(LIB_LIBS)
	@ln -sf $(@F) $(B)/libfaultline.so.0
	@ln -sf $(@F) $(B)/libfaultline.so
$(B)/libfaultline.a: $(LIB_OBJ)
	@ld -r -o $(B)/lib/faultline.o $(LIB_OBJ)
	@objcopy --localize-hidden $(B)/lib/faultline.o
	@rm -f $@
	@ar rcs $@ $(B)/lib/faultline.o
.PHONY: $(B)/faultline.pc
$(B)/faultline.pc:
	@mkdir -p $(@D)
	@printf 'prefix=%s\nlibdir=$${prefix}/lib\nincludedir=$${prefix}/include\n\nName: faultline\nDescription: resilience policies and an HTTP client\nVersion: %s\nRequires.private: libcurl\nLibs: -L$${libdir} -lfaultline\nLibs.private: -lm -pthread\nCflags: -I$${includedir}\n' \
	    '$(PREFIX)' '$(LIB_VERSION)' > $@

unit: $(UNIT_BIN)
$(B)/test/unit/%: $(B)/test/unit/%.o $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) -lcmocka

# The pictures of the manual: real policies in front of simulated services, and what check draws of histories. A unit test compares them with
# what is in doc.
pictures: $(B)/test/pictures/pictures
	@$< doc/pictures
$(B)/test/pictures/pictures: $(PICTURES_OBJ) $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/test/unit/test_pictures: $(B)/test/unit/test_pictures.o $(filter-out %/main.o,$(PICTURES_OBJ)) $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) -lcmocka

# The simulator is the real proxy with another io behind it: its objects define io_* first,
# so the epoll backend is never pulled out of the library.
sim: $(B)/test/sim/sim
$(B)/test/sim/sim: $(SIM_SRC:%.c=$(B)/%.o) $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

e2e: $(B)/test/e2e/e2e
$(B)/test/e2e/e2e: $(E2E_SRC:%.c=$(B)/%.o) $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Under VARIANT=fuzz a driver is a libFuzzer program; elsewhere it replays the files it is given.
fuzzers: $(FUZZ_BIN)
ifeq ($(VARIANT),fuzz)
$(B)/test/fuzz/fuzz_%: $(B)/test/fuzz/fuzz_%.o $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS)
else
$(B)/test/fuzz/fuzz_%: $(B)/test/fuzz/fuzz_%.o $(B)/test/fuzz/replay.o $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
endif

benches: $(BENCH_BIN)
$(B)/bench/%: $(B)/bench/%.o $(B)/libcore.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

deps:
	@tools/deps

tidy:
	@tools/tidy

test demo bench: deps
test:
	@tools/run-tests
# Unit tests that try more when FAULTLINE_LONG says how many: histories judged by the audit and by brute force.
LONG_TESTS := test_models test_models_counted test_models_own test_causal
LONG_COUNT ?= 1000000
test-long: $(LONG_TESTS:%=$(B)/test/unit/%)
	@for t in $^; do echo $$t; FAULTLINE_LONG=$(LONG_COUNT) $$t || exit 1; done
demo:
	@$(MAKE) --no-print-directory all
	@tools/demo
bench:
	@$(MAKE) --no-print-directory all benches
	@bench/run

install: all lib
	install -D -m 755 $(B)/faultline $(DESTDIR)$(PREFIX)/bin/faultline
	install -D -m 755 $(B)/libfaultline.so.$(LIB_VERSION) $(DESTDIR)$(PREFIX)/lib/libfaultline.so.$(LIB_VERSION)
	ln -sf libfaultline.so.$(LIB_VERSION) $(DESTDIR)$(PREFIX)/lib/libfaultline.so.0
	ln -sf libfaultline.so.0 $(DESTDIR)$(PREFIX)/lib/libfaultline.so
	install -D -m 644 $(B)/libfaultline.a $(DESTDIR)$(PREFIX)/lib/libfaultline.a
	install -D -m 644 $(B)/faultline.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/faultline.pc
	for h in include/faultline/*.h; do install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/faultline/$$(basename $$h); done
	for m in doc/man/*.1; do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man1/$$(basename $$m); done
	for m in doc/man/*.3; do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man3/$$(basename $$m); done
	for t in tools/stream-*; do install -D -m 755 $$t $(DESTDIR)$(PREFIX)/libexec/faultline/$$(basename $$t); done
	install -D -m 644 tools/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/faultline

clean:
	rm -rf build

# Objects are made by pattern rules only; keep them.
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
