"""READMEM and WRITEMEM in 8, 16 and 32 bits, with and without address increment, and GETLASTRWSTATUS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..usb import UsbFailure, UsbReason
from ..wire import WireError, WireProblem
from .state import Mode, ProbeState, Status

__all__ = [
    "DataPhase",
    "last_status",
    "last_status_long",
    "read_debug_register",
    "reader",
    "write_debug_register",
    "writer",
]

CHUNK = 64  # bytes moved between two looks at the clock
TAR_WINDOW = 0x1000  # the AHB-AP of a Cortex-M3 increments the address within 4 KiB (ADIv5.2 C2.2.2); quirk tar-wrap


@dataclass(frozen=True)
class DataPhase:
    """The command is followed by ``length`` bytes OUT; ``then`` takes them and may return a reply."""

    length: int
    then: Callable[[bytes], bytes | None]


Handler = Callable[[ProbeState, bytes], "bytes | DataPhase | None"]


def reader(width: int, *, increment: bool = True) -> Handler:
    """Return the handler of a read command of ``width`` bytes per access."""

    def handle(state: ProbeState, command: bytes) -> bytes:
        address, length, ap = _operands(command)
        if not length:
            _empty(state)
            return b""
        if _acceptable(state, address, length, width, ap):
            state.access(address, lambda: _read(state, address, length, width, increment=increment), ap)
        return bytes(state.buffer[: max(length, 2)])  # one byte is sent as two, the second left over

    return handle


def writer(width: int, *, increment: bool = True) -> Handler:
    """Return the handler of a write command of ``width`` bytes per access."""

    def handle(state: ProbeState, command: bytes) -> DataPhase | None:
        address, length, ap = _operands(command)

        def store(data: bytes) -> None:
            state.buffer[: len(data)] = data[: len(state.buffer)]
            if _acceptable(state, address, length, width, ap, write=True):
                state.access(address, lambda: _write(state, address, data, width, increment=increment), ap)

        if not length:
            _empty(state)
            return None
        return DataPhase(length, store)

    return handle


def last_status(state: ProbeState, _command: bytes) -> bytes:
    """GETLASTRWSTATUS: the status of the last access."""
    return state.word(state.hand_out_status())


def last_status_long(state: ProbeState, _command: bytes) -> bytes:
    """GETLASTRWSTATUS2: with the address of the first access that failed."""
    status = state.hand_out_status()
    address = 0 if status == Status.OK else state.fault_address
    return state.put(bytes([status, 0, 0, 0]) + address.to_bytes(4, "little") + bytes(4))


def read_debug_register(state: ProbeState, command: bytes) -> bytes:
    """READDEBUGREG: one 32-bit read anywhere."""
    address = int.from_bytes(command[2:6], "little")
    if not _acceptable(state, address, 4, 4, state.ap):
        return state.value_reply(None)
    state.spend(state.identity.timing.single)
    return state.value_reply(state.access(address, lambda: state.wire.read(address, 4), state.ap))


def write_debug_register(state: ProbeState, command: bytes) -> bytes:
    """WRITEDEBUGREG: one 32-bit write anywhere."""
    address, value = int.from_bytes(command[2:6], "little"), int.from_bytes(command[6:10], "little")
    if _acceptable(state, address, 4, 4, state.ap):
        state.spend(state.identity.timing.single)
        state.access(address, lambda: state.wire.write(address, value, 4), state.ap)
    return state.word(state.hand_out_status())


# --- the parts of a block


def _operands(command: bytes) -> tuple[int, int, int]:
    return int.from_bytes(command[2:6], "little"), int.from_bytes(command[6:8], "little"), command[8]


def _empty(state: ProbeState) -> None:
    if state.identity.hardware >= 3 and not state.quirks.zero_length_answers:
        raise UsbFailure(UsbReason.STALL)
    state.status = Status.OK


def _acceptable(state: ProbeState, address: int, length: int, width: int, ap: int, *, write: bool = False) -> bool:
    """Check what the firmware checks before it touches the wire; the verdict is in ``status``."""
    limit = _write_limit(state, width) if write else _read_limit(state, width)
    if state.mode is not Mode.DEBUG:
        state.status = Status.COMMAND_WAIT
    elif address % width or length % width or (length > limit and not state.quirks.no_length_limits):
        state.status = Status.ALIGNMENT
    elif not _ap_usable(state, ap):
        state.status = Status.BAD_AP
    else:
        return True
    state.fault_address = address
    return False


def _write_limit(state: ProbeState, width: int) -> int:
    """Longer writes than reads are taken: st-flash sends 32 KiB at once to an STM32F4, probe-rs up to 65532 bytes."""
    return 0xFFFC if width > 1 else _read_limit(state, width)


def _read_limit(state: ProbeState, width: int) -> int:
    if width > 1:
        return 6144
    return 512 if state.identity.hardware >= 3 and state.identity.level >= 6 else 64


def _ap_usable(state: ProbeState, ap: int) -> bool:
    if ap in state.opened:
        return True
    if ap or not state.has(28):
        return ap == 0
    return not state.quirks.init_ap_for_memory


def _pieces(address: int, length: int, width: int, *, wrap: bool, increment: bool) -> list[tuple[int, int, int]]:
    """Cut a block into (offset in the data, bus address, bytes) that one burst can take."""
    pieces = []
    offset = 0
    while offset < length:
        if not increment:
            where, size = address, width
        else:
            where = address + offset
            if wrap:
                window = address & -TAR_WINDOW
                where = window + (where - window) % TAR_WINDOW
            room = TAR_WINDOW - where % TAR_WINDOW
            size = min(CHUNK, length - offset, room)
        pieces.append((offset, where & 0xFFFF_FFFF, size))
        offset += size
    return pieces


def _read(state: ProbeState, address: int, length: int, width: int, *, increment: bool) -> None:
    wire, buffer = state.wire, state.buffer
    for offset, where, size in _pieces(address, length, width, wrap=_wraps(state), increment=increment):
        state.spend(state.identity.timing.read * (size // width))
        if width == 4:
            buffer[offset : offset + size] = _read_words(state, offset, where, size)
            continue
        for step in range(0, size, width):
            buffer[offset + step : offset + step + width] = wire.read(where + step, width).to_bytes(width, "little")


def _read_words(state: ProbeState, offset: int, where: int, size: int) -> bytes:
    """Read a burst; the words before one that fails do reach the buffer."""
    try:
        return state.wire.read_words(where, size // 4)
    except WireError as error:
        good = error.address - where & -4
        if error.problem is WireProblem.FAULT and 0 < good < size:
            state.buffer[offset : offset + good] = state.wire.read_words(where, good // 4)
        raise


def _write(state: ProbeState, address: int, data: bytes, width: int, *, increment: bool) -> None:
    wire = state.wire
    for offset, where, size in _pieces(address, len(data), width, wrap=_wraps(state), increment=increment):
        state.spend(state.identity.timing.write * (size // width))
        if width == 4:
            wire.write_words(where, data[offset : offset + size])
            continue
        for step in range(0, size, width):
            value = int.from_bytes(data[offset + step : offset + step + width], "little")
            wire.write(where + step, value, width)


def _wraps(state: ProbeState) -> bool:
    return state.quirks.tar_wrap
