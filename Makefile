# SPDX-License-Identifier: MIT
# A short front door; meson.build has the rest.
BUILD ?= build
IMAGES ?= images
LISTEN ?= udp:*:4444

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	tools/install-packages build
	meson setup $(BUILD)

# A server on the images in $(IMAGES)/, with a demo disk if there are none.
run: all
	tools/make-demo $(IMAGES)
	$(BUILD)/blockheadd -l '$(LISTEN)' -x demo.img $(IMAGES)

test:
	tools/install-packages build test retro
	tools/run-tests

# Also what takes minutes: 64 MiB in small sectors over the damaging path.
test-long:
	tools/install-packages build test retro
	tools/run-tests --long

# The daemon killed and started again under load, KILLS times; SEED repeats one.
KILLS ?= 300
torture: all
	/usr/bin/python3 tests/e2e/torture/run.py --build $(BUILD) \
	    --kills $(KILLS) $(if $(SEED),--seed $(SEED))

# The core, its clients and all that can go wrong, in simulated time.
OPS ?= 20000000
sim: all
	$(BUILD)/tests/sim/sim --ops $(OPS) --seed $(or $(SEED),1)

# Bugs planted in copies of the core, each of which the simulator has to find.
sim-bugs: all
	/usr/bin/python3 tests/sim/bugs.py --build $(BUILD)

# Every state of the sequence rules, on models of them.
model:
	tools/install-packages test
	tests/model/run

# Instructions for each request; ARGS=--functions says where they are.
instructions: all
	tools/install-packages test
	tests/bench/instructions/count --build $(BUILD) $(ARGS)

# How fast it is, beside other servers and bare echoes: about a quarter of an
# hour on a quiet machine; bench-quick says less, and less surely. ARGS="--only
# window,gso" picks cases. RECORD=1 puts the run into docs/performance.md.
bench: all
	tools/install-packages build bench
	/usr/bin/python3 tests/bench/bench.py --build $(BUILD) \
	    --json $(BUILD)/bench.json --svg $(BUILD)/bench.svg \
	    $(if $(RECORD),--record docs/performance.md) $(ARGS)
	$(if $(RECORD),/usr/bin/python3 tests/bench/where.py --build $(BUILD) \
	    --record docs/performance.md)

bench-quick: all
	tools/install-packages build bench
	/usr/bin/python3 tests/bench/bench.py --build $(BUILD) --quick $(ARGS)

# A Ceph cluster of one machine behind an NBD volume, killed under load. Needs
# root for a network namespace, and packages of some 60 MB; says if it has not.
ceph: all
	-tools/install-packages ceph
	/usr/bin/python3 tests/ceph/run.py --build $(BUILD)

# Other programs as clients and as stores, one row each, and a table at the end;
# a Linux kernel and Ceph among them. ARGS="--only fio,linux" picks rows.
interop: all
	tools/install-packages build test
	-tools/install-packages interop
	-tools/install-packages ceph
	/usr/bin/python3 tests/e2e/interop/run.py --build $(BUILD) $(ARGS)

# How much faster than put sync is; wants -Dbuildtype=release and 2 GiB of disk.
bench-sync: all
	/usr/bin/python3 tests/bench/sync.py --build $(BUILD) \
	    --directory $(BUILD) $(ARGS)

# The plugin for nbdkit beside nbdkit's file plugin: a minute.
bench-nbdkit: all
	tools/install-packages build bench
	/usr/bin/python3 tests/bench/nbdkit.py --build $(BUILD) $(ARGS)

# How much of a serial line's time carries sectors: a minute.
bench-serial: all
	/usr/bin/python3 tests/bench/serial.py --build $(BUILD) $(ARGS)

# Raw Ethernet beside UDP on a virtual cable; needs root.
bench-ether: all
	/usr/bin/python3 tests/bench/ether.py --build $(BUILD) $(ARGS)

# Damaged frames of a serial line: some 40 s for ten million.
FRAMES = 10000000
damage: all
	$(BUILD)/tests/unit/damage_long $(FRAMES) $(SEED)

# The client on a 6502, a Z80, an AVR and a 68000, against the daemon, and what
# it costs there.
retro: all
	tools/install-packages build retro
	BUILD=$(BUILD) /usr/bin/python3 -m pytest -q -p no:cacheprovider \
	    --timeout 300 -m "long or not long" tests/retro $(ARGS)
	tests/retro/table.py

# blockhead mount beside nbdfuse: a minute or two, and 2 GiB of disk.
bench-fuse: all
	tools/install-packages build bench
	/usr/bin/python3 tests/bench/fuse.py --build $(BUILD) \
	    $(if $(RECORD),--record docs/performance.md) $(ARGS)

# The unit tests on s390x (big-endian), armhf (32 bits) and m68k (both).
foreign:
	tools/install-packages foreign
	tests/foreign/run $(ARGS)

lint: all
	tools/install-packages build test
	tools/lint $(BUILD)

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

install: all
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-*

.PHONY: all run test test-long torture sim sim-bugs model instructions bench \
    bench-quick bench-sync bench-nbdkit bench-fuse bench-serial bench-ether \
    ceph damage retro foreign interop lint format install clean
