"""Status codes: what the first byte of an answer means, whose fault it is, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ..attempt import Attempt
from ..errors import (
    AccessFaultError,
    HaltpointError,
    LinkError,
    NoTargetError,
    ProbeProtocolError,
    TargetPowerError,
    WaitError,
)

__all__ = ["NO_DEVICE", "OK", "OTHER_MODE", "WRITE_UNVERIFIED", "Attempt", "Kind", "Status", "error_for", "status_of"]

OK = 0x80
NO_DEVICE = 0x05
WRITE_UNVERIFIED = 0x0D
OTHER_MODE = 0x0E


class Kind(Enum):
    """How a status is dealt with."""

    DONE = auto()
    WAIT = auto()  # repeat after a pause
    FAULT = auto()  # clear the sticky flags, report the address
    CLOSED_AP = auto()  # open the access port and repeat once
    UNVERIFIED = auto()  # written, but it read back differently
    POWER = auto()
    NO_TARGET = auto()
    LOST = auto()
    GARBLED = auto()
    PROBE = auto()


@dataclass(frozen=True, slots=True)
class Status:
    """One status code."""

    code: int
    kind: Kind
    meaning: str


_MEANINGS: dict[int, tuple[Kind, str]] = {
    OK: (Kind.DONE, "OK"),
    # Firmware before AP FAULT had a code of its own says "unknown error" or the old FAULT for a memory fault.
    0x01: (Kind.FAULT, "unknown error"),
    0x81: (Kind.FAULT, "FAULT"),
    0x02: (Kind.PROBE, "SPI error inside the probe"),
    0x03: (Kind.PROBE, "DMA error inside the probe"),
    0x04: (Kind.NO_TARGET, "unknown JTAG chain"),
    NO_DEVICE: (Kind.NO_TARGET, "no device connected"),
    0x06: (Kind.PROBE, "internal error of the probe"),
    0x07: (Kind.PROBE, "command wait"),
    0x08: (Kind.PROBE, "command error"),
    0x09: (Kind.NO_TARGET, "identification code not read"),
    0x0A: (Kind.PROBE, "address or length not aligned"),
    0x0B: (Kind.POWER, "debug power-up not acknowledged"),
    0x0C: (Kind.GARBLED, "write error"),
    WRITE_UNVERIFIED: (Kind.UNVERIFIED, "write verify error"),
    OTHER_MODE: (Kind.PROBE, "opened in the other mode, JTAG"),
    0x10: (Kind.WAIT, "AP WAIT"),
    0x11: (Kind.FAULT, "AP FAULT"),
    0x12: (Kind.LOST, "AP error, no valid acknowledge"),
    0x13: (Kind.GARBLED, "AP parity error"),
    0x14: (Kind.WAIT, "DP WAIT"),
    0x15: (Kind.FAULT, "DP FAULT"),
    0x16: (Kind.LOST, "DP error, no valid acknowledge"),
    0x17: (Kind.GARBLED, "DP parity error"),
    0x18: (Kind.FAULT, "AP write data error"),
    0x19: (Kind.FAULT, "AP sticky error"),
    0x1A: (Kind.FAULT, "AP sticky overrun"),
    0x1D: (Kind.CLOSED_AP, "bad access port"),
    0x41: (Kind.PROBE, "frequency not supported"),
    0x42: (Kind.PROBE, "command unknown"),
}


def status_of(code: int) -> Status:
    """The status with this code; one that nobody has documented is the probe's fault."""
    kind, meaning = _MEANINGS.get(code, (Kind.PROBE, "undocumented"))
    return Status(code, kind, meaning)


_ADVICE: dict[Kind, str] = {
    Kind.POWER: "Check the target's supply and that nothing holds it in reset or standby; try connecting under reset.",
    Kind.NO_TARGET: "Check SWDIO, SWCLK, GND and the supply; if the firmware reuses the SWD pins, connect under reset "
    "(--connect under-reset), or, without a reset line, switch the board on with BOOT0 high.",
    Kind.LOST: "The target stopped answering: check its supply and wires, then connect again; a lower speed may help.",
    Kind.GARBLED: "Bits were damaged on the wire: choose a lower speed (--speed 480), shorten the wires, check GND.",
    Kind.UNVERIFIED: "Something else changes it at the same time, or it cannot hold this value.",
    Kind.PROBE: "Unplug the probe and plug it in again; if it comes back, update its firmware with ST's STSW-LINK007.",
    Kind.CLOSED_AP: "The target's access port cannot be opened: its debug port may be locked or without power.",
    Kind.WAIT: "The target's bus is stuck: it may be asleep, in reset or without clock; try connecting under reset.",
    Kind.FAULT: "Nothing may be there on this chip, its clock may be off, or readout protection may forbid it.",
}

_ERRORS: dict[Kind, type[HaltpointError]] = {
    Kind.POWER: TargetPowerError,
    Kind.NO_TARGET: NoTargetError,
    Kind.LOST: NoTargetError,
    Kind.GARBLED: LinkError,
    Kind.UNVERIFIED: LinkError,
    Kind.PROBE: ProbeProtocolError,
    Kind.CLOSED_AP: LinkError,
    Kind.WAIT: WaitError,
    Kind.FAULT: ProbeProtocolError,  # to something that is no bus access
}


def error_for(code: int, attempt: Attempt, fault_address: int | None = None) -> HaltpointError:
    """The error that a status other than OK is, in words."""
    status = status_of(code)
    seen = f"the probe answered {status.meaning} (ST-Link status {code:#04x})"
    if status.kind is Kind.FAULT and attempt.on_bus:
        address = attempt.address if fault_address is None else fault_address
        seen = f"the bus refused the access to {address:#010x} ({status.meaning}, ST-Link status {code:#04x})"
        return AccessFaultError(str(attempt), seen, _ADVICE[status.kind], address=address, index=attempt.index)
    return _ERRORS[status.kind](str(attempt), seen, _ADVICE[status.kind])
