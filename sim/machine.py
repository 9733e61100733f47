"""The machine: clock, bus and core on one time axis, and the debugger's way in (the AHB-AP's view)."""

from __future__ import annotations

from collections.abc import Callable

from .bus import Bus, BusFault, Memory, Peripheral
from .clock import VirtualClock
from .core import Core
from .debug import Debug
from .exceptions import Number
from .romtable import core_ids, cti, etm, rom_tables
from .scs import Scs
from .swo import Itm, SerialWire, Tpiu

__all__ = ["RESET_PULSE_PS", "Machine"]

RESET_PULSE_PS = 460_000_000
"""How long an STM32F103 pulls NRST low for a system reset: 0.46 ms, seen on silicon."""


class Machine:
    """One Cortex-M with its bus, brought up to the clock lazily by everything that looks at it.

    ``core_hz`` is the clock after reset. ``irqs`` external interrupts (43: STM32F103 medium density) with
    ``priority_bits`` bits of priority; ``mpu_regions`` is 0 where the chip has no MPU.
    """

    def __init__(
        self,
        clock: VirtualClock,
        model: str = "cortex-m3",
        core_hz: int = 8_000_000,
        *,
        irqs: int = 43,
        priority_bits: int = 4,
        mpu_regions: int = 0,
        rom_table_part: int = 0x410,
    ) -> None:
        self.clock = clock
        self.bus = Bus(bit_band=model in {"cortex-m3", "cortex-m4"})
        self.core = Core(clock, self.bus, model, core_hz, irqs=irqs, priority_bits=priority_bits)
        self.core.mpu.set_regions(mpu_regions)
        self.powered = False
        self.scs = Scs(self.core, model)
        self.scs.scb.on_reset_request = lambda: self._soon(self.system_reset)
        self.scs.scb.on_core_reset = lambda: self._soon(self._core_reset)
        self.swo = SerialWire(clock, lambda: self.core.clockwork.hz)
        for component in self._debug_components(model, rom_table_part):
            self.bus.add_peripheral(component)
        self.bus.on_patch = self._content_changed
        clock.on_schedule = self.core.stop_slice
        self._reset_calls: list[Callable[[], None]] = []
        self._pin_low = False
        self._pulse_end = 0
        self._event_time: int | None = None
        self._initial_hz = core_hz

    def _debug_components(self, model: str, part: int) -> list[Peripheral]:
        ids = core_ids(model)
        debug = self.core.debug
        self.scs.ids, debug.fpb.ids, debug.dwt.ids = ids.scs, ids.fpb, ids.dwt
        found: list[Peripheral] = [self.scs, debug.fpb, debug.dwt, *rom_tables(model, part)]
        if ids.itm:
            found.append(Itm(ids.itm, lambda: debug.tracing, self.swo))
        if ids.tpiu:
            found.append(Tpiu(ids.tpiu, self.swo))
        if ids.etm:
            found.append(etm(ids.etm))
        if ids.cti:
            found.append(cti(ids.cti))
        return found

    @property
    def debug(self) -> Debug:
        """The core's debug logic."""
        return self.core.debug

    # --- time

    def set_core_clock(self, hz: int) -> None:
        """Let the core run at ``hz`` from now on."""
        self.core.set_frequency(hz)

    def run_until_now(self) -> None:
        """Bring core and events up to the clock, each event at its exact cycle."""
        clock, core = self.clock, self.core
        if clock.running:
            return
        target = clock.horizon
        clock.enter(self._local_time)
        try:
            while True:
                event = clock.next_event()
                due = event is not None and event.time <= target
                until = event.time if event is not None and due else target
                core.run_to(core.clockwork.cycle_at(until))
                if core.reschedule:
                    continue
                if event is None or not due:
                    return
                self._event_time = event.time
                clock.fire(event)
                self._event_time = None
        finally:
            self._event_time = None
            clock.leave()

    def _local_time(self) -> int:
        return self.core.time_now() if self._event_time is None else self._event_time

    def _soon(self, call: Callable[[], None]) -> None:
        self.clock.at(self.clock.now, call)

    # --- the debugger's accesses

    def ap_read(self, address: int, width: int) -> int:
        """Read 1, 2 or 4 bytes as the AHB-AP does, aligned down; works while the core runs. BusFault."""
        self.run_until_now()
        self._need_power(address)
        self.bus.from_debugger = True
        try:
            return self.bus.read(address & -width, width)
        finally:
            self.bus.from_debugger = False

    def ap_write(self, address: int, value: int, width: int) -> None:
        """Write 1, 2 or 4 bytes as the AHB-AP does. BusFault."""
        self.run_until_now()
        self._need_power(address)
        self.bus.from_debugger = True
        try:
            self.bus.write(address & -width, value & (1 << 8 * width) - 1, width)
        finally:
            self.bus.from_debugger = False

    def ap_read_words(self, address: int, count: int) -> bytes:
        """Read ``count`` words. BusFault.address is the first word that was refused."""
        self.run_until_now()
        address &= ~3
        data = self._plain(address, 4 * count, write=False)
        if data is not None:
            return bytes(data)
        return b"".join(self.ap_read(address + 4 * n, 4).to_bytes(4, "little") for n in range(count))

    def ap_write_words(self, address: int, data: bytes) -> None:
        """Write words. BusFault.address is the first word that was refused; those before it are written."""
        self.run_until_now()
        address &= ~3
        plain = self._plain(address, len(data), write=True)
        if plain is not None:
            plain[:] = data
            self._content_changed(address, len(data))
            return
        for at in range(0, len(data), 4):
            self.ap_write(address + at, int.from_bytes(data[at : at + 4], "little"), 4)

    def _plain(self, address: int, length: int, *, write: bool) -> memoryview | None:
        slot = self.bus.find(address)
        if not self.powered or slot is None or not isinstance(slot[2], Memory) or (write and not slot[2].ram):
            return None
        offset, damage = address - slot[0], slot[2].damage
        if damage and damage.find(slot[2].base + offset, length) is not None:
            return None
        return slot[2].data[offset : offset + length] if offset + length <= slot[1] else None

    def _need_power(self, address: int) -> None:
        if not self.powered:
            raise BusFault(address, "the target has no power")

    def _content_changed(self, address: int, length: int) -> None:
        if not self.bus.built:
            return
        self.core.engine.invalidate(address, length)
        slot = self.bus.find(address)
        if slot is not None and isinstance(slot[2], Memory) and slot[2].aliases:
            offset = address - slot[0]
            for base in (slot[2].base, *slot[2].aliases):
                self.core.engine.invalidate(base + offset, length)
        self.core.sites.changed(address, length)

    # --- power and reset

    def power_on(self) -> None:
        """Apply power: everything takes its power-on value and the core starts from its vector table."""
        self.run_until_now()
        if self.powered:
            return
        if not self.bus.built:
            self.core.port.build()
        self.powered = True
        self.core.debug.power_on()
        self.core.hold()
        for peripheral in self.bus.peripherals:
            peripheral.power_on()
        for call in self._reset_calls:
            call()
        self._release_when_free()

    def power_off(self) -> None:
        """Take the power away: the core stands still, memories keep their content."""
        self.run_until_now()
        if not self.powered:
            return
        self.powered = False
        self.core.hold()
        for peripheral in self.bus.peripherals:
            peripheral.reset()  # what was under way ends now, torn

    @property
    def in_reset(self) -> bool:
        """True while NRST is low, pulled by the probe or by the chip itself."""
        return self.core.in_reset

    def hold_reset(self, asserted: bool) -> None:
        """Pull the NRST pin low or let it go."""
        self.run_until_now()
        if asserted == self._pin_low:
            return
        self._pin_low = asserted
        if asserted:
            self._enter_reset()
        else:
            self._release_when_free()

    def system_reset(self) -> None:
        """SYSRESETREQ or a watchdog: peripherals and core are reset and NRST is low for 0.46 ms."""
        self.run_until_now()
        if self.core.in_slice:
            self._soon(self.system_reset)
            return
        self._pulse_end = self.clock.now + RESET_PULSE_PS
        self._enter_reset()
        self.clock.at(self._pulse_end, self._release_when_free)

    def on_reset(self, call: Callable[[], None]) -> None:
        """Call at each reset, after the peripherals were reset."""
        self._reset_calls.append(call)

    def _enter_reset(self) -> None:
        if not self.powered:
            return
        self.core.hold()
        for peripheral in self.bus.peripherals:
            peripheral.reset()
        for call in self._reset_calls:
            call()
        self.core.stop_slice()

    def _release_when_free(self) -> None:
        if self.powered and self.core.in_reset and not self._pin_low and self.clock.now >= self._pulse_end:
            self.core.release()
            self.core.stop_slice()

    def _core_reset(self) -> None:
        """VECTRESET: the core alone (DDI0403E B3.2.6)."""
        self.core.hold()
        self.scs.reset()
        self.core.release()

    # --- interrupts

    def hold_nmi(self, asserted: bool) -> None:
        """Assert the NMI or let it go: as long as it is asserted, a handler that returns is entered again."""
        rises = asserted and not self.core.exceptions.nmi_held
        self.core.exceptions.nmi_held = asserted
        if rises:
            self.core.pend(Number.NMI)

    def set_irq(self, number: int, pending: bool = True) -> None:
        """Make external interrupt ``number`` pending, or take that back."""
        self.run_until_now()
        if pending:
            self.core.pend(16 + number)
        else:
            self.core.exceptions.unpend(16 + number)
