"""The protocol on one page: which packets are known, by the capability a target needs for them.

``parse`` reads a packet against it; ``features`` is what qSupported answers. A packet that is not in the
table, or whose capability the target lacks, is answered with the empty packet, which is how the
protocol says "unknown" (GDB manual, node Overview).
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from . import breakpoints, file_io, flash, memory, queries, registers, resume, session_control, threads
from .base import Packet, PacketError

__all__ = ["PACKETS", "Invalid", "Parsed", "Unknown", "features", "parse"]

PACKETS: dict[str, dict[bytes, type[Packet]]] = {
    "session": {
        b"qSupported": session_control.Supported,
        b"QStartNoAckMode": session_control.StartNoAckMode,
        b"QNonStop": session_control.SetNonStop,
        b"!": session_control.ExtendedMode,
        b"?": session_control.HaltReason,
        b"vStopped": session_control.NextStop,
        b"vCtrlC": session_control.CtrlC,
        b"F": file_io.FileReply,
        b"D": session_control.Detach,
        b"k": session_control.Kill,
        b"vKill": session_control.KillProcess,
        b"vAttach": session_control.Attach,
        b"vRun": session_control.Run,
        b"R": session_control.Restart,
        b"qAttached": queries.Attached,
        b"qSymbol": queries.Symbol,
    },
    "registers": {
        b"g": registers.ReadRegisters,
        b"G": registers.WriteRegisters,
        b"p": registers.ReadRegister,
        b"P": registers.WriteRegister,
        b"qXfer:features:read": queries.ReadFeatures,
    },
    "memory": {
        b"m": memory.ReadMemory,
        b"x": memory.ReadMemoryBinary,
        b"M": memory.WriteMemory,
        b"X": memory.WriteMemoryBinary,
        b"qCRC": queries.Checksum,
        b"qSearch": memory.SearchMemory,
    },
    "execution": {
        b"vCont?": resume.ResumeActions,
        b"vCont": resume.Resume,
        b"c": resume.ContinueAt,
        b"C": resume.ContinueWithSignal,
        b"s": resume.StepAt,
        b"S": resume.StepWithSignal,
    },
    "threads": {
        b"H": threads.SelectThread,
        b"T": threads.IsThreadAlive,
        b"qC": threads.CurrentThread,
        b"qfThreadInfo": threads.FirstThreads,
        b"qsThreadInfo": threads.NextThreads,
        b"qXfer:threads:read": queries.ReadThreads,
    },
    "breakpoints": {
        b"Z": breakpoints.InsertBreakpoint,
        b"z": breakpoints.RemoveBreakpoint,
    },
    "memory_map": {
        b"qXfer:memory-map:read": queries.ReadMemoryMap,
    },
    "flash": {
        b"vFlashErase": flash.FlashErase,
        b"vFlashWrite": flash.FlashWrite,
        b"vFlashDone": flash.FlashDone,
    },
    "monitor": {
        b"qRcmd": queries.MonitorCommand,
    },
}

_BY_NAME = {name: (capability, kind) for capability, group in PACKETS.items() for name, kind in group.items()}

# Names of several letters end at a separator; the three fields of qXfer:OBJECT:read are one name.
_NAME = re.compile(rb"(qXfer:[a-z-]+:[a-z]+|[vqQ][A-Za-z]+\??|.)[:;,]?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A packet that is answered with the empty packet."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Invalid:
    """A known packet whose arguments cannot be; ``why`` is a clause for the log."""

    name: bytes
    why: str


Parsed: TypeAlias = Packet | Unknown | Invalid


def parse(data: bytes, capabilities: AbstractSet[str]) -> Parsed:
    """Read an unescaped packet. Never raises."""
    found = _NAME.match(data)
    if found is None:
        return Unknown(b"")
    name = found.group(1)
    capability, kind = _BY_NAME.get(name, ("", None))
    if kind is None or capability not in capabilities:
        return Unknown(name)
    # One-letter packets have no separator behind the name, except D;PID which ignores it.
    arguments = data[1:] if len(name) == 1 else data[found.end() :]
    try:
        return kind.parse(arguments)
    except PacketError as error:
        return Invalid(name, str(error))


def features(capabilities: AbstractSet[str], packet_size: int) -> str:
    """The answer to qSupported, from the packet types themselves. PacketSize is hexadecimal."""
    said = [
        kind.feature
        for capability, group in PACKETS.items()
        if capability in capabilities
        for kind in group.values()
        if kind.feature
    ]
    return ";".join([f"PacketSize={packet_size:x}", *said])
