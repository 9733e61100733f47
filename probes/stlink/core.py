"""Core registers of a halted core, by the commands the probe has for them."""

from __future__ import annotations

from collections.abc import Sequence

from ..access import Poll
from . import commands
from .firmware import Feature
from .link import Link
from .memory import MemoryPort
from .status import WRITE_UNVERIFIED, Attempt, error_for

__all__ = ["DCRDR", "DCRSR", "DHCSR", "REGWNR", "S_REGRDY", "CoreRegisters", "register_attempt"]

# DDI0403E C1.6.2 to C1.6.4.
DHCSR = 0xE000_EDF0
DCRSR = 0xE000_EDF4
DCRDR = 0xE000_EDF8
S_REGRDY = 1 << 16
REGWNR = 1 << 16

PC = 15
_NAMES = {
    13: "sp",
    14: "lr",
    PC: "pc",
    16: "xpsr",
    17: "msp",
    18: "psp",
    20: "control/faultmask/basepri/primask",
    33: "fpscr",
}

# Bits that may read back otherwise than written: DDI0403E B1.4 (SP bits 1..0, PC bit 0, reserved xPSR bits,
# and in the packed word those of CONTROL, FAULTMASK, BASEPRI and PRIMASK that a core need not have).
_NOT_HELD = {13: 0x3, PC: 0x1, 16: 0x00F0_0200, 17: 0x3, 18: 0x3, 20: 0xFCFE_0FFE}

# READALLREGS answers with a status word, then r0 to r15, xPSR, MSP, PSP: DCRSR numbers 0 to 18 in order.
_ALL = 19
_FIRST_FPU_REGISTER = 0x20


def register_attempt(action: str, register: int, index: int) -> Attempt:
    """A transfer of a core register, in the words of an error."""
    return Attempt(
        f"{action} core register {_NAMES.get(register, f'r{register}' if register < 13 else hex(register))}",
        DCRDR,
        0,
        index,
    )


class CoreRegisters:
    """Methods raise what memory accesses raise. The core must be halted: a running one answers with old values."""

    def __init__(self, link: Link, memory: MemoryPort) -> None:
        self._link = link
        self._memory = memory
        self._has_fpu_registers = link.firmware.has(Feature.FPU_REGISTERS)

    def read(self, registers: Sequence[int], index: int) -> tuple[int, ...]:
        """Values in the order asked for; two transfers for any number of general registers, two for each other."""
        known: dict[int, int] = {}
        if sum(register < _ALL for register in registers) > 1:
            known = self._read_all(index)
        return tuple(
            known[register] if register in known else self._read_one(register, index) for register in registers
        )

    def write(self, register: int, value: int, index: int) -> None:
        """Write one register in two transfers."""
        attempt = register_attempt("Writing", register, index)
        value &= 0xFFFF_FFFF
        if register < _FIRST_FPU_REGISTER or self._has_fpu_registers:
            answer = self._link.checked(commands.write_core_register(register, value), attempt, also=WRITE_UNVERIFIED)
            # The firmware reads back what it wrote and does not know which bits a register cannot hold.
            if answer[0] == WRITE_UNVERIFIED and (self._read_one(register, index) ^ value) & ~_NOT_HELD.get(
                register, 0
            ):
                raise error_for(WRITE_UNVERIFIED, attempt)
            return
        self._memory.write_word(DCRDR, value, attempt)
        self._select(REGWNR | register, attempt)

    def _read_all(self, index: int) -> dict[int, int]:
        answer = self._link.checked(commands.READ_ALL_REGISTERS, Attempt("Reading the core registers", DCRDR, 0, index))
        return {n: int.from_bytes(answer[4 + 4 * n : 8 + 4 * n], "little") for n in range(_ALL)}

    def _read_one(self, register: int, index: int) -> int:
        attempt = register_attempt("Reading", register, index)
        if register < _FIRST_FPU_REGISTER or self._has_fpu_registers:
            answer = self._link.checked(commands.read_core_register(register), attempt)
            return int.from_bytes(answer[4:8], "little")
        self._select(register, attempt)
        return self._memory.read_word(DCRDR, attempt)

    def _select(self, request: int, attempt: Attempt) -> None:
        """Start a register transfer by hand and wait until it is complete."""
        self._memory.write_word(DCRSR, request, attempt)
        self._memory.poll(Poll(DHCSR, S_REGRDY, S_REGRDY), attempt.index)
