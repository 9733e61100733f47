"""An FTDI chip on a board: which pins go where, from a selector's words."""

from __future__ import annotations

from dataclasses import dataclass

from ..adi.debug_port import DebugPort, DpIds
from ..adi.mem_ap import M0_AP, M3_AP, MemAp
from ..adi.swj import SwjDp
from ..adi.wire_clock import WireClock
from ..chip import ChipModel
from ..errors import SelectorError
from ..knobs import FaultKnobs
from ..wire import TargetWire
from .device import Channel, Ftdi
from .identity import FTDI_CHIPS, FtdiChip
from .wiring import NO_PIN, JtagWiring, ResetPins, SwdWiring, Wiring

__all__ = ["FtdiOptions", "make_ftdi", "make_swj"]

CHANNELS = "abcd"


@dataclass(frozen=True)
class FtdiOptions:
    """How the module is wired: ``jtag`` or ``swd``, the channel's letter, pins of nSRST and nTRST such as ``ad5``."""

    kind: str
    wire: str = "jtag"
    channel: str = "a"
    nsrst: str = ""
    ntrst: str = ""
    serial: str = ""
    buffer: str = ""  # pin of a buffer in SWDIO, "!" in front where it is active low
    latency: int = 0  # clocks that every access to the bus takes in addition


def make_swj(chip: ChipModel, target: TargetWire, faults: FaultKnobs, wire: WireClock | None = None) -> SwjDp:
    """Return the debug port of a chip; ``wire`` counts its clocks."""
    ids = DpIds(chip.dpidr, chip.jtag_id, chip.boundary_scan_id)
    kind = M3_AP if chip.core in {"cortex-m3", "cortex-m4"} else M0_AP
    ap = MemAp(target, kind, idr=chip.ap_idr, base=chip.rom_table, number=chip.core_ap, beside=dict(chip.side_aps))
    return SwjDp(DebugPort(ids, ap, wire or WireClock(target.machine.clock), target, faults))


def make_ftdi(options: FtdiOptions, swj: SwjDp) -> Ftdi:
    """Return the probe of a board. Raises SelectorError."""
    chip = FTDI_CHIPS[options.kind]
    number = CHANNELS.index(options.channel)
    if number >= chip.mpsse:
        raise SelectorError(
            f"The {chip.kind.upper()} has no MPSSE on channel {options.channel.upper()}; "
            f"channels with one: {', '.join(CHANNELS[: chip.mpsse].upper())}."
        )
    target = swj.port.target
    if options.wire == "jtag" and not swj.port.ids.jtag_id:
        raise SelectorError(f"The {target.chip.name} has no JTAG; add wire=swd.")
    resets = ResetPins(_pin(chip, "nrst", options.nsrst), _pin(chip, "trst", options.ntrst))
    kind = {"jtag": JtagWiring, "swd": SwdWiring}[options.wire]
    target.nrst_wired = resets.nsrst != NO_PIN
    if options.latency:
        swj.port.extra_latency = lambda: options.latency
    wiring = kind(swj, target, resets)
    if isinstance(wiring, SwdWiring):
        wiring.buffer_pin = _pin(chip, "buffer", options.buffer.removeprefix("!"))
        wiring.buffer_active = int(not options.buffer.startswith("!"))
    elif options.buffer:
        raise SelectorError("A buffer in SWDIO needs wire=swd.")
    channels = [
        Channel(chip, wiring if n == number else _open(swj), has_mpsse=n < chip.mpsse) for n in range(chip.channels)
    ]
    return Ftdi(chip, target.machine.clock, channels, options.serial)


def _open(swj: SwjDp) -> Wiring:
    """A channel to which nothing is connected."""
    return Wiring(WireClock(swj.port.wire.clock))


def _pin(chip: FtdiChip, option: str, name: str) -> int:
    if name in {"", "none"}:
        return NO_PIN
    bank, digit = name[:2], name[2:]
    if bank not in {"ad", "ac"} or not digit.isdecimal() or not 0 <= int(digit) <= 7:
        raise SelectorError(f"{option}={name} does not fit an FTDI probe; write a pin such as {option}=ad5, or none.")
    pin = int(digit) + (8 if bank == "ac" else 0)
    if pin < 4:
        raise SelectorError(f"{option}={name} does not fit: AD0 to AD3 are TCK, TDI, TDO and TMS.")
    if bank == "ac" and not chip.has_acbus:
        raise SelectorError(f"{option}={name} does not fit: the {chip.kind.upper()} has no ACBUS.")
    return pin
