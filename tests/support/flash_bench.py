"""A simulated board with a connected core and an identified chip, for tests of the flash engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import Chip, chip_named, identify, set_up_debug
from haltpoint.flash.engine import LoaderEngine
from haltpoint.flash.image import Image, load_image
from haltpoint.flash.report import FlashReport
from haltpoint.flash.session import FlashSession
from haltpoint.flash.steps import Step
from haltpoint.flash.visit import default_steps
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.sim.board import Board, open_board

__all__ = ["BLINK", "FLASH", "Bench", "on_board", "steps_without"]

BLINK = Path(__file__).parents[2] / "examples" / "blink" / "blink.elf"
FLASH = 0x0800_0000
SYSTICK_VECTOR = 15 * 4


@dataclass
class Bench:
    """What a test works with. ``core`` is halted when the test begins."""

    board: Board
    core: CortexM
    chip: Chip

    @property
    def memory(self) -> Memory:
        return self.core.memory

    def session(self, steps: Sequence[Step] | None = None, chip: Chip | None = None) -> FlashSession:
        chip = chip or self.chip
        return FlashSession(self.core, chip, LoaderEngine(self.core, chip, steps))

    async def load(self, data: bytes, address: int = FLASH, steps: Sequence[Step] | None = None) -> FlashReport:
        """Erase the sectors that ``data`` touches, write it, finish: what GDB's ``load`` asks for."""
        session = self.session(steps)
        page = self.chip.flash[0].sector_size
        start = address // page * page
        end = -(-(address + len(data)) // page) * page
        session.erase(start, end - start)
        session.write(address, data)
        return await session.finish()

    async def load_image(self, image: Image, steps: Sequence[Step] | None = None) -> FlashReport:
        """Load every segment of ``image`` in one session."""
        session = self.session(steps)
        page = self.chip.flash[0].sector_size
        for segment in image.segments:
            start = segment.address // page * page
            session.erase(start, -(-segment.end // page) * page - start)
        for segment in image.segments:
            session.write(segment.address, segment.data)
        return await session.finish()

    def holds(self, image: Image) -> bool:
        return all(self.board.read_flash(s.address, len(s.data)) == s.data for s in image.segments)

    async def poke(self, *writes: tuple[int, int]) -> None:
        """Write words as firmware would have."""
        for address, value in writes:
            await self.memory.write32(address, value)

    async def run_for(self, seconds: float) -> None:
        """Let the firmware run, then halt it."""
        await self.core.resume()
        await trio.sleep(seconds)
        await self.core.halt()

    async def stop_in_systick(self) -> None:
        """Halt in the SysTick handler of the firmware that is in flash."""
        handler = int.from_bytes(self.board.read_flash(FLASH + SYSTICK_VECTOR, 4), "little") & ~1
        self.core.breakpoints.add(handler, BreakpointKind.HARDWARE)
        await self.core.resume()
        for _ in range(20):
            await trio.sleep(0.0005)
            if await self.core.poll():
                break
        self.core.breakpoints.remove(handler)
        stop = self.core.stop
        assert stop is not None
        assert stop.xpsr & 0x1FF == 15


def on_board(selector: str, test: Callable[[Bench], Awaitable[None]], chip: str = "") -> None:
    """Run ``test`` on a board, in the board's time."""
    board = open_board(selector)

    async def main() -> None:
        host = UsbHost(board.backend, board.sleep)
        probe = open_probe(list_probes(host)[0].selector, host)
        core = CortexM(Memory(probe, InlineExecutor()))
        try:
            await core.connect(ConnectMode.HALT)
            found = chip_named(chip) if chip else await identify(core.memory)
            await set_up_debug(core.memory, found)
            await test(Bench(board, core, found))
        finally:
            probe.close()

    trio.run(main, clock=board.trio_clock())


def steps_without(chip: Chip, *names: str) -> tuple[Step, ...]:
    """The engine's table without some of its steps."""
    steps = default_steps(chip)
    assert set(names) <= {step.name for step in steps}
    return tuple(step for step in steps if step.name not in names)


def blink() -> Image:
    """The example firmware: SysTick at 1 kHz."""
    return load_image(BLINK)
