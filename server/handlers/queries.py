"""Threads, descriptions and small facts."""

from __future__ import annotations

from html import escape

from ..client import Client
from ..description import description
from ..memory_map import memory_map
from ..packets import queries as packets
from ..packets import threads
from ..packets.threads import THREAD
from ..replies import EMPTY, OK, Data, Failure, Reply
from .base import handles

__all__: list[str] = []

NO_THREADS = b'<?xml version="1.0"?>\n<threads>\n</threads>\n'
"""A program that has ended has none: GDB would take one for a program that runs again."""


@handles(threads.SelectThread)
async def select_thread(_client: Client, packet: threads.SelectThread) -> Reply:
    """There is one to choose."""
    return OK if packet.ours else Failure("There is no such thread: a chip without an RTOS is thread 1.")


@handles(threads.IsThreadAlive)
async def is_thread_alive(_client: Client, packet: threads.IsThreadAlive) -> Reply:
    """The core always is."""
    return OK if packet.ours else Failure("There is no such thread.", quiet=True)


@handles(threads.CurrentThread)
async def current_thread(_client: Client, _packet: threads.CurrentThread) -> Reply:
    """``qC``."""
    return Data(f"QC{THREAD:x}".encode())


@handles(threads.FirstThreads)
async def first_threads(client: Client, _packet: threads.FirstThreads) -> Reply:
    """All of them."""
    return Data(f"m{THREAD:x}".encode() if client.exited is None else b"l")


@handles(threads.NextThreads)
async def next_threads(_client: Client, _packet: threads.NextThreads) -> Reply:
    """No more."""
    return Data(b"l")


@handles(packets.Attached)
async def attached(_client: Client, _packet: packets.Attached) -> Reply:
    """The program was there before us: leaving means detaching."""
    return Data(b"1")


@handles(packets.Symbol)
async def symbol(_client: Client, _packet: packets.Symbol) -> Reply:
    """No symbol is needed."""
    return OK


@handles(packets.ReadFeatures)
async def read_features(client: Client, packet: packets.ReadFeatures) -> Reply:
    """target.xml, the only annex."""
    if packet.annex != "target.xml":
        return Failure(f"There is no description named {packet.annex!r}.", quiet=True)
    return _part(description(client.target.registers), packet)


@handles(packets.ReadMemoryMap)
async def read_memory_map(client: Client, packet: packets.ReadMemoryMap) -> Reply:
    """What the chip's map says."""
    regions = client.target.regions
    return EMPTY if regions is None else _part(memory_map(regions), packet)


@handles(packets.ReadThreads)
async def read_threads(client: Client, packet: packets.ReadThreads) -> Reply:
    """The one thread."""
    if client.exited is not None:
        return _part(NO_THREADS, packet)
    target = client.target
    stop = None if target.view is not None else target.stop
    state = "running" if stop is None else f"stopped: {stop.reason.value}"
    thread = f'<thread id="{THREAD:x}" core="0" name="{escape(target.name)}">{escape(state)}</thread>'
    return _part(f'<?xml version="1.0"?>\n<threads>\n{thread}\n</threads>\n'.encode(), packet)


def _part(document: bytes, packet: packets.Transfer) -> Reply:
    """``m`` and a piece with more behind it, or ``l`` and the last piece."""
    piece = document[packet.offset : packet.offset + packet.length]
    more = packet.offset + len(piece) < len(document) and piece
    return Data((b"m" if more else b"l") + piece)
