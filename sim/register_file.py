"""The registers of a Cortex-M inside Unicorn, read and written in batches (one call of the library each).

Three traps: writing xPSR does not tell the translator that the mode changed, writing CPSR afterwards does; in
unprivileged thread mode MSP, PSP and the masks read as 0 and cannot be written even here, so a handler's IPSR is put
in meanwhile; SPSEL can only be changed in thread mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .engine import BASEPRI, CONTROL, FAULTMASK, LR, MSP, PC, PRIMASK, SP, XPSR
from .native import Batch

__all__ = ["RegisterFile"]

_IPSR = 0x1FF
_T = 1 << 24
_IT = 0x0600_FC00
_CPSR_T = 1 << 5
_CPSR_MODE = 0x3DF


class RegisterFile:
    """Registers as the list that sim/engine.py describes. ``arm`` holds the library's register numbers."""

    def __init__(self, batch: Callable[[list[int]], Batch], arm: Any) -> None:
        low = [getattr(arm, f"UC_ARM_REG_R{n}") for n in range(13)]
        special = [getattr(arm, f"UC_ARM_REG_{name}") for name in ("MSP", "PSP", "PRIMASK", "BASEPRI", "FAULTMASK")]
        xpsr, control, cpsr = arm.UC_ARM_REG_XPSR, arm.UC_ARM_REG_CONTROL, arm.UC_ARM_REG_CPSR
        lr, pc = arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC
        self._all = batch([*low, arm.UC_ARM_REG_SP, lr, pc, xpsr, *special, control])
        self._special = batch([*special, control])
        self._masks = batch([*special[2:], control, xpsr])
        self._xpsr = batch([xpsr])
        self._cpsr = batch([cpsr])
        self._pc = batch([pc])
        self._order = batch([xpsr, control, xpsr, control, *special, control, xpsr, control, cpsr, *low, lr, pc])
        self._mode = self._cpsr.read()[0] & _CPSR_MODE

    def read(self) -> list[int]:
        """Return all registers."""
        registers = self._all.read()
        if registers[CONTROL] & 1 and not registers[XPSR] & _IPSR:
            xpsr = registers[XPSR]
            self._xpsr.write([xpsr | 3])
            registers[MSP:] = self._special.read()
            self._xpsr.write([xpsr])
            self._cpsr.write([self._cpsr_of(xpsr)])
        return registers

    def write(self, registers: list[int]) -> None:
        """Set all registers; bit 0 of PC follows xPSR.T, which is how the library is told."""
        xpsr, control = registers[XPSR], registers[CONTROL]
        thread = not xpsr & _IPSR
        self._order.write(
            [
                _T | 3,  # a handler is privileged: CONTROL can be cleared
                0,
                _T,  # a privileged thread on MSP: everything can be written
                0,
                *registers[MSP:CONTROL],
                control if thread else 0,
                xpsr,
                control if thread else control & 5,
                self._cpsr_of(xpsr),
                *registers[:SP],
                registers[LR],
                registers[PC] | bool(xpsr & _T),
            ]
        )

    def masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK."""
        primask, basepri, faultmask, control, xpsr = self._masks.read()
        if control & 1 and not xpsr & _IPSR:
            registers = self.read()
            return registers[PRIMASK], registers[BASEPRI], registers[FAULTMASK]
        return primask, basepri, faultmask

    @property
    def privileged(self) -> bool:
        """True in a handler and in a thread with CONTROL.nPRIV = 0."""
        *_, control, xpsr = self._masks.read()
        return bool(xpsr & _IPSR) or not control & 1

    @property
    def thumb(self) -> bool:
        """EPSR.T."""
        return bool(self._xpsr.read()[0] & _T)

    @property
    def pc(self) -> int:
        """Address of the next instruction."""
        return self._pc.read()[0]

    def leave_it_block(self) -> None:
        """Inside a memory hook: take back the ITSTATE that looking at the access left in the registers."""
        cpsr = self._cpsr.read()[0]
        if cpsr & _IT:
            self._cpsr.write([cpsr & ~_IT])

    def _cpsr_of(self, xpsr: int) -> int:
        return xpsr & 0xFE0F_FC00 | self._mode | (_CPSR_T if xpsr & _T else 0)
