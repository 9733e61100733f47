"""RCC: ready times, the clock tree, reset flags, gates."""

from __future__ import annotations

import pytest

from haltpoint.sim.board import Board, open_board
from haltpoint.sim.bus import Unmodelled

CR, CFGR, AHBENR, APB2ENR, APB1ENR, CSR = (0x4002_1000 + offset for offset in (0, 4, 0x14, 0x18, 0x1C, 0x24))
AIRCR = 0xE000_ED0C


@pytest.fixture
def board() -> Board:
    return open_board("sim:stm32f103c8")


def read(board: Board, address: int) -> int:
    return board.machine.ap_read(address, 4)


def write(board: Board, address: int, value: int) -> None:
    board.machine.ap_write(address, value, 4)


def test_reset_values(board: Board) -> None:
    assert read(board, CR) & 0xFFFF_00FF == 0x83
    assert [read(board, address) for address in (CFGR, AHBENR, APB2ENR, APB1ENR)] == [0, 0x14, 0, 0]
    assert read(board, CSR) == 0x0C00_0000


def to_72_mhz(board: Board) -> None:
    write(board, CR, 0x1_0081)
    board.sleep(3e-3)
    assert read(board, CR) & 1 << 17
    write(board, CFGR, 7 << 18 | 1 << 16 | 4 << 8)
    write(board, CR, 0x101_0081)
    assert not read(board, CR) & 1 << 25
    board.sleep(0.3e-3)
    assert read(board, CR) & 1 << 25
    write(board, CFGR, 7 << 18 | 1 << 16 | 4 << 8 | 2)


def test_72_mhz_by_the_pll(board: Board) -> None:
    to_72_mhz(board)
    assert read(board, CFGR) & 0xC == 8
    assert board.soc.rcc.core_hz == 72_000_000
    assert board.soc.rcc.apb_hz(1) == 36_000_000
    assert board.soc.rcc.apb_hz(2) == 72_000_000


def test_the_core_runs_at_the_new_speed(board: Board) -> None:
    write(board, 0xE000_EDFC, 1 << 24)
    write(board, 0xE000_EDF0, 0xA05F_0003)
    board.machine.ap_write_words(0x2000_0000, b"\xfe\xe7" * 4)  # b .
    write(board, 0xE000_EDF8, 0x2000_0000)
    write(board, 0xE000_EDF4, 0x1000F)
    write(board, 0xE000_EDF8, 0x0100_0000)
    write(board, 0xE000_EDF4, 0x10010)
    write(board, 0xE000_1000, 1)
    write(board, 0xE000_EDF0, 0xA05F_0001)

    def cycles() -> int:
        before = read(board, 0xE000_1004)
        board.sleep(1e-3)
        return read(board, 0xE000_1004) - before

    assert cycles() == pytest.approx(8000, abs=2)
    to_72_mhz(board)
    assert cycles() == pytest.approx(72_000, abs=2)


def test_the_clock_in_use_cannot_be_switched_off(board: Board) -> None:
    write(board, CR, 0x80)
    assert read(board, CR) & 3 == 3
    to_72_mhz(board)
    write(board, CR, 0)
    assert read(board, CR) & (1 << 24 | 1 << 16) == 1 << 24 | 1 << 16
    assert read(board, CR) & 3 == 0


def test_pll_settings_hold_while_it_runs(board: Board) -> None:
    to_72_mhz(board)
    write(board, CFGR, 2 << 18 | 2)
    assert read(board, CFGR) >> 18 & 0xF == 7


def test_without_a_crystal_hse_never_gets_ready() -> None:
    board = open_board("sim:stm32f103c8,hse=none")
    write(board, CR, 0x1_0081)
    board.sleep(1.0)
    assert not read(board, CR) & 1 << 17


def test_bytes_and_half_words_reach_rcc(board: Board) -> None:
    board.machine.ap_write(APB2ENR, 0x1C, 1)
    board.machine.ap_write(APB2ENR + 1, 0x40, 1)
    assert read(board, APB2ENR) == 0x401C
    board.machine.ap_write(APB2ENR, 0x0004, 2)
    assert read(board, APB2ENR) == 0x0004


def test_reset_flags_tell_the_cause(board: Board) -> None:
    write(board, CSR, 1 << 24)
    assert read(board, CSR) == 0
    write(board, AIRCR, 0x05FA_0004)
    board.sleep(1e-3)
    assert read(board, CSR) == 0x1400_0000
    write(board, CSR, 1 << 24)
    board.wire.connect()
    board.wire.drive_nrst(low=True)
    board.sleep(1e-3)
    board.wire.drive_nrst(low=False)
    assert read(board, CSR) == 0x0400_0000
    board.power(on=False)
    board.power(on=True)
    assert read(board, CSR) == 0x0C00_0000


