"""What befell other hosts on such a debug port: their algorithms, on the simulated one, get what users reported."""

from __future__ import annotations

import pytest
from pyftdi.ftdi import FtdiError
from support.ftdi_host import (
    APACC,
    CSW,
    CTRL_STAT,
    DPACC,
    DRW,
    JTAG_OK,
    JTAG_WAIT,
    POWER_UP,
    RDBUFF,
    TAR,
    WORDS,
    JtagHost,
)

BOARD = "sim:stm32f103c8,probe=ft2232h,wire=jtag"
RAM, DHCSR = 0x2000_0000, 0xE000_EDF0
ORUNDETECT, STICKYORUN, STICKYERR = 0x01, 0x02, 0x20
S_HALT, S_LOCKUP = 1 << 17, 1 << 19
PATTERN = [0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444]
LOADER = [0xE00A_BE00, 0x062D_780D, 0x2401_4840, 0xD0FD_3A01]
DAPABORT = 1


class CarelessHost:
    """Overruns detected, no idle clocks after reads, IR scans left out, sticky flags cleared through ABORT."""

    def __init__(self) -> None:
        self.host = JtagHost(BOARD)
        self.host.connect(ORUNDETECT)
        self.host.ap_write(CSW, WORDS)
        self.waits = 0

    def read(self, address: int, count: int) -> list[int]:
        """Read words; what the host believes."""
        host = self.host
        host.idle = 2
        host.ap_write(TAR, address)
        words: list[int] = []
        while len(words) < count:
            words += self._batch(count - len(words))
        assert not self._sticky_error(), "that flag alone is looked at"
        return words

    def _batch(self, count: int) -> list[int]:
        host = self.host
        host.idle = 0
        scans = [host.access(APACC, DRW) for _ in range(count)]
        host.idle = 8
        scans.append(host.access(DPACC, RDBUFF))
        words: list[int] = []
        for scan in scans[1:]:  # a result belongs to the scan before
            if scan.ack == JTAG_WAIT:
                self.waits += 1
                host.abort(DAPABORT)  # all that such an ABORT has: nothing is cleared by it
                return words
            words.append(scan.data)
        return words

    def _sticky_error(self) -> bool:
        return bool(self.host.dp_read(CTRL_STAT) & STICKYERR)


def put_words(host: JtagHost, words: list[int]) -> None:
    host.board.machine.bus.patch(RAM, b"".join(word.to_bytes(4, "little") for word in words))


def test_first_word_repeats() -> None:
    """One WAIT sets STICKYORUN; from then on every read is ignored, acknowledged, and answered with the last result."""
    careless = CarelessHost()
    put_words(careless.host, PATTERN)
    assert careless.read(RAM, 4) == [PATTERN[0]] * 4
    assert careless.waits == 1
    assert careless.host.dp_read(CTRL_STAT) & STICKYORUN
    careless.host.dp_write(CTRL_STAT, POWER_UP | STICKYORUN)
    careless.host.ap_write(TAR, RAM)
    assert [careless.host.ap_read(DRW) for _ in range(4)] == PATTERN, "the words were there all the time"


def test_idle_clocks_alone_prevent_it() -> None:
    host = JtagHost(BOARD, idle=8)
    host.connect(ORUNDETECT)
    host.ap_write(CSW, WORDS)
    put_words(host, PATTERN)
    host.ap_write(TAR, RAM)
    scans = [host.access(APACC, DRW) for _ in range(4)] + [host.access(DPACC, RDBUFF)]
    assert {scan.ack for scan in scans} == {JTAG_OK}
    assert [scan.data for scan in scans[1:]] == PATTERN


def test_phantom_lockup() -> None:
    """The stale word, read as DHCSR, says that the core is locked up and halted; it runs."""
    careless = CarelessHost()
    board = careless.host.board
    board.write_flash(0x0800_0000, bytes.fromhex("00100020 09000008 fee7fee7"))  # a program that loops
    board.machine.system_reset()
    board.sleep(0.01)
    put_words(careless.host, LOADER)
    careless.read(RAM, 4)
    (dhcsr,) = careless.read(DHCSR, 1)
    assert dhcsr == LOADER[0]
    assert dhcsr & S_LOCKUP
    assert dhcsr & S_HALT
    assert not board.machine.ap_read(DHCSR, 4) & (S_LOCKUP | S_HALT)


def test_a_write_sent_again_from_one_too_early_is_stored_twice() -> None:
    """WAIT in a scan refuses that scan's access; the one before it goes on."""
    host = JtagHost(BOARD + ",latency=40")
    host.connect()
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, RAM)
    host.access(APACC, DRW, PATTERN[0])
    assert host.access(APACC, DRW, PATTERN[1]).ack == JTAG_WAIT
    for word in PATTERN[:2]:  # from one too early
        host.mpsse.data(80, 0)
        host.access(APACC, DRW, word)
    host.mpsse.data(80, 0)
    host.mpsse.flush()
    stored = host.board.machine.bus.peek(RAM, 12)
    assert [int.from_bytes(stored[at : at + 4], "little") for at in (0, 4, 8)] == [
        PATTERN[0],
        PATTERN[0],
        PATTERN[1],
    ]


def test_reply_misalignment_after_timeout() -> None:
    """A reply that nobody fetched stays in the FIFO: every later reply is the one before it."""
    host = JtagHost(BOARD)
    mpsse = host.mpsse
    low, high = b"\x80\x00\x1b\x81", b"\x80\x10\x1b\x81"
    assert mpsse.raw(low, 1)[0] & 0x10 == 0
    assert mpsse.raw(high, 1)[0] & 0x10
    host.board.faults.time_out(2)  # the OUT goes through, the IN does not
    with pytest.raises(FtdiError):
        mpsse.raw(low, 1)
    assert mpsse.raw(high, 1)[0] & 0x10 == 0, "the reply of the batch before"
    assert mpsse.raw(low, 1)[0] & 0x10, "and so on"
    mpsse.ftdi.purge_buffers()
    assert mpsse.raw(low, 1)[0] & 0x10 == 0
