"""What every probe promises, as checks on a board: each takes a Bench and knows nothing of the probe's kind.

The board's own memory is the judge: patterns are put there and read from there without the probe.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from haltpoint.arm.adi import memory_probe
from haltpoint.probes.access import Access, Poll, Read, ReadBlock, ReadCore, Write, WriteBlock, WriteCore
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.probes.errors import AccessFaultError, PollTimeoutError, ProbeError, ProbeGoneError, WaitError
from haltpoint.probes.probe import Probe
from haltpoint.sim.board import Board, open_board

__all__ = ["CHECKS", "DFSR", "DHCSR", "RAM", "RAM_END", "RAM_LENGTH", "Bench"]

RAM, RAM_LENGTH = 0x2000_0000, 20 * 1024
RAM_END = RAM + RAM_LENGTH
CPUID, DFSR, DHCSR = 0xE000_ED00, 0xE000_ED30, 0xE000_EDF0
HALT, S_HALT = 0xA05F_0003, 1 << 17
CPUID_M3 = 0x411F_C231


def opened(board: Board) -> Probe:
    """Open the board's only probe."""
    host = UsbHost(board.backend, board.sleep)
    return memory_probe(open_probe(list_probes(host)[0].selector, host))


@dataclass
class Bench:
    """A board with its probe opened and connected."""

    board: Board
    probe: Probe

    @classmethod
    def of(cls, selector: str) -> Bench:
        board = open_board(selector)
        bench = cls(board, opened(board))
        bench.probe.connect()
        return bench

    def again(self) -> Probe:
        """Open the same probe once more."""
        return opened(self.board)

    def fill(self) -> bytearray:
        """Put a canary into all of RAM, in which every word tells its own address, and return it."""
        words = (address + 0x5A17_0001 & 0xFFFF_FFFF for address in range(RAM, RAM_END, 4))
        canary = bytearray(b"".join(word.to_bytes(4, "little") for word in words))
        self.board.machine.bus.patch(RAM, bytes(canary))
        return canary

    def ram(self) -> bytes:
        """What RAM holds now."""
        return self.board.machine.bus.peek(RAM, RAM_LENGTH)

    def run(self, *accesses: Access) -> list[object]:
        return list(self.probe.run(accesses))

    def one(self, access: Access) -> object:
        return self.probe.run([access])[0]

    def halt(self) -> None:
        self.run(Write(DHCSR, HALT), Poll(DHCSR, S_HALT, S_HALT))

    def transfers(self, *accesses: Access) -> int:
        """How many bulk transfers a batch costs."""
        self.board.stats.reset()
        self.probe.run(accesses)
        return self.board.stats.bulk


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


BLOCKS = [
    *((0x800 + alignment, length) for alignment in range(4) for length in range(71)),
    *((start, length) for start in (0, 1, 2, 3, 4, 0x3FC, 0x3FD, 0x3FE, 0x3FF) for length in (1023, 1024, 1025, 1027)),
    *((start, length) for start in (0, 0xFFE, 0xFFF, 0x1001) for length in (4093, 4096, 4099, 6143, 6144, 6149, 12289)),
    (0, RAM_LENGTH),
]


def reads_any_block_exactly(bench: Bench) -> None:
    canary = bench.fill()
    for offset, length in BLOCKS:
        assert bench.one(ReadBlock(RAM + offset, length)) == canary[offset : offset + length], (offset, length)


def writes_any_block_and_nothing_else(bench: Bench) -> None:
    for seed, (offset, length) in enumerate(BLOCKS):
        expected = bench.fill()
        expected[offset : offset + length] = data = noise(length, seed)
        assert bench.one(WriteBlock(RAM + offset, data)) is None
        assert bench.ram() == expected, (offset, length)


def single_accesses_have_their_width(bench: Bench) -> None:
    canary = bench.fill()
    for offset in range(16):
        for width in (1, 2, 4):
            if offset % width == 0:
                value = int.from_bytes(canary[offset : offset + width], "little")
                assert bench.one(Read(RAM + offset, width)) == value, (offset, width)
    for offset in range(16):
        for width in (1, 4):
            if offset % width == 0:
                canary[offset : offset + width] = data = noise(width, offset)
                bench.one(Write(RAM + offset, int.from_bytes(data, "little"), width))
                assert bench.ram() == canary, (offset, width)


