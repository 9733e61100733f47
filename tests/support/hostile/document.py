"""Prints docs/hostile-states.md from the tables that the tests run: ``python -m support.hostile.document``."""

from __future__ import annotations

import sys

from .chips import CHIPS, EVERY_CHIP
from .rows import PEERS, ROWS, Row
from .sentences import SENTENCES, Sentence
from .states import STATES, State

__all__ = ["document"]

HEAD = """# Hostile states

What firmware, another debugger or chance may leave behind, and what a load does about it. Written by
`python -m support.hostile.document` (in `tests/`) from the tables that `tests/flash/hostile/` runs.

Every state in the first table is a test on each chip that is named: the board is put into it, Haltpoint connects and
loads an image of an odd length. Then the whole flash is compared byte by byte, every register in the column "put back"
(and all core registers, the NVIC, DWT and FPB) must read what it read before, and after a reset the image runs.
`test_hostile_chances` loads one image after the other into mixtures of these states, where each image brings the
firmware that makes the next mixture: 10 loads on each chip in the test suite (3 on the H743), else as many as
`HALTPOINT_HOSTILE_LOADS` says.

Not put back: the RAM that the loader uses, CFSR, HFSR and DFSR, the watchdogs' counters.

What other programs do was read in their sources, not tried: {versions}.
"-" means nothing was found. Black Magic Probe was not looked through, nor anybody for rows 32 and up.
"""
BOARDS = {chip: f"{facts.core} {chip.removeprefix('stm32')}" for chip, facts in EVERY_CHIP.items()}


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return _cells(*["---"] * columns)


def _shown(state: State) -> str:
    shown = [chip for chip, facts in CHIPS.items() if state.shown_on(facts)]
    shown += [chip for chip in EVERY_CHIP if chip not in CHIPS and "mpu" in state.needs]
    if len(shown) == len(CHIPS):
        return "all"
    if {EVERY_CHIP[chip].core for chip in shown} == {facts.core for facts in CHIPS.values()}:
        return "one of each core"
    return ", ".join(BOARDS[chip] for chip in shown) or "none"


def _chips() -> str:
    more = ", ".join(name for chip, name in BOARDS.items() if chip not in CHIPS)
    return f"Chips: {', '.join(BOARDS[chip] for chip in CHIPS)}; {more} for its MPU alone."


def _chips_of(sentence: Sentence) -> str:
    return ", ".join(BOARDS[chip] for chip in sentence.chips) or "all"


def _by_row(row: Row) -> list[str]:
    states = [state for state in STATES if state.row == row.number]
    first = [_cells(f"**{row.number}**", f"**{row.title}**", "", "", row.does, row.back)] if states else []
    return first + [_cells("", state.name, state.how, _shown(state), "", "") for state in states]


def document() -> str:
    """The whole file."""
    versions = ", ".join(f"{name} ({version})" for name, version in PEERS)
    lines = [HEAD.format(versions=versions), _chips(), "", "## What is cured", ""]
    lines += [_cells("", "state", "how the board gets there", "tested on", "Haltpoint", "put back"), _rule(6)]
    for row in ROWS:
        lines += _by_row(row)
    lines += ["", "## What gives a sentence", ""]
    lines += [_cells("", "state", "how", "tested on", "the sentence has", "helps, and is tested"), _rule(6)]
    for one in SENTENCES:
        says = ", ".join(f'"{part}"' for part in one.says)
        lines.append(_cells(str(one.row), one.name, one.how, _chips_of(one), says, one.cure or "-"))
    lines += ["", "## What no simulated board shows", "", _cells("", "state", "why", "Haltpoint"), _rule(4)]
    lines += [_cells(str(row.number), row.title, row.unseen, row.does) for row in ROWS if row.unseen]
    lines += [
        "",
        "## What other programs do",
        "",
        _cells("", "state", *(name for name, _ in PEERS)),
        _rule(2 + len(PEERS)),
    ]
    lines += [_cells(str(row.number), row.title, *row.peers) for row in ROWS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
