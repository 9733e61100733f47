"""The loaders' bytes are what their sources assemble to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from haltpoint.flash.families.stm32f1 import STM32F1
from haltpoint.flash.layout import lay_out
from haltpoint.flash.loaders import assemble as assembling
from haltpoint.flash.memory_map import Region

BKPT = {"done": b"\x00\xbe", "trap": b"\x01\xbe"}


@pytest.mark.parametrize("family", assembling.FAMILIES)
def test_sources_assemble_to_the_bytes_that_ship(family: str) -> None:
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("arm-none-eabi-as is not installed, so the loaders cannot be assembled again")
    shipped = Path(assembling.__file__).parent / f"{family}.py"
    assert assembling.assemble(family) == shipped.read_text(), "run python -m haltpoint.flash.loaders.assemble"


def test_labels_stand_where_they_should() -> None:
    loader = STM32F1.loader
    assert loader.code[: loader.entry] == bytes(64)
    assert loader.code[loader.done : loader.done + 2] == BKPT["done"]
    assert BKPT["trap"] in loader.code[loader.trap : loader.nmi]
    assert loader.code[loader.mailbox :] == bytes(116)


@pytest.mark.parametrize("kib", [4, 6, 8, 10, 16, 20, 24, 32, 48, 64, 80, 96])
def test_the_layout_fits_every_ram(kib: int) -> None:
    ram = Region("ram", "SRAM", 0x2000_0000, kib * 1024)
    layout = lay_out(ram, STM32F1.loader)
    assert layout.code == ram.start
    assert layout.table >= layout.code + len(STM32F1.loader.code)
    assert layout.table + 1024 + 256 <= layout.stack_top <= layout.ring, "at least 256 bytes of stack"
    assert layout.slots >= 2
    assert layout.end <= ram.end
    assert layout.ring % layout.slot_size == 0, "a slot must not cross the window of address increment"
    assert len(layout.image(STM32F1, 1)) == len(STM32F1.loader.code)
    assert layout.slot(layout.slots) == layout.ring