def a_batch_is_carried_out_in_order(bench: Bench) -> None:
    canary = bench.fill()
    results = bench.run(
        Read(RAM),
        Write(RAM, 0x1111_1111),
        Read(RAM),
        Write(RAM, 0x2222_2222),
        Write(RAM + 4, 0x3333_3333),
        ReadBlock(RAM, 8),
        WriteBlock(RAM + 1, b"\xaa\xbb"),
        Read(RAM),
        Read(RAM + 2, 1),
        Write(RAM + 3, 0xCC, 1),
        Poll(RAM, 0xFF00_0000, 0xCC00_0000),
        ReadBlock(RAM, 0),
        WriteBlock(RAM, b""),
    )
    first = int.from_bytes(canary[:4], "little")
    words = bytes.fromhex("2222222233333333")
    assert results == [
        *(first, None, 0x1111_1111, None, None, words, None),
        *(0x22BB_AA22, 0xBB, None, 0xCCBB_AA22, b"", None),
    ]


def long_lists_of_words(bench: Bench) -> None:
    canary = bench.fill()
    addresses = [RAM + 4 * n for n in random.Random(7).sample(range(RAM_LENGTH // 4), 200)]
    expected = [int.from_bytes(canary[a - RAM : a - RAM + 4], "little") for a in addresses]
    assert bench.run(*(Read(address) for address in addresses)) == expected
    for n, address in enumerate(addresses):
        canary[address - RAM : address - RAM + 4] = (n * 0x0101_0101).to_bytes(4, "little")
    mixed: list[Access] = []
    for n, address in enumerate(addresses):
        mixed += [Write(address, n * 0x0101_0101), Read(address)]
    assert bench.run(*mixed) == [value for n in range(200) for value in (None, n * 0x0101_0101)]
    assert bench.ram() == canary


def an_empty_batch_costs_nothing(bench: Bench) -> None:
    assert bench.transfers() == 0
    assert bench.transfers(ReadBlock(RAM, 0), WriteBlock(RAM, b"")) == 0


def core_registers(bench: Bench) -> None:
    bench.halt()
    values = {n: 0x2000_0100 + 0x10 * n for n in (*range(13), 14, 17, 18)} | {15: 0x0800_0100, 16: 0x6100_0000}
    bench.run(*(WriteCore(register, value) for register, value in values.items()))
    order = (15, 16, 0, 12, 7, 14, 17, 18, 1)
    assert bench.one(ReadCore(order)) == tuple(values[register] for register in order)
    assert bench.one(ReadCore((13,))) == (values[17],), "thread mode on MSP: sp is msp"
    assert bench.one(ReadCore(())) == ()
    bench.one(WriteCore(20, 0x0000_0001))
    assert bench.one(ReadCore((3, 20))) == (values[3], 1)
    bench.one(WriteCore(20, 0))
    assert bench.one(ReadCore(tuple(values))) == tuple(values.values())
    for register, value in values.items():
        assert bench.one(ReadCore((register,))) == (value,)


def fault_takes_nothing_after_it(bench: Bench) -> None:
    """Whatever faults, wherever in a batch: everything before took effect, nothing after did, and it works again."""
    faulty: list[Access] = [
        Read(RAM_END),
        Write(RAM_END + 8, 1),
        ReadBlock(RAM_END, 64),
        WriteBlock(RAM_END, bytes(64)),
        Read(RAM_END, 1),
        Write(RAM_END, 1, 1),
        ReadBlock(RAM_END, 4),
    ]
    for before in range(4):
        for bad in faulty:
            canary = bench.fill()
            batch: list[Access] = [Write(RAM + 4 * n, 0x100 + n) for n in range(before)]
            batch += [bad, *(Write(RAM + 0x40 + 4 * n, 0x200 + n) for n in range(4))]
            with pytest.raises(AccessFaultError) as raised:
                bench.run(*batch)
            assert raised.value.index == before, (before, bad)
            assert raised.value.address == getattr(bad, "address", None), (before, bad)
            assert f"{raised.value.address:#010x}" in str(raised.value)
            for n in range(before):
                canary[4 * n : 4 * n + 4] = (0x100 + n).to_bytes(4, "little")
            assert bench.ram() == canary, (before, bad)
            assert bench.one(Read(CPUID)) == CPUID_M3, "the sticky flags are cleared"


def fault_inside_a_block_has_its_address(bench: Bench) -> None:
    for start in (RAM_END - 8, RAM_END - 0x204, RAM_END - 0x1003):
        for block in (ReadBlock(start, 0x1100), WriteBlock(start, bytes(0x1100))):
            with pytest.raises(AccessFaultError) as raised:
                bench.run(Read(RAM), block)
            assert (raised.value.address, raised.value.index) == (RAM_END, 1)


def faults_by_chance_are_always_told(bench: Bench) -> None:
    """A fault at any single access of a batch surfaces with that access's index."""
    accesses: list[Access] = [
        *(Write(RAM + 4 * n, n) for n in range(5)),
        Read(RAM + 2, 1),
        *(Read(RAM + 4 * n) for n in range(5)),
        WriteBlock(RAM + 64, bytes(32)),
        ReadBlock(RAM + 64, 32),
    ]
    for n in range(len(accesses)):
        bench.fill()
        bench.board.faults.fault(n + 1)
        with pytest.raises(AccessFaultError) as raised:
            bench.run(*accesses)
        assert raised.value.index == n
        bench.board.faults.clear()


def wait_at_every_nth_access_changes_nothing(bench: Bench) -> None:
    for every in (1, 2, 3, 5, 7):
        canary = bench.fill()
        bench.board.faults.clear()
        for n in range(1, 400):
            bench.board.faults.wait(every * n + 1 if every == 1 else every * n)
            if every == 1 and n == 6:
                break  # six in a row
        offset, data = 0x3F1, noise(2100, every)
        canary[offset : offset + 2100] = data
        words: list[Access] = []
        for n in range(40):
            words += [Write(RAM + 0x1000 + 4 * n, n * every), Read(RAM + 0x1000 + 4 * n)]
            canary[0x1000 + 4 * n : 0x1004 + 4 * n] = (n * every).to_bytes(4, "little")
        results = bench.run(WriteBlock(RAM + offset, data), *words, ReadBlock(RAM + offset, 2100))
        assert results == [None, *(v for n in range(40) for v in (None, n * every)), data]
        assert bench.ram() == canary
        assert bench.board.faults.injected > 0
    bench.board.faults.clear()


def endless_wait_is_told_and_costs_patience(bench: Bench) -> None:
    for access in (Read(RAM), Write(RAM, 1), ReadBlock(RAM, 64), WriteBlock(RAM, bytes(64))):
        bench.board.faults.wait(1, times=1000)
        before = bench.board.seconds
        with pytest.raises(WaitError):
            bench.one(access)
        assert 0.25 < bench.board.seconds - before < 0.4
        bench.board.faults.clear()
        assert bench.one(Read(CPUID)) == CPUID_M3


def poll_waits_and_gives_up(bench: Bench) -> None:
    bench.fill()
    bench.board.machine.bus.patch(RAM, b"\x34\x12\0\0")
    assert bench.one(Poll(RAM, 0xFF, 0x34)) == 0x1234
    before = bench.board.seconds
    with pytest.raises(PollTimeoutError) as raised:
        bench.run(Write(RAM + 4, 1), Write(RAM + 8, 1), Poll(RAM, 0xFF, 0x35, timeout=0.2), Write(RAM, 0))
    assert (raised.value.address, raised.value.last) == (RAM, 0x1234)
    assert 0.2 <= bench.board.seconds - before < 0.5
    assert bench.one(Read(RAM)) == 0x1234, "what comes after is not done"


def unplugged_in_the_middle(bench: Bench) -> None:
    for nth in range(1, 8):
        bench.board.faults.unplug(nth)
        with pytest.raises(ProbeGoneError, match="cable"):
            bench.run(*(Write(RAM + 4 * n, n) for n in range(4)), ReadBlock(RAM, 256), ReadBlock(RAM + 256, 256))
        with pytest.raises(ProbeGoneError):
            bench.one(Read(RAM))
        bench.probe.close()
        bench.board.plug()
        bench.probe = bench.again()
        bench.probe.connect()
        assert bench.one(Read(CPUID)) == CPUID_M3


def usb_trouble_never_gives_wrong_data(bench: Bench) -> None:
    """A timeout, a stall or a short packet at any transfer is an error; what follows is exact."""
    canary = bench.fill()
    batch: list[Access] = [ReadBlock(RAM + 1, 130), *(Read(RAM + 4 * n) for n in range(5)), ReadBlock(RAM + 512, 64)]
    words = [int.from_bytes(canary[4 * n : 4 * n + 4], "little") for n in range(5)]
    expected = [canary[1:131], *words, canary[512:576]]
    for trouble in (bench.board.faults.time_out, bench.board.faults.stall, bench.board.faults.short):
        for nth in range(1, 30):
            bench.board.faults.clear()
            injected = bench.board.faults.injected
            trouble(nth)
            try:
                results = bench.run(*batch)
            except ProbeError:
                assert bench.board.faults.injected > injected
            else:
                assert results == expected
            bench.board.faults.clear()
            assert bench.run(*batch) == expected, (trouble, nth)


def a_broken_write_never_writes_something_else(bench: Bench) -> None:
    """Trouble at any transfer of a write leaves old or new bytes in its place, and no others anywhere."""
    for trouble in (bench.board.faults.time_out, bench.board.faults.stall):
        for nth in range(1, 9):
            for length in (16, 32, 256):
                canary, data = bench.fill(), noise(length)
                bench.board.faults.clear()
                trouble(nth)
                with contextlib.suppress(ProbeError):
                    bench.run(WriteBlock(RAM + 64, data), *(Write(RAM + 4 * n, 4 * n) for n in range(4)))
                bench.board.faults.clear()
                assert bench.one(Read(CPUID)) == CPUID_M3
                left = bench.ram()
                assert left[64 : 64 + length] in (canary[64 : 64 + length], data), (trouble, nth, length)
                assert left[16:64] == canary[16:64]
                assert left[64 + length :] == canary[64 + length :]
                for n in range(4):
                    old, new = canary[4 * n : 4 * n + 4], (4 * n).to_bytes(4, "little")
                    assert left[4 * n : 4 * n + 4] in (old, new)


def a_lost_session_is_recovered(bench: Bench) -> None:
    """A program that dies leaves the probe in debug mode, holding NRST, with data in its pipe."""
    bench.halt()
    bench.probe.set_reset(asserted=True)
    device = bench.board.backend.devices[0]
    bench.board.backend._claims.clear()
    device.send(0x81, b"\x80\0\0\0stale")
    bench.probe = bench.again()
    bench.probe.connect()
    bench.probe.set_reset(asserted=False)
    canary = bench.fill()
    assert bench.one(ReadBlock(RAM, 100)) == canary[:100]


def closing_twice_is_fine(bench: Bench) -> None:
    bench.probe.close()
    bench.probe.close()
    bench.probe = bench.again()
    bench.probe.connect()
    assert bench.one(Read(CPUID)) == CPUID_M3


CHECKS: tuple[Callable[[Bench], None], ...] = (
    reads_any_block_exactly,
    writes_any_block_and_nothing_else,
    single_accesses_have_their_width,
    a_batch_is_carried_out_in_order,
    long_lists_of_words,
    an_empty_batch_costs_nothing,
    core_registers,
    fault_takes_nothing_after_it,
    fault_inside_a_block_has_its_address,
    faults_by_chance_are_always_told,
    wait_at_every_nth_access_changes_nothing,
    endless_wait_is_told_and_costs_patience,
    poll_waits_and_gives_up,
    unplugged_in_the_middle,
    usb_trouble_never_gives_wrong_data,
    a_broken_write_never_writes_something_else,
    a_lost_session_is_recovered,
    closing_twice_is_fine,
)
