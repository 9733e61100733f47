"""The machine: clock, bus and core on one time axis, and the debugger's way in."""

from __future__ import annotations

from collections.abc import Callable

from .bus import Bus
from .clock import VirtualClock

__all__ = ["Machine"]


class Machine:
    """Interim: bus and events work, the core does not run yet."""

    def __init__(self, clock: VirtualClock, model: str = "cortex-m3", core_hz: int = 8_000_000) -> None:
        self.clock = clock
        self.model = model
        self.core_hz = core_hz
        self.bus = Bus()
        self.powered = False
        self._resets: list[Callable[[], None]] = []
        self._event_time = 0

    def set_core_clock(self, hz: int) -> None:
        self.core_hz = hz

    def run_until_now(self) -> None:
        clock = self.clock
        if clock.running:
            return
        target = clock.horizon
        clock.enter(lambda: self._event_time)
        try:
            while (event := clock.next_event()) is not None and event.time <= target:
                self._event_time = event.time
                clock.fire(event)
        finally:
            clock.leave()

    def ap_read(self, address: int, width: int) -> int:
        self.run_until_now()
        return self.bus.read(address & -width, width)

    def ap_write(self, address: int, value: int, width: int) -> None:
        self.run_until_now()
        self.bus.write(address & -width, value, width)

    def ap_read_words(self, address: int, count: int) -> bytes:
        return b"".join(self.ap_read(address + 4 * i, 4).to_bytes(4, "little") for i in range(count))

    def ap_write_words(self, address: int, data: bytes) -> None:
        for i in range(0, len(data), 4):
            self.ap_write(address + i, int.from_bytes(data[i : i + 4], "little"), 4)

    def power_on(self) -> None:
        self.powered = True
        for p in self.bus.peripherals:
            p.power_on()
        for call in self._resets:
            call()

    def power_off(self) -> None:
        self.powered = False

    def hold_reset(self, asserted: bool) -> None:
        if asserted:
            self.system_reset()

    def system_reset(self) -> None:
        for p in self.bus.peripherals:
            p.reset()
        for call in self._resets:
            call()

    def on_reset(self, call: Callable[[], None]) -> None:
        self._resets.append(call)

    def set_irq(self, number: int, pending: bool = True) -> None:
        pass
