"""SW-DP at bit level, over the resistor wiring and the real pyftdi: the rules of the protocol, one by one."""

from __future__ import annotations

import pytest
from support.ftdi_host import CSW, CTRL_STAT, DRW, FAULT, OK, POWER_UP, RDBUFF, SELECT, TAR, WAIT, WORDS, SwdHost

BOARD = "sim:stm32f103c8,probe=ft2232h,wire=swd"
RAM, NOWHERE, SILENCE = 0x2000_0000, 0x6000_0000, 0b111
STICKYORUN, STICKYERR, READOK, WDATAERR, ORUNDETECT = 0x02, 0x20, 0x40, 0x80, 0x01
RESEND, DPIDR, ABORT, DLCR = 8, 0, 0, 4
POWERED = 0xF000_0000
PATTERN = [0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444]


def connected(board: str = BOARD, settings: int = 0, *, idle: int = 8, hz: float = 1e6) -> SwdHost:
    host = SwdHost(board, idle=idle, hz=hz)
    assert host.connect(settings) == 0x1BA0_1477
    host.mpsse.data(8, 0)
    host.ap_write(CSW, WORDS)
    return host


def put_words(host: SwdHost, words: list[int]) -> None:
    host.board.machine.bus.patch(RAM, b"".join(word.to_bytes(4, "little") for word in words))


# --- from JTAG and back


def test_a_chip_wakes_up_speaking_jtag() -> None:
    host = SwdHost(BOARD)
    host.line_reset()
    assert host.read(0, DPIDR) == (SILENCE, None)


def test_jtag_to_swd_and_back() -> None:
    host = connected()
    host.switch(0xE73C)
    assert host.read(0, DPIDR) == (SILENCE, None)
    assert host.connect() == 0x1BA0_1477


def test_the_sequence_needs_fifty_ones_before_it() -> None:
    host = SwdHost(BOARD)
    host.mpsse.data(8, 0)
    host.mpsse.data(49, (1 << 49) - 1)
    host.mpsse.data(16, 0xE79E)
    host.line_reset()
    assert host.read(0, DPIDR) == (SILENCE, None)


def test_a_dormant_sequence_means_nothing_to_a_port_of_version_1() -> None:
    host = connected()
    host.switch(0xE3BC)
    assert host.read(0, DPIDR) == (OK, 0x1BA0_1477)


# --- line reset


def test_after_a_line_reset_dpidr_comes_first() -> None:
    host = connected()
    host.line_reset()
    assert host.read(0, CTRL_STAT) == (SILENCE, None)
    host.line_reset()
    assert host.read(0, DPIDR) == (OK, 0x1BA0_1477)
    assert host.dp_read(CTRL_STAT) & POWERED == POWERED, "the port keeps its state"


@pytest.mark.parametrize(("ones", "works"), [(49, False), (50, True), (60, True)])
def test_a_line_reset_is_fifty_ones(ones: int, works: bool) -> None:
    host = connected()
    host.mpsse.data(8, SwdHost.request(0, 1, 0) ^ 0x20)  # wrong parity: locked out
    host.mpsse.data(8, 0)
    host.line_reset(ones=ones, zeros=2)
    assert host.read(0, DPIDR)[0] == (OK if works else SILENCE)


@pytest.mark.parametrize("flip", [0x20, 0x40, 0x80])
def test_protocol_errors_lock_out_until_a_line_reset(flip: int) -> None:
    host = connected()
    host.mpsse.data(8, SwdHost.request(0, 1, CTRL_STAT) ^ flip)
    host.mpsse.data(4, 0, read=True, write=False)
    silence = 0 if flip == 0x80 else SILENCE  # the level at which the host left the line
    assert host.mpsse.flush() >> 1 == silence
    host.mpsse.data(48, 0)
    assert host.read(0, DPIDR) == (SILENCE, None)
    host.line_reset()
    assert host.read(0, DPIDR) == (OK, 0x1BA0_1477)


def test_a_line_reset_inside_a_write_is_one() -> None:
    host = connected()
    host.mpsse.data(8, SwdHost.request(1, 0, TAR))
    host.mpsse.data(5, 0)
    host.mpsse.data(56, (1 << 56) - 1)
    host.mpsse.data(8, 0)
    assert host.read(0, DPIDR) == (OK, 0x1BA0_1477)


# --- transfers


def test_reads_are_posted() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    host.read(1, DRW)
    assert [host.read(1, DRW) for _ in range(2)] == [(OK, PATTERN[0]), (OK, PATTERN[1])]
    assert host.dp_read(RDBUFF) == PATTERN[2]
    assert host.dp_read(RDBUFF) == PATTERN[2], "RDBUFF starts nothing"
    assert host.ap_read(TAR) == RAM + 12


