"""What the core needs from something that executes Thumb instructions, and nothing of how it is done.

The engine knows instructions and plain memory. Exceptions, priorities, faults, time and debug are the core's.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

__all__ = [
    "BASEPRI",
    "CONTROL",
    "FAULTMASK",
    "LR",
    "MSP",
    "PC",
    "PRIMASK",
    "PSP",
    "REGISTER_COUNT",
    "SP",
    "XPSR",
    "CpuEngine",
    "DataCall",
    "DataPort",
    "EngineMissingError",
    "Exit",
]

SP, LR, PC, XPSR, MSP, PSP, PRIMASK, BASEPRI, FAULTMASK, CONTROL = range(13, 23)
REGISTER_COUNT = 23
"""Indices of a register list; 0 to 12 are R0 to R12. SP is whichever of MSP and PSP is in use."""


class EngineMissingError(Exception):
    """The package that executes instructions is not installed; the message says how to get it."""


class Exit(Enum):
    """Why :meth:`CpuEngine.run` came back, and where PC is then."""

    LIMIT = auto()  # ran as far as it was asked to
    WFI = auto()  # PC after the WFI
    WFE = auto()  # PC after the WFE
    SVC = auto()  # PC after the SVC
    BKPT = auto()  # PC at the BKPT
    BREAK = auto()  # PC at an instruction whose code watch asked to stop before it
    UNDEFINED = auto()  # PC at the instruction
    NO_COPROCESSOR = auto()  # PC at the instruction
    INVALID_STATE = auto()  # T is 0; PC at the branch target
    UNALIGNED = auto()  # PC at the instruction
    STACK_OVERFLOW = auto()  # PC at the instruction that would take SP below its limit (ARMv8-M)
    EXCEPTION_RETURN = auto()  # PC holds the EXC_RETURN value
    FETCH_FAULT = auto()  # nothing executable at PC
    READ_FAULT = auto()  # PC at the load; fault_address is what it read
    WRITE_FAULT = auto()  # PC at the store; fault_address is where it stored
    ABORTED = auto()  # a data callback called abort(): registers are those before the instruction


DataCall = Callable[[int, int, int], None]
"""Takes address, value (of a store) and width in bytes."""


class DataPort(Protocol):
    """Where the engine takes accesses that plain memory does not serve. All addresses are absolute."""

    def io_read(self, address: int, width: int) -> int:
        """Return what a load from an I/O region reads."""

    def io_write(self, address: int, value: int, width: int) -> None:
        """Carry out a store to an I/O region."""

    def unmapped_write(self, address: int, value: int, width: int) -> bool:
        """A store goes nowhere. True lets the instruction complete, False stops at it (WRITE_FAULT)."""


class CpuEngine(Protocol):
    """One processor's instructions, registers and view of memory."""

    fault_address: int
    executed: int

    def map_memory(self, base: int, buffer: memoryview, *, execute: bool) -> None:
        """Map a host buffer (whole pages of 4 KiB) as memory."""

    def map_io(self, base: int, size: int) -> None:
        """Map whole pages that :class:`DataPort` serves."""

    def trap_writes(self, base: int, size: int, call: DataCall) -> Callable[[bool], None]:
        """Call before a store there changes memory; the result switches the trap on and off (on at first)."""

    def trap_reads(self, base: int, size: int, call: DataCall) -> Callable[[bool], None]:
        """Call before a load from there; the result switches the trap on and off (on at first)."""

    def watch_code(self, address: int, call: Callable[[int], None], last: int | None = None) -> Callable[[], None]:
        """Call before an instruction at ``address`` (to ``last``) is executed; the result removes the watch."""

    def invalidate(self, address: int, length: int) -> None:
        """Forget translations of code there: the host changed memory."""

    def run(self, limit: int) -> Exit:
        """Execute from PC at most ``limit`` >= 1 instructions; ``executed`` says how many. T must be 1."""

    def step(self) -> Exit:
        """Execute exactly one instruction, also inside an IT block."""

    def position(self) -> int:
        """Inside a callback: instructions begun since :meth:`run` was called, the current one included."""

    def stop_after(self) -> None:
        """Inside a callback: come back after the current instruction (or the IT block it stands in)."""

    def stop_before(self) -> None:
        """Inside a code watch: come back before its instruction, with Exit.BREAK."""

    def abort(self) -> None:
        """Inside a data callback: undo the current instruction and come back with Exit.ABORTED."""

    def fail(self, error: Exception) -> None:
        """Inside a callback: let :meth:`run` raise ``error``."""

    def read_registers(self) -> list[int]:
        """Return all registers, see REGISTER_COUNT."""

    def read_floats(self) -> list[int]:
        """Return S0 to S31 and FPSCR. Only for models with a floating-point unit."""

    def write_floats(self, values: list[int]) -> None:
        """Set S0 to S31 and FPSCR."""

    def read_limits(self) -> list[int]:
        """Return MSPLIM and PSPLIM; zeros before ARMv8-M."""

    def write_limits(self, limits: list[int]) -> None:
        """Set MSPLIM and PSPLIM."""

    def read_masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK."""

    @property
    def privileged(self) -> bool:
        """True in a handler and in a thread with CONTROL.nPRIV = 0."""

    def write_registers(self, registers: list[int]) -> None:
        """Set all registers; the entry SP is ignored in favour of MSP and PSP."""

    @property
    def pc(self) -> int:
        """Address of the next instruction."""
