"""Command builders: exact bytes, always sixteen."""

from __future__ import annotations

import pytest

from haltpoint.probes.stlink import commands
from haltpoint.probes.stlink.commands import Command, MiscOpcode


@pytest.mark.parametrize(
    ("command", "code", "reply"),
    [
        (commands.GET_VERSION, "f1", 6),
        (commands.GET_VERSION_EX, "fb", 12),
        (commands.GET_CURRENT_MODE, "f5", 2),
        (commands.GET_TARGET_VOLTAGE, "f7", 8),
        (commands.DFU_EXIT, "f307", 0),
        (commands.SWIM_EXIT, "f401", 0),
        (commands.DEBUG_EXIT, "f221", 0),
        (commands.ENTER_SWD, "f230a3", 2),
        (commands.READ_ALL_REGISTERS, "f23a", 88),
        (commands.RW_STATUS, "f23b", 2),
        (commands.RW_STATUS_2, "f23e", 12),
        (commands.open_ap(0), "f24b00", 2),
        (commands.close_ap(0), "f24c00", 2),
        (commands.GET_COM_FREQ, "f26200", 52),
        (commands.read_memory(4, 0x2000_0004, 1024), "f20704000020000400", 1024),
        (commands.read_memory(2, 0x2000_0002, 2), "f24702000020020000", 2),
        (commands.read_memory(1, 0x2000_0001, 1), "f20c01000020010000", 2),
        (commands.read_memory(1, 0x2000_0001, 3), "f20c01000020030000", 3),
        (commands.write_memory(4, 0x2000_0000, 6144), "f20800000020001800", 0),
        (commands.write_memory(2, 0x2000_0000, 2), "f24800000020020000", 0),
        (commands.write_memory(1, 0x2000_0000, 2), "f20d00000020020000", 0),
        (commands.read_word(0xE000_EDF0), "f236f0ed00e0", 8),
        (commands.write_word(0xE000_EDF0, 0xA05F_0003), "f235f0ed00e003005fa0", 2),
        (commands.read_core_register(15), "f2330f", 8),
        (commands.write_core_register(15, 0x0800_0101), "f2340f01010008", 2),
        (commands.write_debug_port(0, 0x1E), "f246ffff00001e000000", 2),
        (commands.drive_nrst(low=True), "f23c00", 2),
        (commands.drive_nrst(low=False), "f23c01", 2),
        (commands.set_swd_divisor(798), "f2431e03", 2),
        (commands.set_com_frequency(3300), "f2610000e40c0000", 8),
        (commands.rw_misc_out(5), "f25105000000", 0),
        (commands.rw_misc_in(5), "f252", 40),
    ],
)
def test_bytes(command: Command, code: str, reply: int) -> None:
    assert command.code == bytes.fromhex(code).ljust(16, b"\0")
    assert len(command.code) == 16
    assert command.reply == reply


def test_misc_payload_pads_the_opcodes() -> None:
    items = [
        (MiscOpcode.AP_NUMBER, 0),
        (MiscOpcode.ADDRESS, 0xE000_EDF0),
        (MiscOpcode.WRITE, 0xA05F_0003),
        (MiscOpcode.READ, 0xE000_ED30),
        (MiscOpcode.READ, 0xE000_EDF0),
    ]
    assert commands.rw_misc_payload(items).hex() == (
        "0501020303000000" + "00000000" + "f0ed00e0" + "03005fa0" + "30ed00e0" + "f0ed00e0"
    )
    assert len(commands.rw_misc_payload(items[:4])) == 4 + 16


def test_misc_reply_splits_in_values_and_statuses() -> None:
    reply = bytes.fromhex("11111111 22222222 80000000 11000000")
    assert commands.rw_misc_parse(reply) == ((0x1111_1111, 0x2222_2222), (0x80, 0x11))
