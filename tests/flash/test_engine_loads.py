"""Loads on simulated boards: content, what is around it, odd places, budgets."""

from __future__ import annotations

import random

import pytest
from support.flash_bench import FLASH, Bench, on_board

from haltpoint.flash.old import OldContent
from haltpoint.flash.plan import Draft, Plan
from haltpoint.probes.errors import ImageError

PAGE_SECONDS, HALF_WORD_SECONDS = 20e-3, 52.5e-6


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def test_first_load_of_64_kib_keeps_the_budgets() -> None:
    async def body(bench: Bench) -> None:
        data = noise(65536)
        bench.board.write_flash(FLASH, noise(len(data), seed=2))
        session = bench.session()
        session.erase(FLASH, len(data))
        session.write(FLASH, data)
        bench.board.stats.reset()
        started = bench.board.seconds
        report = await session.finish()
        seconds = bench.board.seconds - started
        own = 64 * PAGE_SECONDS + 32768 * HALF_WORD_SECONDS
        print(
            f"64 KiB: {bench.board.stats.bulk} bulk transfers, {seconds:.3f} s, {seconds / own:.3f} of the flash's own"
        )
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert bench.board.stats.bulk <= 200
        assert seconds <= 1.10 * own
        assert (report.changed, report.sectors, report.bytes_programmed) == (64, 64, 65536)
        assert str(report).startswith("Flash: 64 of 64 sectors changed, 64 KiB in 3.")

    on_board("sim:stm32f103c8,level=J37", body)


@pytest.mark.parametrize("probe", ["stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone"])
@pytest.mark.parametrize("chip", ["stm32f103c8", "stm32f103cb", "stm32f103rc"])
def test_every_chip_over_every_probe(chip: str, probe: str) -> None:
    async def body(bench: Bench) -> None:
        data = noise(9 * 1024 + 6)
        end = bench.chip.flash[-1].end
        await bench.load(data, FLASH)
        await bench.load(data, end - 10 * 1024)
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert bench.board.read_flash(end - 10 * 1024, len(data)) == data

    on_board(f"sim:{chip},probe={probe}", body)


def test_from_bank_to_bank() -> None:
    """XL density: the second bank has a controller of its own, locked on its own."""

    async def body(bench: Bench) -> None:
        assert bench.chip.name == "STM32F103xG"
        boundary, data = FLASH + 512 * 1024, noise(10000)
        around = noise(4096, seed=8)
        bench.board.write_flash(boundary - 8192, around[:2048])
        await bench.load(data, boundary - 5000)
        assert bench.board.read_flash(boundary - 5000, len(data)) == data
        assert bench.board.read_flash(boundary - 8192, 2048) == around[:2048]
        await bench.load(data, bench.chip.flash[1].end - 10240)
        assert bench.board.read_flash(bench.chip.flash[1].end - 10240, len(data)) == data
        assert await bench.memory.read32(0x4002_2050) == 0x80, "bank 2 is locked again"

    on_board("sim:stm32f103vg", body)


def test_the_whole_flash_of_a_large_chip() -> None:
    async def body(bench: Bench) -> None:
        data = noise(256 * 1024)
        await bench.load(data)
        assert bench.board.read_flash(FLASH, len(data)) == data

    on_board("sim:stm32f103rc", body)


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), (1, 1), (3, 5), (1022, 4), (1023, 2), (1, 1023), (5, 2049), (4095, 4098), (65535, 1), (61, 6000)],
)
def test_odd_places_without_an_erase_request_keep_what_is_around(offset: int, length: int) -> None:
    async def body(bench: Bench) -> None:
        before = noise(65536, seed=2)
        bench.board.write_flash(FLASH, before)
        session = bench.session()
        data = noise(length)
        session.write(FLASH + offset, data)
        await session.finish()
        assert bench.board.read_flash(FLASH, 65536) == before[:offset] + data + before[offset + length :]

    on_board("sim:stm32f103c8", body)


