"""A whole server, without its socket, for a simulated board that has run a program of ours for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing

from haltpoint.arm.core import ConnectMode
from haltpoint.arm.memory import InlineExecutor
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.probes.ftdi.adapters import Adapter, Signal
from haltpoint.server.board import BoardOptions, BoardTarget
from haltpoint.server.session import Session
from haltpoint.sim.board import Board, open_board
from support.rsp_client import RspClient

__all__ = ["ENTRY", "FLASH", "FTDI", "RAM", "STLINK", "serve", "with_client"]

FLASH, RAM = 0x0800_0000, 0x2000_0000
ENTRY = FLASH + 0x100
STLINK, FTDI = "", ",probe=ft2232h,wire=swd,nrst=ad6"
ADAPTER = Adapter(
    "with-reset-line", ((0x0403, 0x6010),), 0, 0x08, 0x0B, {"nSRST": Signal(data=0x40, oe=0x40)}, wire="swd"
)


def firmware(code: bytes) -> bytes:
    table = b"".join(word.to_bytes(4, "little") for word in (RAM + 0x1000, ENTRY | 1, *[ENTRY | 1] * 14))
    return table.ljust(0x100, b"\xff") + code


def serve(
    code: bytes, probe: str, mode: ConnectMode, scenario: Callable[[Board, BoardTarget], Awaitable[None]]
) -> None:
    """A board that has run ``code`` for a while, and a server for it that has not been opened yet."""
    board = open_board(f"sim:stm32f103c8{probe}")
    board.write_flash(FLASH, firmware(code))
    board.machine.system_reset()
    board.sleep(0.1)
    host = UsbHost(board.backend, board.sleep)

    async def main() -> None:
        kind, *_ = list_probes(host)[0].selector.split(":")
        target = BoardTarget(
            lambda: open_probe(kind, host, ADAPTER if kind == "ftdi" else None),
            InlineExecutor(),
            BoardOptions(mode=mode),
        )
        try:
            await scenario(board, target)
        finally:
            await target.close()

    trio.run(main, clock=board.trio_clock())


async def with_client(target: BoardTarget, talk: Callable[[RspClient], Awaitable[None]]) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Session(theirs, await target.acquire()).run)
        async with ours:
            await talk(RspClient(ours))
