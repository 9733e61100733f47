"""What is said of the core that is not reached."""

from __future__ import annotations

import pytest

from haltpoint.flash.chips import chip_named
from haltpoint.server.second_core import second_core


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("STM32H745ZI", "Cortex-M4"),
        ("STM32H757XI", "Cortex-M4"),
        ("STM32H743ZI", ""),
        ("STM32H753ZI", ""),
        ("STM32H750VB", ""),
        ("STM32WB55RG", ""),
        ("STM32F407VG", ""),
    ],
)
def test_chips_that_are_named(name: str, other: str) -> None:
    said = "".join(second_core(chip_named(name).name))
    assert bool(said) is bool(other)
    assert other in said


def test_a_chip_that_is_identified_may_be_one_of_them() -> None:
    assert "on an H745" in second_core("STM32H742 to H757 (2048 KiB)")[0]
