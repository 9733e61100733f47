"""The same load by Haltpoint and by its peers: the board's time and USB transfers, from start to exit of the program.

    python bench/loads.py [CHIP ...]        default: those of OPENOCD

64 KiB over other content, over an ST-Link V2-1. Each program reaches its board through a libusb whose bus is
``haltpoint sim``, so that connecting counts, and so do a program's own pauses by the wall clock: run it on a machine
that does nothing else. What was loaded is read back by st-flash. ``-``: not installed, or it does not know the chip.
HALTPOINT_PYOCD names pyOCD where it is not on the PATH.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import peers  # noqa: F401 - it puts the tests' support on the path
from support.usbip_clients import Bench, build_shim, simulating

__all__ = ["main"]

LENGTH = 64 * 1024
FLASH = "0x08000000"
OPENOCD = {
    "stm32f103re": "stm32f1x",
    "stm32f407vg": "stm32f4x",
    "stm32l431rc": "stm32l4x",
    "stm32g071rb": "stm32g0x",
    "stm32h743zi": "stm32h7x",
}
PYOCD = {"stm32f103re": "stm32f103rc", "stm32l431rc": "stm32l432kc"}
"""Without packs pyOCD has these of their families built in; the flash they speak of begins in the same way."""


def commands(chip: str) -> dict[str, list[str]]:
    """The command line of each program that is installed and knows the chip."""
    quiet = "gdb_port disabled; tcl_port disabled; telnet_port disabled"
    write = f"flash write_image erase image.bin {FLASH}; verify_image image.bin {FLASH}"
    script = f"init; reset halt; {write}; reset run; exit"
    pyocd = os.environ.get("HALTPOINT_PYOCD", "pyocd")
    lines = {
        "Haltpoint": [sys.executable, "-m", "haltpoint", "load", "image.bin", "--address", FLASH],
        "OpenOCD": [
            "openocd",
            "-f",
            "interface/stlink.cfg",
            "-f",
            f"target/{OPENOCD.get(chip)}.cfg",
            "-c",
            quiet,
            "-c",
            script,
        ],
        "st-flash": ["st-flash", "--reset", "write", "image.bin", FLASH],
        "pyOCD": [pyocd, "flash", "-t", PYOCD.get(chip, ""), "--format", "bin", "-a", FLASH, "image.bin"],
    }
    known = {"OpenOCD": chip in OPENOCD, "pyOCD": chip in PYOCD}
    return {name: line for name, line in lines.items() if shutil.which(line[0]) and known.get(name, True)}


def counts(bench: Bench, stats: Path) -> tuple[float, int]:
    """The board's seconds and bulk transfers so far."""
    stats.unlink(missing_ok=True)
    bench.process.send_signal(signal.SIGUSR1)
    while not stats.exists():
        assert bench.process.poll() is None
    board = json.loads(stats.read_text())["boards"][0]
    return board["seconds"], board["bulk"]


def measure(chip: str, name: str, shim: Path) -> str:
    """Seconds and transfers of one load, as a cell."""
    line = commands(chip).get(name)
    if line is None:
        return "-"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (old := place / "old.bin").write_bytes(random.Random(2).randbytes(LENGTH))
        (place / "image.bin").write_bytes(random.Random(1).randbytes(LENGTH))
        stats = place / "stats.json"
        with simulating(shim, place, f"sim:{chip},firmware={old}", "--stats", str(stats)) as bench:
            seconds, transfers = counts(bench, stats)
            outcome = bench.run(line)
            later, more = counts(bench, stats)
            if outcome.status:
                return f"fails ({outcome.text.strip().splitlines()[-1][:60]})"
            reader = ["st-flash", "read", "back.bin", FLASH, str(LENGTH)]
            if shutil.which("st-flash"):
                bench.run(reader)
                if (place / "back.bin").read_bytes()[:LENGTH] != (place / "image.bin").read_bytes():
                    return "wrong content"
    return f"{later - seconds:.2f} s, {more - transfers}"


def main(chips: list[str]) -> int:
    """Print the table."""
    names = ("Haltpoint", "OpenOCD", "st-flash", "pyOCD")
    print("| 64 KiB: board seconds, bulk transfers | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    with tempfile.TemporaryDirectory() as folder:
        shim = build_shim(Path(folder))
        for chip in chips or list(OPENOCD):
            print(f"| {chip} | " + " | ".join(measure(chip, name, shim) for name in names) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
