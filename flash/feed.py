"""Keeps the loader's ring of slots filled while it works, with few looks at its progress.

Each look costs transfers, so the time until some slots will be free again is estimated, slept, and corrected by
what is seen then. A loader that is fed too slowly never waits long: whenever the ring is half empty it is
filled up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate

import trio

from ..arm.memory import Memory
from ..probes.access import Batch
from .layout import Layout
from .progress import Progress, Watcher
from .stream import Outcome, Piece

__all__ = ["Feeder", "Pace"]

COUNT_MASK = 0xFF_FFFF
OUTCOME_SHIFT = 24
FIRST_LOOK = 0.003
"""Seconds: the loader needs about 2 ms at 8 MHz for its CRC table."""
SHORTEST_NAP = 0.002
"""Seconds between two looks."""
MARGIN = 0.1
"""Of the time for a slot."""
LONGEST_MARGIN = 0.01
CORRECTION, LAST_CORRECTION = 1.01, 1.003
"""By how much an estimate that was proved wrong is put beyond what proved it: at the end there is time to look."""
HASTE = 0.8
"""By how much the estimate is lowered below what was seen of a loader that had to wait."""
PATIENCE_FACTOR = 2.0
PATIENCE = 0.5
"""A slot may take this many seconds more than its maximum times the factor; then the loader has stopped."""


class Pace:
    """When will the loader have begun slot ``k`` (counted from 1)? Times in seconds on trio's clock."""

    def __init__(self, pieces: Sequence[Piece], now: float) -> None:
        self._typical = [0.0, *accumulate(piece.typical for piece in pieces)]
        self._origin, self._origin_slot = now, 1
        self.factor = 1.0

    def due(self, slot: int) -> float:
        """The estimate; a slot behind the last means the end."""
        return self._origin + self.factor * self._span(slot)

    def margin(self, slot: int) -> float:
        """By how much to look later: a look too early is a look in vain, and the next one comes no cheaper.

        Not so at the end: whoever waits for it has nothing else to do.
        """
        if not 1 <= slot < len(self._typical) - 1:
            return 0.0
        return min(LONGEST_MARGIN, MARGIN * self.factor * (self._typical[slot] - self._typical[slot - 1]))

    def _span(self, slot: int) -> float:
        last = len(self._typical) - 1
        return self._typical[min(slot - 1, last)] - self._typical[min(self._origin_slot - 1, last)]

    def seen(self, slot: int, now: float) -> None:
        """``slot`` has begun by ``now``, the next one has not: narrow the factor to what that allows."""
        elapsed = now - self._origin
        lowest = elapsed / self._span(slot + 1) if self._span(slot + 1) > 0 else 0.0
        highest = elapsed / self._span(slot) if self._span(slot) > 0 else max(lowest, self.factor)
        if self.factor < lowest:
            beyond = CORRECTION if slot < len(self._typical) - 1 else LAST_CORRECTION
            self.factor = min((lowest + highest) / 2, lowest * beyond)
        elif self.factor > highest:
            self.factor = max((lowest + highest) / 2, highest / CORRECTION)

    def starved(self, slot: int, now: float) -> None:
        """The loader stands at ``slot``, which is not filled: it was faster than thought."""
        if self._span(slot) > 0:
            self.factor = min(self.factor, HASTE * (now - self._origin) / self._span(slot))

    def restart(self, slot: int, now: float) -> None:
        """The loader stood still until ``slot`` was filled ``now``: count afresh from there."""
        self._origin, self._origin_slot = now, slot


