"""Debug port and access port registers, INIT_AP and CLOSE_AP, and RW_MISC batches."""

from __future__ import annotations

from ..wire import WireError, WireProblem
from .memory import DataPhase
from .state import Mode, ProbeState, Status

__all__ = ["close_ap", "init_ap", "misc_in", "misc_limit", "misc_out", "read_dap", "write_dap"]

DP_PORT = 0xFFFF
HIGHEST_AP = 8

# Debug port (ADIv5.2 B2.2), by bank << 4 | address
DPIDR_ABORT, CTRL_STAT, DLCR, RESEND_SELECT, RDBUFF = 0x00, 0x04, 0x14, 0x08, 0x0C
STICKYERR, READOK = 1 << 5, 1 << 6
ABORT_STKERRCLR = 1 << 2
# MEM-AP (ADIv5.2 C2.6)
CSW, TAR, DRW, BD0, CFG, BASE, IDR = 0x00, 0x04, 0x0C, 0x10, 0xF4, 0xF8, 0xFC
CSW_WRITABLE = 0x6300_0F37  # HPROT, MasterType, mode, AddrInc, Size
CSW_FIXED = 0x0000_0040  # DeviceEn

MISC_ADDRESS, MISC_WRITE, MISC_READ, MISC_AP = 1, 2, 3, 5


def init_ap(state: ProbeState, command: bytes) -> bytes:
    """INIT_AP."""
    chip = state.wire.chip
    if command[2] not in {chip.core_ap, *dict(chip.side_aps)}:
        return state.word(Status.BAD_AP)
    state.opened.add(command[2])
    state.ap = command[2]
    return state.word(Status.OK)


def close_ap(state: ProbeState, command: bytes) -> bytes:
    """CLOSE_AP_DBG; J28 answers 0x1D even when all is well."""
    state.opened.discard(command[2])
    bogus = state.identity.hardware < 3 and state.identity.level < 29
    return state.word(Status.BAD_AP if bogus else Status.OK)


# --- single registers


def read_dap(state: ProbeState, command: bytes) -> bytes:
    """READ_DAP_REG: port 0xFFFF is the debug port."""
    port, register = int.from_bytes(command[2:4], "little"), int.from_bytes(command[4:6], "little")
    if not _reachable(state, port, register):
        return state.value_reply(None)
    state.spend(state.identity.timing.single)
    if port != DP_PORT:
        value = state.access(register, lambda: _read_ap(state, port, register))
        state.posted_read = value if value is not None else state.posted_read
        return state.value_reply(value)
    value = state.access(register, lambda: _read_dp(state, register))
    if value is not None and state.jtag and state.identity.hardware < 3 and state.identity.level < 32:
        value, state.last_dp_read = state.last_dp_read, value  # J24 to J31 hand out the read before this one
    return state.value_reply(value)


def write_dap(state: ProbeState, command: bytes) -> bytes:
    """WRITE_DAP_REG."""
    port, register = int.from_bytes(command[2:4], "little"), int.from_bytes(command[4:6], "little")
    value = int.from_bytes(command[6:10], "little")
    if not _reachable(state, port, register):
        return state.word(state.status)
    state.spend(state.identity.timing.single)
    if port == DP_PORT:
        return state.word(_write_dp(state, register, value))
    state.access(register, lambda: _write_ap(state, port, register, value))
    return state.word(state.status)


def _reachable(state: ProbeState, port: int, register: int) -> bool:
    if state.mode is not Mode.DEBUG:
        state.status = Status.COMMAND_WAIT
    elif (port != DP_PORT and port > HIGHEST_AP) or (
        port != DP_PORT and state.has(28) and register != IDR and port not in state.opened
    ):
        state.status = Status.BAD_AP
    elif register & 3 or (port == DP_PORT and register > 0xF and not state.has(32, 2)):
        state.status = Status.COMMAND_ERROR
    else:
        return True
    return False


def _read_dp(state: ProbeState, register: int) -> int:
    if not state.wire.answers:
        raise WireError(WireProblem.NO_ACK, register)
    if register & 0xF == DPIDR_ABORT:
        return state.wire.chip.dpidr
    if register == CTRL_STAT:
        return state.wire.read_ctrl_stat() | READOK | (STICKYERR if state.sticky else 0)
    if register & 0xF == RDBUFF:
        return state.posted_read
    return 0


def _write_dp(state: ProbeState, register: int, value: int) -> Status:
    if not state.wire.answers:
        return Status.DP_ERROR
    cleared = register & 0xF == DPIDR_ABORT and value & ABORT_STKERRCLR
    if cleared or (register == CTRL_STAT and state.jtag and value & STICKYERR):
        state.sticky = False
    if register == CTRL_STAT:
        state.wire.write_ctrl_stat(value)
    if register & 0xF == RESEND_SELECT:
        state.select = value
    return Status.OK


def _check_port(state: ProbeState, register: int) -> None:
    if not state.wire.answers:
        raise WireError(WireProblem.NO_ACK, register)
    if not state.wire.powered_up:
        raise WireError(WireProblem.NO_POWER_UP, register)


