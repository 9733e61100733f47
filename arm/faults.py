"""Fault registers in words: what went wrong, at which address, by which instruction.

Armv7-M ARM DDI0403E: B1.5.14 (fault behavior), B1.5.6 (the exception frame), B3.2.15 to B3.2.18 (registers).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..probes.errors import TargetError
from .memory import Memory
from .register import Field
from .registers_core import EXC_RETURN, XPSR, Regsel
from .registers_system import CFSR, HFSR
from .stop import Stop, StopReason

__all__ = [
    "LOCKUP",
    "Fault",
    "causes",
    "describe_fault",
    "exception_name",
    "fault_address",
    "frame_address",
    "read_fault",
]

LOCKUP = "Lockup"
"""What a fault is called whose handler (HardFault or NMI) faulted too (DDI0403E B1.5.15)."""

_STACKED_PC = 0x18

_EXCEPTIONS = {
    1: "Reset",
    2: "NMI",
    3: "HardFault",
    4: "MemManage",
    5: "BusFault",
    6: "UsageFault",
    7: "SecureFault",
    11: "SVCall",
    12: "DebugMonitor",
    14: "PendSV",
    15: "SysTick",
}

# "{at}" becomes " at 0x........" where the address register is valid.
_CFSR: tuple[tuple[Field[bool], str], ...] = (
    (CFSR.IACCVIOL, "the MPU forbids executing the instruction (or it lies in a region that is never executable)"),
    (CFSR.DACCVIOL, "a load or store{mm} violated the MPU"),
    (CFSR.MUNSTKERR, "returning from an exception violated the MPU while unstacking: the stack pointer is wrong"),
    (CFSR.MSTKERR, "entering an exception violated the MPU while stacking: the stack pointer is wrong"),
    (CFSR.MLSPERR, "saving the floating point registers lazily violated the MPU"),
    (CFSR.IBUSERR, "fetching an instruction got a bus error: nothing executable is there"),
    (CFSR.PRECISERR, "a load or store{bus} got a bus error: no memory is there, or its clock is off"),
    (CFSR.IMPRECISERR, "a store some instructions ago got a bus error; its address was not recorded"),
    (CFSR.UNSTKERR, "returning from an exception got a bus error while unstacking: the stack pointer is wrong"),
    (CFSR.STKERR, "entering an exception got a bus error while stacking: the stack has run out of its memory"),
    (CFSR.LSPERR, "saving the floating point registers lazily got a bus error"),
    (CFSR.UNDEFINSTR, "the instruction is undefined: erased flash, data, or code for another core"),
    (CFSR.INVSTATE, "the core left Thumb state: a branch to an even address, often through a wrong pointer or vector"),
    (CFSR.INVPC, "an exception return was not valid: LR or the stacked state was corrupted"),
    (CFSR.NOCP, "a coprocessor was used that is off or absent; for the FPU set CPACR first"),
    (CFSR.STKOF, "the stack grew below its limit"),
    (CFSR.UNALIGNED, "an access was not aligned"),
    (CFSR.DIVBYZERO, "a division by zero"),
)
_HFSR: tuple[tuple[Field[bool], str], ...] = (
    (HFSR.VECTTBL, "reading the vector table got a bus error; check VTOR"),
    (HFSR.DEBUGEVT, "a BKPT instruction or debug event met a core without a debugger"),
)


@dataclass(frozen=True)
class Fault:
    """A fault as far as the core tells.

    ``exception`` is the active exception's name or LOCKUP, ``causes`` sentence fragments, ``address`` the data
    address MMFAR or BFAR holds where valid, ``pc`` the stacked PC (the instruction, or with an imprecise
    fault one after it), None where no frame can be read. With a lockup it belongs to the first fault.
    """

    exception: str
    causes: tuple[str, ...]
    address: int | None
    pc: int | None

    def __str__(self) -> str:
        what = "; ".join(self.causes) or "the fault registers name no cause"
        if self.exception == LOCKUP:
            where = f"after a fault at pc {self.pc:#010x} " if self.pc is not None else ""
            return f"{LOCKUP}: {where}the fault handler faulted as well; {what}."
        where = f" at pc {self.pc:#010x}" if self.pc is not None else ""
        return f"{self.exception}{where}: {what}."


def exception_name(number: int) -> str:
    """Name of exception ``number`` as IPSR holds it; "IRQ n" from 16 on."""
    if number == 0:
        return "Thread mode"
    return _EXCEPTIONS.get(number, f"IRQ {number - 16}" if number >= 16 else f"exception {number}")


def fault_address(stop: Stop) -> int | None:
    """The data address that faulted, None where it was not recorded."""
    status = CFSR(stop.cfsr)
    if status.BFARVALID:
        return stop.bfar
    return stop.mmfar if status.MMARVALID else None


def causes(stop: Stop) -> tuple[str, ...]:
    """What CFSR and HFSR say, most specific first."""
    status = CFSR(stop.cfsr)
    places = {
        "mm": f" at {stop.mmfar:#010x}" if status.MMARVALID else "",
        "bus": f" at {stop.bfar:#010x}" if status.BFARVALID else "",
    }
    found = [text.format(**places) for field, text in _CFSR if stop.cfsr & field.mask]
    found += [text for field, text in _HFSR if stop.hfsr & field.mask]
    if stop.hfsr & HFSR.FORCED.mask:
        found.append("it became a HardFault because its own handler is disabled or of too low a priority")
    return tuple(found)


def frame_address(stop: Stop) -> int | None:
    """Where the exception frame lies, by EXC_RETURN in LR; None when LR holds something else."""
    link = EXC_RETURN(stop.lr)
    if not link.valid or not XPSR(stop.xpsr).IPSR:
        return None
    return stop.registers[Regsel.PSP if link.SPSEL else Regsel.MSP]


async def read_fault(memory: Memory, stop: Stop) -> Fault:
    """The fault behind a stop by vector catch or lockup, with the stacked PC where it can be read.

    The frame is found through LR, so this is right until the handler has called a function.
    """
    frame = frame_address(stop)
    # Where stacking failed there is no frame, only what lay there before.
    stacked = not stop.cfsr & (CFSR.STKERR.mask | CFSR.MSTKERR.mask)
    pc: int | None = None
    if frame is not None and stacked:
        try:
            pc = await memory.read32(frame + _STACKED_PC)
        except TargetError:
            pc = None  # the stack pointer points nowhere; the causes say so
    name = LOCKUP if stop.reason is StopReason.LOCKUP else exception_name(XPSR(stop.xpsr).IPSR)
    return Fault(name, causes(stop), fault_address(stop), pc)


async def describe_fault(memory: Memory, stop: Stop) -> str:
    """One line for the user, "" when the stop is not about a fault."""
    if stop.reason not in {StopReason.VECTOR_CATCH, StopReason.LOCKUP}:
        return ""
    return str(await read_fault(memory, stop))
