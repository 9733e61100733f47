"""Sectors that looked blank and refuse their content are erased after all; what the first attempt erased is kept."""

from __future__ import annotations

from typing import Any

import pytest
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import noise
from support.flm import FlmBench, generic, needs_gcc, on_flm_board

from haltpoint.flash.errors import FlashError
from haltpoint.flash.flm_job import Job
from haltpoint.flash.run import LoaderRun

PART = 100
"""Bytes of the second sector that are written; the rest is a gap."""


def refused(address: int) -> FlashError:
    return FlashError(
        "Programming the flash", "the place to be programmed was not erased", "Load again.", address=address
    )


def test_our_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt comes as far as a sector half written: its gap is blank then, and still known."""

    async def test(bench: Bench) -> None:
        page = bench.chip.flash[0].sector_size
        first, second = FLASH + 20 * page, FLASH + 21 * page
        before, data = noise(page, seed=3), noise(page + PART, seed=4)
        bench.board.write_flash(second, before)
        feed, attempts = LoaderRun.feed, []

        async def failing(run: LoaderRun, *arguments: Any) -> None:
            await feed(run, *arguments)
            attempts.append(run)
            if len(attempts) == 1:
                bench.board.write_flash(second + PART, b"\xff" * (page - PART))
                raise refused(first)

        monkeypatch.setattr(LoaderRun, "feed", failing)
        await bench.load(data, first)
        assert len(attempts) == 2
        assert bench.board.read_flash(first, 2 * page) == data + before[PART:]

    on_board("sim:stm32f103c8", test)


@needs_gcc
def test_an_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sectors are erased before the first one is programmed, which fails."""

    async def test(bench: FlmBench) -> None:
        first = 0x2000
        size = bench.chip.sector(first).size
        second = first + size
        before, data = noise(bench.chip.sector(second).size, seed=3), noise(size + PART, seed=4)
        bench.board.write_flash(first, b"\xff" * size)
        bench.board.write_flash(second, before)
        program, attempts = Job._program, []

        async def failing(job: Job, *arguments: Any) -> None:
            attempts.append(job)
            if len(attempts) == 1:
                raise refused(first)
            await program(job, *arguments)

        monkeypatch.setattr(Job, "_program", failing)
        await bench.load(first, data)
        assert len(attempts) == 2
        assert bench.board.read_flash(first, size + len(before)) == data + before[PART:]

    on_flm_board("sim:generic-m0plus", test, generic("generic-m0plus"))
