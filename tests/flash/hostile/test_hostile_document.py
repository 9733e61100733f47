"""docs/hostile-states.md is what the tables say, and the tables are whole."""

from __future__ import annotations

from pathlib import Path

from support.hostile.chips import CHIPS
from support.hostile.document import document
from support.hostile.rows import ROWS
from support.hostile.sentences import SENTENCES
from support.hostile.states import STATES

DOCUMENT = Path(__file__).parents[3] / "docs" / "hostile-states.md"


def test_the_document_is_the_tables() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "cd tests; python -m support.hostile.document"


def test_every_row_has_a_state_a_sentence_or_a_reason() -> None:
    told = {state.row for state in STATES} | {sentence.row for sentence in SENTENCES}
    assert [row.number for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert [row.number for row in ROWS if (row.number in told) == bool(row.unseen)] == []
    assert told <= {row.number for row in ROWS}


def test_every_state_is_shown_somewhere() -> None:
    assert [state.name for state in STATES if not any(state.shown_on(facts) for facts in CHIPS.values())] == []
    names = [state.name for state in STATES]
    assert len(set(names)) == len(names)
