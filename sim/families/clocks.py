"""Reset and clock control of any family: a register map, oscillators with their start-up times, and a clock tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..bus import Unmodelled
from ..clock import Event, VirtualClock
from ..rcc import ResetCause
from .strict import StrictShadow
from .words import Word

__all__ = ["ClockPlan", "Clocks", "Oscillator"]

AHB_PRESCALERS = (2, 4, 8, 16, 64, 128, 256, 512)

Registers = Mapping[str, int]


@dataclass(frozen=True)
class Oscillator:
    """A clock source with an enable bit and a ready bit in the same register; ``start`` in ps."""

    name: str
    register: str
    enable: int
    ready: int
    start: int


@dataclass(frozen=True)
class ClockPlan:
    """RCC of one family.

    ``sources`` are oscillators by value of CFGR.SW. ``frequency(name, registers, hse)`` is an oscillator's frequency
    in Hz; ``inputs(name, registers)`` names the oscillator that a PLL needs, or "". ``holds`` lists bits that keep
    their value while an oscillator is enabled.
    """

    base: int
    registers: dict[str, Word]
    oscillators: tuple[Oscillator, ...]
    sources: tuple[str, ...]
    frequency: Callable[[str, Registers, int], int]
    inputs: Callable[[str, Registers], str]
    limit_hz: int
    switch_bits: int = 2  # width of SW; SWS follows it
    prescaler_register: str = "CFGR"
    prescaler_shift: int = 4
    apb_shifts: tuple[int, int] = (8, 11)
    holds: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    set_only: Mapping[str, int] = field(default_factory=dict)
    refuse: Mapping[str, int] = field(default_factory=dict)  # bits that start what is not modelled
    survivors: tuple[str, ...] = ("BDCR",)  # registers of the backup domain
    cause_register: str = "CSR"
    remove_flags: int = 1 << 23
    power_flags: int = int(ResetCause.POWER | ResetCause.PIN)
    cause_bits: Callable[[int], int] = int  # ResetCause bits as this family shows them
    start_ready: tuple[str, ...] = ("MSI",)


class Clocks(StrictShadow):
    """``on_core_clock`` is told each new core frequency in Hz."""

    name = "RCC"
    size = 0x400

    def __init__(
        self, plan: ClockPlan, clock: VirtualClock, on_core_clock: Callable[[int], None], *, hse: int, core_hz: int
    ) -> None:
        super().__init__()
        self.plan = plan
        self.base = plan.base
        self.clock = clock
        self.on_core_clock = on_core_clock
        self.hse = hse
        self.core_hz = core_hz
        self.cause = int(ResetCause.SOFTWARE)
        self.flags = 0
        self.registers = dict.fromkeys(plan.registers, 0)
        self.on_peripheral_reset: Callable[[str, int], None] = lambda _register, _bits: None
        self.on_gates: Callable[[], None] = lambda: None
        self._names = {word.offset: name for name, word in plan.registers.items()}
        self._starting: dict[str, Event] = {}

    # --- resets

    def power_on(self) -> None:
        """Power-on reset: its flags alone, the backup domain empty."""
        self.flags = 0
        self.cause = self.plan.power_flags
        for name in self.plan.survivors:
            self.registers[name] = self.plan.registers[name].reset
        self.reset()

    def reset(self) -> None:
        """System reset; the flags stay and gain one, and the pin's: every source pulls NRST low."""
        for event in self._starting.values():
            event.cancel()
        self._starting.clear()
        keep = {name: self.registers[name] for name in self.plan.survivors}
        self.registers = {name: word.reset for name, word in self.plan.registers.items()} | keep
        self.flags |= self.cause | ResetCause.PIN
        self.cause = int(ResetCause.SOFTWARE)
        for oscillator in self.plan.oscillators:
            if oscillator.name in self.plan.start_ready:
                self.registers[oscillator.register] |= oscillator.ready
        self._update()

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Words, half-words and bytes."""
        name = self._names.get(offset & ~3)
        if name is None:
            raise Unmodelled(f"RCC: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        if width != 4:
            shift = offset % 4 * 8
            lanes = ((1 << width * 8) - 1) << shift
            value = self._word(name) & ~lanes | value << shift & lanes
        if value & self.plan.refuse.get(name, 0):
            raise Unmodelled(f"RCC: {name} = 0x{value:08X} starts something that is not modelled")
        if name == self.plan.cause_register and value & self.plan.remove_flags:
            self.flags = 0
        self._store(name, value)
        self._update()

    def _store(self, name: str, value: int) -> None:
        plan, old = self.plan, self.registers[name]
        mask = plan.registers[name].mask
        if name in plan.holds:
            holder, bits = plan.holds[name]
            mask &= ~bits if self.enabled_oscillator(holder) else mask
        value |= old & plan.set_only.get(name, 0)
        new = old & ~mask | value & mask
        for oscillator in plan.oscillators:
            if oscillator.register == name and oscillator.name in self._in_use():
                new |= old & oscillator.enable  # the clock in use cannot be switched off
        self.registers[name] = new
        for oscillator in plan.oscillators:
            if oscillator.register == name:
                self._switch(oscillator)
        if "RSTR" in name:
            self.on_peripheral_reset(name.replace("RSTR", "ENR"), new)
        if "ENR" in name:
            self.on_gates()

    def _switch(self, oscillator: Oscillator) -> None:
        registers, name = self.registers, oscillator.name
        starting = self._starting.get(name)
        if not registers[oscillator.register] & oscillator.enable:
            registers[oscillator.register] &= ~oscillator.ready
            if starting is not None:
                starting.cancel()
        elif not registers[oscillator.register] & oscillator.ready and (starting is None or not starting.pending):
            if name == "HSE" and not self.hse:
                return  # no crystal
            due = self.clock.now + oscillator.start
            self._starting[name] = self.clock.at(due, lambda: self._become_ready(oscillator))

    def _become_ready(self, oscillator: Oscillator) -> None:
        needed = self.plan.inputs(oscillator.name, self.registers)
        if needed and not self.is_ready(needed):
            return  # a PLL without input never locks
        self.registers[oscillator.register] |= oscillator.ready
        self._update()

    # --- the clock tree

    def is_ready(self, name: str) -> bool:
        """Report whether an oscillator runs."""
        return any(
            one.name == name and self.registers[one.register] & one.ready == one.ready for one in self.plan.oscillators
        )

    def enabled_oscillator(self, name: str) -> bool:
        """Report whether an oscillator is switched on."""
        return any(one.name == name and self.registers[one.register] & one.enable for one in self.plan.oscillators)

    def _in_use(self) -> tuple[str, str]:
        source = self._source()
        return source, self.plan.inputs(source, self.registers)

    def _source(self) -> str:
        bits = self.plan.switch_bits
        return self.plan.sources[self.registers["CFGR"] >> bits & (1 << bits) - 1]

    def _update(self) -> None:
        plan, registers = self.plan, self.registers
        bits = plan.switch_bits
        wanted = registers["CFGR"] & (1 << bits) - 1
        if wanted >= len(plan.sources) or not plan.sources[wanted]:
            raise Unmodelled(f"RCC: SW = {wanted} selects no clock")
        if self.is_ready(plan.sources[wanted]):
            registers["CFGR"] = registers["CFGR"] & ~((1 << bits) - 1 << bits) | wanted << bits
        for name, word in plan.registers.items():
            self.publish(word.offset, self._word(name))
        hz = self._core_frequency()
        if hz > plan.limit_hz:
            raise Unmodelled(f"RCC: a core clock of {hz} Hz, above the limit of {plan.limit_hz} Hz")
        if hz != self.core_hz:
            self.core_hz = hz
            self.on_core_clock(hz)

    def _word(self, name: str) -> int:
        flags = self.plan.cause_bits(self.flags) if name == self.plan.cause_register else 0
        return self.registers[name] | flags

    def _core_frequency(self) -> int:
        source = self.plan.frequency(self._source(), self.registers, self.hse)
        prescaler = self.registers[self.plan.prescaler_register] >> self.plan.prescaler_shift & 0xF
        return source // AHB_PRESCALERS[prescaler - 8] if prescaler >= 8 else source

    def apb_hz(self, bus: int) -> int:
        """Frequency of PCLK1 or PCLK2 in Hz."""
        code = self.registers[self.plan.prescaler_register] >> self.plan.apb_shifts[bus - 1] & 7
        return self.core_hz >> (code - 3 if code >= 4 else 0)

    def enabled(self, register: str, bit: int) -> bool:
        """Report whether the peripheral clock at ``bit`` of an enable register runs."""
        return bool(self.registers[register] >> bit & 1)
