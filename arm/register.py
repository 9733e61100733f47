"""Registers as data: address, name, fields; widths and overlaps are checked when a class is made.

class DHCSR(Register, address=0xE000_EDF0):
    C_HALT = bit(1)

DHCSR(word).C_HALT          a typed value
DHCSR.C_HALT.mask           the field itself
DHCSR.make(C_HALT=1)        a word with these fields set and all others 0

A ``Word`` is the same without an address (xPSR, a ROM table entry); a register that exists several
times has a ``stride``, and ``FP_COMP.at(2)`` is the address of the third one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar, overload

__all__ = ["Field", "Register", "Word", "bit", "bits"]

V_co = TypeVar("V_co", bound=int, covariant=True)


class Field(Generic[V_co]):
    """Bits [lsb + width - 1 : lsb] of a register, read as ``kind``."""

    def __init__(self, lsb: int, width: int, kind: type[V_co]) -> None:
        self.lsb = lsb
        self.width = width
        self.kind = kind
        self.mask = ((1 << width) - 1) << lsb
        self.name = ""

    def __set_name__(self, owner: type[Word], name: str) -> None:
        self.name = name
        taken = sum(field.mask for field in owner.fields.values())
        if taken & self.mask or self.mask >> 32:
            raise TypeError(f"{owner.__name__}.{name} overlaps another field or leaves the word")
        owner.fields = {**owner.fields, name: self}

    @overload
    def __get__(self, register: None, owner: type[Word]) -> Self: ...
    @overload
    def __get__(self, register: Word, owner: type[Word]) -> V_co: ...
    def __get__(self, register: Word | None, owner: type[Word]) -> Self | V_co:
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
class Word:
    """32 bits with named fields; subclasses declare the fields."""

    value: int
    fields: ClassVar[dict[str, Field[int]]] = {}

    @classmethod
    def make(cls, base: int = 0, **fields: int) -> int:
        """The word ``base`` with ``fields`` replaced; unknown names raise KeyError."""
        word = base
        for name, value in fields.items():
            field = cls.fields[name]
            word = (word & ~field.mask) | ((int(value) << field.lsb) & field.mask)
        return word

    @property
    def names(self) -> list[str]:
        """The fields that are not 0, "NAME" for a set bit and "NAME=0x.." for a number."""
        return [
            name if field.width == 1 else f"{name}={(self.value & field.mask) >> field.lsb:#x}"
            for name, field in self.fields.items()
            if self.value & field.mask
        ]

    def __str__(self) -> str:
        named = " ".join(self.names)
        return f"{type(self).__name__}={self.value:#010x}" + (f" ({named})" if named else "")


@dataclass(frozen=True)
class Register(Word):
    """A word at an address; subclasses declare the address and the fields."""

    address: ClassVar[int]
    stride: ClassVar[int] = 0

    def __init_subclass__(cls, *, address: int, stride: int = 0) -> None:
        cls.address = address
        cls.stride = stride

    @classmethod
    def at(cls, index: int) -> int:
        """Address of the ``index``-th register of an array; ValueError where there is only one."""
        if index and not cls.stride:
            raise ValueError(f"{cls.__name__} exists once")
        return cls.address + index * cls.stride
