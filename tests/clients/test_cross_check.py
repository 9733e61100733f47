"""One simulated board, several programs: what Haltpoint flashed the others confirm, and the other way round.

Haltpoint's own driver reaches the board as they do, through libusb, in a process of its own.
"""

import random
import sys
from collections.abc import Callable

import pytest
from support.usbip_clients import Bench, need

Simulate = Callable[..., Bench]

FLASH = "0x08000000"
LENGTH = 6_011
TARGETS = {"stm32f103c8": "stm32f1x", "stm32f407vg": "stm32f4x", "stm32l431rc": "stm32l4x", "stm32g071rb": "stm32g0x"}
chips = pytest.mark.parametrize("chip", TARGETS)


def board_with_image(simulate: Simulate, chip: str) -> tuple[Bench, bytes]:
    bench = simulate(f"sim:{chip}")
    image = random.Random(chip).randbytes(LENGTH)
    (bench.folder / "image.bin").write_bytes(image)
    return bench, image


def haltpoint(bench: Bench) -> str:
    """Load the image with Haltpoint; its closing line."""
    command = [sys.executable, "-m", "haltpoint", "load", "image.bin", "--address", FLASH]
    lines = bench.run(command, name="haltpoint: load 6 KB").check().text.splitlines()
    return next(line for line in lines if line.startswith("Flash: ") and " at 0x" not in line)


def openocd(bench: Bench, chip: str, *commands: str) -> str:
    line = [need("openocd"), "-f", "interface/stlink.cfg", "-f", f"target/{TARGETS[chip]}.cfg"]
    line += ["-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled"]
    for command in ("init", "reset halt", *commands, "exit"):
        line += ["-c", command]
    return bench.run(line).check().text


@chips
def test_others_find_what_we_flashed(simulate: Simulate, chip: str) -> None:
    bench, image = board_with_image(simulate, chip)
    assert "changed, 5.9 KiB" in haltpoint(bench)
    assert f"verified {LENGTH} bytes" in openocd(bench, chip, f"verify_image image.bin {FLASH}")
    bench.run([need("st-flash"), "read", "back.bin", FLASH, str(LENGTH)]).check()
    assert (bench.folder / "back.bin").read_bytes()[:LENGTH] == image, "it reads whole words"


@chips
@pytest.mark.parametrize("client", ["openocd", "st-flash"])
def test_we_leave_alone_what_others_flashed(simulate: Simulate, chip: str, client: str) -> None:
    bench, _ = board_with_image(simulate, chip)
    if client == "openocd":
        assert "bytes from file image.bin" in openocd(bench, chip, f"flash write_image erase image.bin {FLASH}")
    else:
        bench.run([need("st-flash"), "write", "image.bin", FLASH]).check()
    assert "nothing changed" in haltpoint(bench)
