"""Bugs of other servers' packets, descriptions, monitor commands and resets, each named after where it was reported."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from support.fake_target import FLASH, REGIONS, RESET_PC, FakeBoard
from support.rsp_client import RspClient, session
from support.served_board import ENTRY, FTDI, STLINK, serve, with_client
from support.thumb import Asm

from haltpoint.arm.core import ConnectMode
from haltpoint.flash.chips import chip_named
from haltpoint.flash.memory_map import region_at
from haltpoint.probes.errors import LinkError, TargetError
from haltpoint.server.board import BoardTarget
from haltpoint.server.description import registers_of
from haltpoint.server.memory_map import memory_map
from haltpoint.sim.board import Board


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def monitor(line: str) -> bytes:
    return b"qRcmd," + line.encode().hex().encode()


async def document(gdb: RspClient, what: bytes, size: int) -> bytes:
    """Read in pieces of ``size`` bytes."""
    whole = b""
    while True:
        answer = await gdb.ask(b"qXfer:%b:%x,%x" % (what, len(whole), size))
        whole += answer[1:]
        if answer[:1] == b"l":
            return whole


@pytest.mark.parametrize("packet", [b"m30000000,4", b"x30000000,4", b"m30000000,1"])
async def test_openocd_what_cannot_be_read_is_shown_as_zeros(board: FakeBoard, packet: bytes) -> None:
    """OpenOCD answers zeros unless it is told ``gdb report_data_abort enable``."""
    async with session(board) as gdb:
        assert await gdb.ask(packet) == b"E01"


async def test_openocd_a_resume_that_failed_is_not_reported(board: FakeBoard) -> None:
    """OpenOCD takes the core for running, and GDB waits for ever."""
    async with session(board) as gdb:
        board.core.failure = LinkError("Writing DHCSR", "no answer")
        assert (await gdb.ask(b"vCont;c"))[:1] in {b"E", b"T"}
        assert "no answer" in gdb.console
        board.core.failure = None


@pytest.mark.parametrize("size", [1, 16, 0xFFB])
async def test_openocd_a_memory_map_in_pieces_ends_with_the_first(board: FakeBoard, size: int) -> None:
    """OpenOCD says ``l`` (the last piece) whatever it cut off."""
    async with session(board) as gdb:
        assert await document(gdb, b"memory-map:read:", size) == memory_map(REGIONS)


async def test_pyocd_a_single_register_is_never_answered(board: FakeBoard) -> None:
    """pyOCD takes the packet's checksum for part of the register's number."""
    async with session(board) as gdb:
        await gdb.ask(b"s")
        for spec in registers_of(board.core.info):
            answer = await gdb.ask(b"p%x" % spec.number)
            assert len(answer) == 2 * spec.size, spec.name
            assert int.from_bytes(bytes.fromhex(answer.decode()), "little") == board.core.registers[spec.regsel]


async def test_pyocd_89_compare_sections_reads_everything(board: FakeBoard) -> None:
    """Asked for in 2014: qCRC."""
    board.core.probe.write(FLASH, b"123456789")
    async with session(board) as gdb:
        assert await gdb.ask(b"qCRC:%x,9" % FLASH) == b"C0376e6e7"


async def test_pyocd_a_monitor_command_that_failed_says_ok(board: FakeBoard) -> None:
    """Its error comes as text, and a script goes on."""
    async with session(board) as gdb:
        board.core.failure = TargetError("Halting the core", "it did not halt")
        assert await gdb.ask(monitor("reset halt")) == b"E01"
        assert "it did not halt" in gdb.console
        board.core.failure = None
        assert await gdb.ask(monitor("no such thing")) == b"E01"


async def test_pyocd_output_of_a_monitor_command_comes_when_it_is_over(board: FakeBoard) -> None:
    """Here what it says comes while it works."""
    async with session(board) as gdb:
        await gdb.send(monitor("info"))
        assert (await gdb.packet())[:1] == b"O"
        assert await gdb.reply() == b"OK"


@pytest.mark.parametrize("name", ["STM32F103C8", "STM32F407VG", "STM32G071RB", "STM32H743ZI", "STM32U575ZI"])
def test_pyocd_230_1528_gdb_refuses_to_read_peripherals(name: str) -> None:
    """Its memory map ends with RAM, and GDB reads nothing beside the map."""
    regions = chip_named(name).regions
    for address in (0x4000_0000, 0xE000_ED00, 0xE004_2000 if "U5" not in name else 0xE004_4000):
        region = region_at(regions, address)
        assert region is not None, f"{address:#x}"
        assert region.kind == "ram"


async def test_blackmagic_1918_the_feature_of_trustzones_registers_has_a_name_gdb_does_not_know(
    board: FakeBoard,
) -> None:
    """``org.gnu.gdb.arm.m-secext`` is ignored; the name has no m."""
    board.core.info = replace(board.core.info, armv8=True, secure=True)
    async with session(board) as gdb:
        root = ET.fromstring(await document(gdb, b"features:read:target.xml", 100))
    names = [feature.get("name") for feature in root.findall("feature")]
    assert "org.gnu.gdb.arm.secext" in names
    assert not any("m-secext" in str(name) for name in names)


async def test_probe_rs_1057_an_architecture_gdb_does_not_know_loses_all_registers(board: FakeBoard) -> None:
    """An older GDB knows no armv6-m and drops the whole description; every GDB knows arm."""
    board.core.info = replace(board.core.info, main_extension=False)
    async with session(board) as gdb:
        root = ET.fromstring(await document(gdb, b"features:read:target.xml", 0xFFB))
    assert root.findtext("architecture") == "arm"


async def test_zephyr_sdk_1008_a_core_dump_lacks_the_stack_pointers(board: FakeBoard) -> None:
    """Without m-system GDB cannot unwind from a handler to a task either (J-Link, QEMU 7.2)."""
    async with session(board) as gdb:
        description = await document(gdb, b"features:read:target.xml", 0xFFB)
        assert b"m-system" in description
        stop = await gdb.ask(b"s")
        assert all(b";%02x:" % number in stop for number in (26, 27)), "and they cost no packet of their own"


async def test_renode_packet_size_is_written_in_decimal(board: FakeBoard) -> None:
    """GDB reads it in hexadecimal: 1024 let it send packets four times as long as the buffer."""
    async with session(board) as gdb:
        features = dict(part.split(b"=") for part in (await gdb.ask(b"qSupported:")).split(b";") if b"=" in part)
        size = int(features[b"PacketSize"], 16)
        head = b"X20000000,%x:" % (size - 13)
        data = bytes([0x55]) * (size - len(head) - 1)
        assert await gdb.ask(b"X20000000,%x:%b" % (len(data), data)) == b"OK"
        assert await gdb.ask(b"m%x,1" % (0x20000000 + len(data) - 1)) == b"55"


@pytest.mark.parametrize("command", ["reset", "reset halt", "halt", "speed 1000", "rtt"])
async def test_probe_rs_1564_monitor_commands_vanish(board: FakeBoard, command: str) -> None:
    """``monitor reset`` was lost in a rewrite; ``halt``, ``speed`` and ``rtt`` were missing ever after."""
    async with session(board) as gdb:
        assert await gdb.ask(monitor(command)) == b"OK"
        assert gdb.console


async def test_cortex_debug_55_143_pyocd_328_the_program_counter_is_stale_after_a_reset(board: FakeBoard) -> None:
    """The next stop reply tells the truth without anything being carried out, if the client asks for that."""
    async with session(board) as gdb:
        await gdb.ask(b"s")
        await gdb.ask(monitor("reset halt"))
        assert f"pc 0x{RESET_PC:08x}" in gdb.console
        await gdb.ask(monitor("gdb_sync"))
        assert b";0f:%b;" % RESET_PC.to_bytes(4, "little").hex().encode() in await gdb.ask(b"vCont;s:1;c")


async def test_stlink_1319_reset_does_not_halt(board: FakeBoard) -> None:
    """GDB attached in the middle of firmware; ``monitor reset halt`` was wanted."""
    async with session(board) as gdb:
        assert await gdb.ask(monitor("reset halt")) == b"OK"
        assert board.core.stop is not None
        assert board.core.stop.pc == RESET_PC


STOP_MODE = Asm(ENTRY).poke(0xE000_ED10, 4).label("loop").wfi().b("loop").assemble()


@pytest.mark.parametrize("probe", [STLINK, FTDI], ids=["stlink", "ftdi-swd"])
def test_f3_84_riot_8976_pyocd_698_a_target_that_sleeps_cannot_be_connected_to(probe: str) -> None:
    """OpenOCD by default never touches NRST and has to be started again after it failed; here it is used by itself."""

    async def talk(gdb: RspClient) -> None:
        assert b";0f:00010008;" in await gdb.ask(b"?")
        await gdb.ask(monitor("info"))
        assert "was reset to get hold of it" in gdb.console

    async def scenario(_board: Board, target: BoardTarget) -> None:
        await with_client(target, talk)

    serve(STOP_MODE, probe, ConnectMode.HALT, scenario)
