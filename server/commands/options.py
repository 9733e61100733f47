"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

__all__ = ["Commands", "add_target_options", "address", "area", "khz", "port", "seconds", "volts"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name
"""Where a command is declared."""


def add_target_options(command: argparse.ArgumentParser) -> None:
    """How the target is reached."""
    command.add_argument(
        "--probe",
        default="stlink",
        metavar="SELECTOR",
        help="stlink (the only one connected), stlink:SERIAL, ftdi, ftdi:ADAPTER, ftdi:ADAPTER:SERIAL, or a simulated "
        "board such as sim:stm32f103c8",
    )
    command.add_argument("--adapter-file", type=Path, metavar="FILE", help="an FTDI adapter of your own, as TOML")
    command.add_argument("--chip", default="", metavar="NAME", help="part number; left out, the chip is identified")
    command.add_argument(
        "--pack",
        type=Path,
        metavar="FILE",
        help="a CMSIS-Pack with the chip and its flash algorithms; needs --chip",
    )
    command.add_argument(
        "--flm", type=Path, action="append", default=[], metavar="FILE", help="a flash algorithm (may be repeated)"
    )
    command.add_argument(
        "--ram", type=area, metavar="START:SIZE", help="RAM for flash algorithms, for example 0x20000000:0x2000"
    )
    command.add_argument(
        "--vdd", type=volts, metavar="VOLTS", help="the target's supply (default: what the probe measures, else 3.3)"
    )
    command.add_argument(
        "--erase-gaps",
        action="store_true",
        help="a load erases what it does not write in the sectors it changes (default: that keeps its content)",
    )
    command.add_argument("--speed", type=khz, metavar="KHZ", help="highest wire clock to use")
    command.add_argument(
        "--connect",
        choices=("halt", "attach", "under-reset"),
        default="halt",
        help="what connecting does to the program: stop it, let it run until that is needed, or reset it",
    )


def port(text: str) -> int:
    """A TCP port."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def address(text: str) -> int:
    """A memory address."""
    value = int(text, 0)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError("an address has 32 bits")
    return value


def area(text: str) -> tuple[int, int]:
    """Start and size of memory."""
    start, colon, size = text.partition(":")
    found = (address(start), int(size, 0)) if colon else (0, 0)
    if found[1] <= 0 or sum(found) > 1 << 32:
        raise argparse.ArgumentTypeError("an area of memory is START:SIZE, for example 0x20000000:0x2000")
    return found


def volts(text: str) -> float:
    """A supply voltage."""
    value = float(text)
    if not 1.0 <= value <= 5.5:
        raise argparse.ArgumentTypeError("a supply is from 1.0 to 5.5 volts")
    return value


def khz(text: str) -> int:
    """A wire clock."""
    clock = int(text)
    if clock <= 0:
        raise argparse.ArgumentTypeError("the wire clock is a positive number of kHz")
    return clock


def seconds(text: str) -> float:
    """A duration."""
    duration = float(text)
    if not 0 <= duration < float("inf"):
        raise argparse.ArgumentTypeError("a pause is a number of seconds, 0 or more")
    return duration
