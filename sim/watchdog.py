"""The watchdogs of the STM32F1: IWDG (RM0008 19), which nothing stops once started, and WWDG (RM0008 20)."""

from __future__ import annotations

from collections.abc import Callable

from .clock import PS_PER_SECOND, Event, VirtualClock
from .registers import ApbPeripheral

__all__ = ["Iwdg", "Wwdg"]

LSI_HZ = 40_000

KR, PR, RLR, SR, WINR = 0x00, 0x04, 0x08, 0x0C, 0x10
REFRESH, ACCESS, START = 0xAAAA, 0x5555, 0xCCCC


class _Countdown:
    """Something that happens after a time that can be frozen."""

    def __init__(self, clock: VirtualClock, call: Callable[[], None]) -> None:
        self.clock = clock
        self.call = call
        self.event: Event | None = None
        self.left = 0
        self.frozen = False

    def start(self, ps: int) -> None:
        """Count ``ps`` from now (or from when it is no longer frozen)."""
        self.stop()
        self.left = ps
        if not self.frozen:
            self.event = self.clock.at(self.clock.now + ps, self._expire)

    def stop(self) -> None:
        """Count no more."""
        if self.event is not None:
            self.event.cancel()
            self.event = None
        self.left = 0

    def freeze(self, frozen: bool) -> None:
        """Stand still, or go on."""
        if frozen == self.frozen:
            return
        left = self.remaining
        self.frozen = frozen
        if left:
            self.start(left)

    @property
    def remaining(self) -> int:
        """Picoseconds left; 0 when not counting."""
        if self.event is not None and self.event.pending:
            return max(self.event.time - self.clock.now, 1)
        return self.left if self.frozen else 0

    def _expire(self) -> None:
        self.left = 0
        self.call()


