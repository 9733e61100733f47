"""The AHB-AP behind the debug port: CSW, address increment, byte lanes, banked data, identification."""

from __future__ import annotations

import pytest
from support.ftdi_host import CSW, CTRL_STAT, DRW, SELECT, TAR, WORDS, SwdHost

RAM = 0x2000_0000
BYTES, HALVES, FIXED = WORDS & ~7, WORDS & ~7 | 1, WORDS & ~0x30
PACKED_BYTES, PACKED_HALVES = 0x2300_0020, 0x2300_0021
STICKYERR = 0x20


def connected(chip: str = "stm32f103c8") -> SwdHost:
    host = SwdHost(f"sim:{chip},probe=ft2232h,wire=swd")
    host.connect()
    return host


def memory(host: SwdHost, length: int = 16) -> bytes:
    return host.board.machine.bus.peek(RAM, length)


def bank(host: SwdHost, number: int) -> None:
    host.dp_write(SELECT, number << 4)


@pytest.mark.parametrize(
    ("chip", "idr", "csw"),
    [
        ("stm32f103c8", 0x1477_0011, 0x2300_0040),
        ("stm32f407vg", 0x2477_0011, 0x2300_0040),
        ("stm32l431rc", 0x2477_0011, 0x2300_0040),
        ("stm32g071rb", 0x0477_0031, 0x0300_0040),
    ],
)
def test_identification(chip: str, idr: int, csw: int) -> None:
    host = connected(chip)
    assert host.ap_read(CSW) == csw
    bank(host, 0xF)
    assert [host.ap_read(address) for address in (0x4, 0xC)] == [0, idr]
    assert host.ap_read(0x8) == host.board.chip.rom_table


def test_other_access_ports_read_as_zero_and_ignore_writes() -> None:
    host = connected()
    host.dp_write(SELECT, 1 << 24 | 0xF0)
    assert host.ap_read(0xC) == 0
    host.dp_write(SELECT, 1 << 24)
    host.ap_write(TAR, RAM)
    host.dp_write(SELECT, 0)
    assert host.ap_read(TAR) == 0


@pytest.mark.parametrize(
    ("chip", "written", "read"),
    [
        ("stm32f103c8", 0xFFFF_FFFF, 0x2300_0042),
        ("stm32f103c8", 0x2300_0012, 0x2300_0052),
        ("stm32f103c8", 0x2300_0021, 0x2300_0061),
        ("stm32f103c8", 0xA200_0002, 0x2300_0042),
        ("stm32g071rb", 0xA200_0020, 0x0300_0040),
    ],
)
def test_csw_keeps_what_the_core_has(chip: str, written: int, read: int) -> None:
    host = connected(chip)
    host.ap_write(CSW, written)
    assert host.ap_read(CSW) == read


@pytest.mark.parametrize(("chip", "window"), [("stm32f103c8", 0x1000), ("stm32f407vg", 0x1000), ("stm32g071rb", 0x400)])
def test_the_address_wraps_within_its_window(chip: str, window: int) -> None:
    """4 KiB on Cortex-M3 and M4 (DDI0337 11.5), 1 KiB on M0 and M0+, the least that the architecture asks for."""
    host = connected(chip)
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, RAM + window - 4)
    host.ap_write(DRW, 0x1111_1111)
    host.ap_write(DRW, 0x2222_2222)
    assert host.ap_read(TAR) == RAM + 4
    assert memory(host, 4) == b"\x22" * 4


def test_a_narrower_window_can_be_set_for_tests() -> None:
    host = connected()
    host.board.swj.port.ap.window = 0x400
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, RAM + 0x3FC)
    host.ap_write(DRW, 1)
    assert host.ap_read(TAR) == RAM


def test_no_increment_after_a_fault() -> None:
    host = connected()
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, 0x6000_0000)
    host.read(1, DRW)
    assert host.dp_read(CTRL_STAT) & STICKYERR
    host.dp_write(0, 1 << 2)
    assert host.ap_read(TAR) == 0x6000_0000


def test_no_increment_when_switched_off() -> None:
    host = connected()
    host.ap_write(CSW, FIXED)
    host.ap_write(TAR, RAM)
    host.ap_write(DRW, 1)
    host.ap_write(DRW, 2)
    assert memory(host, 8)[:4] == b"\x02\0\0\0"
    assert host.ap_read(TAR) == RAM


def test_bytes_and_halves_travel_in_their_lanes() -> None:
    host = connected()
    host.board.machine.bus.patch(RAM, bytes(16))
    host.ap_write(CSW, BYTES)
    host.ap_write(TAR, RAM)
    for value in (0x0000_0011, 0x0000_2200, 0x0033_0000, 0x4400_0000):
        host.ap_write(DRW, value)
    host.ap_write(CSW, HALVES)
    host.ap_write(DRW, 0xFFFF_6655)
    host.ap_write(DRW, 0x8877_FFFF)
    assert memory(host, 8) == bytes.fromhex("1122334455667788")


def test_lanes_that_take_no_part_keep_the_last_word() -> None:
    """Seen on real F429 and F103: a host that does not mask gets yesterday's bytes."""
    host = connected()
    host.board.machine.bus.patch(RAM, bytes.fromhex("19640710 0008a63a"))
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, RAM)
    assert host.ap_read(DRW) == 0x1007_6419
    host.ap_write(CSW, BYTES)
    host.ap_write(TAR, RAM + 6)
    assert [host.ap_read(DRW) for _ in range(2)] == [0x10A6_6419, 0x3AA6_6419]


def test_packed_transfers_take_a_whole_word() -> None:
    host = connected()
    host.ap_write(CSW, PACKED_BYTES)
    host.ap_write(TAR, RAM)
    host.ap_write(DRW, 0x4433_2211)
    assert host.ap_read(TAR) == RAM + 4
    host.ap_write(CSW, PACKED_HALVES)
    host.ap_write(TAR, RAM)
    assert host.ap_read(DRW) == 0x4433_2211
    assert host.ap_read(TAR) == RAM + 4


def test_banked_data_reaches_sixteen_bytes_without_moving_tar() -> None:
    host = connected()
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, RAM + 4)
    bank(host, 1)
    for number in range(4):
        host.ap_write(4 * number, 0x1111_1111 * (number + 1))
    assert [host.ap_read(4 * number) for number in range(4)] == [0x1111_1111 * n for n in range(1, 5)]
    bank(host, 0)
    assert host.ap_read(TAR) == RAM + 4
    assert memory(host) == b"".join(bytes([n * 0x11]) * 4 for n in range(1, 5))


def test_core_debug_registers_are_reached_while_the_core_runs() -> None:
    host = connected()
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, 0xE000_ED00)
    assert host.ap_read(DRW) == 0x411F_C231
