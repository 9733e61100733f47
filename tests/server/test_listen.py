"""The port: one client at a time, refusals, and a server that outlives its clients and its probe."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from support.fake_target import FakeBoard
from support.rsp_client import RspClient

from haltpoint.probes.errors import NoProbeError, ProbeGoneError, UserError
from haltpoint.server.listen import bind, serve
from haltpoint.server.target import Target

PATIENCE = 20.0


class Source:
    """A TargetSource over one fake board; ``failure`` is raised instead of giving it out."""

    def __init__(self) -> None:
        self.board = FakeBoard()
        self.failure: NoProbeError | None = None
        self.forgotten = trio.Event()

    async def acquire(self) -> Target:
        if self.failure is not None:
            raise self.failure
        await self.board.target.attach()
        return self.board.target

    async def idle(self) -> None:
        """Until the last client's session is over and its place is free."""
        if self.failure is None and self.board.target.attached:
            await self.board.core.wait_called("detach")
        await trio.testing.wait_all_tasks_blocked()

    async def forget(self) -> None:
        self.forgotten.set()


@asynccontextmanager
async def server(source: Source) -> AsyncIterator[int]:
    """A port where ``source`` is served."""
    listener = bind("127.0.0.1", 0)
    ports: list[int] = []
    ready = trio.Event()

    def note(port: int) -> None:
        ports.append(port)
        ready.set()

    with trio.fail_after(PATIENCE):
        async with listener, trio.open_nursery() as nursery:
            nursery.start_soon(serve, listener, source, note)
            await ready.wait()
            yield ports[0]
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RspClient]:
    """A client; its connection is closed at the end."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield RspClient(stream)


async def test_one_client_after_another() -> None:
    source = Source()
    async with server(source) as port:
        for _ in range(3):
            async with connected(port) as client:
                assert (await client.ask(b"?")).startswith(b"T05")
                assert await client.ask(b"D") == b"OK"
            await source.idle()
            source.board.core.calls.clear()


async def test_second_client_is_told_and_sent_away() -> None:
    async with server(Source()) as port, connected(port) as first:
        await first.ask(b"?")
        async with connected(port) as second:
            reply = await second.ask(b"qSupported:swbreak+")
            assert reply.startswith(b"E.Haltpoint serves one GDB at a time")
            await second.wait_closed()
        assert await first.ask(b"qC") == b"QC1"


async def test_a_client_that_comes_while_the_one_before_it_is_being_left_waits_for_its_end() -> None:
    source = Source()
    async with server(source) as port:
        async with connected(port) as first:
            await first.ask(b"!")
            detach, leave = source.board.core.detach, trio.Event()

            async def slow_detach() -> None:
                await leave.wait()
                await detach()

            source.board.core.detach = slow_detach  # type: ignore[method-assign]
        async with connected(port) as second:
            await second.send(b"qC")
            await trio.testing.wait_all_tasks_blocked()
            leave.set()
            assert await second.reply() == b"QC1"


async def test_a_client_that_comes_meanwhile_is_kept_waiting_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("haltpoint.server.listen.FAREWELL", 0.05)
    monkeypatch.setattr("haltpoint.server.listen.KEEP_ALIVE", 0.02)
    source = Source()
    detach, leave = source.board.core.detach, trio.Event()

    async def slow_detach() -> None:
        await leave.wait()
        await detach()

    async with server(source) as port:
        async with connected(port) as first:
            await first.ask(b"!")
            source.board.core.detach = slow_detach  # type: ignore[method-assign]
        async with connected(port) as second:
            await second.send(b"qC")
            for _ in range(5):
                assert await second.notification() == b"Alive:"
            leave.set()
            assert await second.reply() == b"QC1"


async def test_so_is_one_that_comes_before_flash_is_put_back_for_the_one_that_detaches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("haltpoint.server.listen.FAREWELL", 0.05)
    monkeypatch.setattr("haltpoint.server.listen.KEEP_ALIVE", 0.02)
    monkeypatch.setattr(Target, "rewriting", True)
    async with server(Source()) as port:
        async with connected(port) as first:
            await first.ask(b"!")
            second = RspClient(await trio.open_tcp_stream("127.0.0.1", port))
            await second.send(b"qC")
            for _ in range(5):
                assert await second.notification() == b"Alive:"
        async with second.stream:
            assert await second.reply() == b"QC1"


async def test_a_client_waits_for_a_probe_that_takes_long_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haltpoint.server.listen.KEEP_ALIVE", 0.02)
    source = Source()
    acquire, found = source.acquire, trio.Event()

    async def slow_acquire() -> Target:
        await found.wait()
        return await acquire()

    source.acquire = slow_acquire  # type: ignore[method-assign]
    async with server(source) as port, connected(port) as client:
        await client.send(b"qC")
        assert await client.notification() == b"Alive:"
        found.set()
        assert await client.reply() == b"QC1"
        assert await client.ask(b"qC") == b"QC1"


async def test_second_client_that_says_nothing_right_harms_nobody() -> None:
    async with server(Source()) as port, connected(port) as first:
        await first.ask(b"?")
        async with connected(port) as second:
            await second.raw(b"GET / HTTP/1.1\r\n\r\n$x#00\x03")
        assert await first.ask(b"qC") == b"QC1"


async def test_no_target_is_told_and_the_server_lives() -> None:
    source = Source()
    source.failure = NoProbeError("Opening the probe", "no ST-Link is connected", "Plug one in.")
    async with server(source) as port:
        async with connected(port) as client:
            said = await client.ask(b"qSupported")
            assert said == b"E.Opening the probe failed: no ST-Link is connected. Plug one in."
            await client.wait_closed()
        source.failure = None
        await source.idle()
        async with connected(port) as client:
            assert (await client.ask(b"?")).startswith(b"T05")
    assert source.forgotten.is_set()


async def test_lost_probe_is_forgotten() -> None:
    source = Source()
    async with server(source) as port, connected(port) as client:
        await client.ask(b"?")
        source.board.core.failure = ProbeGoneError("Reading", "the probe was unplugged")
        assert await client.ask(b"m20000000,4") == b"E01"
        await client.wait_closed()
        await source.forgotten.wait()


async def test_shutting_down_lets_the_target_go() -> None:
    source = Source()
    async with server(source) as port, connected(port) as client:
        await client.send(b"vCont;c")
        await source.board.core.wait_called("resume")
    assert source.board.core.calls[-1] == "detach"


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=re.escape("choose another port with --port")):
            bind("127.0.0.1", port)


def test_address_of_another_machine() -> None:
    with pytest.raises(UserError, match="--host"):
        bind("203.0.113.1", 0)
