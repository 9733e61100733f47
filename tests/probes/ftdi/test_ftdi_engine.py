"""The transaction engine against a strict model: WAIT, FAULT and damaged writes anywhere leave exact results."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dp_model import DRW, TAR, Bus, ModelWire, apply_program

from haltpoint.probes.debug_port import CTRL_STAT, SELECT, DapFaultError, DapWaitError, Transaction
from haltpoint.probes.errors import LinkError
from haltpoint.probes.ftdi.engine import Engine
from haltpoint.probes.ftdi.jtag import Jtag
from haltpoint.probes.ftdi.swd import Swd

WIRES = (Jtag, Swd)
STICKYERR = 1 << 5


def tar(value: int) -> Transaction:
    return Transaction(ap=True, read=False, address=TAR, value=value)


def write(value: int) -> Transaction:
    return Transaction(ap=True, read=False, address=DRW, value=value)


READ = Transaction(ap=True, read=True, address=DRW)
READ_TAR = Transaction(ap=True, read=True, address=TAR)
CHECKPOINT = Transaction(ap=False, read=True, address=CTRL_STAT)
SELECT_0 = Transaction(ap=False, read=False, address=SELECT, value=0)

steps = st.one_of(
    st.integers(0, 0x3FF).map(lambda n: tar(4 * n)),
    st.integers(0, 0xFFFF_FFFF).map(write),
    st.just(READ),
    st.just(READ),
    st.just(READ_TAR),
    st.just(CHECKPOINT),
    st.just(SELECT_0),
)
programs = st.lists(steps, min_size=1, max_size=60).map(lambda rest: [SELECT_0, tar(0), *rest])
chances = st.sets(st.integers(1, 150).filter(lambda n: n % 7), max_size=25)
"""Six in a row at most: an access that waits for longer than patience lasts is given up, and that is right."""


def engine_for(
    kind: type[Jtag | Swd],
    bus: Bus,
    waits: Collection[int] = (),
    damaged: Collection[int] = (),
) -> tuple[Engine, ModelWire, list[float]]:
    wire = ModelWire(kind, bus, (), ())
    slept: list[float] = []
    engine = Engine(wire, slept.append)
    engine.enter()
    wire.waits, wire.damaged, wire.chance = waits, damaged, 0
    return engine, wire, slept


def reads_of(program: list[Transaction], results: list[int | None]) -> list[int | None]:
    """Results of AP reads; CTRL/STAT has no fixed value."""
    return [value if step.ap and step.read else None for step, value in zip(program, results, strict=False)]


@pytest.mark.parametrize("kind", WIRES)
@given(program=programs, waits=chances)
def test_a_wait_anywhere_changes_nothing(kind: type[Jtag | Swd], program: list[Transaction], waits: set[int]) -> None:
    bus, golden = Bus(), Bus()
    engine, wire, _ = engine_for(kind, bus, waits)
    results = engine.transact(program)
    expected, _ = apply_program(program, golden)
    assert reads_of(program, results) == reads_of(program, expected)
    assert (bus.log, bus.tar) == (golden.log, golden.tar)
    assert not wire.flags & 0xB2


@pytest.mark.parametrize("kind", WIRES)
@given(
    program=programs, waits=chances, faulty=st.sets(st.integers(0, 0x3F).map(lambda n: 4 * n), min_size=1, max_size=20)
)
def test_a_fault_is_told_where_it_was(
    kind: type[Jtag | Swd], program: list[Transaction], waits: set[int], faulty: set[int]
) -> None:
    bus, golden = Bus(faulty=faulty), Bus(faulty=faulty)
    engine, wire, _ = engine_for(kind, bus, waits)
    expected, position = apply_program(program, golden)
    if position is None:
        assert reads_of(program, engine.transact(program)) == reads_of(program, expected)
    else:
        with pytest.raises(DapFaultError) as raised:
            engine.transact(program)
        assert raised.value.first <= position <= raised.value.last
        assert reads_of(program, list(raised.value.results[:position])) == reads_of(program, expected)
    assert (bus.log, bus.tar) == (golden.log, golden.tar), "nothing after the fault took effect"
    assert not wire.flags & 0xB2, "the flags are cleared"
    bus.faulty = ()
    assert engine.transact([SELECT_0, tar(0x80), write(5), tar(0x80), READ])[-1] == 5


@given(program=programs, damaged=st.sets(st.integers(1, 150), max_size=6), waits=chances)
def test_a_damaged_write_is_repeated(program: list[Transaction], damaged: set[int], waits: set[int]) -> None:
    bus, golden = Bus(), Bus()
    engine, wire, _ = engine_for(Swd, bus, waits, damaged)
    results = engine.transact(program)
    expected, _ = apply_program(program, golden)
    assert reads_of(program, results) == reads_of(program, expected)
    assert (bus.log, bus.tar) == (golden.log, golden.tar)
    assert not wire.flags & 0xB2


@given(program=programs, waits=chances, drops=chances, faulty=st.sets(st.integers(0, 0x3F).map(lambda n: 4 * n)))
def test_a_write_dropped_from_the_buffer_is_repeated(
    program: list[Transaction], waits: set[int], drops: set[int], faulty: set[int]
) -> None:
    bus, golden = Bus(faulty=faulty), Bus(faulty=faulty)
    engine, wire, _ = engine_for(Swd, bus, waits)
    wire.drops = drops
    expected, position = apply_program(program, golden)
    if position is None:
        assert reads_of(program, engine.transact(program)) == reads_of(program, expected)
    else:
        with pytest.raises(DapFaultError) as raised:
            engine.transact(program)
        assert raised.value.first <= position <= raised.value.last
    assert (bus.log, bus.tar) == (golden.log, golden.tar)


def test_writes_damaged_again_and_again_are_told() -> None:
    engine, _, _ = engine_for(Swd, Bus(), damaged=set(range(1, 1000)))
    with pytest.raises(LinkError, match="parity"):
        engine.transact([SELECT_0, tar(0), write(1)])


@pytest.mark.parametrize("kind", WIRES)
def test_endless_wait_has_a_place_and_an_end(kind: type[Jtag | Swd]) -> None:
    engine, wire, slept = engine_for(kind, Bus())
    engine.transact([SELECT_0, tar(0), write(1)])
    wire.waits = range(wire.chance + 3, 10**9)
    with pytest.raises((DapWaitError, LinkError)) as raised:
        engine.transact([tar(4), write(2), write(3), write(4)])
    assert 0.2 < sum(slept) < 0.6
    assert wire.aborts >= 1
    if isinstance(raised.value, DapWaitError):
        assert raised.value.position == 2


@pytest.mark.parametrize("kind", WIRES)
def test_select_is_restored_for_what_is_sent_again(kind: type[Jtag | Swd]) -> None:
    """SELECT writes behind a refused access take effect on a JTAG-DP; what is sent again needs the earlier one."""
    seen: list[tuple[int, int]] = []

    class Watching(Bus):
        def access(self, transaction: Transaction) -> tuple[int | None, bool]:
            seen.append((wire.select, transaction.value))
            return super().access(transaction)

    def select(value: int) -> Transaction:
        return Transaction(ap=False, read=False, address=SELECT, value=value)

    program = [select(0), tar(0), write(1), select(0x10), write(2), select(0x20), write(3)]
    expected = [(0, 0), (0, 1), (0x10, 2), (0x20, 3)]
    for chance in range(1, 12):
        seen.clear()
        engine, wire, _ = engine_for(kind, Watching(), {chance})
        engine.transact(program)
        assert seen == expected, chance


@pytest.mark.parametrize("kind", WIRES)
def test_idle_clocks_grow_with_waits_and_are_kept(kind: type[Jtag | Swd]) -> None:
    engine, wire, _ = engine_for(kind, Bus())
    program = [SELECT_0, tar(0), *(write(n) for n in range(40))]
    for times in (1, 2, 3):
        wire.waits = {wire.chance + 9}
        engine.transact(program)
        assert wire.idle == 1 + times
    engine.transact(program)
    assert wire.idle == 1 + 3


@pytest.mark.parametrize("kind", WIRES)
@settings(max_examples=20)
@given(chance=st.integers(1, 5000))
def test_long_batches(kind: type[Jtag | Swd], chance: int) -> None:
    """Longer than what is sent without looking."""
    program = [SELECT_0, tar(0), *([write(7), READ] * 2300)]
    bus, golden = Bus(), Bus()
    engine, _, _ = engine_for(kind, bus, {chance})
    results = engine.transact(program)
    assert reads_of(program, results) == reads_of(program, apply_program(program, golden)[0])
    assert bus.log == golden.log
