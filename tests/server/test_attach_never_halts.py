"""What GDB sends when it attaches to a running board, and the board's debug unit: it is never told to halt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from support.real_gdb import BLINK
from support.rsp_client import RspClient

from haltpoint.arm.core import ConnectMode
from haltpoint.arm.memory import InlineExecutor
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.server.board import BoardOptions, BoardTarget
from haltpoint.server.session import Session
from haltpoint.sim.board import open_board
from haltpoint.sim.debug import Debug

PROBES = {"stlink": "", "ftdi-jtag": ",probe=ft2232h,wire=jtag", "ftdi-swd": ",probe=ft2232h,wire=swd"}
NEVER = b"Z1,8000000,2"
AROUND_PC = (b"m8000098,2", b"m800009a,4", b"mfffffffc,4")
CONNECT = (b"vMustReplyEmpty", b"!", b"Hg0", b"qXfer:features:read:target.xml:0,1000", b"qTStatus")
AFTER = (b"qXfer:threads:read::0,1000", b"Hc-1", b"qAttached", b"qOffsets", b"g", *AROUND_PC, b"qSymbol::")
LOOKING = (b"m20000000,40", b"X20000004,4:\x05\0\0\0", b"pf", b"p1a", b"qRcmd,696e666f")


@pytest.fixture
def halts(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows whenever the simulated core enters debug state."""
    seen: list[object] = []
    enter = Debug.enter

    def noted(self: Debug, cause: object) -> None:
        seen.append(cause)
        enter(self, cause)  # type: ignore[arg-type]

    monkeypatch.setattr(Debug, "enter", noted)
    return seen


def converse(probe: str, scenario: Callable[[RspClient], Awaitable[None]]) -> None:
    """Run ``scenario`` with a client of a board whose firmware runs, served with ``--connect attach``."""
    board = open_board(f"sim:stm32f103c8,firmware={BLINK}{probe}")
    host = UsbHost(board.backend, board.sleep)
    kind, *_ = list_probes(host)[0].selector.split(":")

    async def main() -> None:
        source = BoardTarget(lambda: open_probe(kind, host), InlineExecutor(), BoardOptions(mode=ConnectMode.ATTACH))
        ours, theirs = trio.testing.memory_stream_pair()
        try:
            session = Session(theirs, await source.acquire())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.run)
                async with ours:
                    await scenario(RspClient(ours))
        finally:
            await source.close()

    trio.run(main, clock=board.trio_clock())


async def ask_all(gdb: RspClient, *packets: bytes) -> list[bytes]:
    return [await gdb.ask(packet) for packet in packets]


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_in_all_stop_mode(probe: str, halts: list[object]) -> None:
    async def scenario(gdb: RspClient) -> None:
        await ask_all(gdb, b"qSupported:swbreak+;hwbreak+", *CONNECT)
        assert (await gdb.ask(b"?")).startswith(b"T05thread:1;0f:")
        await ask_all(gdb, *AFTER, *LOOKING)
        await gdb.ask(NEVER)
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        assert halts == []
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")
        assert len(halts) == 1
        assert await gdb.ask(b"D") == b"OK"

    converse(probe, scenario)
    assert len(halts) == 1


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_in_non_stop_mode(probe: str, halts: list[object]) -> None:
    async def scenario(gdb: RspClient) -> None:
        await ask_all(gdb, b"qSupported:swbreak+;hwbreak+", *CONNECT, b"QNonStop:1")
        assert await ask_all(gdb, b"?", b"vCont;t:1", b"vStopped") == [b"OK"] * 3
        assert (await gdb.notification()).startswith(b"Stop:T00thread:1;0f:")
        await ask_all(gdb, *AFTER, *LOOKING)
        assert await ask_all(gdb, b"vCont;c", NEVER, NEVER.lower(), *LOOKING[:2]) != []
        await trio.sleep(0.1)
        assert await gdb.ask(b"D") == b"OK"

    converse(probe, scenario)
    assert halts == []
