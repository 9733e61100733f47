"""The field's failures by name: the disease on the simulated debug port, and the driver that does not have it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence

import pytest
from support.probe_contract import RAM, Bench

from haltpoint.arm.adi import AdiProbe
from haltpoint.probes.access import Access, Read, ReadBlock, Write, WriteBlock
from haltpoint.probes.debug_port import CTRL_STAT, RDBUFF, SELECT, Transaction
from haltpoint.probes.errors import AccessFaultError, ProbeError, ProbeTimeoutError
from haltpoint.probes.ftdi.jtag import Jtag
from haltpoint.probes.ftdi.probe import FtdiProbe
from haltpoint.probes.ftdi.wire import Ack, Entry

JTAG = "sim:stm32f103c8,probe=ft2232h,wire=jtag"
SWD = "sim:stm32f103c8,probe=ft2232h,wire=swd"
REPORT = "sim:stm32l431rc,probe=ft2232h,wire=jtag"
WORDS = (0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444)
DHCSR, CPUID = 0xE000_EDF0, 0xE000_ED00
CSW, TAR, DRW = 0x0, 0x4, 0xC
POWER, ORUNDETECT = 0x5000_0000, 1 << 0
S_HALT, S_LOCKUP = 1 << 17, 1 << 19


def words(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data), 4))


def ftdi(bench: Bench) -> FtdiProbe:
    assert isinstance(bench.probe, AdiProbe)
    assert isinstance(bench.probe._port, FtdiProbe)
    return bench.probe._port


def engine_wire(bench: Bench) -> Jtag:
    engine = ftdi(bench)._engine
    assert engine is not None
    assert isinstance(engine.wire, Jtag)
    return engine.wire


class Historical:
    """How two peers talked to a JTAG-DPv0: no idle clocks behind reads, sticky flags cleared through ABORT alone."""

    def __init__(self, bench: Bench) -> None:
        self.wire = engine_wire(bench)
        self.wire.idle = 0

    def scan(self, *transactions: Transaction) -> list[int]:
        outcomes = self.wire.exchange([Entry(transaction, None, 0) for transaction in transactions])
        self.acks = [outcome.ack for outcome in outcomes]
        return [outcome.data or 0 for outcome in outcomes]

    def prepare(self, address: int) -> None:
        self.wire.idle = 8
        self.scan(
            Transaction(ap=False, read=False, address=CTRL_STAT, value=POWER | ORUNDETECT | 0x32),
            Transaction(ap=False, read=False, address=SELECT),
            Transaction(ap=True, read=False, address=CSW, value=0x2300_0012),
            Transaction(ap=True, read=False, address=TAR, value=address),
        )
        self.wire.idle = 0

    def read_block(self, count: int) -> list[int]:
        """Read words in one batch; on a WAIT "clear" the flags and try once more."""
        read = Transaction(ap=True, read=True, address=DRW)
        collect = Transaction(ap=False, read=True, address=RDBUFF)
        data: list[int] = []
        for _ in range(2):
            data = self.scan(*[read] * count, collect)[1:]
            if Ack.WAIT not in self.acks:
                break
            self.wire.abort()  # what ABORT's clear bits become on DPv0
        return data


@pytest.fixture
def bench() -> Bench:
    one = Bench.of(JTAG)
    one.fill()
    return one


def test_first_word_repeats(bench: Bench) -> None:
    bench.run(WriteBlock(RAM, b"".join(word.to_bytes(4, "little") for word in WORDS)))
    sick = Historical(bench)
    sick.prepare(RAM)
    assert sick.read_block(4) == [WORDS[0]] * 4
    assert Ack.WAIT not in sick.acks, "and it looks like a success"
    ftdi(bench)._engine._in_step = False  # type: ignore[union-attr]  # its state is not what the driver left
    assert words(bytes(bench.one(ReadBlock(RAM, 16)))) == WORDS  # type: ignore[call-overload]


def test_phantom_lockup(bench: Bench) -> None:
    """A stale word with bits 17 and 19 set, read in place of DHCSR, is a lockup that is not there."""
    bench.halt()
    bench.run(WriteBlock(RAM, 0xE00A_BE00.to_bytes(4, "little") + bytes(12)))
    sick = Historical(bench)
    sick.prepare(RAM)
    sick.read_block(4)
    sick.wire.idle = 8
    stale = sick.scan(
        Transaction(ap=True, read=False, address=TAR, value=DHCSR),
        Transaction(ap=True, read=True, address=DRW),
        Transaction(ap=False, read=True, address=RDBUFF),
    )[-1]
    assert stale == 0xE00A_BE00
    assert stale & S_LOCKUP
    ftdi(bench)._engine._in_step = False  # type: ignore[union-attr]
    assert int(bench.one(Read(DHCSR))) & (S_LOCKUP | S_HALT) == S_HALT  # type: ignore[call-overload]


@pytest.mark.parametrize("board", [JTAG, SWD])
def test_fault_is_reported_over_jtag(board: str) -> None:
    bench = Bench.of(board)
    canary = bench.fill()
    for access in (Read(0x0200_1000), ReadBlock(0x0200_1000, 400), Write(0x0200_1000, 1)):
        with pytest.raises(AccessFaultError) as raised:
            bench.run(Read(RAM), access, Read(RAM + 4))
        assert (raised.value.index, raised.value.address) == (1, 0x0200_1000)
        assert bench.run(Read(CPUID), ReadBlock(RAM, 8)) == [0x411F_C231, canary[:8]]


@pytest.mark.parametrize("board", [JTAG, SWD])
def test_wait_does_not_skip_or_duplicate(board: str) -> None:
    """Words read after a WAIT are not shifted, and what is written behind one is not written twice."""
    for chance in range(1, 45):
        bench = Bench.of(board)
        canary = bench.fill()
        bench.board.faults.wait(chance)
        pattern = bytes(range(64))
        assert bench.run(ReadBlock(RAM, 64), WriteBlock(RAM + 64, pattern), ReadBlock(RAM + 60, 72)) == [
            canary[:64],
            None,
            canary[60:64] + pattern + canary[128:132],
        ]
        canary[64:128] = pattern
        assert bench.ram() == canary, chance


@pytest.mark.parametrize("board", [JTAG, SWD])
def test_reply_misalignment_after_timeout(board: str) -> None:
    """A reply that comes after it was given up belongs to nothing that is asked afterwards."""
    bench = Bench.of(board)
    canary = bench.fill()
    late = bench.board.faults
    for nth in range(1, 12):
        late.clear()
        late.time_out(nth)
        with contextlib.suppress(ProbeError):
            assert bench.one(ReadBlock(RAM + 4 * nth, 512)) == canary[4 * nth : 4 * nth + 512]
        late.clear()
        assert bench.one(ReadBlock(RAM + 1024, 64)) == canary[1024:1088], nth


def test_a_reply_in_the_pipe_is_dropped(bench: Bench) -> None:
    canary = bench.fill()
    channel = ftdi(bench)._channel
    stream = ftdi(bench).new_stream()
    for _ in range(7):
        stream.read_pins()
    channel._write(bytes(stream.data) + b"\x87")  # seven bytes that nobody will fetch
    channel._in_step = False
    assert bench.one(ReadBlock(RAM, 64)) == canary[:64]


def test_a_reply_that_never_comes_is_a_timeout(bench: Bench) -> None:
    canary = bench.fill()
    probe = ftdi(bench)
    stream = probe.new_stream()
    stream.read_pins()
    stream.replies += 3  # more is awaited than the chip will ever say
    before = bench.board.seconds
    with pytest.raises(ProbeTimeoutError, match="only 1 of them came"):
        probe.exchange(stream)
    assert 0.5 < bench.board.seconds - before < 2
    assert bench.one(ReadBlock(RAM, 64)) == canary[:64]


@pytest.mark.parametrize("latency", [0, 3, 8, 20, 50])
@pytest.mark.parametrize("wire", ["jtag", "swd"])
def test_blocks_are_exact_however_slow_the_bus_is(wire: str, latency: int) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe=ft2232h,wire={wire},latency={latency}")
    memory = bench.fill()
    dice = random.Random(latency)
    for _ in range(60):
        offset, length = dice.randrange(4096), dice.randrange(1, 600)
        data = dice.randbytes(length)
        batch: Sequence[Access] = [
            ReadBlock(RAM + offset, length),
            WriteBlock(RAM + offset, data),
            ReadBlock(RAM + offset, length),
        ]
        assert bench.run(*batch) == [bytes(memory[offset : offset + length]), None, data]
        memory[offset : offset + length] = data
    assert bench.ram() == memory


@pytest.mark.parametrize("khz", [100, 1000, 10_000])
def test_the_words_of_the_report(khz: int) -> None:
    bench = Bench.of(REPORT)
    bench.probe.set_speed(khz)
    data = b"".join(word.to_bytes(4, "little") for word in WORDS)
    assert bench.run(WriteBlock(RAM, data), ReadBlock(RAM, 16)) == [None, data]
    noise = random.Random(khz).randbytes(1164)
    assert bench.run(WriteBlock(RAM, noise), ReadBlock(RAM, 1164)) == [None, noise]
