"""JTAG-DP and its chain, through the real pyftdi: the rules, and what became of hosts that broke them."""

from __future__ import annotations

import pytest
from support.ftdi_host import (
    ABORT,
    APACC,
    CSW,
    CTRL_STAT,
    DPACC,
    DRW,
    JTAG_OK,
    JTAG_WAIT,
    POWER_UP,
    RDBUFF,
    SELECT,
    TAR,
    WORDS,
    JtagHost,
)

BOARD = "sim:stm32f103c8,probe=ft2232h,wire=jtag"
RAM, NOWHERE = 0x2000_0000, 0x6000_0000
STICKYORUN, STICKYERR, ORUNDETECT = 0x02, 0x20, 0x01
PATTERN = [0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444]


def connected(board: str = BOARD, settings: int = 0, **options: float) -> JtagHost:
    host = JtagHost(board, **options)  # type: ignore[arg-type]
    host.connect(settings)
    host.ap_write(CSW, WORDS)
    return host


def put_words(host: JtagHost, words: list[int]) -> None:
    host.board.machine.bus.patch(RAM, b"".join(word.to_bytes(4, "little") for word in words))


@pytest.mark.parametrize(
    ("chip", "cpu", "boundary"),
    [
        ("stm32f103c8", 0x3BA0_0477, 0x1641_0041),
        ("stm32f103rc", 0x3BA0_0477, 0x0641_4041),
        ("stm32f103vg", 0x3BA0_0477, 0x0643_0041),
    ],
)
def test_chain_cpu_tap_is_nearest_to_tdo(chip: str, cpu: int, boundary: int) -> None:
    assert JtagHost(f"sim:{chip},probe=ft2232h").ids() == (cpu, boundary)


def test_capture_ir_of_sts_tap_is_its_current_instruction() -> None:
    host = JtagHost(BOARD)
    host.reset()
    host.ir(DPACC)
    assert host.captured_ir == 0x011, "IDCODE after Test-Logic-Reset"
    host.ir(APACC)
    assert host.captured_ir == 0x1F1, "BYPASS ever after"


def test_unassigned_instructions_are_bypass() -> None:
    host = JtagHost(BOARD)
    host.reset()
    for instruction in (0b0000, 0b0111, 0b1101, 0b1111):
        host.ir(instruction)
        assert host._scan_dr(8, 0b1010_1101) == 0b1010_1101 << 2 & 0xFF


def test_idcode_register_by_instruction() -> None:
    host = JtagHost(BOARD)
    host.reset()
    host.ir(0b1110)
    assert host._scan_dr(33, 0) & 0xFFFF_FFFF == 0x3BA0_0477


def test_results_come_one_scan_later() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    host.access(APACC, DRW)
    assert [host.access(APACC, DRW).data for _ in range(3)] == PATTERN[:3]
    assert host.access(DPACC, RDBUFF).data == PATTERN[3]
    assert host.access(DPACC, RDBUFF).data == 0, "RDBUFF itself reads as zero"


def test_power_up_is_acknowledged_some_clocks_later() -> None:
    host = JtagHost(BOARD, idle=1)
    host.reset()
    host.access(DPACC, CTRL_STAT, POWER_UP)
    assert host.access(DPACC, CTRL_STAT).data == POWER_UP
    assert host.access(DPACC, RDBUFF).data == 0xF000_0000


def test_ap_access_without_power_up_is_an_error() -> None:
    host = JtagHost(BOARD)
    host.reset()
    host.access(APACC, CSW)
    assert host.dp_read(CTRL_STAT) & STICKYERR


def test_there_is_no_dpidr_on_a_jtag_dp_of_version_0() -> None:
    assert connected().dp_read(0) == 0


