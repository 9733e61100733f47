"""What a real STM32F103RB answered over JTAG to an FT2232H with OpenOCD, against the simulated one, bit by bit.

Preset is only what the program and the session before the capture had left: the identity of the program (stack,
entry), core registers, RAM, and where the TAPs stood when a capture begins in the middle of a session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from support.sigrok import CAPTURES, Capture, capture
from support.silicon import JtagPlayer, PlayedClock, Scan, first_stale_word, read_words

from haltpoint.sim.adi.jtag_dp import DPACC
from haltpoint.sim.adi.tap import BoundaryScanTap, State
from haltpoint.sim.board import Board, open_board
from haltpoint.sim.ftdi.board import make_swj

KNOWN = ("init_10s", "init_reset_init_10s", "idle", "cmd_stm32f1x_mdw_10s", "irscan_drscan")
DHCSR, DCRSR, DCRDR, FP_CTRL = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_2000
DEMCR, TRCENA = 0xE000_EDFC, 0x0100_0000
HALT, RUN = 0xA05F_0003, 0xA05F_0001
STACK, ENTRY = 0x2000_0800, 0x0800_01A4
LEFT_BY_THE_PROGRAM = {0: 0x4001_1000, 2: 0x40, 3: 0x000B_5CF4, 4: 0x4002_2000, 5: 0xFFD7_EFB4, 6: 0x3A30_084E}
LEFT_BY_THE_PROGRAM |= {7: 0xF530_9C2C, 8: 0xFFFF_55D4, 9: 0xDFFF_CFFD, 10: 0xF9CA_F759, 11: 0xC709_2295}
LEFT_BY_THE_PROGRAM |= {12: 0x4444_4444, 18: 0x0748_A880}
"""Registers that keep their values over SYSRESETREQ: read right after it, they are what the program had there."""


class Bench:
    """A board whose program loops, and a player on its debug port."""

    def __init__(self, registers: Mapping[int, int] | None = None) -> None:
        self.board: Board = open_board("sim:stm32f103cb,probe=ft2232h")
        self._load()
        self._set_registers(registers or {})
        self.wire = PlayedClock(self.board.clock)
        self.swj = make_swj(self.board.chip, self.board.wire, self.board.faults, self.wire)
        self.player = JtagPlayer(self.swj, self.wire)

    def _load(self) -> None:
        vectors = STACK.to_bytes(4, "little") + (ENTRY | 1).to_bytes(4, "little")
        self.board.write_flash(0x0800_0000, vectors)
        self.board.write_flash(ENTRY, b"\xfe\xe7")  # b .
        self.board.machine.system_reset()
        self.board.sleep(0.01)

    def _set_registers(self, values: Mapping[int, int]) -> None:
        machine = self.board.machine
        machine.ap_write(DHCSR, HALT, 4)
        for regsel, value in values.items():
            machine.ap_write(DCRDR, value, 4)
            machine.ap_write(DCRSR, 1 << 16 | regsel, 4)
        machine.ap_write(DCRDR, 0, 4)
        machine.ap_write(DHCSR, RUN, 4)  # debugging was on already
        machine.ap_write(FP_CTRL, 3, 4)  # and so were the FPB
        machine.ap_write(DEMCR, TRCENA, 4)  # and the DWT
        machine.ap_read(DHCSR, 4)

    def in_the_middle(self, *, halted: bool) -> None:
        """The TAPs are idle, DPACC and BYPASS selected, DHCSR under BD0, and a session runs."""
        machine, port = self.board.machine, self.swj.port
        if halted:
            machine.ap_write(DHCSR, HALT, 4)
            machine.run_until_now()
            machine.ap_read(DHCSR, 4)
        cpu, boundary = self.swj.chain.taps
        assert isinstance(boundary, BoundaryScanTap)
        self.swj.chain.state = State.IDLE
        cpu.update_ir(DPACC)
        boundary.update_ir(boundary.BYPASS)
        port.write_ctrl_stat(0x5000_0001)
        port.select = 0x10
        port.ap.write(0x04, DHCSR)
        port.ap.write(0x00, 0x2200_0002)

    def play(self, session: Capture) -> Sequence[Scan]:
        scans = self.player.play(session)
        assert scans
        return scans


def assert_no_difference(bench: Bench) -> None:
    differences = bench.player.differences()
    assert not differences, f"{len(differences)} of {len(bench.player.scans)} scans differ:\n" + "\n".join(
        str(scan) for scan in differences[:40]
    )


def test_init() -> None:
    bench = Bench()
    bench.swj.port.ap_result = 0x0101_0001  # the last read of the session before
    bench.swj.port.write_ctrl_stat(0x5000_0001)
    scans = bench.play(capture("jtag/olimex_stm32-h103_init_10s"))
    assert len(scans) == 366
    assert_no_difference(bench)


def test_init_reset_init() -> None:
    """SYSRESETREQ with vector catch, all registers, FPB and DWT cleared."""
    bench = Bench(LEFT_BY_THE_PROGRAM)
    bench.swj.port.ap_result = 0x0101_0001
    bench.swj.port.write_ctrl_stat(0x5000_0001)
    session = capture("jtag/olimex_stm32-h103_init_reset_init_10s")
    assert len(bench.play(session)) == 1197
    assert_no_difference(bench)
    low, high = session.falling("rst")[0], session.rising("rst")[0]
    pulses = bench.player.reset_pulses
    assert len(pulses) == 1, "NRST was pulled low by the chip once"
    began, ended = pulses[0]
    assert began == pytest.approx(low * session.ps / 1e9, abs=0.06)
    assert ended == pytest.approx(high * session.ps / 1e9, abs=0.06)


@pytest.mark.parametrize(("name", "halted"), [("idle", True), ("cmd_stm32f1x_mdw_10s", True)])
def test_a_session_that_goes_on(name: str, halted: bool) -> None:
    bench = Bench()
    bench.in_the_middle(halted=halted)
    session = capture(f"jtag/olimex_stm32-h103_{name}")
    for address, value in read_words(session).items():
        if 0x2000_0000 <= address < 0x2000_5000:
            bench.board.machine.ap_write(address, value, 4)
    bench.swj.port.ap_result = 0x0003_0003
    bench.play(session)
    assert_no_difference(bench)


def test_ir_and_dr_scan_by_hand() -> None:
    bench = Bench()
    bench.in_the_middle(halted=False)
    bench.play(capture("jtag/olimex_stm32-h103_irscan_drscan"))
    assert_no_difference(bench)


# --- captures that join the folder later


def others() -> list[str]:
    names = sorted(path.stem for path in (CAPTURES / "jtag").glob("olimex_stm32-h103_*.sr"))
    return [name for name in names if name.removeprefix("olimex_stm32-h103_") not in KNOWN]


@pytest.mark.parametrize("name", [*others(), "olimex_stm32-h103_init_10s", "olimex_stm32-h103_idle"])
def test_a_session_with_presets_from_itself(name: str) -> None:
    """Memory's content is left out of the comparison; where the session begins is taken from the capture."""
    session = capture(f"jtag/{name}")
    tms = [bool(session.samples[edge - 1] & session.bit["tms"]) for edge in session.rising("tck")[:5]]
    bench = Bench(LEFT_BY_THE_PROGRAM)
    first_stop = next((word for address, word in read_words(session).items() if address == DHCSR), 0x0003_0003)
    if all(tms):
        bench.swj.port.write_ctrl_stat(0x5000_0001)
    else:
        bench.in_the_middle(halted=bool(first_stop & 1 << 17))
    bench.swj.port.ap_result = first_stale_word(session)
    bench.play(session)
    differences = [scan for scan in bench.player.differences() if not is_content(scan)]
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(str(scan) for scan in differences[:40])


def is_content(scan: Scan) -> bool:
    """True where only the program that ran then can know the word."""
    same_acknowledge = scan.real & 7 == scan.simulated & 7
    return same_acknowledge and scan.source is not None and (scan.source < 0x4000_0000 or scan.source == DCRDR)
