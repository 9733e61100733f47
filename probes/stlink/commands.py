"""ST-Link commands as bytes, each with the length of its answer.

Pure functions of values. A command is always exactly 16 bytes, zero where unused. Unless said
otherwise an answer begins with a status word (see ``status``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

__all__ = ["Command", "MiscItem", "MiscOpcode", "Mode"]

LENGTH = 16
DEBUG = 0xF2
DP_PORT = 0xFFFF


class Mode(IntEnum):
    """What GET_CURRENT_MODE answers."""

    DFU = 0
    MASS_STORAGE = 1
    DEBUG = 2
    SWIM = 3
    BOOTLOADER = 4


class Command(NamedTuple):
    """16 bytes to send and the number of bytes the probe answers with (0: nothing)."""

    name: str
    code: bytes
    reply: int = 0


def _command(name: str, reply: int, *code: int) -> Command:
    return Command(name, bytes(code).ljust(LENGTH, b"\0"), reply)


def _debug(name: str, reply: int, code: int, parameters: bytes = b"") -> Command:
    return Command(name, (bytes((DEBUG, code)) + parameters).ljust(LENGTH, b"\0"), reply)


# Top level; none of these answers with a status word.
GET_VERSION = _command("GET_VERSION", 6, 0xF1)
GET_VERSION_EX = _command("GET_VERSION_EX", 12, 0xFB)
GET_CURRENT_MODE = _command("GET_CURRENT_MODE", 2, 0xF5)
GET_TARGET_VOLTAGE = _command("GET_TARGET_VOLTAGE", 8, 0xF7)
DFU_EXIT = _command("DFU_EXIT", 0, 0xF3, 0x07)
SWIM_EXIT = _command("SWIM_EXIT", 0, 0xF4, 0x01)

# Debug family.
DEBUG_EXIT = _debug("DEBUG_EXIT", 0, 0x21)
ENTER_SWD = _debug("ENTER", 2, 0x30, b"\xa3")
READ_ALL_REGISTERS = _debug("READALLREGS", 88, 0x3A)
RW_STATUS = _debug("GETLASTRWSTATUS", 2, 0x3B)
RW_STATUS_2 = _debug("GETLASTRWSTATUS2", 12, 0x3E)
GET_COM_FREQ = _debug("GET_COM_FREQ", 52, 0x62, b"\0")  # parameter 0: SWD

# Memory commands by access width in bytes.
_READ_MEMORY = {1: 0x0C, 2: 0x47, 4: 0x07}
_WRITE_MEMORY = {1: 0x0D, 2: 0x48, 4: 0x08}


def open_ap(ap: int) -> Command:
    """Open an access port; READDEBUGREG and its kin then go through it."""
    return _debug("INIT_AP", 2, 0x4B, bytes((ap,)))


def close_ap(ap: int) -> Command:
    """Close an access port."""
    return _debug("CLOSE_AP_DBG", 2, 0x4C, bytes((ap,)))


def read_memory(width: int, address: int, length: int, ap: int = 0) -> Command:
    """Read a block in accesses of ``width`` bytes. The answer is data alone, never shorter than two bytes."""
    parameters = struct.pack("<IHB", address, length, ap)
    return _debug(f"READMEM{8 * width}", max(length, 2), _READ_MEMORY[width], parameters)


def write_memory(width: int, address: int, length: int, ap: int = 0) -> Command:
    """Write the block that follows in accesses of ``width`` bytes. No answer; ask for the status afterwards."""
    return _debug(f"WRITEMEM{8 * width}", 0, _WRITE_MEMORY[width], struct.pack("<IHB", address, length, ap))


def read_word(address: int) -> Command:
    """One 32-bit read; answers status and value."""
    return _debug("READDEBUGREG", 8, 0x36, struct.pack("<I", address))


def write_word(address: int, value: int) -> Command:
    """One 32-bit write; answers its status."""
    return _debug("WRITEDEBUGREG", 2, 0x35, struct.pack("<II", address, value))


def read_core_register(regsel: int) -> Command:
    """Read a register of a halted core by DCRSR number; answers status and value."""
    return _debug("READREG", 8, 0x33, bytes((regsel,)))


def write_core_register(regsel: int, value: int) -> Command:
    """Write a register of a halted core by DCRSR number."""
    return _debug("WRITEREG", 2, 0x34, struct.pack("<BI", regsel, value))


def read_ap_register(ap: int, register: int) -> Command:
    """Read a register of an access port; IDR can be read of one that is not open. Answers status and value."""
    return _debug("READ_DAP_REG", 8, 0x45, struct.pack("<HH", ap, register))


def write_debug_port(register: int, value: int) -> Command:
    """Write a debug port register by its address (ADIv5 B2.2)."""
    return _debug("WRITE_DAP_REG", 2, 0x46, struct.pack("<HHI", DP_PORT, register, value))


def drive_nrst(*, low: bool) -> Command:
    """Pull NRST low or let it go. The third form, a pulse, is not trusted in the field."""
    return _debug("DRIVE_NRST", 2, 0x3C, b"\0" if low else b"\1")


def set_swd_divisor(divisor: int) -> Command:
    """Set the V2's clock divisor."""
    return _debug("SWD_SET_FREQ", 2, 0x43, struct.pack("<H", divisor))


def set_com_frequency(khz: int) -> Command:
    """Set the V3's SWD speed; answers the speed it took, in kHz, at byte 4."""
    return _debug("SET_COM_FREQ", 8, 0x61, struct.pack("<BBI", 0, 0, khz))


class MiscOpcode(IntEnum):
    """What an item of RW_MISC does with its word."""

    ADDRESS = 1  # of the write that follows
    WRITE = 2
    READ = 3  # from the address given
    AP_NUMBER = 5


MiscItem = tuple[MiscOpcode, int]


def rw_misc_out(items: int) -> Command:
    """Announce a list of items; the payload follows."""
    return _debug("RW_MISC_OUT", 0, 0x51, struct.pack("<I", items))


def rw_misc_in(items: int) -> Command:
    """Fetch what the list came to: a value word per item, then a status word per item."""
    return _debug("RW_MISC_IN", 8 * items, 0x52)


def rw_misc_payload(items: Sequence[MiscItem]) -> bytes:
    """Opcode bytes padded to a multiple of four, then a word per item."""
    opcodes = bytes(opcode for opcode, _ in items)
    padding = b"\0" * (-len(opcodes) % 4)
    return opcodes + padding + struct.pack(f"<{len(items)}I", *(word for _, word in items))


def rw_misc_parse(reply: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split the answer of ``rw_misc_in`` into values and status codes."""
    words = struct.unpack(f"<{len(reply) // 4}I", reply)
    half = len(words) // 2
    return words[:half], tuple(word & 0xFF for word in words[half:])
