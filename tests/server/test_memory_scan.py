"""Checksums and searches: what they answer, and that the client hears in time that it will be answered."""

from __future__ import annotations

import pytest
from support.fake_target import FLASH, FLASH_SIZE, RAM, RAM_SIZE, FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.server.memory_scan import PIECE


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def reference(data: bytes) -> int:
    """The CRC bit by bit, as GDB's manual describes it (node General Query Packets)."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C1_1DB7 if crc >> 31 else 0)) & 0xFFFF_FFFF
    return crc


async def byte_by_byte(gdb: RspClient, packet: bytes) -> bytes:
    """As ``ask``, in pieces of one byte each."""
    for byte in b"$%b#%02x" % (packet, sum(packet) % 256):
        await gdb.raw(bytes([byte]))
    return await gdb.reply()


def test_the_reference_is_the_known_one() -> None:
    assert reference(b"123456789") == 0x0376_E6E7


@pytest.mark.parametrize("length", [0, 1, 9, 4096, PIECE, PIECE + 1, 3 * PIECE - 5])
async def test_checksum(board: FakeBoard, length: int) -> None:
    content = bytes((7 * n + n // 256) % 256 for n in range(length))
    board.core.probe.write(FLASH + 3, content)
    async with session(board) as gdb:
        answer = await byte_by_byte(gdb, b"qCRC:%x,%x" % (FLASH + 3, length))
        assert answer == b"C%08x" % reference(content)


@pytest.mark.parametrize("packet", [b"qCRC:30000000,10", b"qCRC:%x,20" % (RAM + RAM_SIZE - 16)])
async def test_checksum_of_what_cannot_be_read_is_an_error(board: FakeBoard, packet: bytes) -> None:
    async with session(board) as gdb:
        assert await byte_by_byte(gdb, packet) == b"E01"
        assert await gdb.ask(b"qC") == b"QC1"


@pytest.mark.parametrize("place", [0, 1, PIECE - 4, PIECE - 1, PIECE, 2 * PIECE - 1, FLASH_SIZE - 5])
async def test_search_finds_the_first_wherever_it_lies(board: FakeBoard, place: int) -> None:
    for at in range(place, FLASH_SIZE - 4, 777):
        board.core.probe.write(FLASH + at, b"m}#$*"[:5])
    board.core.probe.write(FLASH + place, b"m}#$*")
    async with session(board) as gdb:
        pattern = b"m}]}\x03}\x04*"  # escaped as a client has to
        answer = await byte_by_byte(gdb, b"qSearch:memory:%x;%x;" % (FLASH, FLASH_SIZE) + pattern)
        assert answer == b"1,%x" % (FLASH + place)


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (b"qSearch:memory:8000000;10000;not here", b"0"),
        (b"qSearch:memory:8000000;1;\xbf", b"0"),
        (b"qSearch:memory:8000000;2;\xbf", b"1,8000001"),
        (b"qSearch:memory:20000000;100000000;\xbf", b"E01"),
        (b"qSearch:memory:8000000;100000000;\xbf", b"1,8000001"),
        (b"qSearch:memory:8000000;10;", b"E01"),
        (b"qSearch:memory:8000000", b"E01"),
        (b"qSearch:registers:0;1;a", b"E01"),
    ],
)
async def test_search(board: FakeBoard, packet: bytes, answer: bytes) -> None:
    async with session(board) as gdb:
        assert await byte_by_byte(gdb, packet) == answer


async def test_a_long_search_gives_signs_of_life_before_the_client_gives_up(board: FakeBoard) -> None:
    """GDB asks again after 2 s, thrice, and then is one answer out of step for good; a notification starts anew."""
    async with session(board) as gdb:
        board.core.hang = 1.4  # for each piece
        answer = await byte_by_byte(gdb, b"qCRC:%x,%x" % (FLASH, 6 * PIECE))
        assert answer == b"C%08x" % reference(b"\x00\xbf" * (3 * PIECE))
        assert gdb.notifications == [b"Alive:"] * 8  # 8.4 s of work
        gdb.notifications.clear()
        await gdb.ask(b"m20000000,4")
        assert gdb.notifications == []


async def test_a_search_without_end_is_given_up(board: FakeBoard) -> None:
    async with session(board) as gdb:
        board.core.hang = 3600
        assert await byte_by_byte(gdb, b"qCRC:8000000,10") == b"E01"
        board.core.hang = 0
        assert await gdb.ask(b"qC") == b"QC1"


async def test_the_thread_says_which_core_it_is_and_what_it_does(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"s")
        threads = await gdb.ask(b"qXfer:threads:read::0,1000")
        assert b'<thread id="1" core="0" name="Cortex-M3">stopped: step</thread>' in threads
        await gdb.ask(b"qRcmd," + b"resume".hex().encode())
        assert b">running</thread>" in await gdb.ask(b"qXfer:threads:read::0,1000")
