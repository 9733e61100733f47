"""Supply, reset line, speed and lost targets, on simulated boards."""

from __future__ import annotations

import pytest
from support.probe_contract import DHCSR, RAM, Bench

from haltpoint.arm.adi import memory_probe
from haltpoint.probes.access import Poll, Read, ReadBlock, Write
from haltpoint.probes.discovery import UsbHost, open_probe
from haltpoint.probes.errors import AccessFaultError, LinkError, NoTargetError, TargetPowerError
from haltpoint.probes.probe import Probe
from haltpoint.sim.board import Board, open_board

KINDS = ("stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone")
S_RESET_ST = 1 << 25
FLASH_END = 0x0801_0000


def opened(options: str) -> tuple[Board, Probe]:
    board = open_board(f"sim:stm32f103c8,{options}")
    return board, memory_probe(open_probe("stlink", UsbHost(board.backend, board.sleep)))


@pytest.mark.parametrize("kind", KINDS)
def test_voltage(kind: str) -> None:
    _, probe = opened(f"probe={kind}")
    expected = None if kind == "stlink-clone" else pytest.approx(3.25, abs=0.01)
    assert probe.voltage() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_no_supply(kind: str) -> None:
    board, probe = opened(f"probe={kind},power=off")
    expected = NoTargetError if kind == "stlink-clone" else TargetPowerError
    with pytest.raises(expected) as raised:
        probe.connect()
    assert ("0.00 V" in str(raised.value)) == (kind != "stlink-clone")
    board.power(on=True)
    probe.connect()
    assert probe.run([Read(RAM)])


@pytest.mark.parametrize("kind", KINDS)
def test_no_target(kind: str) -> None:
    _, probe = opened(f"probe={kind},target=none")
    expected = NoTargetError if kind == "stlink-clone" else TargetPowerError
    with pytest.raises(expected):
        probe.connect()
    probe.close()


@pytest.mark.parametrize("kind", KINDS)
def test_supply_lost_and_back(kind: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe={kind}")
    for access in (Read(RAM), ReadBlock(RAM, 64), Write(RAM, 1, 1), Poll(RAM, 0, 0)):
        bench.board.power(on=False)
        with pytest.raises(LinkError) as raised:
            bench.run(access)
        assert isinstance(raised.value, NoTargetError if kind == "stlink-clone" else TargetPowerError)
        bench.board.power(on=True)
        bench.probe.connect()
        canary = bench.fill()
        assert bench.one(ReadBlock(RAM, 64)) == canary[:64]


@pytest.mark.parametrize("kind", KINDS)
def test_supply_back_without_connecting_is_still_an_error(kind: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe={kind}")
    bench.board.power(on=False)
    bench.board.power(on=True)
    with pytest.raises(LinkError, match="power-up") as raised:
        bench.run(Read(RAM))
    assert "connect" in str(raised.value)


@pytest.mark.parametrize("options", [f"probe={kind}" for kind in KINDS] + ["probe=stlink-v2,level=J28"])
def test_reset_line(options: str) -> None:
    board, probe = opened(options)
    probe.set_reset(asserted=True)
    probe.connect()
    assert board.wire.nrst_low, "held while connecting"
    probe.set_reset(asserted=False)
    assert not board.wire.nrst_low
    (dhcsr,) = probe.run([Read(DHCSR)])
    assert isinstance(dhcsr, int)
    assert dhcsr & S_RESET_ST
    probe.set_reset(asserted=True)
    probe.close()
    assert not board.wire.nrst_low, "never left behind low"


@pytest.mark.parametrize("nrst", ["none", "swim"])
def test_a_reset_line_that_is_not_wired_is_no_error(nrst: str) -> None:
    board, probe = opened(f"probe=stlink-clone,nrst={nrst}")
    probe.set_reset(asserted=True)
    probe.connect()
    assert not board.wire.nrst_low
    assert probe.run([Read(DHCSR)])
    probe.close()


@pytest.mark.parametrize(
    ("kind", "wanted", "got"),
    [
        ("stlink-v2", 4000, 4000),
        ("stlink-v2", 1000, 950),
        ("stlink-v2-1", 1, 5),
        ("stlink-v3", 100_000, 24_000),
        ("stlink-v3", 3299, 1000),
        ("stlink-v3", 1, 5),
        ("stlink-clone", 100, 1800),
    ],
)
def test_speed(kind: str, wanted: int, got: int) -> None:
    board, probe = opened(f"probe={kind}")
    assert probe.set_speed(wanted) == got
    probe.connect()
    assert board.stlink.state.khz["swd"] == got, "kept by connecting"


@pytest.mark.parametrize(("kind", "khz"), [("stlink-v2", 1800), ("stlink-v2-1", 4000), ("stlink-v3", 3300)])
def test_speed_nobody_chose(kind: str, khz: int) -> None:
    board, probe = opened(f"probe={kind}")
    probe.connect()
    assert board.stlink.state.khz["swd"] == khz


@pytest.mark.parametrize("kind", KINDS)
def test_readout_protection_is_a_fault(kind: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe={kind},rdp=1")
    for access in (Read(0x0800_0000), ReadBlock(0x0800_0000, 64)):
        with pytest.raises(AccessFaultError, match="protection"):
            bench.run(access)


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_flash_is_waited_for(kind: str) -> None:
    """A page erase stalls the flash's bus for 20 to 40 ms: the probe says WAIT, the driver has patience."""
    bench = Bench.of(f"sim:stm32f103c8,probe={kind}")
    bench.halt()
    keyr, cr, ar = 0x4002_2004, 0x4002_2010, 0x4002_2014
    bench.board.write_flash(0x0800_0000, bytes(1024))
    bench.run(Write(keyr, 0x4567_0123), Write(keyr, 0xCDEF_89AB), Write(cr, 2), Write(ar, 0x0800_0000))
    before = bench.board.seconds
    results = bench.run(Write(cr, 0x42), Read(0x0800_0000), ReadBlock(0x0800_0000, 1024))
    assert results == [None, 0xFFFF_FFFF, b"\xff" * 1024]
    assert bench.board.seconds - before > 0.02


def test_a_probe_left_in_swim_mode_is_fetched_back() -> None:
    board = open_board("sim:stm32f103c8,probe=stlink-v2")
    host = UsbHost(board.backend, board.sleep)
    first = open_probe("stlink", host)
    board.probe.bulk_out(2, b"\xf4\x00".ljust(16, b"\0"), 100)
    first.close()
    probe = memory_probe(open_probe("stlink", host))
    probe.connect()
    assert probe.run([Read(DHCSR)])
