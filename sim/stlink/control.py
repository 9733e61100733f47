"""Top-level commands, entering and leaving modes, resets, and the core's registers."""

from __future__ import annotations

from ..usb import UsbFailure, UsbReason
from .state import Mode, ProbeState, Status

__all__ = [
    "blink",
    "board_identifiers",
    "dfu_exit",
    "drive_nrst",
    "enter",
    "exit_debug",
    "get_current_mode",
    "get_target_voltage",
    "get_version",
    "get_version_ex",
    "read_all_registers",
    "read_idcodes",
    "read_register",
    "reset_system",
    "swim",
    "trace_count",
    "trace_start",
    "trace_stop",
    "write_register",
]

DHCSR, DCRSR, DCRDR, AIRCR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_ED0C
S_HALT = 1 << 17
REGWNR = 1 << 16
SYSRESETREQ = 0x05FA_0004

SWD, JTAG, JTAG_WITH_RESET = 0xA3, 0xA4, 0x00


def get_version(state: ProbeState, _command: bytes) -> bytes:
    """GET_VERSION."""
    return state.put(state.identity.version())


def get_version_ex(state: ProbeState, _command: bytes) -> bytes:
    """GET_VERSION_EX."""
    return state.put(state.identity.version_ex())


def get_current_mode(state: ProbeState, _command: bytes) -> bytes:
    """GET_CURRENT_MODE; the second byte is junk on a real probe too."""
    junk = 0x03 if state.identity.hardware >= 3 else state.buffer[1]
    return state.put(bytes([state.mode, junk]))


def get_target_voltage(state: ProbeState, _command: bytes) -> bytes:
    """GET_TARGET_VOLTAGE: reference and sample; V = 2 x sample x 1.2 / reference. The boot loader does not know it."""
    if state.mode is Mode.DFU:
        raise UsbFailure(UsbReason.STALL)
    reference = 0x5D2 if state.identity.measures_voltage else 0
    sample = round(state.wire.voltage * reference / 2.4)
    return state.put(reference.to_bytes(4, "little") + sample.to_bytes(4, "little"))


def dfu_exit(state: ProbeState, command: bytes) -> None:
    """DFU_EXIT: from the boot loader to the firmware. No reply."""
    if command[1] == 0x07 and state.mode is Mode.DFU:
        state.mode = Mode.MASS_STORAGE


def swim(state: ProbeState, command: bytes) -> bytes | None:
    """SWIM commands: only entering and leaving; nothing on this board speaks SWIM."""
    if command[1] == 0x00:
        state.mode = Mode.SWIM
        return None
    if command[1] == 0x01:
        state.mode = Mode.MASS_STORAGE
        return None
    return state.word(Status.UNKNOWN_COMMAND)


def enter(state: ProbeState, command: bytes) -> bytes:
    """ENTER: switch the wire to SWD or JTAG, read the identity, power up the debug domain."""
    jtag = command[2] in (JTAG, JTAG_WITH_RESET)
    if command[2] not in (SWD, JTAG, JTAG_WITH_RESET):
        return state.word(Status.COMMAND_ERROR)
    if state.mode is Mode.DEBUG and jtag != state.jtag:
        return state.word(Status.OTHER_MODE)
    state.jtag = jtag
    state.spend(state.identity.timing.enter)
    if not state.wire.connect():
        return state.word(Status.NO_DEVICE if jtag else Status.IDCODE_ERROR)
    state.mode = Mode.DEBUG
    state.status = Status.OK
    state.sticky = False
    if command[2] == JTAG_WITH_RESET:
        state.access(AIRCR, lambda: state.wire.write(AIRCR, SYSRESETREQ, 4), state.ap)
    return state.word(Status.OK)


def exit_debug(state: ProbeState, _command: bytes) -> None:
    """EXIT: the opened access ports are forgotten, the wire is left alone. No reply."""
    if state.mode is Mode.DEBUG:
        state.mode = Mode.MASS_STORAGE
        state.wire.disconnect()
        state.reset()


def read_idcodes(state: ProbeState, _command: bytes) -> bytes:
    """READ_IDCODES: the debug port, and over JTAG the boundary scan TAP behind it."""
    if not state.wire.answers:
        return state.put(bytes([Status.NO_DEVICE if state.jtag else Status.IDCODE_ERROR]) + bytes(11))
    chip = state.wire.chip
    first, second = (chip.jtag_id, chip.boundary_scan_id) if state.jtag else (chip.dpidr, 0)
    return state.put(bytes([Status.OK, 0, 0, 0]) + first.to_bytes(4, "little") + second.to_bytes(4, "little"))