def test_resend_repeats_the_last_word() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    host.read(1, DRW)
    assert host.read(1, DRW) == (OK, PATTERN[0])
    assert host.dp_read(RESEND) == PATTERN[0]
    assert host.ap_read(TAR) == RAM + 8, "and accesses nothing"


def test_a_write_with_a_parity_error_is_not_done() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    assert host.write(1, DRW, 0xDEAD_BEEF, bad_parity=True) == OK
    assert host.dp_read(CTRL_STAT) & WDATAERR
    assert host.read(1, DRW)[0] == FAULT
    host.dp_write(ABORT, 1 << 3)
    assert host.ap_read(DRW) == PATTERN[0]


def test_turnaround_can_be_up_to_four_clocks() -> None:
    host = connected()
    for clocks in (2, 3, 4, 1):
        host.dp_write(SELECT, 1)
        host.dp_write(DLCR, clocks - 1 << 8)
        host.turnaround = clocks
        assert host.dp_read(DLCR) >> 8 & 3 == clocks - 1
        host.dp_write(SELECT, 0)
        assert host.dp_read(CTRL_STAT) & POWERED == POWERED
        host.ap_write(TAR, RAM + clocks)
        assert host.ap_read(TAR) == RAM + clocks
    host.dp_write(SELECT, 1)
    host.dp_write(DLCR, 1 << 8)
    host.line_reset()
    host.turnaround = 1
    assert host.read(0, DPIDR) == (OK, 0x1BA0_1477), "a line reset makes it one clock again"


# --- faults


def test_fault_until_abort() -> None:
    host = connected()
    put_words(host, PATTERN)
    host.ap_write(TAR, NOWHERE)
    assert host.read(1, DRW)[0] == OK, "the bus has not answered yet"
    assert host.read(0, RDBUFF) == (FAULT, None)
    assert host.read(1, TAR) == (FAULT, None)
    assert host.write(1, TAR, RAM) == FAULT
    assert host.write(0, SELECT, 0) == FAULT
    assert host.write(0, CTRL_STAT, POWER_UP | STICKYERR) == FAULT
    assert host.read(0, DPIDR)[0] == OK
    assert host.dp_read(CTRL_STAT) & STICKYERR
    host.dp_write(ABORT, 1 << 2)
    assert not host.dp_read(CTRL_STAT) & STICKYERR
    assert host.ap_read(TAR) == NOWHERE, "what was answered FAULT was not done"


def test_ctrl_stat_does_not_clear_flags_over_swd() -> None:
    host = connected()
    assert host.write(1, TAR, 0, bad_parity=True) == OK
    host.write(0, CTRL_STAT, POWER_UP | 0xB2)
    assert host.dp_read(CTRL_STAT) & WDATAERR


def test_ap_access_without_power_up_faults() -> None:
    host = SwdHost(BOARD)
    host.switch()
    host.read(0, DPIDR)
    assert host.read(1, CSW)[0] == OK
    assert host.read(1, CSW)[0] == FAULT


# --- WAIT


def test_an_ap_read_or_select_right_after_an_ap_write_waits() -> None:
    """Seen on an STM32F429 in every one of 37 915 cases; the retry right after the refused packet succeeds."""
    host = connected(idle=0)
    host.ap_write(TAR, RAM)
    assert host.read(1, DRW)[0] == WAIT
    assert host.read(1, DRW)[0] == OK
    host.ap_write(TAR, RAM)
    assert host.write(0, SELECT, 0) == WAIT
    assert host.write(0, SELECT, 0) == OK


def test_an_ap_write_or_ctrl_stat_read_right_after_an_ap_write_does_not() -> None:
    host = connected(idle=0)
    host.ap_write(TAR, RAM)
    host.ap_write(DRW, PATTERN[0])
    host.ap_write(DRW, PATTERN[1])
    assert host.read(0, CTRL_STAT)[0] == OK
    assert host.read(0, RDBUFF)[0] == OK
    assert host.board.machine.bus.peek(RAM, 8) == b"\x11" * 4 + b"\x22" * 4


def test_clocks_count_and_not_time() -> None:
    host = connected(idle=0)
    host.ap_write(TAR, RAM)
    host.board.sleep(0.0025)
    assert host.write(0, SELECT, 0) == WAIT


def test_eight_idle_clocks_are_enough() -> None:
    host = connected(idle=8)
    host.ap_write(TAR, RAM)
    assert host.read(1, DRW)[0] == OK
    host.ap_write(TAR, RAM)
    assert host.write(0, SELECT, 0) == OK


