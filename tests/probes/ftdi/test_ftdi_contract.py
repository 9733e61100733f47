"""FTDI chips over JTAG and SWD keep the contract of the Probe interface."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.probe_contract import CHECKS, RAM, Bench

from haltpoint.probes.access import Access, Read, ReadBlock, Write, WriteBlock
from haltpoint.probes.errors import AccessFaultError, ProbeGoneError

SELECTORS = tuple(f"probe={chip}" for chip in ("ft2232h,wire=jtag", "ft2232h,wire=swd", "ft232h,wire=swd"))
CHEAP = "probe=ft4232h,wire=jtag"
"""A chip that differs from the first in its number of channels, so not all that is dear is done again."""
DEAR = {"reads_any_block_exactly", "writes_any_block_and_nothing_else", "wait_at_every_nth_access_changes_nothing"}
CPUID, CPUID_M3 = 0xE000_ED00, 0x411F_C231
# These two count chances and transfers as an ST-Link has them; their like for FTDI is below.
OTHERS = {"faults_by_chance_are_always_told", "unplugged_in_the_middle"}


PAIRS = [
    (options, check)
    for options in (*SELECTORS, CHEAP)
    for check in CHECKS
    if check.__name__ not in OTHERS and not (options == CHEAP and check.__name__ in DEAR)
]


@pytest.mark.parametrize(("options", "check"), PAIRS, ids=[f"{options}-{check.__name__}" for options, check in PAIRS])
def test_contract(options: str, check: Callable[[Bench], None]) -> None:
    check(Bench.of(f"sim:stm32f103c8,{options}"))


@pytest.mark.parametrize("wire", ["jtag", "swd"])
def test_a_fault_at_any_chance_is_told_with_what_took_effect(wire: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe=ft2232h,wire={wire}")
    accesses: list[Access] = [
        *(Write(RAM + 4 * n, n) for n in range(4)),
        Read(RAM + 2, 1),
        *(Read(RAM + 4 * (n % 3)) for n in range(5)),
        *(Write(RAM + 0x20 + 4 * n, 0x100 + n) for n in range(4)),
        WriteBlock(RAM + 64, bytes(range(32))),
        ReadBlock(RAM + 64, 32),
        Write(RAM + 0x40, 0x5555),
    ]
    told = set()
    for chance in range(1, 200):
        canary = bench.fill()
        bench.board.faults.fault(chance)
        try:
            bench.run(*accesses)
        except AccessFaultError as error:
            index, address = error.index, error.address
        else:
            break
        finally:
            bench.board.faults.clear()
        told.add(index)
        for access in accesses[:index]:
            if isinstance(access, Write):
                canary[access.address - RAM : access.address - RAM + 4] = access.value.to_bytes(4, "little")
            elif isinstance(access, WriteBlock):
                canary[access.address - RAM : access.address - RAM + len(access.data)] = access.data
        if isinstance(refused := accesses[index], WriteBlock):
            assert refused.address <= address < refused.address + len(refused.data)
            canary[refused.address - RAM : address - RAM] = refused.data[: address - refused.address]
        assert bench.ram() == canary, (chance, index, hex(address))
        assert bench.one(Read(CPUID)) == CPUID_M3
    assert told == set(range(len(accesses)))


@pytest.mark.parametrize("wire", ["jtag", "swd"])
def test_unplugged_at_any_transfer(wire: str) -> None:
    bench = Bench.of(f"sim:stm32f103c8,probe=ft2232h,wire={wire}")
    batch: list[Access] = [*(Write(RAM + 4 * n, n) for n in range(4)), ReadBlock(RAM, 8192)]
    transfers = bench.transfers(*batch)
    assert transfers > 4
    for nth in range(1, transfers + 1):
        bench.board.faults.unplug(nth)
        with pytest.raises(ProbeGoneError, match="cable"):
            bench.run(*batch)
        with pytest.raises(ProbeGoneError):
            bench.one(Read(RAM))
        bench.probe.close()
        bench.board.plug()
        bench.probe = bench.again()
        bench.probe.connect()
        assert bench.one(Read(CPUID)) == CPUID_M3