def reset_system(state: ProbeState, _command: bytes) -> bytes:
    """RESETSYS: AIRCR.SYSRESETREQ."""
    state.spend(state.identity.timing.single)
    state.access(AIRCR, lambda: state.wire.write(AIRCR, SYSRESETREQ, 4), state.ap)
    return state.word(state.hand_out_status())


def drive_nrst(state: ProbeState, command: bytes) -> bytes:
    """DRIVE_NRST: 0 low, 1 released, 2 pulse. Before ENTER, V2 firmware J27 to J29 drives another pin."""
    wrong_pin = state.identity.hardware == 2 and 27 <= state.identity.level <= 29 and state.mode is not Mode.DEBUG
    if command[2] > 2:
        return state.word(Status.COMMAND_ERROR)
    if wrong_pin:
        return state.word(Status.OK)
    if command[2] < 2:
        state.wire.drive_nrst(low=command[2] == 0)
    elif state.quirks.pulse_works:
        state.wire.drive_nrst(low=True)
        state.spend(100_000_000)
        state.wire.drive_nrst(low=False)
    return state.word(Status.OK)


def blink(state: ProbeState, _command: bytes) -> bytes:
    """BLINK_LED."""
    return state.word(Status.OK)


def board_identifiers(state: ProbeState, _command: bytes) -> bytes:
    """BOARD_IDENTIFIERS: 4 characters, zero where there is none."""
    return state.put((bytes([Status.OK, 0]) + state.identity.board).ljust(128, b"\0"))


# --- trace


def trace_start(state: ProbeState, command: bytes) -> bytes:
    """START_TRACE_RX with buffer size and baud rate."""
    baud = int.from_bytes(command[4:8], "little")
    limit = 24_000_000 if state.identity.hardware >= 3 else 2_250_000
    if not 0 < baud <= limit:
        return state.word(Status.BAD_FREQUENCY)
    state.trace.start(baud)
    return state.word(Status.OK)


def trace_stop(state: ProbeState, _command: bytes) -> bytes:
    """STOP_TRACE_RX."""
    state.trace.stop()
    return state.word(Status.OK)


def trace_count(state: ProbeState, _command: bytes) -> bytes:
    """GET_TRACE_NB: bytes that can be read from the trace endpoint from now on."""
    if state.wire.machine.powered:
        state.wire.machine.run_until_now()
    return state.put(state.trace.hand_over().to_bytes(2, "little"))


# --- core registers


def read_register(state: ProbeState, command: bytes) -> bytes:
    """READREG. The firmware does not look whether the core is halted: a running one leaves DCRDR as it was, with OK."""
    selector = command[2]
    if selector > 0x1F and not state.has(15):
        state.status = Status.COMMAND_ERROR
        return state.value_reply(None)
    state.spend(2 * state.identity.timing.single)
    return state.value_reply(state.access(DCRDR, lambda: _core_register(state, selector), state.ap))


def read_all_registers(state: ProbeState, _command: bytes) -> bytes:
    """READALLREGS: R0 to R15, xPSR, MSP, PSP, and two words that mean nothing."""
    state.spend(21 * 2 * state.identity.timing.single)
    values = state.access(DCRDR, lambda: [_core_register(state, selector) for selector in range(19)], state.ap)
    if values is not None:
        words = [*values, 0, 0]
        state.buffer[4:88] = b"".join(word.to_bytes(4, "little") for word in words)
    state.buffer[0:4] = bytes([state.hand_out_status(), 0, 0, 0])
    return bytes(state.buffer[:88])


def write_register(state: ProbeState, command: bytes) -> bytes:
    """WRITEREG."""
    selector, value = command[2], int.from_bytes(command[3:7], "little")
    state.spend(2 * state.identity.timing.single)

    def store() -> bool:
        state.wire.write(DCRDR, value, 4)
        state.wire.write(DCRSR, REGWNR | selector, 4)
        return True

    state.access(DCRDR, store, state.ap)
    return state.word(state.hand_out_status())


def _core_register(state: ProbeState, selector: int) -> int:
    wire = state.wire
    if wire.read(DHCSR, 4) & S_HALT:
        wire.write(DCRSR, selector, 4)
    return wire.read(DCRDR, 4)