def test_wait_does_not_skip_or_duplicate() -> None:
    """A refused packet did nothing: sending exactly it again is right, however often it is refused."""
    host = connected(BOARD + ",latency=100", idle=0)
    host.ap_write(TAR, RAM)
    waits = 0
    for word in PATTERN:
        while host.write(1, DRW, word) == WAIT:
            waits += 1
    while (answer := host.read(0, RDBUFF))[0] == WAIT:
        waits += 1
    assert answer[0] == OK
    assert waits > 4
    assert host.board.machine.bus.peek(RAM, 16) == b"".join(word.to_bytes(4, "little") for word in PATTERN)


def test_overrun_wait_then_fault_until_abort() -> None:
    """The chain seen on a real target: data phases go on, everything after the WAIT is dropped."""
    host = connected(BOARD + ",latency=200", settings=ORUNDETECT, idle=0)
    host.always_data = True
    host.ap_write(TAR, RAM)
    acks = [host.write(1, DRW, word) for word in PATTERN * 2]
    first = acks.index(WAIT)
    assert acks == [OK] * first + [WAIT] + [FAULT] * (7 - first)
    assert host.dp_read(CTRL_STAT) & STICKYORUN
    host.mpsse.data(300, 0)
    assert host.write(0, ABORT, 0x1E) == OK
    host.board.swj.port.extra_latency = lambda: 0
    assert host.write(1, CSW, WORDS) == OK
    host.mpsse.data(30, 0)
    stored = host.board.machine.bus.peek(RAM, 32)
    done = [stored[4 * n : 4 * n + 4] for n in range(8)]
    expected = [word.to_bytes(4, "little") for word in PATTERN * 2]
    count = next(n for n in range(8) if done[n] != expected[n])
    assert count <= first
    assert host.ap_read(TAR) == RAM + 4 * count, "TAR moved once for each write that was carried out"


# --- knobs


def test_knob_parity_spoils_the_nth_word() -> None:
    host = connected()
    host.board.faults.parity(2)
    host.dp_read(CTRL_STAT)
    with pytest.raises(AssertionError, match="parity"):
        host.dp_read(CTRL_STAT)
    host.dp_read(CTRL_STAT)


def test_knobs_wait_and_fault() -> None:
    host = connected()
    host.board.faults.wait(2)
    assert [host.write(1, TAR, RAM) for _ in range(3)] == [OK, WAIT, OK]
    host.board.faults.fault()
    assert [host.write(1, TAR, RAM) for _ in range(2)] == [OK, FAULT]
    assert host.dp_read(CTRL_STAT) & STICKYERR


def test_readok_tells_whether_the_last_read_was_answered() -> None:
    host = connected()
    assert host.read(1, CSW)[0] == OK
    assert host.dp_read(CTRL_STAT) & READOK
    host.board.faults.wait()
    assert host.read(1, CSW)[0] == WAIT
    assert not host.dp_read(CTRL_STAT) & READOK


def test_unpowered_target_is_silent() -> None:
    host = connected()
    host.board.power(on=False)
    host.float_for_reads = True
    assert host.read(0, DPIDR) == (SILENCE, None)
    host.float_for_reads = False
    host.board.power(on=True)
    assert host.read(0, DPIDR) == (SILENCE, None), "it speaks JTAG again"
    assert host.connect() == 0x1BA0_1477


# --- a buffer instead of the resistor


@pytest.mark.parametrize(("pin", "drive", "release"), [("ac4", 0x10, 0x00), ("!ac4", 0x00, 0x10)])
def test_a_buffer_has_to_be_switched_off_for_the_target_to_be_heard(pin: str, drive: int, release: int) -> None:
    host = SwdHost(f"{BOARD},buffer={pin}")
    host.mpsse.raw(bytes([0x82, drive, 0x10]))
    host.switch()
    host.mpsse.data(8, SwdHost.request(0, 1, 0))
    host.mpsse.flush()
    host.mpsse.raw(bytes([0x82, release, 0x10]))
    host.mpsse.data(37, 0, read=True, write=False)
    assert host.mpsse.flush() >> 1 == 0x1BA0_1477 << 3 & 0xF_FFFF_FFFF | OK | (0x1BA0_1477).bit_count() % 2 << 35
    host.mpsse.raw(bytes([0x82, drive, 0x10]))
    host.mpsse.data(8, 0)
    assert host.read(0, DPIDR) == (SILENCE, None), "the buffer's level hides the target's"


def test_a_buffer_that_is_off_keeps_the_host_off_the_line() -> None:
    host = SwdHost(f"{BOARD},buffer=ac4")
    host.mpsse.raw(b"\x82\x00\x10")
    host.switch()
    assert host.read(0, DPIDR) == (SILENCE, None)