class Feeder:
    """Sends ``pieces`` from the ``sent``-th on; ``check`` is called when the loader is late, raises if it stopped.

    ``earlier``: how many slots the loader has used up before, now waiting for the next one; 0: it has only been
    started. ``watcher`` is told how far it is.
    """

    def __init__(
        self,
        memory: Memory,
        layout: Layout,
        pieces: Sequence[Piece],
        sent: int,
        check: Callable[[float], Awaitable[None]],
        *,
        earlier: int = 0,
        watcher: Watcher | None = None,
    ) -> None:
        self._memory = memory
        self._layout = layout
        self._pieces = pieces
        self._sent = sent
        self._check = check
        self._earlier = earlier
        self._begun = 1 if earlier else 0
        self._moved = self._started = trio.current_time()
        self._pace = Pace(pieces, self._moved)
        self._watcher = watcher
        self._done = [(0, 0), *accumulate(((p.sectors, p.content) for p in pieces), _both)]

    async def run(self) -> Outcome | None:
        """Feed until the loader tells an outcome; None for a progress word that no loader of ours writes."""
        if not self._earlier:
            await trio.sleep(FIRST_LOOK)
        while True:
            outcome = await self._look() if self._sent or not self._earlier else Outcome.RUNNING
            self._tell(done=outcome is Outcome.DONE)
            if outcome is not Outcome.RUNNING:
                return outcome
            await self._fill()
            goal = self._goal()
            look_at = self._pace.due(goal) + self._pace.margin(goal - 1)
            await trio.sleep(max(SHORTEST_NAP, look_at - trio.current_time()))

    def _tell(self, *, done: bool) -> None:
        if self._watcher is None:
            return
        now, (sectors, content) = trio.current_time(), self._done[-1 if done else max(0, self._begun - 1)]
        remaining = max(0.0, self._pace.due(len(self._pieces) + 1) - now)
        self._watcher(Progress(sectors, self._done[-1][0], content, self._done[-1][1], now - self._started, remaining))

    def _worthwhile(self) -> int:
        """Slots to be free before they are filled: half the ring, or all that is left to send."""
        return min(max(1, self._layout.slots // 2), len(self._pieces) - self._sent)

    def _goal(self) -> int:
        """The slot that will have begun when it is worth looking again."""
        if self._begun == 0:
            return 1
        if self._sent == len(self._pieces):
            return len(self._pieces) + 1
        return self._sent - self._layout.slots + self._worthwhile() + 1

    def _free(self) -> int:
        """Slots that may be written. None before the loader has begun: it is still clearing their numbers."""
        return self._layout.slots - (self._sent - self._begun + 1) if self._begun else 0

    async def _fill(self) -> None:
        """Write what is free, once it is worth a batch."""
        last = min(self._sent + self._free(), len(self._pieces))
        if last == self._sent or last - self._sent < self._worthwhile():
            return
        while self._sent < last:
            until = self._sent + 1
            if len(self._pieces[self._sent].data) > self._layout.payload // 2:
                until = last
            await self._send(until)

    async def _send(self, last: int) -> None:
        """The pieces up to ``last`` in one batch. A short one goes alone, so that the time of its arrival is known."""
        batch = Batch()
        for index in range(self._sent, last):
            self._layout.fill(batch, self._earlier + index, self._pieces[index].data)
        before = trio.current_time()
        await self._memory.run(batch)
        self._arrived(self._sent, last, before, trio.current_time())
        self._sent = last

    def _arrived(self, first: int, last: int, began: float, ended: float) -> None:
        """These pieces were sent one behind the other; where the loader has waited for one, count afresh from it."""
        sizes = list(accumulate(len(piece.data) for piece in self._pieces[first:last]))
        for index, size in enumerate(sizes):
            slot, there = first + index + 1, began + (ended - began) * size / sizes[-1]
            if (index == 0 and self._begun >= slot) or self._pace.due(slot) < there:
                self._pace.restart(slot, there)

    async def _look(self) -> Outcome | None:
        """Read the progress; None if no loader of ours wrote that word."""
        word = await self._memory.read32(self._layout.progress)
        begun, now = (word & COUNT_MASK) - self._earlier, trio.current_time()
        if not self._begun <= begun <= self._sent + 1 or word >> OUTCOME_SHIFT > max(Outcome):
            return None
        if word >> OUTCOME_SHIFT == Outcome.RUNNING:
            if begun == self._begun:
                await self._check_late(now)
            elif self._begun == 0:
                self._pace.restart(begun, now)
            if begun > self._sent:
                self._pace.starved(begun, now)
            elif begun:
                self._pace.seen(begun, now)
            self._moved = self._moved if begun == self._begun else now
        self._begun = begun
        return Outcome(word >> OUTCOME_SHIFT)

    async def _check_late(self, now: float) -> None:
        """No progress since the last look: a stopped core is noticed here, and so is one that hangs."""
        limit = PATIENCE
        if 0 < self._begun <= len(self._pieces):
            limit += PATIENCE_FACTOR * self._pieces[self._begun - 1].maximum
        await self._check(now - self._moved if now - self._moved > limit else 0.0)


def _both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]
