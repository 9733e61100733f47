"""Flash algorithms compiled for tests, packs made of them, and boards on which they run."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import set_up_debug
from haltpoint.flash.flm import Algorithm, parse_flm
from haltpoint.flash.flm_chip import AlgorithmChip
from haltpoint.flash.flm_engine import FlmEngine
from haltpoint.flash.report import FlashReport
from haltpoint.flash.selection import Selection
from haltpoint.flash.session import FlashSession
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.sim.board import Board, open_board
from support.flash_load import ticking

__all__ = ["GENERIC", "FlmBench", "compiled", "generic", "make_pack", "needs_gcc", "on_flm_board"]

SOURCES = Path(__file__).parents[1] / "flash" / "flm"
FLAGS = "-mcpu=cortex-m0plus -mthumb -Os -ffreestanding -ffixed-r9 -fno-jump-tables -nostdlib -nostartfiles"
LINK = {
    "ABSOLUTE": "--emit-relocs",
    "LINKED": "--section-start=PrgCode=0x20000000",
    "DATA_APART": "--section-start=PrgData=0x20000000",
}
"""What some defines want of the linker."""
RAM = (0x2000_0000, 0x2000)

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not installed, so no flash algorithm can be built",
)

GENERIC: dict[str, dict[str, str]] = {
    "generic-m0plus": {},
    "generic-m3": {"SECTORS": "{0x800,0},{0x2000,0x2000},{0x8000,0x8000}", "SIZE": "0x18000", "ERASED": "0x00"},
    "generic-m4": {"SECTORS": "{0x8000,0},{0x4000,0xC000}", "SIZE": "0x20000", "PAGE": "0x400"},
}
"""By board, what its algorithm is built with. That of the M4 has a hole: 0x8000 to 0xBFFF are the maker's."""


def compiled(source: str, **defines: str) -> bytes:
    """An FLM file's content; ``defines`` with the value "" are plain."""
    return _compiled(source, tuple(sorted(defines.items())))


@functools.cache
def _compiled(source: str, defines: tuple[tuple[str, str], ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "algorithm.FLM"
        options = [f"-D{name}={value}" if value else f"-D{name}" for name, value in defines]
        command = ["arm-none-eabi-gcc", *FLAGS.split(), *options, "-I", str(SOURCES), "-T", str(SOURCES / "flm.ld")]
        link = [LINK[name] for name, _ in defines if name in LINK]
        command += [",".join(["-Wl", "--no-warn-rwx-segments", "-eInit", *link]), "-o", str(output)]
        command.append(str(SOURCES / f"{source}.c"))
        subprocess.run(command, check=True, capture_output=True)
        return output.read_bytes()


def generic(board: str, **defines: str) -> Algorithm:
    """The algorithm for a board without a maker."""
    return parse_flm(f"{board}.FLM", compiled("generic", **GENERIC[board], **defines))


def make_pack(path: Path, description: str, **files: bytes) -> Path:
    """A pack of a description and flash algorithms, which lie in a folder Flash of it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Maker.Chips_DFP.pdsc", description)
        for name, content in files.items():
            archive.writestr(f"Flash/{name}.FLM", content)
    return path


@dataclass
class FlmBench:
    """A board whose chip is described by flash algorithms. ``core`` is halted when the test begins."""

    board: Board
    core: CortexM
    chip: AlgorithmChip

    @property
    def memory(self) -> Memory:
        return self.core.memory

    def session(self) -> FlashSession:
        return FlashSession(self.core, self.chip, FlmEngine(self.core, self.chip))

    async def load(self, address: int, data: bytes) -> FlashReport:
        session = self.session()
        session.write(address, data)
        return await session.finish()


def on_flm_board(
    selector: str,
    test: Callable[[FlmBench], Awaitable[None]],
    *algorithms: Algorithm,
    ram: tuple[int, int] | None = RAM,
    selection: Selection | None = None,
) -> None:
    """Run ``test`` on a board, in the board's time. Its firmware is that of ``ticking``, halted at its start.

    The chip is what ``algorithms`` and ``ram`` say, or ``selection``.
    """
    board = open_board(f"{selector},power=off")
    board.write_flash(board.chip.flash_base, ticking(base=board.chip.flash_base))
    board.power(on=True)

    async def main() -> None:
        host = UsbHost(board.backend, board.sleep)
        probe = open_probe(list_probes(host)[0].selector, host)
        core = CortexM(Memory(probe, InlineExecutor()))
        try:
            await core.connect(ConnectMode.HALT)
            await core.reset(halt=True)
            chip = await (selection or Selection(algorithms=algorithms, ram=ram)).resolve(core.memory)
            assert isinstance(chip, AlgorithmChip)
            if chip.known is not None:
                await set_up_debug(core.memory, chip.known)
            await test(FlmBench(board, core, chip))
        finally:
            probe.close()

    trio.run(main, clock=board.trio_clock())
