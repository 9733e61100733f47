"""Which family a chip belongs to, by name."""

from __future__ import annotations

from ..chip import ChipModel
from .f0 import F0_FAMILIES
from .f4 import F4_FAMILIES
from .f7 import F7_FAMILIES
from .family import Family
from .g0 import G0_FAMILIES
from .g4 import G4_FAMILIES
from .h5 import H5_FAMILIES
from .h7 import H7_FAMILIES
from .l0 import L0_FAMILIES
from .l4 import L4_FAMILIES
from .u5 import U5_FAMILIES

__all__ = ["FAMILIES", "family_of"]

FAMILIES: dict[str, Family] = {
    **F0_FAMILIES,
    **F4_FAMILIES,
    **F7_FAMILIES,
    **G0_FAMILIES,
    **G4_FAMILIES,
    **H5_FAMILIES,
    **H7_FAMILIES,
    **L0_FAMILIES,
    **L4_FAMILIES,
    **U5_FAMILIES,
}


def family_of(chip: ChipModel) -> Family:
    """Return the description of a chip's family."""
    return FAMILIES[chip.family]
