"""A chip around its core, for every family that is described as data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from ..bus import Memory, Peripheral, Unmodelled
from ..chip import ChipModel
from ..damage import EccArray
from ..dma import Dma
from ..flash_unit import FlashUnit
from ..machine import Machine
from ..rcc import ResetCause
from ..registers import RegisterFile
from ..watchdog import Iwdg, Wwdg
from .catalogue import family_of
from .clocks import Clocks
from .debug_mcu import DebugMcu
from .family import DmaPlan, FlashHost, SystemMemory
from .plain import ShadowCrc, fill_places, plain_peripherals
from .stream_dma import StreamDma, StreamPlan

__all__ = ["FamilySoc"]

OPTION_LOAD_RESET = 1 << 25  # RCC_CSR.OBLRSTF
SWD_MODE = 0b1010


class FamilySoc:
    """Everything between the bus and the pins. Has what sim/soc.py's AnySoc asks for."""

    def __init__(
        self, chip: ChipModel, machine: Machine, *, hse: int, debug_active: Callable[[], bool], volts: float
    ) -> None:
        self.chip, self.machine = chip, machine
        self.family = family = family_of(chip)
        clock, bus = machine.clock, machine.bus
        self.rcc = Clocks(family.clocks, clock, machine.set_core_clock, hse=hse, core_hz=chip.core_hz)
        self.controller = family.make_flash(
            chip,
            FlashHost(
                clock,
                bus,
                debug_active,
                machine.set_irq,
                self._load_options,
                lambda: self.rcc.core_hz,
                machine.hold_nmi,
                volts,
            ),
        )
        gate = family.debug.gate
        self.dbgmcu = DebugMcu(family.debug, chip.idcode, (lambda: self.rcc.enabled(*gate)) if gate else lambda: True)
        self.iwdg = Iwdg(
            clock,
            lambda: self._watchdog_reset(ResetCause.IWDG),
            lsi_hz=family.lsi_hz,
            window=family.iwdg_window,
        )
        self.iwdg.base = family.iwdg_base
        self.wwdg = Wwdg(
            clock,
            lambda: self.rcc.enabled(*family.wwdg_gate),
            lambda: self.rcc.apb_hz(1),
            lambda: self._watchdog_reset(ResetCause.WWDG),
            machine.set_irq,
            prescaler=family.wwdg_prescaler,
        )
        self.wwdg.base = family.wwdg_base
        self.wwdg.gate = family.wwdg_gate
        self.dmas = [self._dma(plan) for plan in family.dmas]
        self._map_memories()
        self.plain = plain_peripherals(family.plain, chip.ports, self.rcc.enabled)
        flash = cast("Peripheral", self.controller)
        for peripheral in (self.rcc, flash, self.dbgmcu, self.iwdg, self.wwdg, *self.dmas, *self.plain):
            bus.add_peripheral(peripheral)
        for one in self.plain:
            if one.name == family.remap and isinstance(one, RegisterFile):
                one.on_write = partial(self._remap, one)
        fill_places(bus, family.plain.places)
        self.rcc.on_peripheral_reset = self._reset_peripherals
        self.rcc.on_gates = self._gates_changed
        machine.on_reset(self._after_reset)
        machine.core.on_time_change(self._freeze_watchdogs)
        machine.core.keeps_clock = lambda: self.dbgmcu.keeps_clock
        self.dbgmcu.on_change = self._freeze_watchdogs

    def _dma(self, plan: DmaPlan | StreamPlan) -> Dma | StreamDma:
        machine, rcc = self.machine, self.rcc
        if isinstance(plan, StreamPlan):
            return StreamDma(
                plan,
                bus=machine.bus,
                clock=machine.clock,
                clock_on=lambda: rcc.enabled(*plan.gate),
                core_hz=lambda: rcc.core_hz,
                irq=lambda stream: machine.set_irq(plan.irqs[stream]),
            )
        return Dma(
            plan.name,
            plan.base,
            plan.channels,
            bus=machine.bus,
            clock=machine.clock,
            clock_on=lambda: rcc.enabled(plan.gate_register, plan.gate),
            core_hz=lambda: rcc.core_hz,
            irq=lambda channel: machine.set_irq(plan.irqs[min(channel, len(plan.irqs) - 1)]),
            selection=plan.selection,
        )

    # --- memories

    def _map_memories(self) -> None:
        chip, bus = self.chip, self.machine.bus
        for ram in chip.rams:
            memory: Memory = bus.add_ram(ram.name, ram.base, ram.size, aliases=ram.aliases, execute=ram.executable)
            del memory
        for bank in chip.banks:
            name = f"flash at 0x{bank.base:08X}"
            controller = self.controller.controller(bank)
            array = bus.add_flash(name, bank.base, bank.size, controller, aliases=chip.aliases_of(bank))
            if isinstance(controller, EccArray):
                array.damage = controller.damage
            bus.patch(bank.base, bytes([chip.erased]) * bank.size)
        system = self.family.system
        bus.add_rom("system memory", system.base, _boot_loader(system))
        for base, size in system.cells:
            bus.add_rom("device signature", base, b"\xff" * size)
        bus.patch(system.flash_size_register, (chip.flash_size // 1024).to_bytes(2, "little"))
        bus.patch(system.unique_id, chip.unique_id)
        self.controller.map_memories()

    def _remap(self, syscfg: RegisterFile, offset: int) -> None:
        """SYSCFG.MEM_MODE: flash or SRAM at 0. Exceptions follow; what loads and fetches see at 0 stays flash."""
        if offset:
            return
        mode = syscfg.values[0] & 3
        if mode not in {0, 3}:
            raise Unmodelled(f"SYSCFG: MEM_MODE = {mode} puts at 0 what is not modelled there")
        self.machine.core.exceptions.vtor = self.chip.rams[0].base if mode else self.machine.core.boot_base

    # --- what the board asks

    @property
    def flash(self) -> FlashUnit:
        """See AnySoc."""
        return cast("FlashUnit", self.controller)

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See AnySoc."""
        self.controller.set_options(rdp=rdp, iwdg_hardware=iwdg_hardware, protected=protected)

    def expect_pin_reset(self) -> None:
        """See AnySoc."""
        self.rcc.cause = int(ResetCause.PIN)

    def debug_pins_taken(self) -> bool:
        """See AnySoc: PA13 and PA14 are SWDIO and SWCLK as long as MODER says alternate function, as after a reset."""
        files = (one for one in self.plain if isinstance(one, RegisterFile))
        return any(one.name == "GPIOA" and one.values[0] >> 26 & 0xF != SWD_MODE for one in files)

    # --- resets

    def _reset_peripherals(self, register: str, bits: int) -> None:
        for one in (self.wwdg, *self.dmas, *self.plain):
            if one.gate is not None and one.gate[0] == register and bits >> one.gate[1] & 1:
                one.reset()

    def _gates_changed(self) -> None:
        for dma in self.dmas:
            dma.clock_changed()
        for one in self.plain:
            if isinstance(one, ShadowCrc):
                one.clock_changed()
        self._freeze_watchdogs()

    def _watchdog_reset(self, cause: ResetCause) -> None:
        self.rcc.cause = int(cause)
        self.machine.system_reset()

    def _load_options(self) -> None:
        self.rcc.cause = OPTION_LOAD_RESET
        self.machine.system_reset()

    def _freeze_watchdogs(self) -> None:
        """Let the watchdogs stand still while the core is halted, where DBGMCU says so, and WWDG without its clock."""
        halted = self.machine.debug.halted
        self.iwdg.countdown.freeze(halted and self.dbgmcu.stops_iwdg)
        stopped = self.machine.core.clock_stopped
        self.wwdg.freeze((halted and self.dbgmcu.stops_wwdg) or not self.wwdg.clock_on() or stopped)

    def _after_reset(self) -> None:
        self.iwdg.after_reset(hardware=self.controller.hardware_iwdg)
        boot_loader = self.controller.boots_system_memory
        usual = self.chip.flash_at_secure if self.chip.trustzone else self.family.boot_base
        self.machine.core.boot_base = self.family.system.base if boot_loader else usual


def _boot_loader(system: SystemMemory) -> bytes:
    """A vector table and an endless loop: the boot loader waits for a host that never comes."""
    start = system.base + 0x100
    table = (0x2000_1000, start | 1, *[start | 1] * 14)
    content = bytearray(b"\xff" * system.size)
    content[: 4 * len(table)] = b"".join(word.to_bytes(4, "little") for word in table)
    content[0x100:0x102] = b"\xfe\xe7"
    return bytes(content)
