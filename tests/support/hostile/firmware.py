"""Firmware made of register writes and an ending: what it does to the board, and how it lives on. ARMv6-M code."""

from __future__ import annotations

from collections.abc import Sequence

from support.thumb import Asm

__all__ = ["Firmware", "Op"]

Op = tuple[int, int] | tuple[int, int, int]
"""(address, value): store the word. (address, mask, value): wait until the masked word reads so."""

CODE = 0x400
"""From the vector table, which has room for 240 interrupts, to the code."""
RETURN = "return"


class Firmware(Asm):
    """Code behind a vector table; each vector leads to a handler that returns, unless ``vectors`` says otherwise."""

    def __init__(self, base: int, stack: int) -> None:
        super().__init__(base + CODE)
        self.table, self.stack = base, stack
        self.vectors: dict[int, str] = {}
        self.reset_vector = self.here | 1
        self._made = 0

    def fresh(self) -> str:
        """A label that is not taken."""
        self._made += 1
        return f"here{self._made}"

    def put(self, register: int, value: int) -> Firmware:
        """Load a constant from a literal behind the instruction."""
        if self.here % 4:
            self.nop()
        self.half(0x4800 | register << 8, 0xE001, value & 0xFFFF, value >> 16 & 0xFFFF)  # ldr rt, [pc]; b over it
        return self

    def run(self, ops: Sequence[Op]) -> Firmware:
        """Carry out ``ops`` in order."""
        for op in ops:
            if len(op) == 2:
                self.put(0, op[0]).put(1, op[1]).str_(1, 0)
                continue
            again = self.fresh()
            for register, value in enumerate(op):
                self.put(register, value)
            self.label(again).ldr(3, 0).half(0x400B, 0x4293).b_if("ne", again)  # ands r3, r1; cmp r3, r2
        return self

    def stay(self, label: str = "") -> Firmware:
        """Loop for ever."""
        name = label or self.fresh()
        self.label(name).b(name)
        return self

    def image(self) -> bytes:
        """Table and code."""
        self.label(RETURN).bx(14)
        code = self.assemble()
        handlers = (self.labels[self.vectors.get(number, RETURN)] | 1 for number in range(2, CODE // 4))
        words = (self.stack, self.reset_vector, *handlers)
        return b"".join(word.to_bytes(4, "little") for word in words) + code
