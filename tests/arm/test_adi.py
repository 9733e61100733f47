"""Memory accesses as transactions: what is planned, what is remembered, what is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.arm.adi import AdiProbe, memory_probe
from haltpoint.arm.adi_plan import Plan, PortState, pieces
from haltpoint.arm.link_check import canary, check_memory, check_register, describe_difference, make_true
from haltpoint.probes.access import (
    Access,
    Poll,
    Read,
    ReadBlock,
    ReadCore,
    Require,
    Write,
    WriteBlock,
    WriteCore,
)
from haltpoint.probes.debug_port import DapFaultError, DapWaitError, Transaction
from haltpoint.probes.errors import (
    AccessFaultError,
    LinkError,
    NoTargetError,
    PollTimeoutError,
    WaitError,
)
from haltpoint.probes.probe import ProbeInfo

RAM = 0x2000_0000
DHCSR, DCRSR, DCRDR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8
S_REGRDY, S_HALT, S_RESET_ST = 1 << 16, 1 << 17, 1 << 25
CSW, TAR, DRW, IDR = 0x00, 0x04, 0x0C, 0xFC


class FakePort:
    """A MEM-AP at AP 0 over a dictionary of words, with core registers behind DCRSR; strict about TAR and CSW."""

    def __init__(self) -> None:
        self.info = ProbeInfo("fake", "", "", "fake")
        self.wire = "JTAG"
        self.refuses_at_once = False
        self.memory: dict[int, int] = {}
        self.core = {n: 0x100 + n for n in range(21)}
        self.select = self.csw = self.tar = 0
        self.lanes = 0
        self.dhcsr = S_REGRDY | S_HALT
        self.ready_after = 0  # so many reads of DHCSR show no S_REGRDY
        self.batches: list[list[Transaction]] = []
        self.faulty: set[int] = set()
        self.wait_at: int | None = None
        self.slept = 0.0
        self.connects = 0
        self.corrupt = 0  # so many memory reads are wrong
        self.slowed: list[str] = []

    def voltage(self) -> None: ...
    def close(self) -> None: ...
    def set_reset(self, asserted: bool) -> None: ...

    def set_speed(self, khz: int) -> int:
        return khz

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def slow_down(self) -> str:
        if len(self.slowed) == 3:
            return ""
        self.slowed.append(f"step {len(self.slowed) + 1}")
        return self.slowed[-1]

    def connect(self) -> None:
        self.connects += 1

    def transact(self, batch: Sequence[Transaction]) -> list[int | None]:
        self.batches.append(list(batch))
        results: list[int | None] = []
        for position, transaction in enumerate(batch):
            if position == self.wait_at:
                self.wait_at = None
                raise DapWaitError(position)
            try:
                results.append(self.one(transaction))
            except KeyError:
                results += [0xDEAD_DEAD] * (len(batch) - position)
                raise DapFaultError(0, len(batch) - 1, results) from None
        return results

    def one(self, transaction: Transaction) -> int | None:
        ap, read, address, value = transaction
        if not ap:
            if address == 8:
                self.select = value
            return 0xF000_0000 if read else None
        register = self.select & 0xF0 | address
        if register == IDR:
            return 0x1477_0011 if not self.select >> 24 else 0
        if register in {CSW, TAR}:
            name = "csw" if register == CSW else "tar"
            if read:
                return int(getattr(self, name))
            setattr(self, name, value)
            return None
        if register == DRW:
            width = 1 << (self.csw & 3)
            assert self.tar % width == 0
            assert self.csw >> 4 & 3 == 1
            result = self.bus(self.tar, width, None if read else value)
            self.tar = self.tar & ~0x3FF | self.tar + width & 0x3FF
            return result
        assert 0x10 <= register <= 0x1C, hex(register)
        assert self.csw & 7 == 2
        return self.bus(self.tar & ~0xF | register & 0xC, 4, None if read else value)

    def bus(self, address: int, width: int, value: int | None) -> int | None:
        if address & ~3 in self.faulty:
            raise KeyError(address)
        word = address & ~3
        if value is None:
            if word == DHCSR:
                return self.read_dhcsr()
            mask = (1 << 8 * width) - 1 << 8 * (address & 3)
            held = self.memory.get(word, word * 3 & 0xFFFF_FFFF)
            if self.corrupt:
                self.corrupt -= 1
                held ^= 0x10
            self.lanes = self.lanes & ~mask | held & mask
            return self.lanes
        mask = (1 << 8 * width) - 1 << 8 * (address & 3)
        self.memory[word] = self.memory.get(word, word * 3 & 0xFFFF_FFFF) & ~mask | value & mask
        if word == DCRSR:
            if value >> 16 & 1:
                self.core[value & 0x7F] = self.memory[DCRDR]
            else:
                self.memory[DCRDR] = self.core[value]
        return None

    def read_dhcsr(self) -> int:
        word, self.dhcsr = self.dhcsr, self.dhcsr & ~S_RESET_ST
        if self.ready_after:
            self.ready_after -= 1
            return word & ~S_REGRDY
        return word


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def probe(port: FakePort) -> AdiProbe:
    made = memory_probe(port)
    assert isinstance(made, AdiProbe)
    made.connect()
    port.batches.clear()
    return made


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


# ------------------------------------------------------------------------------------------ plans
@given(address=st.integers(0, 5000), length=st.integers(0, 3000))
def test_pieces_cover_a_block_aligned_and_within_tars_reach(address: int, length: int) -> None:
    place = address
    for start, count, width in pieces(address, length):
        assert start == place
        assert start % width == 0
        assert count == 1 or width == 4
        place += count * width
        assert start // 1024 == (place - 1) // 1024
    assert place == address + length


def test_a_word_costs_one_transaction() -> None:
    plan = Plan(PortState(), 0, checkpoints=True)
    plan.add(0, WriteBlock(RAM, bytes(4096)))
    assert len(plan.transactions) == 1024 + 2 + 4, "SELECT and CSW once, TAR at each boundary"


def test_what_is_right_already_is_not_written(port: FakePort, probe: AdiProbe) -> None:
    probe.run([Read(RAM), Read(RAM + 4)])
    probe.run([Read(RAM + 8)])
    assert len(port.batches[-1]) == 1
    probe.run([Read(RAM + 13, 1)])
    assert len(port.batches[-1]) == 3, "CSW, TAR, DRW"


def test_tar_is_written_again_at_the_boundary(port: FakePort, probe: AdiProbe) -> None:
    data = bytes(range(256)) * 8
    probe.run([WriteBlock(RAM + 0x3F0, data)])
    assert probe.run([ReadBlock(RAM + 0x3F0, len(data))]) == [data]
    assert port.memory[RAM + 0x400] == int.from_bytes(data[16:20], "little")


def test_lanes(port: FakePort, probe: AdiProbe) -> None:
    probe.run([Write(RAM, 0x1122_3344), Write(RAM + 1, 0xAA, 1), Write(RAM + 2, 0xBBCC, 2)])
    assert port.memory[RAM] == 0xBBCC_AA44
    assert probe.run([Read(RAM), Read(RAM + 1, 1), Read(RAM + 2, 2), Read(RAM + 3, 1)]) == [
        *(0xBBCC_AA44, 0xAA, 0xBBCC, 0xBB)
    ]


def test_checkpoints_only_where_tar_cannot_tell(port: FakePort, probe: AdiProbe) -> None:
    checkpoint = Transaction(ap=False, read=True, address=4)
    probe.run([Read(RAM + 4 * n) for n in range(10)])
    assert checkpoint not in port.batches[-1]
    probe.run([Write(RAM, 1), Read(RAM), ReadBlock(RAM, 64)])
    assert port.batches[-1].count(checkpoint) == 2
    port.refuses_at_once = True
    probe.run([Write(RAM, 1), Read(RAM)])
    assert checkpoint not in port.batches[-1]


# ------------------------------------------------------------------------------------------ failures
@given(
    faulty=st.integers(0, 40).map(lambda n: RAM + 4 * n),
    starts=st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True),
)
def test_the_failed_access_is_found(faulty: int, starts: list[int]) -> None:
    port = FakePort()
    probe = AdiProbe(port)
    probe.connect()
    port.faulty = {faulty}
    spread = sorted(starts)
    lengths = [4 * (after - start) for start, after in zip(spread, [*spread[1:], 45], strict=True)]
    batch: list[Access] = [ReadBlock(RAM + 4 * start, length) for start, length in zip(spread, lengths, strict=True)]
    hit = next((n for n, start in enumerate(spread) if start * 4 <= faulty - RAM < start * 4 + lengths[n]), None)
    if hit is None:
        probe.run(batch)
        return
    with pytest.raises(AccessFaultError) as raised:
        probe.run(batch)
    assert (raised.value.index, raised.value.address) == (hit, faulty)
    assert f"{faulty:#010x}" in str(raised.value)
    port.faulty = set()
    assert probe.run([Read(RAM)]) == [RAM * 3 & 0xFFFF_FFFF], "what was remembered was dropped"


def test_waiting_too_long_names_the_access(port: FakePort, probe: AdiProbe) -> None:
    port.wait_at = 4
    with pytest.raises(WaitError, match="Writing 1 byte at 0x20000011"):
        probe.run([Read(RAM), Write(RAM + 0x11, 1, 1)])


# ------------------------------------------------------------------------------------------ core registers
def test_all_registers_in_one_batch(port: FakePort, probe: AdiProbe) -> None:
    assert probe.run([ReadCore(tuple(range(19)))]) == [tuple(0x100 + n for n in range(19))]
    assert len(port.batches) == 1
    assert len(port.batches[0]) <= 4 + 3 * 19, "DCRSR, DHCSR, DCRDR for each, TAR stays"


def test_writing_a_register(port: FakePort, probe: AdiProbe) -> None:
    assert probe.run([WriteCore(15, 0x0800_0100), ReadCore((15, 3))]) == [None, (0x0800_0100, 0x103)]
    assert len(port.batches) == 1


def test_a_slow_core_is_waited_for(port: FakePort, probe: AdiProbe) -> None:
    port.ready_after = 7
    assert probe.run([Read(RAM), WriteCore(1, 5), ReadCore((1, 2))]) == [RAM * 3 & 0xFFFF_FFFF, None, (5, 0x102)]
    port.ready_after = 10**6
    with pytest.raises(PollTimeoutError):
        probe.run([ReadCore((1,))])


def test_nothing_that_cannot_be_repeated_follows_an_unfinished_transfer(port: FakePort, probe: AdiProbe) -> None:
    port.ready_after = 3
    assert probe.run([WriteCore(1, 5), Write(RAM, 1), ReadCore((1,)), Read(RAM)]) == [None, None, (5,), 1]
    writes = [transaction for batch in port.batches for transaction in batch if transaction == (True, False, DRW, 1)]
    assert len(writes) == 1


def test_a_condition_that_does_not_hold(port: FakePort, probe: AdiProbe) -> None:
    halted = Require(0, S_HALT, S_HALT)
    batch: list[Access] = [Read(DHCSR), halted, Read(RAM), ReadCore((0,))]
    assert probe.run(batch) == [S_REGRDY | S_HALT, None, RAM * 3 & 0xFFFF_FFFF, (0x100,)]
    port.dhcsr = 0
    assert probe.run(batch) == [0, None, None, None]
    port.faulty = {RAM}
    assert probe.run(batch) == [0, None, None, None], "a fault behind it is no fault"
    port.dhcsr = S_HALT
    with pytest.raises(AccessFaultError):
        probe.run(batch)


def test_a_reset_that_only_a_hidden_read_saw_is_told(port: FakePort, probe: AdiProbe) -> None:
    """Reading DHCSR for S_REGRDY clears S_RESET_ST; whoever reads DHCSR next must see it all the same."""
    port.dhcsr |= S_RESET_ST
    probe.run([ReadCore((0,))])
    assert probe.run([Read(DHCSR)]) == [S_REGRDY | S_HALT | S_RESET_ST]
    assert probe.run([Read(DHCSR)]) == [S_REGRDY | S_HALT]


@pytest.mark.parametrize("batch", [[Require(0, 1, 1)], [Read(RAM), Require(0, 1, 1), Write(RAM, 1)]])
def test_conditions_that_cannot_be(probe: AdiProbe, batch: list[Access]) -> None:
    with pytest.raises(ValueError, match="condition"):
        probe.run(batch)


def test_a_poll_splits_a_batch(port: FakePort, probe: AdiProbe) -> None:
    port.memory[RAM] = 5
    assert probe.run([Write(RAM + 8, 1), Poll(RAM, 0xF, 5), Read(RAM + 8)]) == [None, 5, 1]
    assert len(port.batches) == 2
    with pytest.raises(PollTimeoutError) as raised:
        probe.run([Poll(RAM, 0xF, 6, timeout=0.2), Write(RAM + 8, 2)])
    assert (raised.value.last, port.memory[RAM + 8]) == (5, 1)
    assert 0.2 <= port.slept < 0.25
    with pytest.raises(PollTimeoutError):
        probe.run([Poll(RAM, 0xF, 6)])


# ------------------------------------------------------------------------------------------ the link
W = words(*(0x1111_1111 * n for n in range(1, 9)))


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (W, ""),
        (W[:4] * 8, "every word reads back as the first: the debug port stopped"),
        (words(0x99) + W[:4] * 7, "every word reads back as the first"),
        (bytes(32), "zeros"),
        (b"\xff" * 32, "ones"),
        (W[:8] + W[12:] + bytes(4), "from word 2 on everything comes one word early"),
        (W[:12] + W[8:28], "from word 3 on everything comes one word late"),
        (W[:4] + bytes([W[4] ^ 8]) + W[5:], "1 of 8 words differ.*bits 0x00000008"),
        (W[:-1] + b"\0", "1 of 8 words differ"),
    ],
)
def test_what_is_seen_has_a_name(seen: bytes, sentence: str) -> None:
    import re

    text = describe_difference(W, seen)
    assert re.search(sentence, text)
    assert bool(text) == bool(sentence)


def test_a_canary_tells_addresses() -> None:
    block = canary(RAM + 1, 10)
    assert block[3:7] == (RAM + 4 + 0x5A17_C0DE & 0xFFFF_FFFF).to_bytes(4, "little")
    assert len(block) == 10


def test_memory_is_restored(probe: AdiProbe) -> None:
    before = probe.run([ReadBlock(RAM, 2048)])
    probe.check_link()
    assert probe.run([ReadBlock(RAM, 2048)]) == before
    assert check_memory(probe.run) == ""
    assert check_register(probe.run) == ""


def test_a_link_that_lies_is_slowed_down(port: FakePort, probe: AdiProbe, caplog: pytest.LogCaptureFixture) -> None:
    port.corrupt = 4
    probe.check_link()
    assert port.slowed == ["step 1"]
    assert "retried with step 1: works" in caplog.text


def test_a_link_that_keeps_lying_is_told(port: FakePort, probe: AdiProbe) -> None:
    port.corrupt = 10**6

    with pytest.raises(LinkError, match=r"words differ.*not to blame"):
        make_true("Checking the link", lambda: check_register(probe.run), port.slow_down)
    assert len(port.slowed) == 3


def test_silence_and_refusals_are_not_the_links_speed(port: FakePort) -> None:
    def silent() -> str:
        raise NoTargetError("a", "b")

    def refused() -> str:
        raise AccessFaultError("a", "b", address=0)

    with pytest.raises(NoTargetError):
        make_true("x", silent, port.slow_down)
    make_true("x", refused, port.slow_down)
    assert port.slowed == []


def test_no_memory_ap(port: FakePort) -> None:
    def nothing(transaction: Transaction) -> int | None:
        return 0 if transaction.read else None

    port.one = nothing  # type: ignore[method-assign]
    with pytest.raises(NoTargetError, match="access port"):
        AdiProbe(port).connect()