class Iwdg(ApbPeripheral):
    """The independent watchdog: 12 bits counting down at LSI / prescaler; reset at zero."""

    name = "IWDG"
    base = 0x4000_3000

    def __init__(
        self, clock: VirtualClock, on_expiry: Callable[[], None], *, lsi_hz: int = LSI_HZ, window: bool = False
    ) -> None:
        self.clock = clock
        self.on_expiry = on_expiry
        self.tick = PS_PER_SECOND // lsi_hz
        self.has_window = window
        self.countdown = _Countdown(clock, on_expiry)
        self._clear()

    def _clear(self) -> None:
        self.running = False
        self.unlocked = False
        self.prescaler = 0
        self.reload = 0xFFF
        self.loaded = 0xFFF
        self.window = 0xFFF
        self.updates = {PR: 0, RLR: 0, WINR: 0}

    def reset(self) -> None:
        """System reset stops it."""
        self.countdown.stop()
        self._clear()

    def after_reset(self, *, hardware: bool) -> None:
        """Start at once where the option byte USER says so (WDG_SW = 0)."""
        if hardware:
            self._start()

    def read_word(self, offset: int) -> int:
        """KR reads as zero."""
        if offset == SR:
            now = self.clock.now
            return (self.updates[PR] > now) | (self.updates[RLR] > now) << 1 | (self.updates[WINR] > now) << 2
        words = {PR: self.prescaler, RLR: self.reload, WINR: self.window if self.has_window else 0}
        return words.get(offset, 0)

    def write_word(self, offset: int, value: int) -> None:
        """KR takes the keys; PR and RLR are open after 0x5555 only."""
        if offset == KR:
            self._write_key(value & 0xFFFF)
        elif offset == WINR and self.has_window and self.unlocked:
            self.updates[offset] = self.clock.now + 5 * self.tick
            self.window = value & 0xFFF
            self._refresh()  # writing the window reloads the counter (RM0351, IWDG with the window option)
        elif offset in (PR, RLR) and self.unlocked:
            self.updates[offset] = self.clock.now + 5 * self.tick  # PVU and RVU stay set that long (RM0008 19.4.4)
            if offset == PR:
                self.prescaler = value & 7
            else:
                self.reload = value & 0xFFF

    def _write_key(self, key: int) -> None:
        self.unlocked = key == ACCESS
        if key == START and not self.running:
            self._start()
        elif key == REFRESH:
            if self.running and self.current() > self.window:
                self.clock.at(self.clock.now, self.on_expiry)  # too early
            self._refresh()

    def _refresh(self) -> None:
        self.loaded = self.reload
        if self.running:
            self.countdown.start(self.period)

    def current(self) -> int:
        """The counter now."""
        step = (4 << min(self.prescaler, 6)) * self.tick
        return min(max(-(-self.countdown.remaining // step) - 1, 0), self.loaded)

    def _start(self) -> None:
        self.running = True
        self.countdown.start(self.period)

    @property
    def period(self) -> int:
        """Picoseconds from a refresh to the reset."""
        return (self.loaded + 1) * (4 << min(self.prescaler, 6)) * self.tick


class Wwdg(ApbPeripheral):
    """The window watchdog: 7 bits counting down at PCLK1 / 4096 / prescaler; reset when bit 6 falls."""

    name = "WWDG"
    base = 0x4000_2C00

    def __init__(
        self,
        clock: VirtualClock,
        clock_on: Callable[[], bool],
        pclk_hz: Callable[[], int],
        on_expiry: Callable[[], None],
        irq: Callable[[int], None],
        *,
        prescaler: tuple[int, int] = (7, 2),
    ) -> None:
        self.prescaler = prescaler  # WDGTB in CFR: least significant bit, width
        self.clock = clock
        self.clock_on = clock_on
        self.pclk_hz = pclk_hz
        self.on_expiry = on_expiry
        self.irq = irq
        self.countdown = _Countdown(clock, on_expiry)
        self.early = _Countdown(clock, self._wake)
        self._clear()

    def _clear(self) -> None:
        self.counter = 0x7F
        self.active = False
        self.configuration = 0x7F
        self._tick = self.tick
        self.flag = 0

    def reset(self) -> None:
        """See Peripheral."""
        self.countdown.stop()
        self.early.stop()
        self._clear()

    def freeze(self, frozen: bool) -> None:
        """Stand still, or go on; at another pace where the clock has changed."""
        self._retime()
        self.countdown.freeze(frozen)
        self.early.freeze(frozen)

    @property
    def tick(self) -> int:
        """Picoseconds per count."""
        lsb, width = self.prescaler
        return 4096 * (1 << (self.configuration >> lsb & (1 << width) - 1)) * PS_PER_SECOND // self.pclk_hz()

    def _retime(self) -> None:
        """The clock or the prescaler has changed: the counter goes on from where it is."""
        old, self._tick = self._tick, self.tick
        if old == self._tick:
            return
        for one in (self.countdown, self.early):
            if one.remaining:
                one.start(max(one.remaining * self._tick // old, 1))

    def current(self) -> int:
        """The counter now."""
        left = self.countdown.remaining
        return 0x3F + -(-left // self.tick) if left else self.counter

    def read_word(self, offset: int) -> int:
        """CR, CFR, SR."""
        words = {0: self.current() | self.active << 7, 4: self.configuration, 8: self.flag}
        return words.get(offset, 0)

    def write_word(self, offset: int, value: int) -> None:
        """CR refreshes: too early (above the window) or below 0x40 resets the chip."""
        if offset == 0:
            self._refresh(value)
        elif offset == 4:
            lsb, width = self.prescaler
            self.configuration = value & (0x27F | (1 << width) - 1 << lsb)
            self._retime()
        elif offset == 8:
            self.flag &= value

    def _refresh(self, value: int) -> None:
        too_early = self.active and self.current() > self.configuration & 0x7F
        self.active = self.active or bool(value & 0x80)
        self.counter = value & 0x7F
        if not self.active:
            return
        if too_early or self.counter < 0x40:
            self.clock.at(self.clock.now, self.on_expiry)
            return
        self._tick = self.tick
        counts = self.counter - 0x3F
        self.countdown.start(counts * self.tick)
        self.early.start(max(counts - 1, 0) * self.tick or 1)

    def _wake(self) -> None:
        self.flag = 1
        if self.configuration & 0x200:
            self.irq(0)
