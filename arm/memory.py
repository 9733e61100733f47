"""The asynchronous side of the memory seam: batches go down, results come up, the event loop lives on.

A driver is synchronous. For a real probe each batch runs in a worker thread (one hop per batch, never
one per transfer); for a simulated probe it runs inline, because a thread and a virtual clock do not mix.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

from ..probes.access import Batch
from ..probes.debug_port import DebugPort
from ..probes.probe import Probe
from .adi import AdiProbe, memory_probe

__all__ = ["Executor", "InlineExecutor", "Memory", "ThreadExecutor"]

T = TypeVar("T")


class Executor(Protocol):
    """Runs a blocking call without blocking the event loop for longer than it must."""

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns; always a checkpoint."""
        ...


class InlineExecutor:
    """For simulated probes: the call runs here and now, and time is the board's."""

    async def run(self, call: Callable[[], T]) -> T:
        """See Executor."""
        await trio.lowlevel.checkpoint()
        return call()


class ThreadExecutor:
    """For real probes. One call at a time; a cancelled caller still waits for its transfers to end."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)

    async def run(self, call: Callable[[], T]) -> T:
        """See Executor."""
        return await trio.to_thread.run_sync(call, limiter=self._limiter)


class Memory:
    """A target's memory and core registers as its probe reaches them.

    All methods raise what ``Probe.run`` raises. ``lock`` is held by whoever performs an operation of
    several batches that no other task may interleave with.
    """

    def __init__(self, probe: Probe | DebugPort, executor: Executor) -> None:
        self.probe = memory_probe(probe)
        self.executor = executor
        self.lock = trio.Lock()

    @asynccontextmanager
    async def exclusive(self) -> AsyncGenerator[None, None]:
        """Hold ``lock``; free of charge for the task that holds it already, so operations may nest."""
        if self.lock.statistics().owner is trio.lowlevel.current_task():
            yield
            return
        async with self.lock:
            yield

    async def run(self, batch: Batch) -> Batch:
        """Carry out a batch and fill in its results; an empty one costs nothing."""
        if batch.accesses:
            batch.results = await self.executor.run(lambda: self.probe.run(batch.accesses))
        else:
            batch.results = []
        return batch

    async def check_link(self) -> None:
        """Prove the link with RAM of a halted core, where the probe moves bits itself; raises LinkError."""
        probe = self.probe
        if isinstance(probe, AdiProbe):
            await self.executor.run(probe.check_link)

    async def read32(self, address: int) -> int:
        """One 32-bit access."""
        batch = Batch()
        slot = batch.read(address)
        await self.run(batch)
        return slot.value

    async def write32(self, address: int, value: int) -> None:
        """One 32-bit access."""
        batch = Batch()
        batch.write(address, value)
        await self.run(batch)

    async def read(self, address: int, length: int) -> bytes:
        """``length`` bytes from any address."""
        batch = Batch()
        slot = batch.read_block(address, length)
        await self.run(batch)
        return slot.value

    async def write(self, address: int, data: bytes) -> None:
        """Write ``data`` to any address."""
        batch = Batch()
        batch.write_block(address, data)
        await self.run(batch)
