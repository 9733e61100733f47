#!/bin/sh
# Test a firmware on a simulated board with plain OpenOCD and GDB. Exit status 0 when it passes.
#
#   examples/hardware-free/run.sh FIRMWARE.elf CHECKS.gdb
#
# OpenOCD has to see the simulated probe: docs/hardware-free-ci.md says how. `SIM_PORT` is where the simulator serves,
# `GDB_PORT` where OpenOCD waits for GDB, `HALTPOINT` the command, `GDB` a GDB that knows Arm.
set -eu
firmware=$1
checks=$2
logs=$(mktemp -d)
trap 'kill $openocd $simulator 2>/dev/null || true; wait; rm -rf "$logs"' EXIT
openocd=
simulator=

# Wait until a log has a line with these words; give up when its program ends.
await() { # LOG PROGRAM WORDS
    until grep -q "$3" "$1"; do
        kill -0 "$2" 2>/dev/null || { cat "$1" >&2; exit 1; }
        sleep 0.1
    done
}

${HALTPOINT:-haltpoint} sim sim:stm32f103c8 --port "${SIM_PORT:-3240}" >"$logs/sim" 2>&1 &
simulator=$!
await "$logs/sim" $simulator "Listening on port"

openocd -f interface/stlink.cfg -f target/stm32f1x.cfg \
    -c "gdb_port ${GDB_PORT:-3333}; tcl_port disabled; telnet_port disabled" \
    -c "program $firmware verify; reset halt" >"$logs/openocd" 2>&1 &
openocd=$!
await "$logs/openocd" $openocd "Listening on port ${GDB_PORT:-3333} for gdb connections"

"${GDB:-gdb-multiarch}" -nx -q -batch \
    -ex "target extended-remote 127.0.0.1:${GDB_PORT:-3333}" -x "$checks" "$firmware"