def _read_ap(state: ProbeState, port: int, register: int) -> int:
    _check_port(state, register)
    if port != state.wire.chip.core_ap:
        return _read_beside(state, port, register)
    constant = {IDR: state.wire.chip.ap_idr, BASE: state.wire.chip.rom_table, CFG: 0}
    if register in constant:
        return constant[register]
    if register in state.ap_registers:
        return state.ap_registers[register]
    address, width, increment = _target(state, register)
    word = state.wire.read(address, width) << address % 4 * 8
    _increment(state, increment)
    return word


def _read_beside(state: ProbeState, port: int, register: int) -> int:
    """An access port that is not there reads as zero; one that reaches nothing here refuses what it would reach."""
    others = dict(state.wire.chip.side_aps)
    if port in others and (register == DRW or BD0 <= register < BD0 + 16):
        raise WireError(WireProblem.FAULT, register)
    return others.get(port, 0) if register == IDR else 0


def _write_ap(state: ProbeState, port: int, register: int, value: int) -> bool:
    _check_port(state, register)
    if port != state.wire.chip.core_ap:
        return True
    if register == CSW:
        state.ap_registers[CSW] = value & CSW_WRITABLE | CSW_FIXED
    elif register == TAR:
        state.ap_registers[TAR] = value
    elif register == DRW or BD0 <= register < BD0 + 16:
        address, width, increment = _target(state, register)
        lanes = value >> address % 4 * 8 & (1 << width * 8) - 1
        state.wire.write(address, lanes, width)
        _increment(state, increment)
    return True


def _target(state: ProbeState, register: int) -> tuple[int, int, int]:
    """Return address, width and increment of an access through DRW or a banked data register."""
    if BD0 <= register < BD0 + 16:
        return (state.ap_registers[TAR] & -16) + register - BD0, 4, 0
    if register != DRW:
        raise WireError(WireProblem.FAULT, register)
    width = 1 << min(state.ap_registers[CSW] & 7, 2)
    single = state.ap_registers[CSW] >> 4 & 3 == 1
    return state.ap_registers[TAR] & -width, width, width if single else 0


def _increment(state: ProbeState, step: int) -> None:
    tar = state.ap_registers[TAR]
    state.ap_registers[TAR] = tar & ~0xFFF | tar + step & 0xFFF


# --- RW_MISC


def misc_limit(state: ProbeState, _command: bytes) -> bytes:
    """RW_MISC_GET_MAX (guess: status and a word; no program is known to ask)."""
    return state.put(bytes([Status.OK, 0, 0, 0]) + _misc_items(state).to_bytes(4, "little"))


def misc_out(state: ProbeState, command: bytes) -> DataPhase | bytes:
    """RW_MISC_OUT: item codes padded to words, then one word per item."""
    count = int.from_bytes(command[2:6], "little")
    if not 0 < count <= _misc_items(state):
        return state.word(Status.COMMAND_ERROR)
    codes = count + 3 & -4

    def run(data: bytes) -> None:
        words = [int.from_bytes(data[codes + 4 * n : codes + 4 * n + 4], "little") for n in range(count)]
        state.misc_reply = _run_misc(state, list(zip(data[:count], words, strict=True)))

    return DataPhase(codes + 4 * count, run)


def misc_in(state: ProbeState, _command: bytes) -> bytes:
    """RW_MISC_IN: the values of the last batch, then a status word for each item."""
    return state.misc_reply


def _misc_items(state: ProbeState) -> int:
    return 1227 if state.identity.hardware >= 3 else 64


def _run_misc(state: ProbeState, items: list[tuple[int, int]]) -> bytes:
    """Carry out a batch; after a failure the items that are left fail with the same status, untried."""
    address, ap, status = 0, 0, int(Status.OK)
    values, statuses = [], []
    for code, word in items:
        value = 0
        if status == Status.OK:
            if code == MISC_ADDRESS:
                address = word
            elif code == MISC_AP:
                ap = word
            else:
                value, status = _misc_access(state, code, ap, word if code == MISC_READ else address, word)
        values.append(value)
        statuses.append(status)
    state.hand_out_status()
    return b"".join(word.to_bytes(4, "little") for word in (*values, *statuses))


def _misc_access(state: ProbeState, code: int, ap: int, address: int, word: int) -> tuple[int, int]:
    if state.mode is not Mode.DEBUG:
        return 0, Status.COMMAND_WAIT
    if code not in (MISC_WRITE, MISC_READ):
        return 0, Status.COMMAND_ERROR
    if (ap and ap not in state.opened) or (not ap and 0 not in state.opened and state.quirks.init_ap_for_memory):
        return 0, Status.BAD_AP
    if address & 3:
        return 0, Status.ALIGNMENT
    state.spend(state.identity.timing.read)
    if code == MISC_READ:
        value = state.access(address, lambda: state.wire.read(address, 4), ap)
        return value or 0, state.status
    state.access(address, lambda: state.wire.write(address, word, 4), ap)
    return 0, state.status
