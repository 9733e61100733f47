"""ECCR of the STM32L4's flash controller and its relatives: the first damage that was met, and the NMI (RM0351 3.7.7).

While ECCD is set the NMI is asserted, and damage that is met then is not noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ecc_bank import EccBank
    from .ecc_flash import EccFlash

__all__ = ["EccReport"]

ECCIE, ECCC, ECCD = 1 << 24, 1 << 30, 1 << 31
SECOND = "ECC2R"


class EccReport:
    """Both registers, where bank 2 has its own."""

    def __init__(self, flash: EccFlash) -> None:
        self._flash = flash
        self._words = {name: 0 for name in ("ECCR", SECOND) if name in flash.plan.registers}

    @property
    def exists(self) -> bool:
        """True where the family has an ECC that tells."""
        return bool(self._words)

    def reset(self) -> None:
        """System reset."""
        self._words = dict.fromkeys(self._words, 0)
        self._show()

    def met(self, bank: EccBank, address: int) -> None:
        """Somebody has read a damaged unit."""
        name = SECOND if bank.index and SECOND in self._words else "ECCR"
        if self._words[name] & ECCD:
            return
        second = self._flash.plan.ecc_bank if bank.index else 0
        offset = (address - bank.base) // self._flash.plan.ecc_step
        self._words[name] = self._words[name] & ECCIE | ECCD | second | offset
        self._show()

    def write(self, name: str, value: int) -> None:
        """A store by core or debugger: flags are cleared by 1."""
        self._words[name] = self._words[name] & ~(value & (ECCC | ECCD)) & ~ECCIE | value & ECCIE
        self._show()

    def _show(self) -> None:
        for name, word in self._words.items():
            self._flash.publish(self._flash.plan.registers[name], word)
        self._flash.host.nmi(any(word & ECCD for word in self._words.values()))