def test_random_sessions_give_what_the_model_says() -> None:
    async def body(bench: Bench) -> None:
        chance = random.Random(7)
        model = bytearray(noise(65536, seed=3))
        bench.board.write_flash(FLASH, bytes(model))
        for _ in range(12):
            session = bench.session()
            for _ in range(chance.randint(1, 4)):
                offset = chance.randrange(65536)
                length = min(chance.choice((1, 2, 7, 300, 1024, 5000)), 65536 - offset)
                if chance.random() < 0.3:
                    session.erase(FLASH + offset, length)
                    model[offset : offset + length] = b"\xff" * length
                else:
                    data = chance.randbytes(length)
                    session.write(FLASH + offset, data)
                    model[offset : offset + length] = data
            await session.finish()
            assert bench.board.read_flash(FLASH, 65536) == model

    on_board("sim:stm32f103c8", body)


def test_an_erase_alone() -> None:
    async def body(bench: Bench) -> None:
        before = noise(65536, seed=2)
        bench.board.write_flash(FLASH, before)
        session = bench.session()
        session.erase(FLASH + 2048, 3072)
        report = await session.finish()
        assert str(report).startswith("Flash: 3 of 3 sectors erased in 0.")
        assert bench.board.read_flash(FLASH, 65536) == before[:2048] + b"\xff" * 3072 + before[5120:]

    on_board("sim:stm32f103c8", body)


def test_runs_of_the_erased_value_cost_neither_transfers_nor_time() -> None:
    async def body(bench: Bench) -> None:
        data = noise(256) + b"\xff" * 31 * 1024 + noise(256)
        bench.board.stats.reset()
        report = await bench.load(data)
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert bench.board.stats.bytes_out < 12_000
        assert report.seconds < 32 * PAGE_SECONDS + 256 * HALF_WORD_SECONDS + 0.2

    on_board("sim:stm32f103c8", body)


def test_a_session_can_be_used_again_and_discarded() -> None:
    async def body(bench: Bench) -> None:
        session = bench.session()
        assert not session.pending
        session.write(FLASH, b"first")
        session.discard()
        assert not session.pending
        assert (await session.finish()).sectors == 0
        session.write(FLASH, b"second")
        assert session.pending
        await session.finish()
        assert bench.board.read_flash(FLASH, 6) == b"second"
        assert not session.pending

    on_board("sim:stm32f103c8", body)


@pytest.mark.parametrize(("address", "length"), [(0x0800_FFFF, 2), (0x07FF_FFFF, 2), (0x2000_0000, 4), (0, 4)])
def test_what_is_not_flash_is_refused_at_once(address: int, length: int) -> None:
    async def body(bench: Bench) -> None:
        session = bench.session()
        with pytest.raises(ImageError, match="outside the flash of STM32F103x8"):
            session.write(address, bytes(length))
        with pytest.raises(ImageError, match="outside the flash of STM32F103x8"):
            session.erase(address, length)
        assert not session.pending

    on_board("sim:stm32f103c8", body)


def test_ram_that_a_client_has_written_survives_when_the_session_is_told() -> None:
    async def body(bench: Bench) -> None:
        data = noise(20 * 1024, seed=5)
        await bench.core.write_memory(0x2000_0000, data)
        session = bench.session()
        for offset in (300, 3, 500, 200):
            session.preserve(0x2000_0000 + offset, 200)
        session.preserve(0x2000_3001, 9)
        session.write(FLASH, noise(3000))
        await session.finish()
        ram = await bench.core.read_memory(0x2000_0000, len(data))
        assert ram[3:700] == data[3:700]
        assert ram[0x3001:0x300A] == data[0x3001:0x300A]
        assert ram != data

    on_board("sim:stm32f103c8", body)


def test_an_empty_plan_touches_nothing() -> None:
    async def body(bench: Bench) -> None:
        bench.board.stats.reset()
        family = bench.chip.family
        await bench.session()._engine.program(Plan((), 0), OldContent(family.erased, family.program_unit))
        assert Draft(bench.chip.flash, 0xFF).plan() == Plan((), 0)
        assert bench.board.stats.bulk == 0

    on_board("sim:stm32f103c8", body)
