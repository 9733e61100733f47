"""Streams of F4, F7 and H7 (RM0090 10): memory that changes although the core stands still."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.chip_bench import Chip

from haltpoint.sim.bus import Unmodelled

EN, TEIE, TCIE, CIRC, PINC, MINC, DBM, CT = (1 << n for n in (0, 2, 4, 8, 9, 10, 18, 19))
TO_MEMORY, TO_PERIPHERAL, BETWEEN = 0, 1 << 6, 2 << 6
WORDS, BYTES = 2 << 11 | 2 << 13, 0
TEIF, HTIF, TCIF = 1 << 3, 1 << 4, 1 << 5


@dataclass(frozen=True)
class Place:
    """Where a chip has its second controller, and RAM that it reaches."""

    dma: int
    enable: int
    bits: int
    ram: int
    port: int  # output register of a port, as something to read
    port_enable: int
    port_bit: int


F4 = Place(0x4002_6400, 0x4002_3830, 3 << 21, 0x2000_0000, 0x4002_0014, 0x4002_3830, 1)
H7 = Place(0x4002_0400, 0x5802_44D8, 3, 0x2400_0000, 0x5802_0014, 0x5802_44E0, 1)
BOARDS = {"stm32f407vg": F4, "stm32f429zi": F4, "stm32f746zg": F4, "stm32h743zi": H7}


class Bench(Chip):
    """A halted chip with the controller's clock on; streams by number."""

    def __init__(self, board: str) -> None:
        super().__init__(board)
        self.place = BOARDS[board]
        self.halt()
        self[self.place.enable] |= self.place.bits
        self[self.place.port_enable] |= self.place.port_bit
        self.ram = self.place.ram

    def stream(self, number: int) -> int:
        return self.place.dma + 0x10 + 0x18 * number

    def transfer(self, number: int, control: int, count: int, *addresses: int) -> None:
        """``addresses``: the peripheral's, the memory's, and that of a second buffer."""
        at = self.stream(number)
        for offset, word in zip((4, 8, 0xC, 0x10), (count, *addresses), strict=False):
            self[at + offset] = word
        self[at] = control | EN

    def flags(self, number: int) -> int:
        return self[self.place.dma + number // 4 * 4] >> (0, 6, 16, 22)[number % 4] & 0x3D

    def clear(self, number: int) -> None:
        self[self.place.dma + 8 + number // 4 * 4] = 0x3D << (0, 6, 16, 22)[number % 4]

    def peek(self, address: int, words: int) -> bytes:
        return self.board.machine.ap_read_words(address, words)

    def fill(self, address: int, data: bytes) -> None:
        self.board.machine.ap_write_words(address, data)


@pytest.fixture(params=BOARDS)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


@pytest.mark.parametrize("number", [0, 3, 5, 7])
def test_between_memories(bench: Bench, number: int) -> None:
    bench.fill(bench.ram, bytes(range(200)))
    bench.transfer(number, BETWEEN | PINC | MINC | WORDS, 50, bench.ram, bench.ram + 0x400)
    bench.sleep(1e-3)
    assert bench.peek(bench.ram + 0x400, 50) == bytes(range(200))
    assert bench.flags(number) == HTIF | TCIF
    assert (bench[bench.stream(number)] & EN, bench[bench.stream(number) + 4]) == (0, 0)
    bench.clear(number)
    assert bench.flags(number) == 0


def test_flags_of_the_last_transfer_keep_the_next_from_starting(bench: Bench) -> None:
    for expected in (True, False):
        bench.transfer(2, BETWEEN | PINC | MINC | WORDS, 4, bench.ram, bench.ram + 0x400)
        assert bool(bench[bench.stream(2)] & EN) == expected
        bench.sleep(1e-4)
    bench.clear(2)
    bench.transfer(2, BETWEEN | PINC | MINC | WORDS, 4, bench.ram, bench.ram + 0x400)
    assert bench[bench.stream(2)] & EN


def test_a_paced_circular_stream_writes_for_ever(bench: Bench) -> None:
    bench[bench.place.port] = 0x5A
    bench.board.soc.dmas[1].request(1, 100_000)
    bench.transfer(1, TO_MEMORY | CIRC | MINC | WORDS, 16, bench.place.port, bench.ram + 0x100)
    for _ in range(3):
        bench.fill(bench.ram + 0x100, bytes(64))
        bench.sleep(1e-3)
        assert bench.peek(bench.ram + 0x100, 16) == b"\x5a\0\0\0" * 16


def test_it_writes_over_a_loader_that_runs(bench: Bench) -> None:
    """The code in RAM becomes what the stream brings: here an endless loop in place of a counter."""
    code = bench.ram + 0x200
    bench.fill(code, bytes.fromhex("013001300130013001300130f8e7c046"))  # adds r0, #1 (six times); b to the first
    for number, value in ((0, 0), (15, code), (16, 1 << 24)):
        bench.set_register(number, value)
    bench[bench.place.port] = 0xE7FE
    bench.board.soc.dmas[1].request(1, 100_000)
    bench.transfer(1, TO_MEMORY | CIRC | MINC | 1 << 11 | 1 << 13, 8, bench.place.port, code)
    bench[0xE000_EDF0] = 0xA05F_0001
    bench.sleep(1e-3)
    bench.halt()
    before = bench.register(0)
    bench[0xE000_EDF0] = 0xA05F_0001
    bench.sleep(1e-3)
    bench.halt()
    assert bench.register(0) == before > 0


def test_to_a_peripheral(bench: Bench) -> None:
    bench.fill(bench.ram, (0x1234).to_bytes(4, "little"))
    bench.board.soc.dmas[1].request(0, 1_000_000)
    bench.transfer(0, TO_PERIPHERAL | WORDS, 1, bench.place.port, bench.ram)
    bench.sleep(1e-4)
    assert bench[bench.place.port] == 0x1234


def test_two_buffers_take_turns(bench: Bench) -> None:
    bench[bench.place.port] = 0x77
    bench.board.soc.dmas[1].request(4, 1_000_000)
    bench.fill(bench.ram, bytes(64))
    bench.transfer(4, TO_MEMORY | DBM | MINC | BYTES, 4, bench.place.port, bench.ram, bench.ram + 0x20)
    bench.sleep(4.5e-6)
    assert bench[bench.stream(4)] & CT
    assert (bench.peek(bench.ram, 1), bench.peek(bench.ram + 0x20, 1)) == (b"\x77" * 4, bytes(4))
    bench[bench.stream(4) + 0xC] = bench.ram + 0x30  # the buffer that is not in use may be given
    bench.sleep(8e-6)
    assert bench.peek(bench.ram + 0x20, 1) == bench.peek(bench.ram + 0x30, 1) == b"\x77" * 4


def test_settings_hold_while_it_is_enabled(bench: Bench) -> None:
    bench.transfer(6, TO_MEMORY | MINC | WORDS, 8, bench.place.port, bench.ram)
    at = bench.stream(6)
    before = [bench[at + 4 * n] for n in range(6)]
    for offset in (4, 8, 0xC, 0x14):
        bench[at + offset] = 0xFFFF_FFFF
    assert [bench[at + 4 * n] for n in range(6)] == before


def test_switching_it_off_sets_tcif(bench: Bench) -> None:
    bench.transfer(6, TO_MEMORY | MINC | WORDS, 8, bench.place.port, bench.ram)
    bench[bench.stream(6)] = 0
    assert bench.flags(6) == TCIF
    assert bench[bench.stream(6) + 4] == 8


def test_a_transfer_to_nowhere_ends_with_an_error(bench: Bench) -> None:
    bench.transfer(2, BETWEEN | PINC | MINC | WORDS, 4, 0x6000_0000, bench.ram)
    bench.sleep(1e-4)
    assert bench.flags(2) == TEIF
    assert not bench[bench.stream(2)] & EN


def test_without_its_clock_it_stands_still_and_answers_nothing(bench: Bench) -> None:
    bench[bench.place.port] = 0x5A
    bench.board.soc.dmas[1].request(1, 100_000)
    bench.transfer(1, TO_MEMORY | CIRC | MINC | WORDS, 4, bench.place.port, bench.ram)
    bench.sleep(1e-3)
    bench[bench.place.enable] &= ~bench.place.bits
    bench.fill(bench.ram, bytes(16))
    bench.sleep(1e-3)
    assert bench.peek(bench.ram, 4) == bytes(16)
    assert bench[bench.stream(1)] == 0
    bench[bench.place.enable] |= bench.place.bits
    bench.sleep(1e-3)
    assert bench.peek(bench.ram, 4) == b"\x5a\0\0\0" * 4


def test_resets_stop_it(bench: Bench) -> None:
    bench.board.soc.dmas[1].request(1, 100_000)
    bench.transfer(1, TO_MEMORY | CIRC | MINC | WORDS, 4, bench.place.port, bench.ram)
    bench[0xE000_ED0C] = 0x05FA_0004
    bench.sleep(2e-3)
    bench[bench.place.enable] |= bench.place.bits
    assert bench[bench.stream(1)] == 0
    assert bench[bench.stream(1) + 0x14] == 0x21


def test_the_reset_register_of_rcc_does_so_too(bench: Bench) -> None:
    bench.board.soc.dmas[1].request(1, 100_000)
    bench.transfer(1, TO_MEMORY | CIRC | MINC | WORDS, 4, bench.place.port, bench.ram)
    reset = bench.place.enable - 0x20 if bench.place is F4 else 0x5802_4480
    bench[reset] = bench.place.bits
    bench[reset] = 0
    assert bench[bench.stream(1)] == 0


@pytest.mark.parametrize(
    ("board", "memory"),
    [("stm32f407vg", 0x1000_0000), ("stm32f746zg", 0), ("stm32h743zi", 0x2000_0000), ("stm32h743zi", 0)],
)
def test_some_memories_are_out_of_reach(board: str, memory: int) -> None:
    bench = Bench(board)
    bench.transfer(0, BETWEEN | PINC | MINC | WORDS, 4, bench.ram + 0x100, memory)
    bench.sleep(1e-4)
    assert bench.flags(0) == TEIF


@pytest.mark.parametrize("control", [BETWEEN | CIRC, BETWEEN | DBM, 3 << 6, 1 << 5, MINC | 3 << 11 | 3 << 13, 1 << 11])
def test_what_is_not_modelled_is_refused(bench: Bench, control: int) -> None:
    with pytest.raises(Unmodelled):
        bench.transfer(0, control, 4, bench.ram, bench.ram + 0x100)


def test_the_first_controller_of_the_f4_has_no_way_between_memories() -> None:
    bench = Bench("stm32f407vg")
    at = 0x4002_6010
    bench[at + 4] = 4
    with pytest.raises(Unmodelled):
        bench[at] = BETWEEN | EN


def test_an_interrupt_at_the_end() -> None:
    bench = Bench("stm32f407vg")
    bench[0xE000_E104] = 1 << 58 - 32
    bench.transfer(2, BETWEEN | PINC | MINC | WORDS | TCIE, 4, bench.ram, bench.ram + 0x400)
    bench.sleep(1e-4)
    assert bench[0xE000_E204] & 1 << 58 - 32
