"""DMA of the STM32F1 (RM0008 13): channels that write memory behind the core's back.

Memory-to-memory channels move an item per few bus cycles. Channels that wait for a peripheral's requests get them at
the pace that ``Dma.request_hz`` gives per channel: the peripherals that would make them are not modelled, the damage a
circular transfer does is.
"""

from __future__ import annotations

from collections.abc import Callable

from .bus import Bus, BusFault
from .clock import PS_PER_SECOND, Event, VirtualClock
from .registers import ApbPeripheral

__all__ = ["Dma"]

EN, TCIE, HTIE, TEIE, DIR, CIRC, PINC, MINC, MEM2MEM = 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 1 << 14
CSELR = 0xA8
GIF, TCIF, HTIF, TEIF = 1, 2, 4, 8
CYCLES_PER_ITEM = 6
BURST = 64  # memory-to-memory items per event


class _Channel:
    def __init__(self) -> None:
        self.control = self.count = self.peripheral = self.memory = 0
        self.left = self.done = 0
        self.event: Event | None = None

    def stop(self) -> None:
        if self.event is not None:
            self.event.cancel()
            self.event = None


class Dma(ApbPeripheral):
    """One controller. ``clock_on`` is its bit in RCC_AHBENR: without it transfers stand still."""

    def __init__(
        self,
        name: str,
        base: int,
        channels: int,
        *,
        bus: Bus,
        clock: VirtualClock,
        clock_on: Callable[[], bool],
        core_hz: Callable[[], int],
        irq: Callable[[int], None],
        selection: bool = False,
    ) -> None:
        self.name, self.base = name, base
        self.bus, self.clock, self.clock_on, self.core_hz, self.irq = bus, clock, clock_on, core_hz, irq
        self.channels = [_Channel() for _ in range(channels)]
        self.flags = 0
        self.request_hz = [0] * channels
        self.selection: int | None = 0 if selection else None  # CSELR, where the F1 has a fixed mapping

    def reset(self) -> None:
        """See Peripheral."""
        self.flags = 0
        for channel in self.channels:
            channel.stop()
            channel.control = channel.count = channel.peripheral = channel.memory = channel.left = channel.done = 0

    def clock_changed(self) -> None:
        """Stop or go on after a change of RCC_AHBENR."""
        for index, channel in enumerate(self.channels):
            channel.stop()
            self._schedule(index)

    def request(self, channel: int, hz: int) -> None:
        """Let channel ``channel`` (from 1) get ``hz`` requests a second; 0: none."""
        self.request_hz[channel - 1] = hz
        self.channels[channel - 1].stop()
        self._schedule(channel - 1)

    # --- registers

    def read_word(self, offset: int) -> int:
        """ISR, IFCR and four words per channel."""
        if offset < 8:
            return 0 if offset else self.flags
        if offset == CSELR and self.selection is not None:
            return self.selection
        index, word = divmod(offset - 8, 0x14)
        if index >= len(self.channels) or word == 0x10:
            return super().read_word(offset)
        channel = self.channels[index]
        return (channel.control, channel.left, channel.peripheral, channel.memory)[word // 4]

    def write_word(self, offset: int, value: int) -> None:
        """IFCR clears flags; a channel's settings hold while it is enabled."""
        if offset == 4:
            self._clear_flags(value)
            return
        if offset == CSELR and self.selection is not None:
            self.selection = value & 0x0FFF_FFFF
            return
        index, word = divmod(offset - 8, 0x14)
        if offset < 8 or index >= len(self.channels) or word == 0x10:
            return
        channel = self.channels[index]
        if word == 0:
            self._write_control(index, value & 0x7FFF)
        elif channel.control & EN:
            return
        elif word == 4:
            channel.count = channel.left = value & 0xFFFF
        elif word == 8:
            channel.peripheral = value
        else:
            channel.memory = value

    def _clear_flags(self, value: int) -> None:
        for index in range(len(self.channels)):
            bits = value >> 4 * index & 0xF
            self.flags &= ~((0xF if bits & GIF else bits | GIF if bits else 0) << 4 * index)

    def _write_control(self, index: int, value: int) -> None:
        channel = self.channels[index]
        starting = value & EN and not channel.control & EN
        channel.control = value
        channel.stop()
        if starting:
            channel.count = channel.left
            channel.done = 0
        self._schedule(index)

    # --- transfers

    def _schedule(self, index: int) -> None:
        channel = self.channels[index]
        if not channel.control & EN or not channel.left or not self.clock_on():
            return
        if channel.control & MEM2MEM:
            items = min(channel.left, BURST)
            delay = items * CYCLES_PER_ITEM * PS_PER_SECOND // self.core_hz()
        elif self.request_hz[index]:
            items, delay = 1, PS_PER_SECOND // self.request_hz[index]
        else:
            return
        channel.event = self.clock.at(self.clock.now + delay, lambda: self._move(index, items))

    def _move(self, index: int, items: int) -> None:
        channel = self.channels[index]
        try:
            for _ in range(items):
                self._move_item(channel)
        except BusFault:
            channel.control &= ~EN
            self._raise(index, TEIF, TEIE)
            return
        half = channel.count // 2
        if channel.left <= half < channel.left + items:
            self._raise(index, HTIF, HTIE)
        if not channel.left:
            self._raise(index, TCIF, TCIE)
            if channel.control & CIRC and not channel.control & MEM2MEM:
                channel.left, channel.done = channel.count, 0
        self._schedule(index)

    def _move_item(self, channel: _Channel) -> None:
        control = channel.control
        wide_p, wide_m = 1 << (control >> 8 & 3), 1 << (control >> 10 & 3)
        peripheral = channel.peripheral + (channel.done * wide_p if control & PINC else 0)
        memory = channel.memory + (channel.done * wide_m if control & MINC else 0)
        if control & DIR:
            self._copy(memory, wide_m, peripheral, wide_p)
        else:
            self._copy(peripheral, wide_p, memory, wide_m)
        channel.done += 1
        channel.left -= 1

    def _copy(self, source: int, wide_source: int, target: int, wide_target: int) -> None:
        value = self.bus.read(source & -wide_source, wide_source)
        self.bus.write(target & -wide_target, value & (1 << wide_target * 8) - 1, wide_target)

    def _raise(self, index: int, flag: int, enable: int) -> None:
        self.flags |= (flag | GIF) << 4 * index
        if self.channels[index].control & enable:
            self.irq(index)