def test_sticky_flags_clear_where_ctrl_stat_is_written_1() -> None:
    host = connected()
    host.ap_write(TAR, NOWHERE)
    host.ap_read(DRW)
    assert host.dp_read(CTRL_STAT) == 0xF000_0000 | STICKYERR
    host.dp_write(CTRL_STAT, POWER_UP)
    assert host.dp_read(CTRL_STAT) == 0xF000_0000 | STICKYERR, "written 0: it stays"
    host.dp_write(CTRL_STAT, POWER_UP | STICKYERR)
    assert host.dp_read(CTRL_STAT) == 0xF000_0000


def test_abort_of_version_0_has_dapabort_alone() -> None:
    host = connected()
    host.ap_write(TAR, NOWHERE)
    host.ap_read(DRW)
    host.abort(0x1E)
    assert host.dp_read(CTRL_STAT) & STICKYERR


def test_fault_is_reported_over_jtag() -> None:
    """The acknowledge does not tell a fault: the flag does, in the scan after the one that reads CTRL/STAT."""
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    assert host.ap_read(DRW) == PATTERN[0]
    host.ap_write(TAR, NOWHERE)
    host.access(APACC, DRW)
    during = host.access(DPACC, CTRL_STAT)
    after = host.access(DPACC, RDBUFF)
    assert (during.ack, after.ack) == (JTAG_OK, JTAG_OK)
    assert during.data == PATTERN[0], "not CTRL/STAT but the stale result: a host that looks here sees no error"
    assert after.data & STICKYERR


def test_an_ignored_access_leaves_the_last_result() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, NOWHERE)
    host.ap_read(DRW)
    host.ap_write(TAR, RAM)
    assert host.ap_read(DRW) == 0, "TAR was not written, DRW not read"
    host.dp_write(CTRL_STAT, POWER_UP | STICKYERR)
    assert host.ap_read(TAR) == NOWHERE
    host.ap_write(TAR, RAM)
    assert host.ap_read(DRW) == PATTERN[0]


# --- WAIT


@pytest.mark.parametrize(("idle", "waits"), [(1, True), (2, False), (8, False)])
def test_wait_counts_clocks_not_time(idle: int, waits: bool) -> None:
    host = connected()
    host.idle = idle
    host.ap_write(TAR, RAM)
    host.access(APACC, DRW)
    host.board.sleep(0.1)
    assert (host.access(APACC, TAR).ack == JTAG_WAIT) == waits


def test_a_fast_wire_and_a_slow_core_need_more_clocks() -> None:
    slow, fast = connected(hz=1e6, idle=2), connected(hz=30e6, idle=2)
    for host, ack in ((slow, JTAG_OK), (fast, JTAG_WAIT)):
        host.ap_write(TAR, RAM)
        host.access(APACC, DRW)
        assert host.access(APACC, TAR).ack == ack


def test_registers_of_the_ap_do_not_wait_with_one_idle_clock() -> None:
    host = connected(idle=1)
    for address in (TAR, CSW, TAR):
        assert host.access(APACC, address, RAM if address == TAR else WORDS).ack == JTAG_OK
    assert host.access(DPACC, RDBUFF).ack == JTAG_OK


def test_wait_discards_the_access_that_it_answers_and_only_that() -> None:
    """Without overrun detection: the access before goes on, TAR moves once, the one refused can be sent again."""
    host = connected(BOARD + ",latency=40")
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    host.access(APACC, DRW)
    refused = host.access(APACC, DRW)
    assert refused.ack == JTAG_WAIT
    again = host.access(APACC, DRW)
    assert (again.ack, again.data) == (JTAG_OK, PATTERN[0])
    host.mpsse.data(80, 0)
    assert host.access(DPACC, RDBUFF).data == PATTERN[1]
    assert host.ap_read(TAR) == RAM + 8
    assert not host.dp_read(CTRL_STAT) & STICKYORUN


