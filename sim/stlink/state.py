"""What the firmware of an ST-Link remembers between commands, its status codes, and the switches of this model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TypeVar

from ..errors import SelectorError
from ..knobs import FaultKnobs
from ..selector import nearest
from ..wire import TargetWire, WireError, WireProblem
from .identity import Identity
from .swv import TraceReceiver

__all__ = ["Mode", "ProbeState", "Quirks", "Status"]

T = TypeVar("T")


class Status(IntEnum):
    """First byte of a status word."""

    UNKNOWN_ERROR = 0x01
    UNKNOWN_CHAIN = 0x04
    NO_DEVICE = 0x05
    COMMAND_WAIT = 0x07
    COMMAND_ERROR = 0x08
    IDCODE_ERROR = 0x09
    ALIGNMENT = 0x0A
    DEBUG_POWER = 0x0B
    OTHER_MODE = 0x0E
    AP_WAIT = 0x10
    AP_FAULT = 0x11
    AP_ERROR = 0x12
    DP_FAULT = 0x15
    DP_ERROR = 0x16
    STICKY_ERROR = 0x19
    BAD_AP = 0x1D
    CONFIGURATION_CHANGED = 0x40
    BAD_FREQUENCY = 0x41
    UNKNOWN_COMMAND = 0x42
    OK = 0x80


class Mode(IntEnum):
    """GET_CURRENT_MODE."""

    DFU = 0
    MASS_STORAGE = 1
    DEBUG = 2
    SWIM = 3


@dataclass
class Quirks:
    """Decisions about corners that no document describes; the defaults are what real programs get along with.

    - ``stall_unknown``: an unknown command stalls (a V2J29 clone did) instead of answering 0x42
    - ``init_ap_for_memory``: from J28 on, memory commands too need INIT_AP of AP 0. Off by default: stlink-tools 1.7
      never sends INIT_AP and works with such firmware
    - ``sticky_until_abort``: after a fault every access fails (0x19) until the DP's ABORT, or CTRL/STAT over JTAG, is
      written. Off by default, when the firmware clears the flag as it hands out the status: probes without the DAP
      commands could never recover otherwise
    - ``tar_wrap``: a block that crosses 4 KiB wraps, as the access port's address increment does. Off by default: an
      ST-Link was seen on the wire to set the address anew for every 16 bytes, and pyOCD's blocks do cross
    - ``no_length_limits``: over-long transfers are carried out instead of answering 0x0A
    - ``pulse_works``: DRIVE_NRST 2 does reset the target
    - ``zero_length_answers``: a V3 ignores an empty data phase instead of stalling
    - ``open_lock_refuses_keys`` (the chip's, see Fpec): flash keys written while the lock is open lock out until reset
    - ``raise_unmodelled``: debugger accesses to what is not modelled stop the program instead of answering FAULT
    """

    stall_unknown: bool = False
    init_ap_for_memory: bool = False
    sticky_until_abort: bool = False
    tar_wrap: bool = False
    no_length_limits: bool = False
    pulse_works: bool = False
    zero_length_answers: bool = False
    open_lock_refuses_keys: bool = False
    raise_unmodelled: bool = False

    @classmethod
    def named(cls, names: tuple[str, ...]) -> Quirks:
        """Switch on the quirks written as ``stall-unknown``. Raises SelectorError."""
        known = {field.name.replace("_", "-"): field.name for field in fields(cls)}
        quirks = cls()
        for name in names:
            if name not in known:
                raise SelectorError(
                    f"There is no probe quirk {name!r}.{nearest(name, known)} Quirks: {', '.join(known)}."
                )
            setattr(quirks, known[name], True)
        return quirks


class ProbeState:
    """The firmware's memory.

    ``buffer`` is its one transfer buffer: replies, data in and data out all pass through it, so that a failed read
    hands out what was there before.
    """

    def __init__(self, identity: Identity, wire: TargetWire, faults: FaultKnobs, quirks: Quirks) -> None:
        self.identity = identity
        self.wire = wire
        self.faults = faults
        self.quirks = quirks
        self.buffer = bytearray(0x2000)
        self.trace = TraceReceiver()
        wire.machine.swo.listener = self.hear
        self.mode = Mode.DFU
        self.khz = {"swd": 1800, "jtag": 1125} if identity.hardware < 3 else {"swd": 3300, "jtag": 1777}
        self.reset()

    def reset(self) -> None:
        """Forget everything but the mode and the speed."""
        self.jtag = False
        self.status = Status.OK
        self.fault_address = 0
        self.sticky = False
        self.opened: set[int] = set()
        self.ap = 0  # the access port of commands that name none: the one that was opened last
        self.select = 0
        self.ap_registers = {0x00: 0x2300_0040, 0x04: 0}
        self.last_dp_read = 0
        self.posted_read = 0
        self.misc_reply = b""
        self.trace.stop()

    def has(self, v2: int, v3: int = 0) -> bool:
        """Report whether the firmware has what came with J ``v2`` (V2) or J ``v3`` (V3)."""
        return self.identity.level >= (v3 if self.identity.hardware >= 3 else v2)

    def hear(self, baud: float, data: bytes) -> None:
        """Bytes on the SWO pin; over JTAG it is TDO."""
        if not self.jtag:
            self.trace.hear(baud, data)

    def spend(self, ps: int) -> None:
        """Let the wire take its time; slow clocks take longer than the measured speeds, which are the default's."""
        default = 1800 if self.identity.hardware < 3 else 3300
        khz = self.khz["jtag" if self.jtag else "swd"]
        self.wire.machine.clock.advance(ps if khz >= default else ps * default // khz)

    # --- outcomes

    def access(self, address: int, call: Callable[[], T], ap: int | None = None) -> T | None:
        """Make one access, to memory if ``ap`` is given; its outcome is in ``status``. None when it failed."""
        if ap is not None and ap != self.wire.chip.core_ap:
            self.fail(WireError(WireProblem.FAULT, address))
            return None
        injected = self.faults.at_access()
        if injected:
            self.fail(WireError(WireProblem.WAIT if injected == "wait" else WireProblem.FAULT, address))
            return None
        if self.sticky and self.quirks.sticky_until_abort:
            self.status = Status.STICKY_ERROR
            return None
        try:
            result = call()
        except WireError as error:
            self.fail(error)
            return None
        self.status = Status.OK
        return result

    def fail(self, error: WireError) -> None:
        """Remember what went wrong."""
        self.status = {
            WireProblem.NO_ACK: Status.AP_ERROR,
            WireProblem.NO_POWER_UP: Status.DEBUG_POWER,
            WireProblem.WAIT: Status.AP_WAIT,
            WireProblem.FAULT: Status.AP_FAULT if self.has(24) else Status.UNKNOWN_ERROR,
        }[error.problem]
        self.fault_address = error.address
        if error.problem is WireProblem.FAULT:
            self.sticky = True

    def hand_out_status(self) -> Status:
        """Return the status for a reply; the firmware clears the sticky flag with it (see Quirks)."""
        if not self.quirks.sticky_until_abort:
            self.sticky = False
        return self.status

    # --- replies

    def word(self, status: int) -> bytes:
        """Return a reply of a status word."""
        return self.put(bytes([status, 0]))

    def put(self, reply: bytes) -> bytes:
        """Let a reply pass through the buffer."""
        self.buffer[: len(reply)] = reply
        return reply

    def value_reply(self, value: int | None) -> bytes:
        """Return status, padding and a word; on failure the word is what the buffer held."""
        if value is not None:
            self.buffer[4:8] = value.to_bytes(4, "little")
        self.buffer[0:4] = bytes([self.hand_out_status(), 0, 0, 0])
        return bytes(self.buffer[:8])
