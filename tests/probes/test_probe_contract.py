"""Every probe that the simulator models, at several firmware levels, keeps the contract of the Probe interface."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.probe_contract import CHECKS, Bench

SELECTORS = (
    "probe=stlink-v2",
    "probe=stlink-v2-1",
    "probe=stlink-v3",
    "probe=stlink-clone",
    "probe=stlink-v2,level=J14",  # status without address
    "probe=stlink-v2,level=J26",  # 16-bit commands, no access ports to open
    "probe=stlink-v2,level=J28",  # access ports to open, no lists
    "probe=stlink-v2-1,quirks=sticky-until-abort+init-ap-for-memory+tar-wrap",
    "probe=stlink-v3,quirks=sticky-until-abort+init-ap-for-memory+tar-wrap",
    "probe=stlink-clone,quirks=sticky-until-abort+stall-unknown",
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("options", SELECTORS)
def test_contract(options: str, check: Callable[[Bench], None]) -> None:
    check(Bench.of(f"sim:stm32f103c8,{options}"))
