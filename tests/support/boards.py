"""Core control on simulated boards: board, probe, memory and core in one, on the board's own time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import trio

from haltpoint.arm.adi import memory_probe
from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.stop import Stop
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.probes.probe import Probe
from haltpoint.sim.board import Board, open_board

__all__ = ["ENTRY", "FLASH", "HANDLER", "RAM", "Bench", "on_board"]

FLASH, RAM = 0x0800_0000, 0x2000_0000
ENTRY, HANDLER = FLASH + 0x100, FLASH + 0x200
STACK = RAM + 0x4000


@dataclass
class Bench:
    """A board with everything that reaches it."""

    board: Board
    probe: Probe
    memory: Memory
    core: CortexM

    def target(self, address: int) -> int:
        """A word as the chip holds it, seen past probe and driver."""
        return self.board.machine.ap_read(address, 4)

    def transfers(self) -> int:
        """Bulk transfers since this was asked last."""
        count = int(self.board.stats.bulk)
        self.board.stats.reset()
        return count

    async def stopped(self) -> Stop:
        """Wait for the core to stop; TooSlowError after five seconds of the board's time."""
        with trio.fail_after(5):
            while (stop := await self.core.poll()) is None:  # noqa: ASYNC110  there is no event: a probe is asked
                await trio.sleep(0.001)
        return stop

    async def run_to(self, address: int) -> Stop:
        """Resume and wait for the stop at ``address``."""
        await self.core.resume()
        stop = await self.stopped()
        assert stop.pc == address, f"stopped at {stop.pc:#010x} ({stop.reason})"
        return stop


def halfwords(code: Iterable[int]) -> bytes:
    return b"".join(halfword.to_bytes(2, "little") for halfword in code)


def on_board(
    scenario: Callable[[Bench], Awaitable[None]],
    *,
    code: Iterable[int] = (),
    handler: Iterable[int] = (0xE7FE,),
    vectors: Mapping[int, int] | None = None,
    options: str = "",
    chip: str = "stm32f103c8",
    mode: ConnectMode | None = ConnectMode.UNDER_RESET,
) -> None:
    """Run ``scenario`` with ``code`` at ENTRY, ``handler`` at HANDLER for every exception but those in ``vectors``.

    The core is connected to in ``mode``; None leaves that to the scenario.
    """
    board = open_board(f"sim:{chip}{options}")
    table = [STACK, ENTRY | 1, *[HANDLER | 1] * 14]
    for number, address in (vectors or {}).items():
        table[number] = address
    board.write_flash(FLASH, b"".join(word.to_bytes(4, "little") for word in table))
    board.write_flash(ENTRY, halfwords(code))
    board.write_flash(HANDLER, halfwords(handler))
    if board.machine.powered:
        board.machine.system_reset()

    async def main() -> None:
        host = UsbHost(board.backend, board.sleep)
        probe = memory_probe(open_probe(list_probes(host)[0].selector, host))
        core = CortexM(Memory(probe, InlineExecutor()))
        try:
            if mode is not None:
                await core.connect(mode)
            board.stats.reset()
            await scenario(Bench(board, probe, core.memory, core))
        finally:
            probe.close()

    trio.run(main, clock=board.trio_clock())
