"""Which commands there are: code, first firmware level that has it, and whether debug mode must have been entered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import control, dap, memory, speed
from .memory import DataPhase
from .state import ProbeState

__all__ = ["DEBUG_FAMILY", "Command", "debug_commands", "top_commands"]

DEBUG_FAMILY = 0xF2
NEVER = 1000


@dataclass(frozen=True)
class Command:
    """One command. ``v2`` and ``v3`` are the J levels that brought it; ``anywhere``: also outside debug mode."""

    code: int
    handler: Callable[[ProbeState, bytes], bytes | DataPhase | None]
    v2: int = 0
    v3: int = 0
    anywhere: bool = False


_TOP = (
    Command(0xF1, control.get_version),
    Command(0xF3, control.dfu_exit),
    Command(0xF4, control.swim),
    Command(0xF5, control.get_current_mode),
    Command(0xF7, control.get_target_voltage, v2=13),
    Command(0xFB, control.get_version_ex, v2=NEVER),
)

# Memory commands check the mode themselves: their data phase happens whatever the outcome is.
_DEBUG = (
    Command(0x07, memory.reader(4), anywhere=True),
    Command(0x08, memory.writer(4), anywhere=True),
    Command(0x0C, memory.reader(1), anywhere=True),
    Command(0x0D, memory.writer(1), anywhere=True),
    Command(0x21, control.exit_debug, anywhere=True),
    Command(0x30, control.enter, anywhere=True),
    Command(0x31, control.read_idcodes),
    Command(0x32, control.reset_system),
    Command(0x33, control.read_register),
    Command(0x34, control.write_register),
    Command(0x35, memory.write_debug_register),
    Command(0x36, memory.read_debug_register),
    Command(0x3A, control.read_all_registers),
    Command(0x3B, memory.last_status, anywhere=True),
    Command(0x3C, control.drive_nrst, anywhere=True),
    Command(0x3E, memory.last_status_long, v2=15, anywhere=True),
    Command(0x40, control.trace_start, v2=13),
    Command(0x41, control.trace_stop, v2=13),
    Command(0x42, control.trace_count, v2=13),
    Command(0x43, speed.set_swd_divisor, v2=22, v3=NEVER, anywhere=True),
    Command(0x44, speed.set_jtag_divisor, v2=24, v3=NEVER, anywhere=True),
    Command(0x45, dap.read_dap, v2=24),
    Command(0x46, dap.write_dap, v2=24),
    Command(0x47, memory.reader(2), v2=26, anywhere=True),
    Command(0x48, memory.writer(2), v2=26, anywhere=True),
    Command(0x49, control.blink, anywhere=True),
    Command(0x4B, dap.init_ap, v2=28),
    Command(0x4C, dap.close_ap, v2=28),
    Command(0x50, memory.writer(4, increment=False), v2=26, anywhere=True),
    Command(0x51, dap.misc_out, v2=32, v3=2),
    Command(0x52, dap.misc_in, v2=32, v3=2),
    Command(0x53, dap.misc_limit, v2=32, v3=2),
    Command(0x54, memory.reader(4, increment=False), v2=32, v3=2, anywhere=True),
    Command(0x56, control.board_identifiers, v2=36, v3=6, anywhere=True),
    Command(0x61, speed.set_com_freq, v2=NEVER, anywhere=True),
    Command(0x62, speed.get_com_freq, v2=NEVER, anywhere=True),
    Command(0x63, speed.switch_frequency, v2=NEVER, anywhere=True),
)


def top_commands(state: ProbeState) -> dict[int, Command]:
    """Return the commands without family that the probe's firmware has."""
    return {command.code: command for command in _TOP if state.has(command.v2, command.v3)}


def debug_commands(state: ProbeState) -> dict[int, Command]:
    """Return the commands of family 0xF2 that the probe's firmware has."""
    return {command.code: command for command in _DEBUG if state.has(command.v2, command.v3)}
