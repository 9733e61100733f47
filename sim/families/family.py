"""A chip family as data, and what its flash controller asks of the rest of the chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..bus import Bus, FlashController
from ..chip import ChipModel, FlashBank
from ..clock import VirtualClock
from .clocks import ClockPlan
from .debug_mcu import DebugPlan
from .plain import PlainPlan
from .stream_dma import StreamPlan

__all__ = ["DmaPlan", "Family", "FamilyFlash", "FlashHost", "SystemMemory"]


@dataclass
class FlashHost:
    """What a flash controller needs of the rest of the chip."""

    clock: VirtualClock
    bus: Bus
    debug_active: Callable[[], bool]
    irq: Callable[[int], None]
    reset_for_options: Callable[[], None]  # the system reset that loads the option bytes
    core_hz: Callable[[], int]
    nmi: Callable[[bool], None]  # assert the NMI, or let it go
    volts: float = 3.25  # the board's supply


class FamilyFlash(Protocol):
    """A family's flash controller: a Peripheral, a FlashUnit, and what the chip asks of it."""

    open_lock_refuses_keys: bool

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit."""

    @property
    def debug_disabled(self) -> bool:
        """See FlashUnit."""

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""

    def controller(self, bank: FlashBank) -> FlashController:
        """Return who judges stores to a bank."""

    def map_memories(self) -> None:
        """Put option bytes and one-time programmable areas on the bus."""

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """Give the option bytes their values before power comes."""

    @property
    def hardware_iwdg(self) -> bool:
        """The option bytes start the independent watchdog."""

    @property
    def boots_system_memory(self) -> bool:
        """The next reset starts in the boot loader instead of the flash."""


@dataclass(frozen=True)
class SystemMemory:
    """The boot loader's ROM (its code is not here) and the cells that tell a chip's size and name."""

    base: int
    size: int
    flash_size_register: int
    unique_id: int
    cells: tuple[tuple[int, int], ...] = ()  # (base, size) of ROM beside it that holds them


@dataclass(frozen=True)
class DmaPlan:
    """One DMA controller of the F1's kind."""

    name: str
    base: int
    channels: int
    gate: int  # bit in ``gate_register``
    irqs: tuple[int, ...]
    gate_register: str = "AHB1ENR"
    selection: bool = False  # has CSELR at 0xA8


@dataclass(frozen=True)
class Family:
    """Everything in which one family differs from another, but for the flash controller's rules."""

    clocks: ClockPlan
    debug: DebugPlan
    system: SystemMemory
    plain: PlainPlan
    make_flash: Callable[[ChipModel, FlashHost], FamilyFlash]
    wwdg_gate: tuple[str, int]
    dmas: tuple[DmaPlan | StreamPlan, ...] = ()
    lsi_hz: int = 32_000
    iwdg_window: bool = True
    iwdg_base: int = 0x4000_3000
    wwdg_base: int = 0x4000_2C00
    wwdg_prescaler: tuple[int, int] = (11, 3)  # WDGTB: least significant bit, width
    boot_base: int = 0  # where the vector table is after reset
    remap: str = ""  # plain peripheral whose first two bits say what is at 0, for a core without VTOR
