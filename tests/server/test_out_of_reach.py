"""Connecting to programs that make it hard: Stop mode, debug pins taken, asleep, locked up; by each probe."""

from __future__ import annotations

import pytest
import trio
from support.rsp_client import RspClient
from support.served_board import ENTRY, FTDI, STLINK, serve, with_client
from support.thumb import Asm

from haltpoint.arm.core import ConnectMode
from haltpoint.probes.errors import HaltpointError, TargetPowerError
from haltpoint.server.board import BoardTarget
from haltpoint.sim.board import Board

SCR, RCC_APB2ENR, AFIO_MAPR = 0xE000_ED10, 0x4002_1018, 0x4001_0004
DEEP = 4
PROBES = pytest.mark.parametrize("probe", [STLINK, FTDI], ids=["stlink", "ftdi-swd"])
REACHING = pytest.mark.parametrize("mode", [ConnectMode.HALT, ConnectMode.ATTACH], ids=lambda mode: mode.value)

WFI_LOOP = Asm(ENTRY).label("loop").wfi().b("loop").assemble()
STOP_MODE = Asm(ENTRY).poke(SCR, DEEP).label("loop").wfi().b("loop").assemble()
PINS_TAKEN = Asm(ENTRY).poke(RCC_APB2ENR, 1).poke(AFIO_MAPR, 4 << 24).label("loop").b("loop").assemble()
LOCKUP = Asm(ENTRY).load(0, 0x3000_0000).mov(13, 0).udf().assemble()


@PROBES
@REACHING
@pytest.mark.parametrize("code", [STOP_MODE, PINS_TAKEN], ids=["stop mode", "pins taken"])
def test_what_cannot_be_reached_is_reset_for_it_which_is_said(code: bytes, mode: ConnectMode, probe: str) -> None:
    async def talk(gdb: RspClient) -> None:
        assert b";0f:00010008;" in await gdb.ask(b"?"), "it stands at its first instruction"
        assert await gdb.ask(b"qRcmd," + b"info".hex().encode()) == b"OK"
        assert "failed while the program ran" in gdb.console
        assert "The chip was reset to get hold of it" in gdb.console

    async def scenario(_board: Board, target: BoardTarget) -> None:
        await target.open()
        await with_client(target, talk)

    serve(code, probe, mode, scenario)


@PROBES
def test_one_that_sleeps_deeply_is_reached_from_then_on_without_a_reset(probe: str) -> None:
    """DBGMCU keeps the clock, and the program's own life goes on from client to client."""

    async def first(gdb: RspClient) -> None:
        assert (await gdb.ask(b"?")).startswith(b"T05")
        assert await gdb.ask(b"M20000100,4:11223344") == b"OK"

    async def second(gdb: RspClient) -> None:
        assert b";0f:00010008;" not in await gdb.ask(b"?"), "it sleeps where the firmware put it to sleep"
        assert await gdb.ask(b"m20000100,4") == b"11223344"
        assert await gdb.ask(b"qRcmd," + b"info".hex().encode()) == b"OK"
        assert "was reset" not in gdb.console

    async def scenario(board: Board, target: BoardTarget) -> None:
        await target.open()
        await with_client(target, first)
        await trio.sleep(0.1)
        assert not board.machine.core.clock_stopped
        await with_client(target, second)

    serve(STOP_MODE, probe, ConnectMode.HALT, scenario)


@PROBES
def test_without_a_reset_line_the_sentence_names_sleep_and_what_would_help(probe: str) -> None:
    async def scenario(_board: Board, target: BoardTarget) -> None:
        with pytest.raises(HaltpointError, match=r"asleep.*under reset") as caught:
            await target.open()
        assert "speed" not in str(caught.value), "no wire is at fault"

    serve(STOP_MODE, probe.replace(",nrst=ad6", "") + ",nrst=none", ConnectMode.HALT, scenario)


@PROBES
@REACHING
def test_a_core_that_sleeps_is_no_obstacle(mode: ConnectMode, probe: str) -> None:
    async def talk(gdb: RspClient) -> None:
        assert (await gdb.ask(b"?")).startswith(b"T05")
        assert await gdb.ask(b"m8000100,4") == WFI_LOOP[:4].hex().encode()
        await gdb.send(b"vCont;c")
        await trio.sleep(0.01)
        await gdb.raw(b"\x03")
        stop = await gdb.reply()
        assert stop.startswith(b"T02")
        assert b";0f:00010008;" in stop or b";0f:02010008;" in stop

    async def scenario(_board: Board, target: BoardTarget) -> None:
        await target.open()
        await with_client(target, talk)

    serve(WFI_LOOP, probe, mode, scenario)


@PROBES
def test_a_core_that_is_locked_up_says_so(probe: str) -> None:
    async def talk(gdb: RspClient) -> None:
        assert (await gdb.ask(b"?")).startswith(b"T0b")
        assert await gdb.ask(b"qRcmd," + b"reset halt".hex().encode()) == b"OK"
        assert "pc 0x08000100" in gdb.console
        assert "ock" in gdb.console.split("pc 0x08000100")[0], "the lockup was explained"

    async def scenario(_board: Board, target: BoardTarget) -> None:
        await target.open()
        await with_client(target, talk)

    serve(LOCKUP, probe, ConnectMode.HALT, scenario)


def test_a_board_without_supply_is_not_blamed_on_its_program() -> None:
    async def scenario(_board: Board, target: BoardTarget) -> None:
        with pytest.raises(TargetPowerError):
            await target.open()

    serve(WFI_LOOP, ",power=off", ConnectMode.HALT, scenario)