def test_wait_does_not_skip_or_duplicate() -> None:
    """Writes with WAIT on every second scan: sending again exactly the refused one stores each word once."""
    host = connected(BOARD + ",latency=40")
    host.ap_write(TAR, RAM)
    refusals = 0
    for word in PATTERN:
        while host.access(APACC, DRW, word).ack == JTAG_WAIT:
            refusals += 1
    while host.access(DPACC, RDBUFF).ack == JTAG_WAIT:
        refusals += 1
    assert refusals == len(PATTERN)
    assert host.board.machine.bus.peek(RAM, 16) == b"".join(word.to_bytes(4, "little") for word in PATTERN)


def test_overrun_detection_turns_wait_into_a_sticky_flag() -> None:
    host = connected(BOARD + ",latency=40", settings=ORUNDETECT)
    host.ap_write(TAR, RAM)
    host.access(APACC, DRW)
    assert host.access(APACC, DRW).ack == JTAG_WAIT
    host.mpsse.data(80, 0)
    assert host.dp_read(CTRL_STAT) == 0xF000_0001 | STICKYORUN
    host.dp_write(CTRL_STAT, POWER_UP | ORUNDETECT | STICKYORUN)
    assert host.dp_read(CTRL_STAT) == 0xF000_0001


def test_dapabort_ends_an_access_that_does_not() -> None:
    host = connected(BOARD + ",latency=100000")
    host.access(APACC, DRW)
    assert host.access(DPACC, CTRL_STAT).ack == JTAG_WAIT
    assert host.access(DPACC, CTRL_STAT).ack == JTAG_WAIT
    host.abort(1)
    assert host.dp_read(CTRL_STAT) == 0xF000_0000


def test_a_busy_flash_answers_wait_until_it_is_done() -> None:
    host = connected()
    keyr, cr, ar = 0x4002_2004, 0x4002_2010, 0x4002_2014
    for address, value in ((keyr, 0x4567_0123), (keyr, 0xCDEF_89AB), (cr, 2), (ar, 0x0800_0000), (cr, 0x42)):
        host.ap_write(TAR, address)
        host.ap_write(DRW, value)
    host.ap_write(TAR, 0x0800_0000)
    host.access(APACC, DRW)
    assert host.access(DPACC, RDBUFF).ack == JTAG_WAIT
    host.board.sleep(0.015)
    assert host.access(DPACC, RDBUFF).ack == JTAG_WAIT
    host.board.sleep(0.01)
    assert host.access(DPACC, RDBUFF).ack == JTAG_WAIT, "the clocks of the handshake are still to come"
    assert host.access(DPACC, RDBUFF).data == 0xFFFF_FFFF


# --- knobs


def test_knob_wait_refuses_the_nth_access() -> None:
    host = connected()
    host.board.faults.wait(2)
    assert [host.access(APACC, TAR, RAM).ack for _ in range(3)] == [JTAG_OK, JTAG_WAIT, JTAG_OK]
    assert host.board.faults.injected == 1


def test_knob_fault_fails_the_nth_access() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.board.faults.fault(2)
    host.ap_write(TAR, RAM)
    host.ap_read(DRW)
    assert host.dp_read(CTRL_STAT) & STICKYERR
    host.dp_write(CTRL_STAT, POWER_UP | STICKYERR)
    assert host.ap_read(DRW) == PATTERN[0], "nothing was done"


def test_the_debug_port_survives_a_system_reset_and_not_power_loss() -> None:
    host = connected()
    host.ap_write(TAR, 0xE000_ED0C)
    host.ap_write(DRW, 0x05FA_0004)
    host.board.sleep(0.01)
    assert host.dp_read(CTRL_STAT) == 0xF000_0000
    host.board.power(on=False)
    assert host.ids() == (0xFFFF_FFFF, 0xFFFF_FFFF)
    host.board.power(on=True)
    assert host.ids() == (0x3BA0_0477, 0x1641_0041)
    assert host.dp_read(CTRL_STAT) == 0
    assert host.access(ABORT, 0, 1).ack == JTAG_OK
    assert host.dp_read(SELECT) == 0
