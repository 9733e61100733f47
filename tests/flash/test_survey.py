"""What is there already is neither erased nor programmed, what is blank is not erased, what is not written stays."""

from __future__ import annotations

import logging
import struct
import zlib

import pytest
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import load, noise

from haltpoint.flash.families.stm32f1 import STM32F1
from haltpoint.flash.plan import Plan, SectorContent
from haltpoint.flash.progress import Progress
from haltpoint.flash.survey import Survey

PAGE, MS = 1024, 1_000_000_000
BOARD = "sim:stm32f103c8"
BOTH = pytest.mark.parametrize("board", ["stm32f103c8", "stm32l431rc", "stm32l051c8"])


def answers(survey: Survey, flash: bytes, start: int) -> list[bytes]:
    """What a loader written from frame.inc's description leaves in the slots."""
    slots = []
    for piece in survey.pieces:
        slot, at = bytearray(piece), 0
        while True:
            address, size, operation, count = (
                struct.unpack_from("<4I", slot, at) if at + 16 <= len(slot) else (0, 0, 4, 0)
            )
            if operation == 4:
                break
            assert operation == 5
            for number in range(count):
                entry = at + 16 + 8 * number
                area = flash[address - start + number * size :][:size]
                first, crc = struct.unpack_from("<2I", slot, entry)
                same = area[:4] == struct.pack("<I", first) and zlib.crc32(area) ^ 0xFFFF_FFFF == crc
                verdict = 1 if same else 2 if area == b"\xff" * size else 0
                struct.pack_into("<I", slot, entry + 4, verdict)
            at += 16 + 8 * count
        slots.append(bytes(slot))
    return slots


