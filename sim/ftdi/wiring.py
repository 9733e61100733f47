"""What an FTDI chip's pins are wired to: a target's debug port over JTAG or SWD, and reset lines.

Pins are numbered 0 to 7 for ADBUS and 8 to 15 for ACBUS (BDBUS and BCBUS on channel B).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..adi.swj import SwjDp
from ..adi.wire_clock import WireClock
from ..wire import TargetWire

__all__ = ["NO_PIN", "TCK", "TDI", "TDO", "TMS", "Edges", "JtagWiring", "ResetPins", "SwdWiring", "Wiring"]

TCK, TDI, TDO, TMS = range(4)
NO_PIN = -1


@dataclass(frozen=True)
class Edges:
    """How a command uses the clock: what idles where, and on which edge data is sampled (AN_108 3.3)."""

    idle_high: bool = False
    sample_falling: bool = False


@dataclass(frozen=True)
class ResetPins:
    """Pins of nSRST and nTRST, active low; NO_PIN where there is none."""

    nsrst: int = NO_PIN
    ntrst: int = NO_PIN


class Wiring:
    """Pins and their levels; nothing is connected. Subclasses know what the clock does to a target."""

    def __init__(self, wire: WireClock) -> None:
        self.wire = wire
        self.value = 0
        self.direction = 0

    def drive(self, value: int, direction: int) -> None:
        """Set levels and directions of all pins; a rising TCK is a clock."""
        before = self.level(TCK)
        self.value, self.direction = value, direction
        self._moved()
        if self.level(TCK) and not before and direction & 1 << TCK:
            self.clock(1, self.level(TDI), Edges())

    def _moved(self) -> None:
        """Pins have new levels."""

    def put(self, pin: int, level: int) -> None:
        """Leave a pin at the level of the last bit that was shifted out of it."""
        self.value = self.value & ~(1 << pin) | level << pin

    def level(self, pin: int) -> int:
        """Level of a pin; what nobody drives is pulled up."""
        if self.direction >> pin & 1:
            return self.value >> pin & 1
        return 1

    def read(self) -> int:
        """Return the levels of all pins."""
        levels = sum(self.level(pin) << pin for pin in range(16))
        return levels if self.direction >> TDO & 1 else levels & ~(1 << TDO) | self.tdo << TDO

    @property
    def tdo(self) -> int:
        """Level at the TDO pin."""
        return 1

    def clock(self, n: int, tdi: int, edges: Edges) -> int:
        """Clock ``n`` times with TMS at its level and a bit of TDI each; return the samples, LSB first."""
        del tdi, edges
        self.wire.tick(n)
        return (1 << n) - 1

    def clock_tms(self, n: int, tms: int, tdi: int, edges: Edges) -> int:
        """Clock ``n`` times with TDI constant and a bit of TMS each; return the samples, LSB first."""
        del tms, tdi, edges
        self.wire.tick(n)
        return (1 << n) - 1


class TargetWiring(Wiring):
    """A target's debug port and reset lines on the pins."""

    def __init__(self, swj: SwjDp, target: TargetWire, resets: ResetPins) -> None:
        super().__init__(swj.port.wire)
        self.swj = swj
        self.target = target
        self.resets = resets

    def read(self) -> int:
        """See Wiring: an open nSRST pin shows the resets that the chip makes itself."""
        levels, pin = super().read(), self.resets.nsrst
        if pin != NO_PIN and not self.direction >> pin & 1 and self.target.answers and self.target.machine.in_reset:
            levels &= ~(1 << pin)
        return levels

    def _moved(self) -> None:
        if self.resets.nsrst != NO_PIN:
            low = not self.level(self.resets.nsrst)
            if low != self.target.nrst_low:
                self.wire.settle()
                self.target.drive_nrst(low=low)
        if self.resets.ntrst != NO_PIN and not self.level(self.resets.ntrst):
            self.swj.reset_taps()

    @property
    def alive(self) -> bool:
        """True when a powered target is there and TCK reaches it."""
        return self.target.answers and bool(self.direction & 1 << TCK)


class JtagWiring(TargetWiring):
    """TCK, TDI, TDO and TMS of the target on the pins of those names.

    TDO changes after falling edges: sampled at the falling edge it is what it was at the rising edge before, where the
    clock idles low; where it idles high the falling edge comes first and sees the bit before.
    """

    _held = 1  # TDO as it was before the last falling edge

    @property
    def tdo(self) -> int:
        """See Wiring."""
        return self.swj.tdo if self.target.answers else 1

    def clock(self, n: int, tdi: int, edges: Edges) -> int:
        """See Wiring."""
        ones = (1 << n) - 1
        if not self.alive:
            self.wire.tick(n)
            return ones
        if not self.direction >> TDI & 1:
            tdi = ones
        return self._sampled(n, self.swj.shift(n, self.level(TMS), tdi & ones), edges)

    def clock_tms(self, n: int, tms: int, tdi: int, edges: Edges) -> int:
        """See Wiring."""
        ones = (1 << n) - 1
        if not self.alive:
            self.wire.tick(n)
            return ones
        if not self.direction >> TMS & 1:
            tms = ones
        if not self.direction >> TDI & 1:
            tdi = 1
        return self._sampled(n, self.swj.walk(n, tms & ones, tdi), edges)

    def _sampled(self, n: int, tdo: int, edges: Edges) -> int:
        held, self._held = self._held, tdo >> n - 1 & 1
        if edges.sample_falling and edges.idle_high:
            return (tdo << 1 | held) & (1 << n) - 1
        return tdo


class SwdWiring(TargetWiring):
    """SWCLK on TCK, SWDIO on TDO and, through a resistor, on TDI: the target's level wins while it drives.

    Or through a buffer, as adapters with a SWDIO_OE signal have it: while its pin has its active level TDI drives
    SWDIO, whatever the target does; else only the target and the pull-up do.

    The target changes SWDIO after rising edges: sampled at the falling edge, where the clock idles low, the samples
    are one bit ahead.
    """

    buffer_pin = NO_PIN
    buffer_active = 1

    @property
    def _buffer_on(self) -> bool:
        return self.buffer_pin != NO_PIN and self.level(self.buffer_pin) == self.buffer_active

    @property
    def tdo(self) -> int:
        """See Wiring: the level of SWDIO."""
        if self.target.answers and self.swj.drives_swdio and not self._buffer_on:
            return self.swj.swdio
        return self.level(TDI) if self.buffer_pin == NO_PIN or self._buffer_on else 1

    def clock(self, n: int, tdi: int, edges: Edges) -> int:
        """See Wiring."""
        ones = (1 << n) - 1
        host_drives = self.direction >> TDI & 1 and (self.buffer_pin == NO_PIN or self._buffer_on)
        tdi = tdi & ones if host_drives else ones
        if not self.alive:
            self.wire.tick(n)
            return tdi
        level, mask = self.swj.exchange(n, tdi)
        if edges.sample_falling and not edges.idle_high:
            level = level >> 1 | (self.swj.swdio if self.swj.drives_swdio else 0) << n - 1
            mask = mask >> 1 | int(self.swj.drives_swdio) << n - 1
        return tdi if self._buffer_on else tdi & ~mask | level & mask

    def clock_tms(self, n: int, tms: int, tdi: int, edges: Edges) -> int:
        """See Wiring: TMS is not connected."""
        del tms
        return self.clock(n, (1 << n) - 1 if tdi else 0, edges)
