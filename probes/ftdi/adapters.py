"""FTDI adapters as data: which USB ids, which channel, what the pins do.

Pins are numbered as in OpenOCD's interface files, from which the layouts are known: the low byte is ADBUS (bit 0
TCK, 1 TDI, 2 TDO, 3 TMS), the high byte ACBUS. Where an adapter is not named, it is a bare module: no signals besides
the wires of JTAG, or of SWD with a resistor between TDI and SWDIO.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ..errors import UserError

__all__ = ["ADAPTERS", "DEFAULT", "FTDI", "PRODUCTS", "Adapter", "Signal", "adapter_named", "load_adapter"]

FTDI: Final = 0x0403
FT2232H, FT4232H, FT232H = 0x6010, 0x6011, 0x6014
PRODUCTS: Final = {FT2232H: "FT2232H", FT4232H: "FT4232H", FT232H: "FT232H"}

NRST, NTRST, SWD_EN, SWDIO_OE, LED = "nSRST", "nTRST", "SWD_EN", "SWDIO_OE", "LED"
SIGNALS: Final = (NRST, NTRST, SWD_EN, SWDIO_OE, LED)
OTHERS: Final = ("PWR_RST",)
AUTO, JTAG, SWD = "auto", "jtag", "swd"
DEFAULT: Final = "ft2232h"


@dataclass(frozen=True, slots=True)
class Signal:
    """Pins of a signal as masks. ``data`` carries its level, ``oe`` drives it or lets it float.

    ``oe`` alone pulls low when it is on; the same pins in both are an open drain made with the pin's
    direction. The ``inverted`` ones stand behind an inverter. No pins at all: a signal that is there in name only.
    """

    data: int = 0
    oe: int = 0
    data_inverted: bool = False
    oe_inverted: bool = False


@dataclass(frozen=True, slots=True)
class Adapter:
    """One kind of adapter. ``channel`` 0 is A. ``wire``: "jtag", "swd", or "auto" for whichever answers."""

    name: str
    ids: tuple[tuple[int, int], ...]
    channel: int
    initial: int
    direction: int
    signals: Mapping[str, Signal] = field(default_factory=dict)
    wire: str = JTAG
    sample_falling: bool = False
    target: int | None = None
    """TARGETSEL of a multidrop SWD bus."""


def _signals(text: str) -> dict[str, Signal]:
    """``nSRST=d0020/oe0020 LED=n8000``: d data, n data inverted, oe, noe, each with its mask in hex; 0 for none."""
    found: dict[str, Signal] = {}
    for word in text.split():
        name, _, masks = word.partition("=")
        signal = Signal()
        for mask in masks.split("/"):
            kind, pins = mask[:-4], int(mask[-4:], 16)
            match kind:
                case "d" | "n":
                    signal = replace(signal, data=pins, data_inverted=kind == "n")
                case "oe" | "noe":
                    signal = replace(signal, oe=pins, oe_inverted=kind == "noe")
                case "doe":
                    signal = replace(signal, data=pins, oe=pins)
                case _:
                    raise ValueError(f"{word}: {kind} is no kind of pin")
        found[name] = signal
    return found


def _adapter(name: str, ids: str, channel: int, pins: str, signals: str = "", **more: Any) -> Adapter:
    """``ids`` are VVVV:PPPP in hex, several joined by a comma; ``pins`` initial levels and directions in hex."""
    pairs = tuple((int(one[:4], 16), int(one[5:], 16)) for one in ids.split(","))
    initial, direction = (int(word, 16) for word in pins.split())
    return Adapter(name, pairs, channel, initial, direction, _signals(signals), **more)


_KT_LINK = "nTRST=d0100/noe0400 nSRST=d0200/noe0800 SWD_EN=n0020/oe2000 SWDIO_OE=n1000 "
_JTAGKEY = "nTRST=d0100/noe0400 nSRST=d0200/noe0800"
_NGX = "nTRST=d0200/noe0100 nSRST=d0800/noe0400"
_DLP = "nTRST=doe0010 nSRST=doe0040"
_ICDI = "nSRST=noe0020 SWD_EN=n0080 SWDIO_OE=d0008"
_TUMPA = "nTRST=d0020 nSRST=d0010"
_TURTELIZER = "nSRST=oe0040 LED=d0c00"

_ALL = (
    # Bare modules, nothing but the wires
    _adapter("ft2232h", "0403:6010", 0, "0008 000b", wire=AUTO),
    _adapter("ft4232h", "0403:6011", 0, "0008 000b", wire=AUTO),
    _adapter("ft232h", "0403:6014", 0, "0008 000b", wire=AUTO),
    # Adapters
    _adapter("tigard", "0403:6010", 1, "0038 003b", "nTRST=d0010 nSRST=d0020 SWD_EN=d0000"),
    _adapter("minimodule", "0403:6010", 0, "0008 000b", "nSRST=doe0020"),
    _adapter(
        "minimodule-swd",
        "0403:6010,0403:6011",
        1,
        "0000 000b",
        "nSRST=doe0010 SWD_EN=d0000 SWDIO_OE=d0000",
        wire=SWD,
    ),
    _adapter(
        "ft232h-module-swd",
        "0403:6014",
        0,
        "0030 003b",
        "nSRST=doe0010 nTRST=doe0020 SWD_EN=d0000 SWDIO_OE=d0000",
        wire=SWD,
    ),
    _adapter("c232hm", "0403:6014", 0, "4008 400b", "LED=n4000"),
    _adapter("um232h", "0403:6014", 0, "fff8 fffb", "nTRST=doe0100 nSRST=doe0200"),
    _adapter("dlp-usb1232h", "0403:6010", 0, "0008 000b", _DLP),
    _adapter("flossjtag", "0403:6010", 0, "0008 000b", _DLP),
    _adapter("iot-lab", "0403:6010", 0, "0008 000b", _DLP),
    _adapter("flyswatter", "0403:6010", 0, "0818 0cfb", "nTRST=d0010 nSRST=oe0020"),
    _adapter("flyswatter2", "0403:6010", 0, "0538 057b", "nTRST=d0010 nSRST=d0020/noe0100"),
    _adapter("busblaster", "0403:6010", 0, "0c08 0f1b", _JTAGKEY),
    _adapter("busblaster-kt-link", "0403:6010", 0, "8c28 ff3b", _KT_LINK + "LED=n8000"),
    _adapter("kt-link", "0403:bbe2", 0, "8c28 ff3b", _KT_LINK + "LED=d8000"),
    _adapter("jtag-lock-pick", "0403:8220", 0, "8c28 ff3b", _KT_LINK + "LED=d8000"),
    _adapter("jtagkey", "0403:cff8", 0, "0c08 0f1b", _JTAGKEY),
    _adapter("olimex-arm-usb-ocd", "15ba:0003", 0, "0c08 0f1b", "nSRST=oe0200 nTRST=d0100/noe0400 LED=d0800"),
    _adapter("olimex-arm-usb-ocd-h", "15ba:002b", 0, "0908 0b1b", "nSRST=oe0200 nTRST=d0100 LED=d0800"),
    _adapter("olimex-arm-usb-tiny-h", "15ba:002a", 0, "0808 0a1b", "nSRST=oe0200 nTRST=doe0100 LED=d0800"),
    _adapter("olimex-arm-usb-tiny", "15ba:0004", 0, "0808 0a1b", "nSRST=oe0200 nTRST=doe0100 LED=d0800"),
    _adapter("tumpa", "0403:8a98", 0, "0038 087b", _TUMPA),
    _adapter("tumpa-lite", "0403:8a99", 0, "0038 087b", _TUMPA),
    _adapter("steppenprobe", "0403:6010", 0, "0058 99fb", "SWD_EN=d0020 SWDIO_OE=n0040 nSRST=oe0080 LED=n0010"),
    _adapter("digilent-hs1", "0403:6010", 0, "0088 008b"),
    _adapter("digilent-hs2", "0403:6014", 0, "00e8 60eb", "SWD_EN=d6000 SWDIO_OE=d0020"),
    _adapter("digilent-hs3", "0403:6014", 0, "2088 308b", "nSRST=d2000/noe1000"),
    _adapter("digilent-smt2", "0403:6014", 0, "20e8 3feb", "nSRST=d2000"),
    _adapter("xds100v2", "0403:a6d0", 0, "0038 597b", "nTRST=d0010 nSRST=oe0100 PWR_RST=d0800"),
    _adapter("icdi", "0403:bcd9,0403:bcda,0451:c32a", 0, "00a8 00eb", _ICDI),
    _adapter("signalyzer", "0403:bca0", 0, "0008 000b", "nTRST=doe0010 nSRST=doe0020"),
    _adapter("oocdlink", "0403:baf8", 0, "0508 0f1b", _NGX),
    _adapter("openocd-usb", "0403:baf8", 0, "0508 0f1b", _NGX),
    _adapter("openocd-usb-hs", "0403:6010", 0, "0508 0f1b", _NGX),
    _adapter("ngx", "0403:6010", 0, "0508 0f1b", _NGX),
    _adapter("turtelizer2b", "0403:bdc8", 0, "0008 0c5b", _TURTELIZER),
    _adapter("turtelizer2c", "0403:bdc8", 0, "0008 0c7b", _TURTELIZER),
    _adapter("stm32-performance-stick", "0640:002d", 0, "0388 038b", "nTRST=d0100 nSRST=d0080/noe0200"),
    _adapter("sipeed-usb-jtag", "0403:6010", 0, "0028 002b", "nSRST=doe0020"),
    _adapter("sipeed-rv-debugger", "0403:6010", 0, "0008 001b", "nSRST=doe0020"),
    _adapter("esp32-devkitj", "0403:6010,0403:6014", 0, "0008 f00b", "nSRST=oe0020 LED=d1000"),
    _adapter("opella-ld", "0b6b:0040", 0, "0a68 ff7b", sample_falling=True),
    _adapter(
        "opella-ld-swd", "0b6b:0040", 0, "0860 0b7b", "SWD_EN=d0100 SWDIO_OE=d0200", wire=SWD, sample_falling=True
    ),
)
ADAPTERS: Final = {adapter.name: adapter for adapter in _ALL}


def adapter_named(name: str) -> Adapter:
    """The adapter of that name; with "-swd" or "-jtag" behind it, the same wired for SWD or JTAG.

    Raises UserError that offers the nearest names.
    """
    wanted = name.lower() or DEFAULT
    if wanted in ADAPTERS:
        return ADAPTERS[wanted]
    stem, _, wire = wanted.rpartition("-")
    if wire in (JTAG, SWD) and stem in ADAPTERS:
        adapter = ADAPTERS[stem]
        if wire == JTAG or SWD_EN in adapter.signals or adapter.wire == AUTO:
            return replace(adapter, name=wanted, wire=wire)
        seen = f"{stem} has no SWD_EN signal, and how it would drive SWDIO is not known"
        raise UserError(f"Choosing the adapter {name!r}", seen, "Describe your wiring with --adapter-file.")
    near = difflib.get_close_matches(wanted, ADAPTERS, n=4, cutoff=0.5)
    offer = f"The nearest names are {', '.join(near)}. " if near else ""
    advice = f"{offer}Bare modules are ft2232h, ft4232h and ft232h; --adapter-file describes any other."
    raise UserError(f"Choosing the adapter {name!r}", "no such adapter is known", advice)


_KEYS: Final = {"name", "vid", "pid", "channel", "initial", "direction", "wire", "sample_falling", "target", "signals"}
_SIGNAL_KEYS: Final = {"data", "oe", "data_inverted", "oe_inverted"}


def load_adapter(path: Path) -> Adapter:
    """Read a user's own adapter from a TOML file. Raises UserError with what is wrong in it.

    Keys are those of Adapter, with ``vid`` and ``pid`` in place of ``ids``; ``[signals.nSRST]`` and so on have
    those of Signal. ``vid``, ``pid``, ``initial`` and ``direction`` may not be left out.
    """
    attempt = f"Reading the adapter file {path}"
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(attempt, str(error.strerror)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(attempt, f"it is not TOML ({error})", "docs/wiring.md has an example.") from error
    problem = _problem_in(table)
    if problem:
        raise UserError(attempt, problem, "docs/wiring.md has an example.")
    return Adapter(
        name=str(table.get("name", path.stem)),
        ids=((table["vid"], table["pid"]),),
        channel=table.get("channel", 0),
        initial=table["initial"],
        direction=table["direction"],
        signals={name: Signal(**signal) for name, signal in table.get("signals", {}).items()},
        wire=table.get("wire", AUTO),
        sample_falling=table.get("sample_falling", False),
        target=table.get("target"),
    )


def _problem_in(table: dict[str, Any]) -> str:
    """What is wrong, as a sentence fragment; "" when nothing is."""
    for key in table:
        if key not in _KEYS:
            return f"there is no key {key!r} (there are {', '.join(sorted(_KEYS))})"
    for key in ("vid", "pid", "initial", "direction"):
        if not _is_number(table.get(key), 0xFFFF):
            return f"{key!r} has to be a number of 16 bits"
    if not _is_number(table.get("channel", 0), 1):
        return "'channel' has to be 0 (A) or 1 (B): the others have no MPSSE"
    if table.get("wire", AUTO) not in (AUTO, JTAG, SWD):
        return f"'wire' has to be one of {AUTO!r}, {JTAG!r}, {SWD!r}"
    if not isinstance(table.get("sample_falling", False), bool):
        return "'sample_falling' has to be true or false"
    if "target" in table and not _is_number(table["target"], 0xFFFF_FFFF):
        return "'target' has to be a number of 32 bits"
    if table["direction"] & 0x000B != 0x000B or table["direction"] & 0x0004:
        return "'direction' has to make TCK, TDI and TMS (bits 0, 1, 3) outputs and TDO (bit 2) an input"
    return next(filter(None, (_signal_problem(*item) for item in table.get("signals", {}).items())), "")


def _signal_problem(name: str, signal: Any) -> str:
    if name not in SIGNALS:
        return f"there is no signal {name!r} (there are {', '.join(SIGNALS)})"
    if not isinstance(signal, dict) or not set(signal) <= _SIGNAL_KEYS:
        return f"the signal {name} can have {', '.join(sorted(_SIGNAL_KEYS))}"
    for key in ("data", "oe"):
        if not _is_number(signal.get(key, 0), 0xFFFF):
            return f"{key!r} of the signal {name} has to be a number of 16 bits"
    for key in ("data_inverted", "oe_inverted"):
        if not isinstance(signal.get(key, False), bool):
            return f"{key!r} of the signal {name} has to be true or false"
    return ""


def _is_number(value: Any, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest
