"""Breakpoints left in flash by a probe that was unplugged: the server takes them out once it has the board again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from support.boards import ENTRY, FLASH
from support.rsp_client import RspClient

from haltpoint.arm.memory import InlineExecutor
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.server.board import BoardOptions, BoardTarget
from haltpoint.server.session import Session
from haltpoint.sim.board import Board, open_board

CODE = b"\x00\xbf" * 40 + b"\xfe\xe7"
PLACES = [ENTRY + 4 * index for index in range(1, 9)]


async def with_client(source: BoardTarget, scenario: Callable[[RspClient], Awaitable[None]]) -> None:
    """A client's session, as the port serves it."""
    ours, theirs = trio.testing.memory_stream_pair()
    session = Session(theirs, await source.acquire())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        async with ours:
            await scenario(RspClient(ours))
    if session.probe_lost:
        await source.forget()


def content(board: Board) -> bytes:
    return board.read_flash(ENTRY, len(CODE))


def test_they_are_taken_out_when_the_probe_is_back(caplog: pytest.LogCaptureFixture) -> None:
    board = open_board("sim:stm32f103c8")
    board.write_flash(FLASH, (0x2000_4000).to_bytes(4, "little") + (ENTRY | 1).to_bytes(4, "little"))
    board.write_flash(ENTRY, CODE)
    board.machine.system_reset()
    host = UsbHost(board.backend, board.sleep)
    kind = list_probes(host)[0].selector

    async def places_and_loses(gdb: RspClient) -> None:
        for place in PLACES:
            assert await gdb.ask(b"Z1,%x,2" % place) == b"OK"
        await gdb.ask(b"c%x" % ENTRY)
        assert content(board) != CODE
        board.unplug()
        assert await gdb.ask(b"m20000000,4") == b"E01"

    async def finds_it_as_it_was(gdb: RspClient) -> None:
        assert await gdb.ask(b"m%x,%x" % (ENTRY, len(CODE))) == CODE.hex().encode()
        assert await gdb.ask(b"qRcmd," + b"version".hex().encode()) == b"OK"
        assert "left in flash from before the probe was lost" in gdb.console
        assert content(board) != CODE

    async def main() -> None:
        source = BoardTarget(lambda: open_probe(kind, host), InlineExecutor(), BoardOptions(flash_breakpoints=True))
        try:
            await with_client(source, places_and_loses)
            board.plug()
            await with_client(source, finds_it_as_it_was)
            assert content(board) == CODE
        finally:
            await source.close()

    with caplog.at_level(logging.WARNING):
        trio.run(main, clock=board.trio_clock())
    assert "Breakpoints are left in flash (0x" in caplog.text
    assert "load the program anew" in caplog.text
