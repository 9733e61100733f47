"""The STM32F103 around its core: memories, flash controller, clocks, watchdogs, DMA and the plain peripherals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .chip import ChipModel
from .dbgmcu import Dbgmcu
from .dma import Dma
from .flash_unit import FlashUnit, check_pages
from .fpec import Fpec, FpecHost
from .machine import Machine
from .option_bytes import BASE as OPTION_BASE
from .option_bytes import OptionBytes
from .rcc import Rcc, ResetCause
from .registers import RegisterFile, register_files
from .watchdog import Iwdg, Wwdg

__all__ = ["AnySoc", "Soc", "make_soc"]

SYSTEM_MEMORY = 0x1FFF_F000
SYSTEM_MEMORY_SIZE = 0x800
FLASH_SIZE_REGISTER = 0x1FFF_F7E0
UNIQUE_ID = 0x1FFF_F7E8
DMA1_IRQ, DMA2_IRQ = 11, 56
SWJ_OFF = 4


class AnySoc(Protocol):
    """What a board needs of a chip of any family."""

    @property
    def flash(self) -> FlashUnit:
        """The flash controller as probe and board see it."""

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """Give the option bytes their values before power comes; ``protected`` are ranges of pages or sectors."""

    def expect_pin_reset(self) -> None:
        """Let the reset flags show the pin alone: the probe is about to pull NRST."""

    def debug_pins_taken(self) -> bool:
        """Report whether firmware has made SWDIO or SWCLK pins of something else."""


class Soc:
    """Everything between the bus and the pins."""

    def __init__(self, chip: ChipModel, machine: Machine, *, hse: int, debug_active: Callable[[], bool]) -> None:
        self.chip = chip
        self.machine = machine
        clock, bus = machine.clock, machine.bus
        self.rcc = Rcc(clock, machine.set_core_clock, hse=hse)
        host = FpecHost(clock, bus, lambda: self.rcc.hsi_on, debug_active, machine.set_irq)
        self.fpec = Fpec(chip, host)
        self.dbgmcu = Dbgmcu(chip.idcode)
        machine.swo.pin_on = lambda: self.dbgmcu.gives_trace_pin
        self.iwdg = Iwdg(clock, lambda: self._watchdog_reset(ResetCause.IWDG))
        self.wwdg = Wwdg(
            clock,
            lambda: self.rcc.enabled("APB1ENR", 11),
            lambda: self.rcc.apb_hz(1),
            lambda: self._watchdog_reset(ResetCause.WWDG),
            machine.set_irq,
        )
        self.dmas = [self._dma("DMA1", 0x4002_0000, 7, 0, DMA1_IRQ)]
        if chip.dma2:
            self.dmas.append(self._dma("DMA2", 0x4002_0400, 5, 1, DMA2_IRQ))
        self._map_memories()
        for peripheral in (self.rcc, self.fpec, self.dbgmcu, self.iwdg, self.wwdg, *self.dmas):
            bus.add_peripheral(peripheral)
        self.wwdg.gate = ("APB1ENR", 11)
        self.plain = register_files(chip.ports, high_density=chip.dma2, enabled=self.rcc.enabled)
        for plain in self.plain:
            bus.add_peripheral(plain)
        self.rcc.on_peripheral_reset = self._reset_peripherals
        self.rcc.on_gates = self._gates_changed
        machine.on_reset(self._after_reset)
        machine.core.on_time_change(self._freeze_watchdogs)
        machine.core.keeps_clock = lambda: self.dbgmcu.keeps_clock
        self.dbgmcu.on_change = self._freeze_watchdogs

    def _dma(self, name: str, base: int, channels: int, gate: int, irq: int) -> Dma:
        machine, rcc = self.machine, self.rcc
        return Dma(
            name,
            base,
            channels,
            bus=machine.bus,
            clock=machine.clock,
            clock_on=lambda: rcc.enabled("AHBENR", gate),
            core_hz=lambda: rcc.core_hz,
            irq=lambda channel: machine.set_irq(irq + channel),
        )

    def _map_memories(self) -> None:
        chip, bus = self.chip, self.machine.bus
        for ram in chip.rams:
            bus.add_ram(ram.name, ram.base, ram.size)
        for bank, controller in zip(chip.banks, self.fpec.banks, strict=True):
            alias = bank.base - chip.flash_base
            bus.add_flash(f"flash at 0x{bank.base:08X}", bank.base, bank.size, controller, aliases=(alias,))
        bus.add_rom("system memory", SYSTEM_MEMORY, self._system_memory())
        bus.add_flash("option bytes", OPTION_BASE, 16, self.fpec.options)

    def _system_memory(self) -> bytes:
        """The boot loader's code is not here; the device signature at its end is (RM0008 30)."""
        content = bytearray(b"\xff" * SYSTEM_MEMORY_SIZE)
        size = (0xFFFF_0000 | self.chip.flash_size // 1024).to_bytes(4, "little")
        for address, data in ((FLASH_SIZE_REGISTER, size), (UNIQUE_ID, self.chip.unique_id)):
            offset = address - SYSTEM_MEMORY
            content[offset : offset + len(data)] = data
        return bytes(content)

    def _reset_peripherals(self, register: str, bits: int) -> None:
        """Reset what the bits of APB1RSTR or APB2RSTR name; their order is that of the enable registers."""
        for one in (self.wwdg, *self.plain):
            if one.gate is not None and one.gate[0] == register and bits >> one.gate[1] & 1:
                one.reset()

    def _gates_changed(self) -> None:
        for dma in self.dmas:
            dma.clock_changed()
        self._freeze_watchdogs()

    def _watchdog_reset(self, cause: ResetCause) -> None:
        self.rcc.cause = cause
        self.machine.system_reset()

    def _freeze_watchdogs(self) -> None:
        """Let the watchdogs stand still while the core is halted, where DBGMCU says so, and WWDG without its clock.

        On the F1 software may clear WWDGEN (RM0008 7.3.8); later families made it set-only.
        """
        halted = self.machine.debug.halted
        self.iwdg.countdown.freeze(halted and self.dbgmcu.stops_iwdg)
        stopped = self.machine.core.clock_stopped
        self.wwdg.freeze((halted and self.dbgmcu.stops_wwdg) or not self.wwdg.clock_on() or stopped)

    @property
    def flash(self) -> FlashUnit:
        """The flash controller."""
        return self.fpec

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """Give the option bytes their values; ``protected`` are ranges of pages. Raises SelectorError."""
        bits = 0xFFFF_FFFF
        pages = self.chip.flash_size // self.chip.page
        for first, last in protected:
            check_pages(self.chip, first, last, pages)
            for page in range(first, last + 1):
                bits &= ~(1 << min(page // self.chip.pages_per_protection_bit, 31))
        content = OptionBytes.factory(rdp=rdp, user=0xFE if iwdg_hardware else 0xFF, write_protection=bits)
        self.machine.bus.patch(OPTION_BASE, content)

    def expect_pin_reset(self) -> None:
        """Let the reset flags show the pin alone: the probe is about to pull NRST."""
        self.rcc.cause = ResetCause.PIN

    def debug_pins_taken(self) -> bool:
        """See AnySoc: AFIO_MAPR.SWJ_CFG (RM0008 9.4.2), which a reset clears."""
        files = (one for one in self.plain if isinstance(one, RegisterFile))
        return any(one.name == "AFIO" and one.values[4] >> 24 & 7 == SWJ_OFF for one in files)

    def _after_reset(self) -> None:
        self.iwdg.after_reset(hardware=self.fpec.options.hardware_watchdog)


def make_soc(
    chip: ChipModel, machine: Machine, *, hse: int, debug_active: Callable[[], bool], volts: float = 3.25
) -> Any:
    """Return what surrounds the core of this chip: an :class:`AnySoc`, of the class of its family."""
    if chip.family == "f1":
        return Soc(chip, machine, hse=hse, debug_active=debug_active)
    from .families.generic import GENERIC, GenericSoc
    from .families.soc import FamilySoc

    if chip.family == GENERIC:
        return GenericSoc(chip, machine)
    return FamilySoc(chip, machine, hse=hse, debug_active=debug_active, volts=volts)
