"""DMA of the STM32F4, F7 and H7 (RM0090 10): eight streams that write memory behind the core's back.

A stream between memories moves by itself; one that waits for a peripheral's requests gets them at the pace that
``request`` gives it: the peripherals that would make them are not modelled, the damage of a circular transfer is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bus import Bus, BusFault, Unmodelled
from ..clock import PS_PER_SECOND, Event, VirtualClock
from ..registers import ApbPeripheral

__all__ = ["StreamDma", "StreamPlan"]

EN, TEIE, HTIE, TCIE = 1 << 0, 1 << 2, 1 << 3, 1 << 4
PFCTRL, CIRC, PINC, MINC, PINCOS, DBM, CT = (1 << n for n in (5, 8, 9, 10, 15, 18, 19))
DIR_SHIFT, PSIZE_SHIFT, MSIZE_SHIFT = 6, 11, 13
TO_MEMORY, TO_PERIPHERAL, BETWEEN_MEMORIES = 0, 1, 2
TEIF, HTIF, TCIF = 1 << 3, 1 << 4, 1 << 5
FLAGS = 0x3D
CR_MASK, FCR_RESET, FCR_MASK = 0x0FFF_FFFF, 0x21, 0x87
FIRST, STEP = 0x10, 0x18
STREAMS = 8
CYCLES_PER_ITEM = 8
BURST = 64  # items between memories per event
_SHIFTS = (0, 6, 16, 22)


@dataclass(frozen=True)
class StreamPlan:
    """One controller. ``unreachable``: (base, size) of memories that its ports do not see."""

    name: str
    base: int
    gate: tuple[str, int]
    irqs: tuple[int, ...]
    between_memories: bool = True
    unreachable: tuple[tuple[int, int], ...] = ()


class _Stream:
    def __init__(self) -> None:
        self.event: Event | None = None
        self.hz = 0
        self.clear()

    def clear(self) -> None:
        self.control = self.left = self.count = self.done = 0
        self.peripheral = 0
        self.memory = [0, 0]
        self.fifo = FCR_RESET
        self.flags = 0
        self.stop()

    def stop(self) -> None:
        if self.event is not None:
            self.event.cancel()
            self.event = None

    @property
    def direction(self) -> int:
        return self.control >> DIR_SHIFT & 3


class StreamDma(ApbPeripheral):
    """``core_hz`` sets the pace between memories; without its clock nothing moves and nothing answers."""

    def __init__(
        self,
        plan: StreamPlan,
        *,
        bus: Bus,
        clock: VirtualClock,
        clock_on: Callable[[], bool],
        core_hz: Callable[[], int],
        irq: Callable[[int], None],
    ) -> None:
        self.plan = plan
        self.name, self.base, self.gate = plan.name, plan.base, plan.gate
        self.bus, self.clock, self.clock_on, self.core_hz, self.irq = bus, clock, clock_on, core_hz, irq
        self.streams = [_Stream() for _ in range(STREAMS)]

    def reset(self) -> None:
        """See Peripheral."""
        for stream in self.streams:
            stream.clear()

    def clock_changed(self) -> None:
        """Stop or go on after a change of the clock's enable bit."""
        for stream in self.streams:
            stream.stop()
            self._schedule(stream)

    def request(self, stream: int, hz: int) -> None:
        """Let stream ``stream`` (from 0) get ``hz`` requests a second; 0: none."""
        self.streams[stream].hz = hz
        self.streams[stream].stop()
        self._schedule(self.streams[stream])

    # --- registers

    def read_word(self, offset: int) -> int:
        """LISR, HISR, two registers that read 0, and six words per stream."""
        if offset < 8:
            group = self.streams[offset : offset + 4]
            return sum(stream.flags << shift for stream, shift in zip(group, _SHIFTS, strict=True))
        if offset < FIRST:
            return 0
        index, word = divmod(offset - FIRST, STEP)
        if index >= STREAMS:
            return super().read_word(offset)
        one = self.streams[index]
        return (one.control, one.left, one.peripheral, *one.memory, one.fifo)[word // 4]

    def write_word(self, offset: int, value: int) -> None:
        """LIFCR and HIFCR clear flags; what a stream does holds while it is enabled."""
        if offset < FIRST:
            if offset >= 8:
                for stream, shift in zip(self.streams[offset - 8 : offset - 4], _SHIFTS, strict=True):
                    stream.flags &= ~(value >> shift & FLAGS)
            return
        index, word = divmod(offset - FIRST, STEP)
        if index >= STREAMS:
            super().write_word(offset, value)
            return
        self._write_stream(self.streams[index], word, value)

    def _write_stream(self, stream: _Stream, word: int, value: int) -> None:
        enabled = stream.control & EN
        if word == 0:
            self._write_control(stream, value & CR_MASK)
        elif word in {0xC, 0x10}:
            index = word // 4 - 3
            if not enabled or (stream.control & DBM and bool(stream.control & CT) != bool(index)):
                stream.memory[index] = value
        elif enabled:
            return
        elif word == 4:
            stream.left = value & 0xFFFF
        elif word == 8:
            stream.peripheral = value
        else:
            stream.fifo = stream.fifo & ~FCR_MASK | value & FCR_MASK

    def _write_control(self, stream: _Stream, value: int) -> None:
        was, interrupts = stream.control, TEIE | HTIE | TCIE | 1 << 1
        if was & EN:
            stream.control = was & ~interrupts | value & interrupts
            if not value & EN:
                self._end(stream, TCIF, TCIE)  # switching it off counts as the end of the transfer
            return
        stream.control = value & ~EN
        if value & EN and not stream.flags and stream.left:  # flags of the last transfer keep it from starting
            self._check(value)
            stream.control |= EN
            stream.count, stream.done = stream.left, 0
            self._schedule(stream)

    def _check(self, control: int) -> None:
        between = control >> DIR_SHIFT & 3 == BETWEEN_MEMORIES
        what = {
            "the peripheral as flow controller": control & PFCTRL,
            "a direction that does not exist": control >> DIR_SHIFT & 3 == 3,
            "a circular transfer between memories": between and control & (CIRC | DBM),
            "transfers between memories, which its ports cannot make": between and not self.plan.between_memories,
            "increments of PINCOS": control & PINCOS,
            "items packed into a memory address that stays": control >> PSIZE_SHIFT & 3 != control >> MSIZE_SHIFT & 3
            and not control & MINC,
            "items of 8 bytes": 3 in {control >> PSIZE_SHIFT & 3, control >> MSIZE_SHIFT & 3},
        }
        for name, asked in what.items():
            if asked:
                raise Unmodelled(f"{self.name}: a stream asks for {name} (CR = 0x{control:08X})")

    # --- transfers

    def _schedule(self, stream: _Stream) -> None:
        if not stream.control & EN or not self.clock_on():
            return
        if stream.direction == BETWEEN_MEMORIES:
            items = min(stream.left, BURST)
            delay = items * CYCLES_PER_ITEM * PS_PER_SECOND // self.core_hz()
        elif stream.hz:
            items, delay = 1, PS_PER_SECOND // stream.hz
        else:
            return
        stream.event = self.clock.at(self.clock.now + delay, lambda: self._move(stream, items))

    def _move(self, stream: _Stream, items: int) -> None:
        stream.event = None
        before = stream.left
        try:
            for _ in range(items):
                self._move_item(stream)
        except BusFault:
            self._end(stream, TEIF, TEIE)
            return
        if stream.left <= stream.count // 2 < before:
            self._raise(stream, HTIF, HTIE)
        if stream.left:
            self._schedule(stream)
        elif stream.control & (CIRC | DBM):
            stream.control ^= CT if stream.control & DBM else 0
            stream.left, stream.done = stream.count, 0
            self._raise(stream, TCIF, TCIE)
            self._schedule(stream)
        else:
            self._end(stream, TCIF, TCIE)

    def _move_item(self, stream: _Stream) -> None:
        control, width = stream.control, 1 << (stream.control >> PSIZE_SHIFT & 3)
        offset = stream.done * width
        peripheral = stream.peripheral + (offset if control & PINC else 0)
        memory = stream.memory[bool(control & DBM and control & CT)] + (offset if control & MINC else 0)
        source, target = (memory, peripheral) if stream.direction == TO_PERIPHERAL else (peripheral, memory)
        for address in (source, target):
            if any(base <= address < base + size for base, size in self.plan.unreachable):
                raise BusFault(address, f"{self.name} does not reach that memory")
        value = self.bus.read(source & -width, width)
        self.bus.write(target & -width, value, width)
        stream.done += 1
        stream.left -= 1

    def _end(self, stream: _Stream, flag: int, enable: int) -> None:
        stream.stop()
        stream.control &= ~EN
        self._raise(stream, flag, enable)

    def _raise(self, stream: _Stream, flag: int, enable: int) -> None:
        stream.flags |= flag
        if stream.control & enable:
            self.irq(self.streams.index(stream))