def test_a_gated_peripheral_reads_zero_and_ignores_writes(board: Board) -> None:
    crh = 0x4001_1004  # port C
    write(board, crh, 0x1234_5678)
    assert read(board, crh) == 0
    write(board, APB2ENR, 1 << 4)
    assert read(board, crh) == 0x4444_4444
    write(board, crh, 0x1234_5678)
    assert read(board, crh) == 0x1234_5678


def test_a_peripheral_is_reset_by_its_bit(board: Board) -> None:
    write(board, APB2ENR, 3 << 3)
    for port in (0x4001_0C00, 0x4001_1000):
        write(board, port + 0x0C, 0xFFFF)
    write(board, 0x4002_100C, 1 << 4)
    write(board, 0x4002_100C, 0)
    assert read(board, 0x4001_0C0C) == 0xFFFF
    assert read(board, 0x4001_100C) == 0


def test_ports(board: Board) -> None:
    write(board, APB2ENR, 1 << 2)
    port = 0x4001_0800
    write(board, port + 0x10, 0x0003_0006)
    assert read(board, port + 0x0C) == 0x0006
    write(board, port + 0x14, 0x0002)
    assert read(board, port + 0x08) == 0x0004


def test_a_serial_port_keeps_what_it_sends(board: Board) -> None:
    write(board, APB2ENR, 1 << 14)
    base = 0x4001_3800
    write(board, base + 0x04, ord("x"))
    write(board, base + 0x0C, 0x2008)
    for byte in b"hello":
        assert read(board, base) & 0x80
        write(board, base + 0x04, byte)
    assert next(one for one in board.machine.bus.peripherals if one.name == "USART1").sent == b"hello"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("enable", "address", "value"),
    [((APB1ENR, 1), 0x4000_0000, 1), ((APB2ENR, 1 << 9), 0x4001_2400, 0), ((APB1ENR, 1 << 21), 0x4000_5400, 0)],
)
def test_what_is_not_modelled_says_so(board: Board, enable: tuple[int, int], address: int, value: int) -> None:
    write(board, *enable)
    with pytest.raises(Unmodelled):
        write(board, address, value)


def test_the_crc_unit(board: Board) -> None:
    write(board, AHBENR, 0x54)
    write(board, 0x4002_3008, 1)
    for word in (0x1234_5678, 0xDEAD_BEEF):
        write(board, 0x4002_3000, word)
    assert read(board, 0x4002_3000) == crc_bitwise([0x1234_5678, 0xDEAD_BEEF])


def crc_bitwise(words: list[int]) -> int:
    """CRC-32/MPEG-2, a bit at a time from the most significant one."""
    crc = 0xFFFF_FFFF
    for word in words:
        for bit in range(31, -1, -1):
            carry = (crc >> 31) ^ (word >> bit & 1)
            crc = (crc << 1 & 0xFFFF_FFFF) ^ (0x04C1_1DB7 if carry else 0)
    return crc


ISPR0 = 0xE000_E200


def test_the_flash_interrupt(board: Board) -> None:
    flash = 0x4002_2000
    write(board, flash + 4, 0x4567_0123)
    write(board, flash + 4, 0xCDEF_89AB)
    write(board, flash + 0x10, 0x1400 | 1)
    board.machine.ap_write(0x0800_0000, 0x1234, 2)
    assert not read(board, ISPR0) & 1 << 4
    board.sleep(1e-3)
    assert read(board, ISPR0) & 1 << 4
    write(board, 0xE000_E280, 1 << 4)
    board.machine.ap_write(0x0800_0000, 0x1235, 2)  # PGERR
    assert read(board, ISPR0) & 1 << 4


def test_the_dma_interrupt(board: Board) -> None:
    write(board, AHBENR, 0x15)
    write(board, 0x4002_000C, 4)
    write(board, 0x4002_0010, 0x2000_0000)
    write(board, 0x4002_0014, 0x2000_0100)
    write(board, 0x4002_0008, 0x4000 | 0x0A00 | 2 | 1)
    board.sleep(1e-3)
    assert read(board, ISPR0) & 1 << 11


def test_the_early_wakeup_of_wwdg(board: Board) -> None:
    write(board, APB1ENR, 1 << 11)
    write(board, 0x4000_2C04, 0x7F | 1 << 9)
    write(board, 0x4000_2C00, 0xFF)
    tick = 4096 / 8e6
    board.sleep(62.5 * tick)
    assert not read(board, ISPR0) & 1
    board.sleep(tick)
    assert read(board, ISPR0) & 1
    assert read(board, 0x4000_2C08) == 1