@pytest.mark.parametrize("payload", [60, 508, 4092])
def test_what_follows_from_the_answers(payload: int) -> None:
    blank, data = b"\xff" * PAGE, noise(PAGE)
    part = data[:512] + blank[512:]
    wanted = {  # content, kept, now; erase and kept of what is to be done, None: nothing; gaps to be read
        "same": (data, (), data, None, []),
        "blank, to be blank": (blank, (), blank, None, []),
        "to be blank": (blank, (), data, (True, ()), []),
        "blank": (data, (), blank, (False, ()), []),
        "other": (data, (), noise(PAGE, 2), (True, ()), []),
        "one byte": (data, (), data[:-1] + b"?", (True, ()), []),
        "same with a gap": (part, ((512, 512),), data, None, []),
        "blank with a gap": (part, ((512, 512),), blank[:512] + data[512:], (False, ((512, 512),)), []),
        "other, gap blank": (part, ((512, 512),), b"?" * 512 + blank[512:], (True, ((512, 512),)), []),
        "other, gap not": (part, ((512, 512),), b"?" * PAGE, (True, ((512, 512),)), [512]),
        "begins the same": (data[:256] + blank[256:512] + data[512:], ((256, 256),), data[:256] + blank[256:], (
            False, ((0, 256), (256, 256))), []),
    }  # fmt: skip
    sectors = [SectorContent(FLASH + i * PAGE, row[0], kept=row[1]) for i, row in enumerate(wanted.values())]
    survey = Survey(Plan(tuple(sectors), 0), STM32F1, payload)
    now = b"".join(row[2] for row in wanted.values())
    found = survey.findings(answers(survey, now, FLASH), trusting=True)
    done = {sector.start: (sector.erase, sector.kept) for sector in found.sectors}
    for sector, (name, row) in zip(sectors, wanted.items(), strict=True):
        assert done.get(sector.start) == row[3], name
        assert [at - sector.start for at, _ in found.unread if at // PAGE * PAGE == sector.start] == row[4], name
    doubting = survey.findings(answers(survey, now, FLASH), trusting=False)
    assert all(sector.erase for sector in doubting.sectors)
    assert len(doubting.sectors) == len(wanted) - 2, "blank ones are erased all the same"


@BOTH
def test_a_reload_touches_nothing_and_one_byte_one_sector(board: str) -> None:
    async def body(bench: Bench) -> None:
        page = bench.chip.flash[0].sector_size
        image = bytearray(noise(20 * page + 100))
        first = await load(bench, FLASH, bytes(image))
        assert (first.changed, first.sectors) == (21, 21)
        again = await load(bench, FLASH, bytes(image))
        assert (again.changed, again.sectors, again.bytes_programmed) == (0, 21, 0)
        assert str(again).startswith("Flash: nothing changed, 21 sectors compared in 0.")
        image[5 * page + 3] ^= 0x10
        once = await load(bench, FLASH, bytes(image))
        assert (once.changed, once.bytes_programmed) == (1, page)
        assert bench.board.read_flash(FLASH, len(image)) == image

    on_board(f"sim:{board}", body)


@BOTH
def test_blank_sectors_are_programmed_without_an_erase(board: str) -> None:
    async def body(bench: Bench) -> None:
        family, page = bench.chip.family, bench.chip.flash[0].sector_size
        image = noise(16 * page)
        blank = await load(bench, FLASH, image)
        bench.board.write_flash(FLASH, noise(len(image), seed=2))
        other = await load(bench, FLASH, image)
        erases = 16 * family.erase(page).typical
        assert other.seconds - blank.seconds == pytest.approx(erases, rel=0.2)

    on_board(f"sim:{board}", body)


@BOTH
@pytest.mark.parametrize("erase_gaps", [False, True])
def test_what_is_not_written_stays_or_becomes_blank_as_asked(board: str, erase_gaps: bool) -> None:
    async def body(bench: Bench) -> None:
        page, blank = bench.chip.flash[0].sector_size, bytes([bench.chip.family.erased])
        before = noise(8 * page, seed=4)
        bench.board.write_flash(FLASH, before)
        session = bench.session()
        session.erase_gaps = erase_gaps
        session.discard()
        session.erase(FLASH, 8 * page)
        session.write(FLASH + 3, b"a" * 10)
        session.write(FLASH + page + page // 2 + 1, b"b" * 5)
        session.write(FLASH + 3 * page, b"c" * page)
        await session.finish()
        after = bytearray(before if not erase_gaps else blank * 8 * page)
        after[3:13] = b"a" * 10
        after[page + page // 2 + 1 : page + page // 2 + 6] = b"b" * 5
        after[2 * page : 3 * page] = blank * page  # erased, and nothing written
        after[4 * page :] = blank * 4 * page
        after[3 * page : 4 * page] = b"c" * page
        assert bench.board.read_flash(FLASH, 8 * page) == after

    on_board(f"sim:{board}", body)


def test_flash_that_only_looks_blank_is_erased_after_all(caplog: pytest.LogCaptureFixture) -> None:
    """As an interrupted erase may leave it: reads as erased, does not take its content."""

    async def body(bench: Bench) -> None:
        data = bytearray(noise(16384))
        data[0x123] = 0xA5
        board = bench.board
        board.clock.at(board.clock.horizon + 400 * MS, lambda: board.write_flash(FLASH + 0x123, b"\x5a"))
        with caplog.at_level(logging.WARNING):
            await load(bench, FLASH, bytes(data))
        assert "it holds 0x5A where 0xA5" in caplog.text
        assert "had not been erased: trying again" in caplog.text
        assert board.read_flash(FLASH, len(data)) == data

    on_board(BOARD, body)


def test_the_survey_costs_little_where_everything_differs() -> None:
    """First words differ, so nothing is computed: as long as a survey of nothing, but for sending it."""

    async def body(bench: Bench) -> None:
        bench.board.write_flash(FLASH, noise(65536, seed=2))
        seen: list[float] = []
        session = bench.session()
        session.watcher = lambda progress: seen.append(progress.seconds)
        session.write(FLASH, noise(65536))
        before = bench.board.seconds
        report = await session.finish()
        assert report.changed == 64
        feeding = seen[-1]
        assert bench.board.seconds - before - feeding < 0.1

    on_board(BOARD, body)


def test_progress_is_told_up_to_the_end() -> None:
    async def body(bench: Bench) -> None:
        bench.board.write_flash(FLASH, noise(32768, seed=2))
        told: list[Progress] = []
        session = bench.session()
        session.watcher = told.append
        session.write(FLASH, noise(32768))
        await session.finish()
        assert [(p.sectors, p.bytes) for p in told] == sorted((p.sectors, p.bytes) for p in told)
        assert (told[-1].sectors, told[-1].bytes) == (told[-1].all_sectors, told[-1].all_bytes) == (32, 32768)
        assert len({p.bytes for p in told}) >= 3
        middle = told[len(told) // 2]
        assert middle.seconds + middle.remaining == pytest.approx(told[-1].seconds, rel=0.15)

    on_board(BOARD, body)
