"""docs/wiring.md says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

from haltpoint.probes.ftdi.adapters import ADAPTERS, Signal, load_adapter

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "wiring.md").read_text()


def test_all_adapters_are_named() -> None:
    known = TEXT[TEXT.index("Known: ") : TEXT.index("## Describing")]
    assert re.findall(r"`([^`]+)`", known) == list(ADAPTERS)


def test_the_example_can_be_read(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    file = tmp_path / "adapter.toml"
    file.write_text(example[1])
    assert load_adapter(file).signals == {"nSRST": Signal(0x20, 0x20)}
    file.write_text(example[1].replace("# target", "target").replace("# data_inv", "data_inv").replace("# oe", "oe"))
    assert load_adapter(file).target == 0x0100_2927
