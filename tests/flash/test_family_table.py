"""README's table of chips: what is written there is what ran here.

With HALTPOINT_WRITE_TABLES=1 in the environment the table is written instead of compared.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support.family_scenarios import three_loads
from support.flash_bench import Bench, on_board

from haltpoint.sim.board import open_board
from haltpoint.sim.chips import CHIPS
from haltpoint.sim.errors import SelectorError

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- chips: begin -->\n", "<!-- chips: end -->\n"
ROUTES = {
    "ST-Link V2-1": "probe=stlink-v2-1",
    "ST-Link V3": "probe=stlink-v3",
    "FT2232H SWD": "probe=ft2232h,wire=swd",
    "FT2232H JTAG": "probe=ft2232h,wire=jtag",
}
STM32 = {name.lower(): chip for name, chip in CHIPS.items() if name.lower().startswith("stm32")}

passed: dict[str, set[str]] = {}
sectors: dict[str, str] = {}


def exists(chip: str, route: str) -> bool:
    """Chips without JTAG cannot be reached that way."""
    if "jtag" not in ROUTES[route] or STM32[chip].jtag_id:
        return True
    with pytest.raises(SelectorError, match="has no JTAG"):
        open_board(f"sim:{chip},{ROUTES[route]}")
    return False


def in_words(bench: Bench) -> str:
    """Sectors by bank and size, as a reader of the data sheet counts them."""
    parts = []
    for region in bench.chip.flash:
        size = region.sector_size
        unit = f"{size // 1024} KiB" if size >= 1024 else f"{size} bytes"
        parts.append(f"{region.size // size} x {unit}")
    return " + ".join(parts)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("chip", STM32)
def test_three_loads(chip: str, route: str) -> None:
    if not exists(chip, route):
        passed.setdefault(chip, set())
        return

    async def body(bench: Bench) -> None:
        sectors[chip] = in_words(bench)
        await three_loads(bench)

    on_board(f"sim:{chip},{ROUTES[route]}", body)
    passed.setdefault(chip, set()).add(route)


def table() -> str:
    lines = ["| simulated board | sectors | " + " | ".join(ROUTES) + " |", "| --- | --- |" + " --- |" * len(ROUTES)]
    for chip in STM32:
        cells = ["yes" if route in passed[chip] else "-" for route in ROUTES]
        lines.append(f"| {chip} | {sectors[chip]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def test_readme_shows_what_ran() -> None:
    if set(passed) != set(STM32) or set(sectors) != set(STM32):
        pytest.skip("the table needs all of this file's tests")
    text = README.read_text()
    written = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    new = written.sub(lambda _: BEGIN + table() + END, text)
    if os.environ.get("HALTPOINT_WRITE_TABLES"):
        README.write_text(new)
    assert written.search(text)
    assert new == README.read_text(), "run this file with HALTPOINT_WRITE_TABLES=1"
