"""Board selectors: ``sim:stm32f103c8,probe=stlink-v2,firmware=blinky.elf``, parsed strictly.

Every word that is not known is refused with the nearest known ones: a board that silently lacks an option proves
nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .errors import SelectorError

__all__ = ["Selector", "nearest", "parse_selector"]

PREFIX = "sim:"
STLINKS = ("stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone")
FTDIS = ("ft2232h", "ft4232h", "ft232h")
PROBES = STLINKS + FTDIS
PINS = tuple(f"a{bank}{number}" for bank in "dc" for number in range(8) if bank == "c" or number >= 4)
RESETS = ("wired", "none", "swim")  # how an ST-Link's reset line is connected; an FTDI's is on one of PINS

CHOICES: dict[str, tuple[str, ...]] = {
    "probe": PROBES,
    "nrst": RESETS + PINS,
    "trst": ("none", *PINS),
    "wire": ("jtag", "swd"),
    "channel": ("a", "b"),
    "rdp": ("0", "1"),
    "power": ("on", "off"),
    "target": ("present", "none"),
    "iwdg": ("software", "hardware"),
    "tzen": ("0", "1"),
    "hse": ("8000000", "none"),
}
FREE = {
    "firmware": "a file",
    "level": "a firmware level such as J28",
    "serial": "the probe's serial number",
    "vdd": "the board's supply in volts, such as 1.8",
    "wrp": "write-protected pages such as 0-3+12",
    "quirks": "names joined by +",
    "latency": "a number of wire clocks",
    "buffer": "the pin of a buffer in SWDIO, such as ac4, or !ac4 when it is active low",
}
ONLY_STLINK = ("level", "quirks")
ONLY_FTDI = ("trst", "wire", "channel", "latency", "buffer")


@dataclass(frozen=True)
class Selector:
    """A board selector taken apart; what was left out has its default here."""

    text: str
    chip: str
    probe: str = "stlink-v2-1"
    nrst: str = ""  # empty: as the probe's product has it
    rdp: bool = False
    power: bool = True
    vdd: float = 3.25
    tzen: bool = False
    target: bool = True
    iwdg_hardware: bool = False
    hse: int = 8_000_000
    firmware: Path | None = None
    level: int | None = None
    serial: str = ""
    wrp: tuple[tuple[int, int], ...] = field(default=())
    quirks: tuple[str, ...] = field(default=())
    wire: str = "jtag"
    channel: str = "a"
    trst: str = ""
    latency: int = 0
    buffer: str = ""

    @property
    def is_ftdi(self) -> bool:
        """True when the probe is one of FTDI's chips."""
        return self.probe in FTDIS


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x' or 'y'?" for the known words that look like ``word``, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


def parse_selector(text: str) -> Selector:
    """Take a selector apart. Raises SelectorError with a sentence."""
    if not text.startswith(PREFIX):
        raise SelectorError(f"{text!r} does not select a simulated board: such selectors start with 'sim:'.")
    chip, *options = text.removeprefix(PREFIX).split(",")
    if not chip:
        raise SelectorError(f"{text!r} names no chip; write for example 'sim:stm32f103c8'.")
    values = dict(_option(option) for option in options)
    if len(values) != len(options):
        raise SelectorError(f"{text!r} gives an option twice.")
    _check_probe(values)
    return Selector(
        text=text,
        chip=chip,
        probe=values.get("probe", "stlink-v2-1"),
        nrst=values.get("nrst", ""),
        rdp=values.get("rdp", "0") == "1",
        power=values.get("power", "on") == "on",
        tzen=values.get("tzen", "0") == "1",
        vdd=_volts(values["vdd"]) if "vdd" in values else 3.25,
        target=values.get("target", "present") == "present",
        iwdg_hardware=values.get("iwdg", "software") == "hardware",
        hse=0 if values.get("hse") == "none" else 8_000_000,
        firmware=Path(values["firmware"]) if "firmware" in values else None,
        level=_level(values["level"]) if "level" in values else None,
        serial=values.get("serial", ""),
        wrp=_pages(values["wrp"]) if "wrp" in values else (),
        quirks=tuple(values["quirks"].split("+")) if "quirks" in values else (),
        wire=values.get("wire", "jtag"),
        channel=values.get("channel", "a"),
        trst=values.get("trst", ""),
        latency=_latency(values["latency"]) if "latency" in values else 0,
        buffer=values.get("buffer", ""),
    )


def _option(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    known = [*CHOICES, *FREE]
    if key not in known:
        raise SelectorError(
            f"A simulated board has no option {key!r}.{nearest(key, known)} Options: {', '.join(sorted(known))}."
        )
    if not equals or not value:
        wanted = " or ".join(CHOICES[key]) if key in CHOICES else FREE[key]
        raise SelectorError(f"The board option {key!r} needs a value: {wanted}.")
    if key in CHOICES and value not in CHOICES[key]:
        raise SelectorError(
            f"The board option {key!r} cannot be {value!r}.{nearest(value, CHOICES[key])} "
            f"It can be {', '.join(CHOICES[key])}."
        )
    return key, value


def _check_probe(values: dict[str, str]) -> None:
    """Refuse options that the chosen probe does not have."""
    probe = values.get("probe", "stlink-v2-1")
    foreign, kind = (ONLY_STLINK, "an ST-Link") if probe in FTDIS else (ONLY_FTDI, "an FTDI chip")
    for key in foreign:
        if key in values:
            raise SelectorError(f"The board option {key!r} is for {kind} as probe; this board's is {probe}.")
    nrst = values.get("nrst", "none")
    if nrst != "none" and (nrst in PINS) != (probe in FTDIS):
        fitting = ("none", *PINS) if probe in FTDIS else RESETS
        raise SelectorError(f"With {probe} the board option 'nrst' can be {', '.join(fitting)}; {nrst!r} does not fit.")


def _latency(value: str) -> int:
    if not value.isdecimal():
        raise SelectorError(f"The latency {value!r} is not a number of wire clocks.")
    return int(value)


def _volts(value: str) -> float:
    if not re.fullmatch(r"[1-3]([.]\d+)?", value) or not 1.6 <= float(value) <= 3.6:
        raise SelectorError(f"The supply {value!r} is not a voltage between 1.6 and 3.6.")
    return float(value)


def _level(value: str) -> int:
    digits = value.removeprefix("J").removeprefix("j")
    if not digits.isdecimal():
        raise SelectorError(f"The firmware level {value!r} is not of the form J28.")
    return int(digits)


def _pages(value: str) -> tuple[tuple[int, int], ...]:
    """``0-3+12`` -> ((0, 3), (12, 12))."""
    ranges = []
    for part in value.split("+"):
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise SelectorError(f"The write protection {value!r} is not a list of pages such as 0-3+12.")
        ranges.append((int(first), int(last or first)))
    return tuple(ranges)
