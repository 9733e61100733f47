"""Plain peripherals of the families after the F1: ports with MODER, serial ports with ISR, timers, and places.

A place is known by its address only. Every access to it raises Unmodelled; the ranges of the buses that hold
peripherals are filled with places, so that nothing there is mistaken for an empty address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from ..bus import PAGE, Bus
from ..registers import ApbPeripheral, Crc, Plain, RegisterFile
from ..registers import Usart as OldUsart
from .caches import Cache
from .words import words

__all__ = ["PlainPlan", "Port", "fill_places", "plain_peripherals"]

Enabled = Callable[[], bool]
Gate = tuple[str, int]

_PORT = words(
    """
    MODER   00 0 FFFFFFFF
    OTYPER  04 0 FFFF
    OSPEEDR 08 0 FFFFFFFF
    PUPDR   0C 0 FFFFFFFF
    IDR     10 0 0
    ODR     14 0 FFFF
    BSRR    18 0 0
    LCKR    1C 0 1FFFF
    AFRL    20 0 FFFFFFFF
    AFRH    24 0 FFFFFFFF
    BRR     28 0 0
    """
)
_USART = words(
    """
    CR1  00 0 1FFFFFFF
    CR2  04 0 FFFFFFFF
    CR3  08 0 01FFFFFF
    BRR  0C 0 FFFF
    GTPR 10 0 FFFF
    RTOR 14 0 FFFFFFFF
    RQR  18 0 0
    ISR  1C 0 0
    ICR  20 0 0
    RDR  24 0 0
    TDR  28 0 0
    """
)
_TIMER = words(
    """
    CR1 00 0 FFF
    CR2 04 0 FFFFFF
    SMCR 08 0 FFFFFF
    DIER 0C 0 7FFF
    SR 10 0 0
    EGR 14 0 0
    CCMR1 18 0 FFFFFFFF
    CCMR2 1C 0 FFFFFFFF
    CCER 20 0 FFFFFF
    CNT 24 0 FFFFFFFF
    PSC 28 0 FFFF
    ARR 2C 0 FFFFFFFF
    RCR 30 0 FFFF
    CCR1 34 0 FFFFFFFF
    CCR2 38 0 FFFFFFFF
    CCR3 3C 0 FFFFFFFF
    CCR4 40 0 FFFFFFFF
    BDTR 44 0 FFFFFFFF
    DCR 48 0 FFFFFFFF
    """
)


@dataclass(frozen=True)
class PlainPlan:
    """What a family has of plain peripherals: (name, base, gate) each.

    ``files`` are register maps written out: (name, base, gate, text of :func:`words`, bits refused by register).
    ``places`` are (first, end) of the address ranges in which what is not named is a place.
    """

    port_base: int
    port_gate: tuple[str, int]  # enable register and the bit of port A
    port_mode: tuple[int, int, int] = (0xABFF_FFFF, 0xFFFF_FEBF, 0xFFFF_FFFF)  # MODER at reset: A, B, the rest
    timers: tuple[tuple[str, int, Gate], ...] = ()
    usarts: tuple[tuple[str, int, Gate], ...] = ()
    old_usarts: tuple[tuple[str, int, Gate], ...] = ()  # those of the F1
    files: tuple[tuple[str, int, Gate | None, str, dict[str, int]], ...] = ()
    file_sizes: Mapping[str, int] = field(default_factory=dict)  # of files that are not 1 KiB
    crc: tuple[int, Gate] | None = None
    caches: tuple[tuple[str, int, str], ...] = ()  # (name, base, text of :func:`words`)
    places: tuple[tuple[int, int], ...] = field(default=())


def _plan(text: dict[str, int], source: str) -> dict[int, Plain]:
    return {word.offset: Plain(name, word.reset, word.mask, text.get(name, 0)) for name, word in words(source).items()}


class Port(RegisterFile):
    """A GPIO port. Nothing is connected: inputs read what the output register holds."""

    def __init__(self, name: str, base: int, clock_on: Enabled, mode: int) -> None:
        plan = {word.offset: Plain(key, word.reset, word.mask) for key, word in _PORT.items()}
        plan[0x00] = Plain("MODER", mode, 0xFFFF_FFFF)
        super().__init__(name, base, plan, clock_on)

    def write_word(self, offset: int, value: int) -> None:
        """BSRR and BRR act on ODR; set wins over reset."""
        odr = self.values[0x14]
        if offset == 0x18:
            odr = odr & ~(value >> 16) | value & 0xFFFF
        elif offset == 0x28:
            odr &= ~value & 0xFFFF
        else:
            super().write_word(offset, value)
            odr = self.values[0x14]
        self.values[0x14] = self.values[0x10] = odr


class Usart(RegisterFile):
    """A serial port whose transmitter is always ready; ``sent`` is what it has sent, nothing is received."""

    def __init__(self, name: str, base: int, clock_on: Enabled) -> None:
        super().__init__(name, base, {w.offset: Plain(key, w.reset, w.mask) for key, w in _USART.items()}, clock_on)
        self.sent = bytearray()

    def write_word(self, offset: int, value: int) -> None:
        """TDR sends when UE and TE are set."""
        if offset == 0x28:
            if self.values[0] & 9 == 9:
                self.sent.append(value & 0xFF)
        else:
            super().write_word(offset, value)

    def read_word(self, offset: int) -> int:
        """ISR: TXE and TC, and the acknowledges of TE and RE."""
        if offset == 0x1C:
            return 0xC0 | (self.values[0] & 8) << 18 | (self.values[0] & 4) << 20
        return super().read_word(offset)


def plain_peripherals(plan: PlainPlan, ports: str, enabled: Callable[[str, int], bool]) -> list[ApbPeripheral]:
    """Return them all. ``enabled(register, bit)`` looks into RCC."""
    found: list[ApbPeripheral] = []

    def gated(gate: Gate | None, make: Callable[[Enabled], ApbPeripheral]) -> None:
        one = make((lambda: enabled(*gate)) if gate else lambda: True)
        one.gate = gate
        found.append(one)

    for letter in ports:
        index = ord(letter) - ord("A")
        gate = (plan.port_gate[0], plan.port_gate[1] + index)
        mode = plan.port_mode[min(index, 2)]
        gated(gate, _make_port(f"GPIO{letter}", plan.port_base + 0x400 * index, mode))
    for name, base, gate in plan.timers:
        timer = {w.offset: Plain(key, w.reset, w.mask, int(key == "CR1")) for key, w in _TIMER.items()}
        gated(gate, _make_file(name, base, timer))
    for name, base, gate in plan.usarts:
        gated(gate, partial(Usart, name, base))
    for name, base, gate in plan.old_usarts:
        gated(gate, partial(OldUsart, name, base))
    for name, base, maybe, source, refuse in plan.files:
        gated(maybe, _make_file(name, base, _plan(refuse, source), plan.file_sizes.get(name, 0x400)))
    if plan.crc is not None:
        gated(plan.crc[1], partial(ShadowCrc, plan.crc[0]))
    found += [Cache(*cache) for cache in plan.caches]
    return found


def _make_port(name: str, base: int, mode: int) -> Callable[[Enabled], ApbPeripheral]:
    return lambda on: Port(name, base, on, mode)


def _make_file(name: str, base: int, plan: dict[int, Plain], size: int = 0x400) -> Callable[[Enabled], ApbPeripheral]:
    return lambda on: RegisterFile(name, base, plan, on, size)


class ShadowCrc(Crc):
    """The CRC unit in a shadow page, which it may share with RCC and the flash registers."""

    shadow = True

    def __init__(self, base: int, clock_on: Enabled) -> None:
        super().__init__(clock_on)
        self.base = base

    def reset(self) -> None:
        """See Peripheral."""
        super().reset()
        self.clock_changed()

    def write_word(self, offset: int, value: int) -> None:
        """See Crc."""
        super().write_word(offset, value)
        self.clock_changed()

    def clock_changed(self) -> None:
        """Without a clock everything reads 0."""
        on = self.clock_on()
        self.publish(0, self.value if on else 0)
        self.publish(4, self.independent if on else 0)


def fill_places(bus: Bus, ranges: Iterable[tuple[int, int]]) -> None:
    """Put a place into every gap of ``ranges`` (first address, end).

    Pages with a shadow peripheral keep their gaps: a place there would cost the shadow its speed.
    """
    for first, end in ranges:
        at = first
        taken = sorted((base, size) for base, size, _ in bus.slots if base < end and base + size > first)
        for base, size in [*taken, (end, 0)]:
            if base > at and not _near_shadow(bus, at, base):
                name = f"the peripherals from 0x{at:08X} to 0x{base - 1:08X}"
                bus.add_peripheral(RegisterFile(name, at, {}, lambda: True, base - at))
            at = max(at, base + size)


def _near_shadow(bus: Bus, first: int, end: int) -> bool:
    """Report whether a shadow peripheral shares a page with the gap."""
    return any(
        one.shadow and one.base // PAGE <= (end - 1) // PAGE and (one.base + one.size - 1) // PAGE >= first // PAGE
        for one in bus.peripherals
    )
