"""What passes over a probe's debug endpoints, command by command: counts always, a line each on request.

Reads the transfers as a listener on the bus would, and takes the status of commands that do not report it themselves
from the firmware's memory, so that a line always says how a command ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from ..clock import PS_PER_SECOND
from .commands import DEBUG_FAMILY
from .device import REPLY, StLink
from .state import Status

__all__ = ["CommandTrace"]

SHOWN = 16  # bytes of data in a line
STATUS_AND_WORD = 8  # status, padding, a word


class Ends(Enum):
    """How a command ends."""

    STATUS = auto()  # its reply begins with a status
    DATA = auto()  # its reply is data alone
    READ = auto()  # data from the target, the status is kept for GETLASTRWSTATUS
    WRITTEN = auto()  # data follows OUT, the status is kept
    BATCH = auto()  # its reply is values, then a status for each
    SILENT = auto()  # no reply


def _none(_command: bytes) -> str:
    return ""


def _byte(command: bytes) -> str:
    return f" 0x{command[2]:02X}"


def _second(command: bytes) -> str:
    return f" 0x{command[1]:02X}"


def _half(command: bytes) -> str:
    return f" {_number(command, 2, 2)}"


def _register(command: bytes) -> str:
    return f" {command[2]}"


def _register_value(command: bytes) -> str:
    return f" {command[2]} 0x{_number(command, 3, 4):08X}"


def _address(command: bytes) -> str:
    return f" 0x{_number(command, 2, 4):08X}"


def _address_value(command: bytes) -> str:
    return f" 0x{_number(command, 2, 4):08X} 0x{_number(command, 6, 4):08X}"


def _block(command: bytes) -> str:
    return f" 0x{_number(command, 2, 4):08X} +{_number(command, 6, 2)}" + (f" AP {command[8]}" if command[8] else "")


def _dap(command: bytes) -> str:
    port = _number(command, 2, 2)
    return f" {'DP' if port == 0xFFFF else f'AP {port}'} 0x{_number(command, 4, 2):02X}"


def _dap_value(command: bytes) -> str:
    return f"{_dap(command)} 0x{_number(command, 6, 4):08X}"


def _items(command: bytes) -> str:
    return f" {_number(command, 2, 4)} items"


def _frequency(command: bytes) -> str:
    return f" {'JTAG' if command[2] else 'SWD'} {_number(command, 4, 4)} kHz"


def _number(command: bytes, at: int, size: int) -> int:
    return int.from_bytes(command[at : at + size], "little")


@dataclass(frozen=True)
class _Kind:
    name: str
    ends: Ends = Ends.STATUS
    operands: Callable[[bytes], str] = _none


_TOP = {
    0xF1: _Kind("GET_VERSION", Ends.DATA),
    0xF3: _Kind("DFU", Ends.SILENT, _second),
    0xF4: _Kind("SWIM", Ends.SILENT, _second),
    0xF5: _Kind("GET_CURRENT_MODE", Ends.DATA),
    0xF7: _Kind("GET_TARGET_VOLTAGE", Ends.DATA),
    0xFB: _Kind("GET_VERSION_EX", Ends.DATA),
}

_DEBUG = {
    0x07: _Kind("READMEM_32", Ends.READ, _block),
    0x08: _Kind("WRITEMEM_32", Ends.WRITTEN, _block),
    0x0C: _Kind("READMEM_8", Ends.READ, _block),
    0x0D: _Kind("WRITEMEM_8", Ends.WRITTEN, _block),
    0x21: _Kind("EXIT", Ends.SILENT),
    0x30: _Kind("ENTER", Ends.STATUS, _byte),
    0x31: _Kind("READ_IDCODES"),
    0x32: _Kind("RESETSYS"),
    0x33: _Kind("READREG", Ends.STATUS, _register),
    0x34: _Kind("WRITEREG", Ends.STATUS, _register_value),
    0x35: _Kind("WRITEDEBUGREG", Ends.STATUS, _address_value),
    0x36: _Kind("READDEBUGREG", Ends.STATUS, _address),
    0x3A: _Kind("READALLREGS"),
    0x3B: _Kind("GETLASTRWSTATUS"),
    0x3C: _Kind("DRIVE_NRST", Ends.STATUS, _byte),
    0x3E: _Kind("GETLASTRWSTATUS2"),
    0x40: _Kind("START_TRACE_RX"),
    0x41: _Kind("STOP_TRACE_RX"),
    0x42: _Kind("GET_TRACE_NB", Ends.DATA),
    0x43: _Kind("SWD_SET_FREQ", Ends.STATUS, _half),
    0x44: _Kind("JTAG_SET_FREQ", Ends.STATUS, _half),
    0x45: _Kind("READ_DAP_REG", Ends.STATUS, _dap),
    0x46: _Kind("WRITE_DAP_REG", Ends.STATUS, _dap_value),
    0x47: _Kind("READMEM_16", Ends.READ, _block),
    0x48: _Kind("WRITEMEM_16", Ends.WRITTEN, _block),
    0x49: _Kind("BLINK_LED"),
    0x4B: _Kind("INIT_AP", Ends.STATUS, _byte),
    0x4C: _Kind("CLOSE_AP", Ends.STATUS, _byte),
    0x50: _Kind("WRITEMEM_32_NO_INC", Ends.WRITTEN, _block),
    0x51: _Kind("RW_MISC_OUT", Ends.WRITTEN, _items),
    0x52: _Kind("RW_MISC_IN", Ends.BATCH),
    0x53: _Kind("RW_MISC_GET_MAX"),
    0x54: _Kind("READMEM_32_NO_INC", Ends.READ, _block),
    0x56: _Kind("BOARD_IDENTIFIERS"),
    0x61: _Kind("SET_COM_FREQ", Ends.STATUS, _frequency),
    0x62: _Kind("GET_COM_FREQ", Ends.STATUS, _byte),
    0x63: _Kind("SWITCH_FREQ", Ends.STATUS, _byte),
}


@dataclass
class CommandTrace:
    """Listens to one probe; ``write`` gets a line per command, or is None to count only.

    ``commands`` counts by name, ``statuses`` by status, ``unknown`` those that the firmware does not have.
    """

    probe: StLink
    write: Callable[[str], None] | None = None
    commands: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    _open: _Open | None = None

    def __post_init__(self) -> None:
        self.probe.on_command = self._command

    def transfer(self, endpoint: int, data: bytes, problem: str) -> None:
        """Take a finished transfer; ``problem`` is "" or, for example, "STALL"."""
        one = self._open
        if one is None:
            return
        if endpoint == self.probe.state.identity.out:
            self._sent(one, data, problem)
        elif endpoint == REPLY:
            self._replied(one, data, problem)

    def finish(self) -> None:
        """Close a command that nobody asked for the reply of."""
        if self._open is not None:
            self._close(self._open, "no reply was fetched")

    def _command(self, command: bytes) -> None:
        self.finish()
        family = command[0] == DEBUG_FAMILY
        code = command[1] if family else command[0]
        kind = (_DEBUG if family else _TOP).get(code)
        if kind is None:
            kind = _Kind(f"0x{DEBUG_FAMILY:02X} 0x{code:02X}" if family else f"0x{code:02X}")
        self.commands[kind.name] += 1
        if not self.probe.knows(command):
            self.unknown[kind.name] += 1
            kind = _Kind(kind.name)
        self._open = _Open(command, kind, self.probe.clock.horizon / PS_PER_SECOND)

    def _sent(self, one: _Open, data: bytes, problem: str) -> None:
        """Handle the end of the command's own transfer, or of a part of its data."""
        if problem:
            self._close(one, problem)
            return
        first, one.begun = not one.begun, True
        if not first:
            one.data += data
        if one.kind.ends is Ends.SILENT:
            self._close(one, "")
        elif one.kind.ends is Ends.WRITTEN and not self.probe.expects_data and not self.probe.pending(REPLY):
            self._close_kept(one, one.data)

    def _replied(self, one: _Open, data: bytes, problem: str) -> None:
        if problem:
            self._close(one, problem)
        elif self.probe.expects_data:
            return  # what an earlier command left behind
        elif one.kind.ends is Ends.READ:
            self._close_kept(one, data)
        elif one.kind.ends is Ends.BATCH:
            self._close(one, _batch(data), data[: len(data) // 2])
        elif one.kind.ends is Ends.DATA:
            self._close(one, "", data)
        elif len(data) == STATUS_AND_WORD:
            self._close(one, _status(data[0]), more=f" 0x{_number(data, 4, 4):08X}")
        else:
            self._close(one, _status(data[0]) if data else "empty", data[4:])

    def _close_kept(self, one: _Open, data: bytes | bytearray) -> None:
        state = self.probe.state
        where = "" if state.status == Status.OK else f" at 0x{state.fault_address:08X}"
        self._close(one, _status(state.status), data, where)

    def _close(self, one: _Open, ended: str, data: bytes | bytearray = b"", more: str = "") -> None:
        self._open = None
        self.statuses[ended or "none"] += 1
        if self.write is not None:
            shown = data[:SHOWN].hex(" ") + (f" ... ({len(data)} bytes)" if len(data) > SHOWN else "")
            head = f"{one.seconds:12.6f} {one.kind.name}{one.kind.operands(one.command)}"
            self.write(" ".join(part for part in (f"{head}:", ended + more, shown) if part))


@dataclass
class _Open:
    command: bytes
    kind: _Kind
    seconds: float
    begun: bool = False
    data: bytearray = field(default_factory=bytearray)


def _batch(data: bytes) -> str:
    """Return the first status of a batch that is not OK, or OK."""
    codes = data[len(data) // 2 :: 4]
    return next((_status(code) for code in codes if code != Status.OK), Status.OK.name)


def _status(code: int) -> str:
    return Status(code).name if code in tuple(Status) else f"status 0x{code:02X}"
