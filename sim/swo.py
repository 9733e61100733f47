"""Serial wire output: what the program writes to the ITM leaves the TPIU as bytes at a baud rate (DDI0403E C1.7).

Modelled: stimulus ports, NRZ without the formatter, the rate from TRACECLKIN (the core clock) and ACPR, a FIFO that
fills up when the line is slower than the program. Not modelled: packets of the DWT, timestamps, Manchester, frames.
"""

from __future__ import annotations

from collections.abc import Callable

from .bus import BusFault
from .clock import PS_PER_SECOND, VirtualClock
from .romtable import Component

__all__ = ["Itm", "SerialWire", "Tpiu"]

PORTS = 32
TER, TPR, TCR = 0xE00, 0xE40, 0xE80
ITMENA = 1 << 0
ACPR, SPPR, FFCR = 0x010, 0x0F0, 0x304
NRZ = 2
FORMATTER = 1 << 1  # FFCR.EnFCont
FIFO = 10  # bytes that wait for the line (guess)
OVERFLOW = b"\x70"
BITS = 10  # start, eight, stop


class SerialWire:
    """The line: ``listener`` is told the baud rate and the bytes, at the time they are written."""

    def __init__(self, clock: VirtualClock, core_hz: Callable[[], int]) -> None:
        self.clock = clock
        self.core_hz = core_hz
        self.listener: Callable[[float, bytes], None] = _nobody
        self.pin_on: Callable[[], bool] = lambda: True  # DBGMCU gives the pin to the trace port
        self.prescaler = 1
        self.readable = False  # NRZ, and no formatter
        self._free_at = 0
        self._lost = False

    @property
    def _byte_time(self) -> int:
        return BITS * self.prescaler * PS_PER_SECOND // self.core_hz()

    @property
    def has_room(self) -> bool:
        """Report whether the FIFO takes another packet."""
        return self._free_at - self.clock.now < FIFO * self._byte_time

    def put(self, packet: bytes) -> None:
        """Send a packet, or lose it and say so with the next one."""
        if not self.has_room:
            self._lost = True
            return
        data, self._lost = (OVERFLOW if self._lost else b"") + packet, False
        self._free_at = max(self._free_at, self.clock.now) + len(data) * self._byte_time
        if self.readable and self.pin_on():
            self.listener(self.core_hz() / self.prescaler, data)


class Itm(Component):
    """Instrumentation Trace Macrocell: stimulus ports of the program, settings of the debugger."""

    def __init__(self, ids: dict[int, int], alive: Callable[[], bool], line: SerialWire) -> None:
        super().__init__("ITM", 0xE000_0000, ids, (TER, TPR, TCR), alive)
        self._enabled = alive
        self._line = line

    def read(self, offset: int, width: int) -> int:
        """A stimulus port reads 1 while its FIFO takes data (C1.7.3)."""
        if offset < 4 * PORTS:
            return int(self._line.has_room) if not offset & 3 else 0
        return super().read(offset, width)

    def write(self, offset: int, value: int, width: int) -> None:
        """A store of 1, 2 or 4 bytes to an enabled port is a packet of that size (DDI0403E D4.2.5)."""
        if offset >= 4 * PORTS:
            super().write(offset, value, width)
            return
        if offset & 3:
            raise BusFault(self.base + offset, "stimulus ports are words")
        port = offset // 4
        if self._enabled() and self.word(TCR) & ITMENA and self.word(TER) >> port & 1:
            size = {1: 1, 2: 2, 4: 3}[width]
            self._line.put(bytes([port << 3 | size]) + value.to_bytes(width, "little"))


class Tpiu(Component):
    """Trace Port Interface Unit: protocol and rate of the line (C1.10)."""

    def __init__(self, ids: dict[int, int], line: SerialWire) -> None:
        super().__init__("TPIU", 0xE004_0000, {0x000: 0xB} | ids, (0x004, ACPR, SPPR, FFCR))
        self._line = line

    def power_on(self) -> None:
        """Power-on reset."""
        super().power_on()
        self._carry_over()

    def write(self, offset: int, value: int, width: int) -> None:
        """Keep a setting and carry it to the line."""
        super().write(offset, value, width)
        self._carry_over()

    def _carry_over(self) -> None:
        self._line.prescaler = (self.word(ACPR) & 0x1FFF) + 1
        self._line.readable = self.word(SPPR) == NRZ and not self.word(FFCR) & FORMATTER


def _nobody(_baud: float, _data: bytes) -> None:
    return
