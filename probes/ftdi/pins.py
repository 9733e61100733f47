"""The pins besides TCK, TDI, TDO and TMS: what levels and directions make a signal low, high or floating. No I/O."""

from __future__ import annotations

from enum import Enum

from .adapters import Adapter, Signal
from .mpsse import Stream

__all__ = ["Level", "Pins"]


class Level(Enum):
    """What a signal is to be."""

    LOW = 0
    HIGH = 1
    FLOATING = 2


class Pins:
    """Levels and directions of all sixteen pins of an adapter."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.value = adapter.initial
        self.direction = adapter.direction

    def has(self, name: str) -> bool:
        """Whether the adapter can move this signal."""
        signal = self._adapter.signals.get(name)
        return signal is not None and bool(signal.data | signal.oe)

    def set(self, name: str, level: Level) -> None:
        """Take a signal to a level, as far as the adapter can: what cannot float is driven high."""
        signal = self._adapter.signals[name]
        floating = level is Level.FLOATING
        if signal.data:
            high = level is not Level.LOW
            if not (floating and signal.oe):
                self._put(signal.data, high != signal.data_inverted)
            self._drive(signal, on=not floating)
        elif signal.oe:
            # It can pull down or let go, nothing else.
            self._drive(signal, on=level is Level.LOW)

    def _drive(self, signal: Signal, *, on: bool) -> None:
        if not signal.oe:
            return
        if signal.oe == signal.data or not self._adapter.direction & signal.oe:
            # Open drain made with the direction of a pin.
            if signal.data == 0:
                self._put(signal.oe, high=False)
            self.direction = self.direction | signal.oe if on else self.direction & ~signal.oe
        else:
            self._put(signal.oe, on != signal.oe_inverted)

    def _put(self, pins: int, high: bool) -> None:
        self.value = self.value | pins if high else self.value & ~pins

    def add_to(self, stream: Stream) -> None:
        """Put all pins on the wire."""
        stream.pins(self.value, self.direction)

    def turn(self, stream: Stream, *, drive: bool) -> None:
        """Let the adapter's buffer drive SWDIO, or listen to it."""
        before = self.value, self.direction
        self.set("SWDIO_OE", Level.HIGH if drive else Level.LOW)
        if (self.value ^ before[0] | self.direction ^ before[1]) & 0xFF:
            stream.low_pins(self.value, self.direction)
        if (self.value ^ before[0] | self.direction ^ before[1]) >> 8:
            stream.high_pins(self.value, self.direction)
