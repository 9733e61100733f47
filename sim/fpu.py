"""The floating-point extension: its registers, and what exceptions do with them (DDI0403E B1.4.7, B1.5.7, B3.2.20).

The engine executes floating-point instructions whether CPACR allows them or not. A program that uses them without
permission is found when an exception would stack their context, and stops the simulation. Lazily preserved context is
written to the stack at once, while FPCCR and FPCAR show it as outstanding until the handler uses the unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .bus import Unmodelled
from .engine import CONTROL

if TYPE_CHECKING:
    from .core import Core

__all__ = ["MODELS_WITH_FPU", "Fpu"]

MODELS_WITH_FPU = {"cortex-m4", "cortex-m7", "cortex-m33"}

FPCA = 1 << 2
ASPEN, LSPEN, LSPACT = 1 << 31, 1 << 30, 1
FPSCR = 32  # index among the engine's floats
STACKED = 16  # S0 to S15
FULL_ACCESS = 0xF << 20
_FEATURES = {0xF40: 0x1011_0021, 0xF44: 0x1100_0011}  # MVFR0, MVFR1 of the single-precision unit


class Fpu:
    """CPACR, FPCCR, FPCAR, FPDSCR and the extended exception frame."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.reset()

    def reset(self) -> None:
        """System reset: no access, automatic and lazy preservation on."""
        self.access = 0
        self.context_control = ASPEN | LSPEN
        self.context_address = 0
        self.default_status = 0
        self.outstanding = False

    # --- registers of the system control space

    def read(self, offset: int) -> int | None:
        """Return a register at ``offset`` from 0xE000E000, None where none is."""
        if offset == 0xF34:
            used = self.core.engine.read_registers()[CONTROL] & FPCA
            return self.context_control | (LSPACT if self.outstanding and not used else 0)
        words = {0xD88: self.access, 0xF38: self.context_address, 0xF3C: self.default_status} | _FEATURES
        return words.get(offset)

    def write(self, offset: int, value: int) -> bool:
        """Store there; False where no register of this unit is."""
        if offset == 0xD88:
            self.access = value & FULL_ACCESS
        elif offset == 0xF34:
            self.context_control = value & (ASPEN | LSPEN)
            self.outstanding = bool(value & LSPACT)
        elif offset == 0xF38:
            self.context_address = value & ~7
        elif offset == 0xF3C:
            self.default_status = value & 0x07C0_0000
        else:
            return offset in _FEATURES
        return True

    # --- exceptions

    def to_stack(self, registers: list[int]) -> tuple[int, ...]:
        """Return what follows the eight words of a frame: S0 to S15, FPSCR and a reserved word; or nothing."""
        if not registers[CONTROL] & FPCA or not self.context_control & ASPEN:
            return ()
        if self.access != FULL_ACCESS:
            raise Unmodelled("FPU: a floating-point instruction was executed while CPACR forbids it (a NOCP fault)")
        floats = self.core.engine.read_floats()
        return (*floats[:STACKED], floats[FPSCR], 0)

    def stacked(self, address: int) -> None:
        """The context lies at ``address``."""
        self.outstanding = bool(self.context_control & LSPEN)
        self.context_address = address

    def unstack(self, words: Sequence[int]) -> None:
        """Take the context back."""
        self.outstanding = False
        floats = self.core.engine.read_floats()
        floats[:STACKED] = words[:STACKED]
        floats[FPSCR] = words[STACKED]
        self.core.engine.write_floats(floats)

    # --- the debugger's transfers

    def transfer_index(self, selector: int) -> int | None:
        """Return the engine's index of REGSEL ``selector`` (C1.6.3), None where it is no register of this unit."""
        return FPSCR if selector == 33 else selector - 64 if 64 <= selector < 96 else None
