"""Loads by CMSIS-Pack flash algorithms, compiled here, on simulated boards: exact, fast, and the core put back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import trio
from support.flash_load import noise
from support.flm import FlmBench, compiled, generic, make_pack, needs_gcc, on_flm_board

from haltpoint.flash.errors import FlashError, LoaderError, ProtectedError, VerifyError
from haltpoint.flash.flm import parse_flm
from haltpoint.flash.flm_layout import lay_out_calls
from haltpoint.flash.memory_map import Region, region_at
from haltpoint.flash.selection import select
from haltpoint.probes.errors import ImageError

pytestmark = needs_gcc

BOARDS = {
    "m0plus over ST-Link": "sim:generic-m0plus",
    "m0plus over SWD": "sim:generic-m0plus,probe=ft2232h,wire=swd",
    "m3 over JTAG": "sim:generic-m3,probe=ft2232h",
    "m4 over ST-Link V3": "sim:generic-m4,probe=stlink-v3",
}
boards = pytest.mark.parametrize("selector", BOARDS.values(), ids=BOARDS)
SYST_CSR, CCR, DHCSR, DEMCR, CTRL = 0xE000_E010, 0xE000_ED14, 0xE000_EDF0, 0xE000_EDFC, 0x4001_0004
C_MASKINTS, S_HALT = 1 << 3, 1 << 17
DEFAULT_RAM = 0x2000_0000
FLASH = 0x0800_0000
LAST_SECTOR = 0x8000


def name_of(selector: str) -> str:
    return selector.removeprefix("sim:").split(",")[0]


@boards
def test_loads_are_exact_and_keep_what_is_around(selector: str) -> None:
    """Across sectors of different sizes, at odd places, over the end of the flash before the hole."""

    async def body(bench: FlmBench) -> None:
        start = 0 if "m4" not in selector else 0x18000
        for offset, length in ((0x3FF, 2), (0x1FF1, 0x421), (0x3FFD, 9)):
            first, end = start + offset - 0x180, start + offset + length + 0x155
            before, data = noise(end - first, seed=9), noise(length, seed=offset)
            bench.board.write_flash(first, before)
            await bench.load(start + offset, data)
            assert bench.board.read_flash(first, end - first) == before[:0x180] + data + before[0x180 + length :]

    on_flm_board(selector, body, generic(name_of(selector)))


@boards
def test_what_does_not_change_is_not_touched(selector: str) -> None:
    async def body(bench: FlmBench) -> None:
        data = noise(0x1000)
        started = bench.board.seconds
        first = await bench.load(0, data)
        lasted = bench.board.seconds - started
        assert first.changed == first.sectors
        started = bench.board.seconds
        again = await bench.load(0, data)
        assert (again.changed, again.sectors) == (0, first.sectors)
        assert bench.board.seconds - started < 0.35 * lasted
        one = await bench.load(0, data[:-1] + bytes([data[-1] ^ 1]))
        assert one.changed == 1
        assert bench.board.read_flash(0, len(data)) == data[:-1] + bytes([data[-1] ^ 1])

    on_flm_board(selector, body, generic(name_of(selector)))


@pytest.mark.parametrize("board", ["generic-m0plus", "generic-m3"])
def test_erasing_and_the_erased_value(board: str) -> None:
    """0x00 on the M3. A run of the erased value is not programmed, and data may be the other value."""

    async def body(bench: FlmBench) -> None:
        bench.board.write_flash(0x2000, noise(0x2000))
        erased = bench.board.chip.erased
        session = bench.session()
        size = bench.chip.sector(0x2000).size
        session.erase(0x2000, size)
        report = await session.finish()
        assert bench.board.read_flash(0x2000, size) == bytes([erased]) * size
        assert report.bytes_programmed == 0
        data = b"\x00" * 700 + b"\xff" * 700 + b"\x5a"
        report = await bench.load(0x2000, data)
        assert bench.board.read_flash(0x2000, len(data)) == data
        assert report.bytes_programmed < 0x600

    on_flm_board(f"sim:{board}", body, generic(board))


def test_the_hole_is_no_flash() -> None:
    async def body(bench: FlmBench) -> None:
        assert bench.chip.banks == [(0, 0x8000), (0xC000, 0x14000)]
        session = bench.session()
        with pytest.raises(ImageError, match="0x00008000 is outside the flash of Generic flash"):
            session.write(0x7FFF, b"ab")
        assert bench.board.read_flash(0x8000, 4) == b"\xc3" * 4

    on_flm_board("sim:generic-m4", body, generic("generic-m4"))


def test_an_algorithm_that_is_not_aligned_runs_where_firmware_traps_that() -> None:
    """CCR.UNALIGN_TRP and DIV_0_TRP (DDI0403E B3.2.8)."""

    async def body(bench: FlmBench) -> None:
        await bench.memory.write32(CCR, 0x218)
        await bench.load(0x400, noise(100))
        assert bench.board.read_flash(0x400, 100) == noise(100)
        assert await bench.memory.read32(CCR) == 0x218

    on_flm_board("sim:generic-m3", body, generic("generic-m3", UNALIGNED=""))


@boards
def test_over_firmware_with_an_interrupt_storm_and_the_core_put_back(selector: str) -> None:
    async def body(bench: FlmBench) -> None:
        chance = random.Random(5)
        for _ in range(2):
            await bench.core.reset(halt=True)
            await bench.core.resume()
            await trio.sleep(0.01 + chance.random() / 500)
            await bench.core.halt()
            await bench.memory.write32(0xE000_ED04, 1 << 26)  # SysTick pending
            before = [await bench.core.read_register(number) for number in (*range(19), 20)]
            systick = await bench.memory.read32(SYST_CSR)
            assert systick & 7 == 7
            data = noise(1001, seed=chance.randrange(99))
            await bench.load(0x400 if "m4" not in selector else 0xC000, data)
            await bench.core.reread()
            assert [await bench.core.read_register(number) for number in (*range(19), 20)] == before
            assert await bench.memory.read32(SYST_CSR) & 7 == 7
            assert not await bench.memory.read32(DHCSR) & C_MASKINTS
            assert bench.board.read_flash(0x400 if "m4" not in selector else 0xC000, 1001) == data

    on_flm_board(selector, body, generic(name_of(selector)))


@pytest.mark.parametrize("size", [0x2000, 0x800, 0x500])
def test_little_ram_is_enough(size: int) -> None:
    """Two buffers with many pages, two with one, one."""

    async def body(bench: FlmBench) -> None:
        assert len(bench.chip.layouts[0].buffers) == (1 if size == 0x500 else 2)
        mark = bench.chip.layouts[0].end
        await bench.memory.write(mark, b"mine")
        data = noise(0x1001)
        await bench.load(0x1000, data)
        assert bench.board.read_flash(0x1000, len(data)) == data
        assert await bench.memory.read(mark, 4) == b"mine"

    on_flm_board("sim:generic-m0plus", body, generic("generic-m0plus"), ram=(DEFAULT_RAM, size))


def test_too_little_ram_gives_a_sentence() -> None:
    with pytest.raises(ImageError, match=r"generic-m4.FLM in RAM failed: it needs 1\d\d\d bytes .* there are 1024 at"):
        lay_out_calls(Region("ram", "RAM", DEFAULT_RAM, 0x400), generic("generic-m4"))


def test_ram_of_the_user_survives() -> None:
    async def body(bench: FlmBench) -> None:
        await bench.memory.write(DEFAULT_RAM, noise(0x2000))
        session = bench.session()
        session.preserve(DEFAULT_RAM + 0x10, 0x1000)
        session.write(0, noise(500))
        await session.finish()
        assert await bench.memory.read(DEFAULT_RAM + 0x10, 0x1000) == noise(0x2000)[0x10:0x1010]

    on_flm_board("sim:generic-m3", body, generic("generic-m3"))


BAD = {
    "INIT_FAILS": (
        FlashError,
        r"at 0x00000000 failed: Init\(0x0, 0x0, 0x1\) of \S+ returned 1 instead of 0",
    ),
    "ERASE_HANGS": (
        LoaderError,
        r"at 0x00008000 failed: EraseSector\(0x8000\) of \S+ did not return within 0.7 s",
    ),
    "PROGRAM_FAULTS": (LoaderError, r"ProgramPage\(0x8000, 0x100\) .* faulted at 0x20000\w{3} \(.*BFAR=0xC0000000\)"),
    "PROGRAM_STOPS": (LoaderError, r"stopped at 0x20000\w{3} and not where it should return to, 0x20000040"),
    "PROGRAM_LOSES_STACK": (LoaderError, r"came back with the stack pointer 0x\w+ instead of 0x\w+"),
    "DEEP_STACK": (LoaderError, r"needs more than the 1024 bytes of stack there are"),
    "PROGRAM_LIES": (VerifyError, r"Verifying the flash at 0x00008101 failed: it holds 0x00 where 0x5A was programmed"),
}


@pytest.mark.parametrize("selector", ["sim:generic-m3", "sim:generic-m3,probe=ft2232h"])
@pytest.mark.parametrize("bad", BAD)
def test_bad_algorithms_give_their_sentence_and_the_core_is_put_back(bad: str, selector: str) -> None:
    expected, sentence = BAD[bad]

    async def body(bench: FlmBench) -> None:
        bench.board.write_flash(LAST_SECTOR, noise(0x100))
        before = [await bench.core.read_register(number) for number in (*range(19), 20)]
        demcr = await bench.memory.read32(DEMCR)
        with pytest.raises(expected, match=sentence):
            await bench.load(LAST_SECTOR, b"\x5a" * (0x100 if bad == "PROGRAM_LOSES_STACK" else 0x200))
        await bench.core.reread()
        assert [await bench.core.read_register(number) for number in (*range(19), 20)] == before
        assert await bench.memory.read32(DEMCR) == demcr
        dhcsr = await bench.memory.read32(DHCSR)
        assert dhcsr & S_HALT
        assert not dhcsr & C_MASKINTS
        if expected is not LoaderError:
            assert await bench.memory.read32(CTRL) == 1 << 31, "locked by UnInit"

    on_flm_board(selector, body, generic("generic-m3", **{bad: "0x8100" if bad == "PROGRAM_LIES" else ""}))


def test_flash_that_needs_init_to_be_read() -> None:
    """Memory outside the chip (FlashDevice.DevType): Init comes before it is compared and verified, too."""

    async def body(bench: FlmBench) -> None:
        assert not bench.chip.layouts[0].algorithm.on_chip
        for seed in (1, 1, 2):
            await bench.load(0x1000, noise(0x1801, seed=seed))
            assert bench.board.read_flash(0x1000, 0x1801) == noise(0x1801, seed=seed)

    on_flm_board("sim:generic-m0plus", body, generic("generic-m0plus", TYPE="4"))


@pytest.mark.parametrize("page", ["0x100", "0x400", "0x1000"])
def test_two_algorithms_side_by_side(page: str) -> None:
    """Each is called for its own flash, with its own start. With the largest page, sectors are no whole pages of it."""
    second = {"SECTORS": "{0x8000,0}", "SIZE": "0x8000", "START": "0x8000", "PAGE": page}

    async def body(bench: FlmBench) -> None:
        before, data = noise(0x1000, seed=3), noise(0x803)
        bench.board.write_flash(0x7900, before)
        report = await bench.load(0x7C01, data)
        assert report.changed == 2
        assert bench.board.read_flash(0x7900, 0x1000) == before[:0x301] + data + before[0xB04:]

    low = generic("generic-m0plus", SECTORS="{0x400,0},{0x1000,0x2000}", SIZE="0x8000")
    on_flm_board("sim:generic-m0plus", body, low, parse_flm("high.FLM", compiled("generic", **second)))


@pytest.mark.parametrize("seconds", [0.02, 0.06, 0.1, 0.15])
def test_cancelled_anywhere_and_loaded_again(seconds: float) -> None:
    async def body(bench: FlmBench) -> None:
        before, data = noise(0x2000, seed=4), noise(0xF21)
        bench.board.write_flash(0, before)
        session = bench.session()
        session.write(0x123, data)
        with trio.move_on_after(seconds) as scope:
            await session.finish()
        assert scope.cancelled_caught
        assert not await bench.memory.read32(DHCSR) & C_MASKINTS
        assert await bench.memory.read32(CTRL) == 1 << 31, "locked by UnInit; the next Init sends the keys"
        session.write(0x123, data)
        await session.finish()
        assert bench.board.read_flash(0, 0x2000) == before[:0x123] + data + before[0x123 + len(data) :]

    on_flm_board("sim:generic-m0plus", body, generic("generic-m0plus"))


def test_a_reset_in_the_middle_gives_its_sentence() -> None:
    async def body(bench: FlmBench) -> None:
        now = bench.board.clock.horizon
        bench.board.clock.at(now + 150_000_000_000, bench.board.machine.system_reset)
        with pytest.raises(LoaderError, match="was cut short by a reset of the target"):
            await bench.load(0x8000, noise(0x2000))
        await bench.load(0x8000, noise(0x2000))
        assert bench.board.read_flash(0x8000, 0x2000) == noise(0x2000)

    on_flm_board("sim:generic-m0plus", body, generic("generic-m0plus"))


def stm32f1() -> bytes:
    return compiled("stm32f1")


@pytest.mark.parametrize("option", ["", ",probe=ft2232h,wire=swd"])
def test_beside_our_own_loader_on_an_stm32f103(option: str) -> None:
    """The chip is identified, so that it is sanitised as for our loader: HSI, watchdog, lock of the flash."""

    async def body(bench: FlmBench) -> None:
        assert bench.chip.known is not None
        assert bench.chip.ram.size == 20 * 1024
        bench.board.soc.flash.open_lock_refuses_keys = True
        keys = ((0x4002_2004, 0x4567_0123), (0x4002_2004, 0xCDEF_89AB))
        watchdog = ((0x4000_3000, 0x5555), (0x4000_3004, 0), (0x4000_3008, 800), (0x4000_3000, 0xCCCC))
        for address, value in (*keys, *watchdog, (0x4000_3000, 0xAAAA)):
            await bench.memory.write32(address, value)  # Init sends the keys without a look
        data = noise(6001)
        report = await bench.load(FLASH + 0x400, data)
        assert bench.board.read_flash(FLASH + 0x400, len(data)) == data
        print(f"{option or 'ST-Link'}: {report}")

    on_flm_board(f"sim:stm32f103c8{option}", body, parse_flm("F1.FLM", stm32f1()), ram=None)


PACK = """<package><devices><family Dfamily="STM32F1"><processor Dcore="Cortex-M3"/>
<memory id="IRAM1" start="0x20000000" size="0x5000"/>
<algorithm name="Flash/F1.FLM" start="0x08000000" size="0x8000" RAMstart="0x20000000" RAMsize="0x1000" default="1"/>
<device Dname="STM32F103C6"/></family></devices></package>"""


def test_a_pack_for_a_chip_that_is_identified_as_well(tmp_path: Path) -> None:
    """Flash as the pack has it, half of what there is; sanitised and mapped as what is known of the chip."""
    pack = make_pack(tmp_path / "f1.pack", PACK, F1=stm32f1())

    async def body(bench: FlmBench) -> None:
        assert bench.chip.known is not None
        assert bench.chip.banks == [(FLASH, 0x8000)]
        beyond = region_at(bench.chip.regions, FLASH + 0x8000)
        assert beyond is not None
        assert (beyond.kind, beyond.end) == ("rom", FLASH + 0x10000)
        await bench.load(FLASH + 0x7F01, noise(0xFF))
        assert bench.board.read_flash(FLASH + 0x7F01, 0xFF) == noise(0xFF)

    on_flm_board("sim:stm32f103c8", body, selection=select("STM32F103C6", pack=pack))


def test_protection_is_seen_beforehand_on_a_known_chip() -> None:
    async def body(bench: FlmBench) -> None:
        with pytest.raises(ProtectedError, match="the sector there is write-protected"):
            await bench.load(FLASH + 0x2000, noise(100))

    on_flm_board("sim:stm32f103c8,wrp=8-9", body, parse_flm("F1.FLM", stm32f1()), ram=None)
