"""USB bulk transfers per operation: exact, so that a slower driver is a failed test."""

from __future__ import annotations

import pytest
from support.probe_contract import DFSR, DHCSR, RAM, Bench

from haltpoint.probes.access import Access, Poll, Read, ReadBlock, ReadCore, Write, WriteBlock, WriteCore

GENERAL = tuple(range(19))  # r0 to r15, xPSR, MSP, PSP
FPB = 0xE000_2000
STOP = (Read(DHCSR), Read(DFSR), ReadCore(GENERAL))
BREAKPOINTS = tuple(Write(FPB + 8 + 4 * n, 0) for n in range(6))

# name, batch, transfers on firmware with lists (J32, V3J2), without (J28), of a V2J17 clone
BUDGETS: list[tuple[str, tuple[Access, ...], int, int, int]] = [
    ("one word read", (Read(DHCSR),), 2, 2, 2),
    ("one word written", (Write(RAM, 1),), 2, 2, 2),
    ("one byte read", (Read(RAM, 1),), 4, 4, 4),
    ("one byte written", (Write(RAM, 1, 1),), 4, 4, 4),
    ("two words", (Read(DHCSR), Read(DFSR)), 4, 4, 4),
    ("status, cause and some writes", (Read(DHCSR), Read(DFSR), Write(RAM, 1), Write(RAM + 4, 2)), 4, 8, 8),
    ("63 words", tuple(Read(RAM + 8 * n) for n in range(63)), 4, 126, 126),
    ("all core registers", (ReadCore(GENERAL),), 2, 2, 2),
    ("one core register", (ReadCore((15,)),), 2, 2, 2),
    ("all core registers and the packed one", (ReadCore((*GENERAL, 20)),), 4, 4, 4),
    ("a core register written", (WriteCore(0, 1),), 2, 2, 2),
    ("stop with all registers", STOP, 6, 6, 6),
    ("breakpoints and run", (*BREAKPOINTS, Write(DHCSR, 0xA05F_0003)), 4, 14, 14),
    ("step and its stop", (Write(DHCSR, 0xA05F_0003), Write(DHCSR, 0xA05F_0005), *STOP), 6, 10, 10),
    ("halt and wait", (Write(RAM, 0), Write(DHCSR, 0xA05F_0003), Poll(DHCSR, 0, 0)), 4, 6, 6),
    ("1 KiB read", (ReadBlock(RAM, 1024),), 4, 4, 4),
    ("1 KiB written", (WriteBlock(RAM, bytes(1024)),), 4, 4, 4),
    ("4 KiB read", (ReadBlock(RAM, 4096),), 4, 4, 4),
    ("4 KiB written", (WriteBlock(RAM, bytes(4096)),), 4, 4, 4),
    ("8 KiB read across a window", (ReadBlock(RAM + 0x800, 8192),), 12, 12, 12),
    ("a register as a block", (ReadBlock(DHCSR, 4),), 2, 2, 2),
]
KINDS = {
    "stlink-v2": 2,
    "stlink-v2-1": 2,
    "stlink-v3": 2,
    "stlink-v2,level=J28": 3,
    "stlink-clone": 4,
}


@pytest.mark.parametrize(("kind", "column"), KINDS.items(), ids=KINDS)
def test_budgets(kind: str, column: int) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe={kind}")
    bench.halt()
    used = {budget[0]: bench.transfers(*budget[1]) for budget in BUDGETS}
    assert used == {budget[0]: budget[column] for budget in BUDGETS}


def test_a_long_list_is_cut_at_the_probes_limit() -> None:
    batch = [Read(RAM + 8 * n) for n in range(200)]
    assert Bench.of("sim:stm32f103c8,probe=stlink-v2-1").transfers(*batch) == 4 * 4
    assert Bench.of("sim:stm32f103c8,probe=stlink-v3").transfers(*batch) == 4
