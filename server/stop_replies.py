"""Stop replies: signal, reason, thread, and all registers of ``g`` so that the client need not ask."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ..arm.dwt import WatchKind
from ..arm.registers_system import CFSR
from ..arm.stop import Stop, StopReason
from .packets.threads import THREAD
from .target import Target

__all__ = [
    "SIGINT",
    "SIGNAL_0",
    "SIGTRAP",
    "exit_reply",
    "fault_signal",
    "stop_reply",
    "unreadable_stop_reply",
]

SIGNAL_0 = 0
"""What ``vCont;t`` is reported with (GDB manual, node vCont packet)."""
SIGINT = 2
SIGILL = 4
SIGTRAP = 5
SIGFPE = 8
SIGSEGV = 11

_ILLEGAL = CFSR.UNDEFINSTR.mask | CFSR.NOCP.mask


def fault_signal(stop: Stop) -> int | None:
    """The signal a fault or lockup is reported with, None for any other stop."""
    if stop.reason not in {StopReason.LOCKUP, StopReason.VECTOR_CATCH}:
        return None
    if stop.reason is StopReason.LOCKUP:
        return SIGSEGV
    if stop.cfsr & CFSR.DIVBYZERO.mask:
        return SIGFPE
    return SIGILL if stop.cfsr & _ILLEGAL else SIGSEGV


async def stop_reply(target: Target, stop: Stop, features: AbstractSet[str], *, asked: int) -> bytes:
    """``TSSthread:1;reason:;nn:value;...`` for a target that stands.

    ``asked`` is the signal a halt on request is reported with.
    """
    signal = fault_signal(stop)
    if signal is None:
        signal = asked if stop.reason is StopReason.HALT_REQUEST else SIGTRAP
    fields = [f"thread:{THREAD:x};", _reason(target, stop, features)]
    fields += [f"{spec.number:02x}:{value.hex()};" for spec, value in await target.read_general() if value is not None]
    return f"T{signal:02x}{''.join(fields)}".encode()


def exit_reply(status: int) -> bytes:
    """For a program that has ended."""
    return f"W{status & 0xFF:02x}".encode()


def unreadable_stop_reply() -> bytes:
    """For a target that was asked to stop and cannot be read: the client gets its prompt back, registers unknown."""
    return f"T{SIGINT:02x}thread:{THREAD:x};".encode()


_WATCHES = {WatchKind.WRITE: "watch", WatchKind.READ: "rwatch", WatchKind.ACCESS: "awatch"}


def _reason(target: Target, stop: Stop, features: AbstractSet[str]) -> str:
    """Why it stopped, as the client knows it: GDB's Z0 in flash sits in a comparator, but stays its own.

    A watchpoint comes before a breakpoint, which a client finds by pc. Only a client that says so takes
    several. A BKPT of the program's own goes without: where GDB has no breakpoint and the instruction is not the
    one that it would have put there, it takes swbreak for the late echo of one that was removed, and runs on.
    No breakpoint's type may be sent to a client that has not announced the feature.
    """
    if stop.watched:
        hits = stop.watched if "multi-wp-addr+" in features else stop.watched[:1]
        return "".join(f"{_WATCHES[hit.kind]}:{hit.address:08x};" for hit in hits)
    if stop.reason is not StopReason.BREAKPOINT or stop.bkpt is not None:
        return ""
    reason = "hwbreak" if target.points.only_hardware(stop.pc) else "swbreak"
    return f"{reason}:;" if f"{reason}+" in features else ""
