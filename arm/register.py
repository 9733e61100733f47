"""Registers as data: address, name, fields; widths and overlaps are checked when a class is made.

class DHCSR(Register, address=0xE000_EDF0):
    C_HALT = bit(1)

DHCSR(word).C_HALT          a typed value
DHCSR.C_HALT.mask           the field itself
DHCSR.make(C_HALT=1)        a word with these fields set and all others 0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar, overload

__all__ = ["Field", "Register", "bit", "bits"]

V_co = TypeVar("V_co", bound=int, covariant=True)


class Field(Generic[V_co]):
    """Bits [lsb + width - 1 : lsb] of a register, read as ``kind``."""

    def __init__(self, lsb: int, width: int, kind: type[V_co]) -> None:
        self.lsb = lsb
        self.width = width
        self.kind = kind
        self.mask = ((1 << width) - 1) << lsb
        self.name = ""

    def __set_name__(self, owner: type[Register], name: str) -> None:
        self.name = name
        taken = sum(field.mask for field in owner.fields.values())
        if taken & self.mask or self.mask >> 32:
            raise TypeError(f"{owner.__name__}.{name} overlaps another field or leaves the word")
        owner.fields = {**owner.fields, name: self}

    @overload
    def __get__(self, register: None, owner: type[Register]) -> Self: ...
    @overload
    def __get__(self, register: Register, owner: type[Register]) -> V_co: ...
    def __get__(self, register: Register | None, owner: type[Register]) -> Self | V_co:
        if register is None:
            return self
        return self.kind((register.value & self.mask) >> self.lsb)


def bit(lsb: int) -> Field[bool]:
    """Declare a single bit."""
    return Field(lsb, 1, bool)


def bits(lsb: int, width: int) -> Field[int]:
    """Declare an unsigned number."""
    return Field(lsb, width, int)


@dataclass(frozen=True)
class Register:
    """A word seen as a register; subclasses declare the address and the fields."""

    value: int
    address: ClassVar[int]
    fields: ClassVar[dict[str, Field[int]]] = {}

    def __init_subclass__(cls, *, address: int) -> None:
        cls.address = address

    @classmethod
    def make(cls, base: int = 0, **fields: int) -> int:
        """The word ``base`` with ``fields`` replaced; unknown names raise KeyError."""
        word = base
        for name, value in fields.items():
            field = cls.fields[name]
            word = (word & ~field.mask) | ((int(value) << field.lsb) & field.mask)
        return word

    def __str__(self) -> str:
        named = " ".join(
            name if field.width == 1 else f"{name}={(self.value & field.mask) >> field.lsb:#x}"
            for name, field in self.fields.items()
            if self.value & field.mask
        )
        return f"{type(self).__name__}={self.value:#010x}" + (f" ({named})" if named else "")
