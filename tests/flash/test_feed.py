"""Feeding the ring: every byte arrives once, few looks are needed, and a loader that stops is noticed."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

import pytest
import trio
import trio.testing

from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.families.stm32f1 import STM32F1
from haltpoint.flash.feed import Feeder, Pace
from haltpoint.flash.layout import Layout, lay_out
from haltpoint.flash.memory_map import Region
from haltpoint.flash.stream import Outcome, Piece
from haltpoint.probes.access import Access, Batch, Read, Result, WriteBlock
from haltpoint.probes.probe import ProbeInfo


class FakeLoader:
    """Consumes slots in the time they typically take, times ``slowness``; the link needs ``link`` seconds a slot.

    ``stops_at`` is the slot at which it stops for good; ``outcome`` what it says at the end.
    """

    info = ProbeInfo("fake", "0", "0", "fake")

    def __init__(
        self, layout: Layout, pieces: Sequence[Piece], clock: trio.testing.MockClock, **settings: float
    ) -> None:
        self.layout, self.pieces, self.clock = layout, pieces, clock
        self.link = settings.get("link", 0.04)
        self.slowness = settings.get("slowness", 1.0)
        self.stops_at = int(settings.get("stops_at", 1_000_000))
        self.outcome = int(settings.get("outcome", Outcome.DONE))
        self.now = trio.current_time()
        self.begun = 0
        self.free_at = self.now + 0.0017  # building the table
        self.slots: dict[int, bytes] = {}
        self.received: list[bytes] = []
        self.writes = self.looks = 0
        self.idle = 0.0

    def put(self, index: int, data: bytes) -> None:
        self.slots[index % self.layout.slots] = data

    def work(self) -> None:
        """Go on to the present time."""
        now = trio.current_time()
        while self.free_at <= now and self.begun <= len(self.pieces) and self.begun != self.stops_at + 1:
            if self.begun == len(self.received):
                self.begun += 1  # the slot before is given back
            if self.begun > len(self.pieces):
                return
            slot = self.slots.get((self.begun - 1) % self.layout.slots)
            if slot is None or struct.unpack("<I", slot[-4:])[0] != self.begun:
                self.idle += now - max(self.free_at, self.now)
                self.now = now
                return
            self.received.append(slot[:-4])
            self.free_at = max(self.free_at, self.now) + self.pieces[self.begun - 1].typical * self.slowness
        self.now = now

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        results: list[Result] = []
        for access in accesses:
            if isinstance(access, WriteBlock):
                self.work()
                self.clock.jump(self.link)
                index = (access.address - self.layout.ring) // self.layout.slot_size
                held = self.slots.get(index)
                if held is not None:
                    assert struct.unpack("<I", held[-4:])[0] <= len(self.received), "a slot was overwritten unread"
                    assert self.begun > struct.unpack("<I", held[-4:])[0], "a slot was overwritten while in use"
                assert self.begun, "written before the loader had cleared its slots"
                self.put(index, access.data)
                self.writes += 1
                results.append(None)
            else:
                assert isinstance(access, Read)
                assert access.address == self.layout.progress
                self.work()
                self.looks += 1
                done = len(self.received) == len(self.pieces) and trio.current_time() >= self.free_at
                results.append(self.begun if not done else len(self.pieces) | self.outcome << 24)
        return results

    def voltage(self) -> float | None:
        return None

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None: ...

    def set_reset(self, asserted: bool) -> None: ...

    def close(self) -> None: ...


def some_pieces(layout: Layout, count: int, seconds: float = 0.187) -> list[Piece]:
    noise = random.Random(count)
    return [Piece(noise.randbytes(layout.payload), seconds, 2 * seconds) for _ in range(count)]


async def feed(
    clock: trio.testing.MockClock, ram_kib: int, count: int, **settings: float
) -> tuple[FakeLoader, Outcome | None, float]:
    layout = lay_out(Region("ram", "SRAM", 0x2000_0000, ram_kib * 1024), STM32F1.loader)
    pieces = some_pieces(layout, count, settings.pop("seconds", 0.187))
    loader = FakeLoader(layout, pieces, clock, **settings)
    first = Batch()
    layout.fill(first, 0, pieces[0].data)
    (block,) = first.accesses
    assert isinstance(block, WriteBlock)
    loader.put(0, block.data)

    async def check(waited: float) -> None:
        if waited:
            raise RuntimeError(f"no progress for {waited:.2f} s")

    started = trio.current_time()
    outcome = await Feeder(Memory(loader, InlineExecutor()), layout, pieces, 1, check).run()
    assert loader.received == [piece.data for piece in pieces]
    return loader, outcome, trio.current_time() - started


@pytest.mark.parametrize("ram_kib", [4, 6, 8, 10, 20, 48])
@pytest.mark.parametrize("count", [1, 2, 3, 17, 66])
async def test_all_pieces_arrive_and_the_loader_hardly_waits(
    autojump_clock: trio.testing.MockClock, ram_kib: int, count: int
) -> None:
    loader, outcome, seconds = await feed(autojump_clock, ram_kib, count)
    assert outcome is Outcome.DONE
    assert seconds <= count * 0.187 * 1.03 + 0.05
    assert loader.looks <= 1.5 * count + 12
    assert loader.writes == count - 1


@pytest.mark.parametrize("slowness", [0.5, 0.9, 1.1, 1.5, 3.0])
async def test_a_loader_that_is_faster_or_slower_than_typical(
    autojump_clock: trio.testing.MockClock, slowness: float
) -> None:
    loader, _, seconds = await feed(autojump_clock, 20, 40, slowness=slowness)
    assert seconds <= max(40 * 0.187 * slowness * 1.05, 40 * 0.04) + 0.2
    assert loader.looks <= 90


async def test_a_link_slower_than_the_flash_sets_the_time(autojump_clock: trio.testing.MockClock) -> None:
    loader, _, seconds = await feed(autojump_clock, 20, 30, link=0.4)
    assert seconds <= 30 * 0.4 + 0.3
    assert loader.looks <= 40


async def test_a_loader_that_stops_is_noticed(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(RuntimeError, match=r"no progress for [12]\.\d"):
        await feed(autojump_clock, 20, 17, stops_at=5)


async def test_the_outcome_is_handed_on(autojump_clock: trio.testing.MockClock) -> None:
    _, outcome, _ = await feed(autojump_clock, 20, 3, outcome=Outcome.MISMATCH)
    assert outcome is Outcome.MISMATCH


@pytest.mark.parametrize("outcome", [9, 0x7F])
async def test_a_progress_word_that_makes_no_sense_ends_it(
    autojump_clock: trio.testing.MockClock, outcome: int
) -> None:
    _, told, _ = await feed(autojump_clock, 20, 3, outcome=outcome)
    assert told is None


def test_pace_narrows_to_what_was_seen() -> None:
    pace = Pace([Piece(b"", 1.0, 2.0)] * 10, now=100.0)
    assert pace.due(3) == pytest.approx(102.0, rel=0.01)
    pace.seen(2, 103.0)  # one slot took between 1.5 and 3 s
    assert 1.5 <= pace.factor <= 3.0
    pace.restart(5, 200.0)
    assert pace.due(5) == 200.0
    assert pace.due(6) == pytest.approx(200.0 + pace.factor)
