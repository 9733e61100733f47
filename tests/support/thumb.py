"""A tiny Thumb assembler: just the instructions the processor tests need, with labels."""

from __future__ import annotations

from typing import Self

__all__ = ["Asm"]

CONDITIONS = {"eq": 0, "ne": 1, "cs": 2, "cc": 3, "mi": 4, "pl": 5}


class Asm:
    """Emits half-words from ``base`` on; branches may name labels that come later."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.code = bytearray()
        self.labels: dict[str, int] = {}
        self._fixups: list[tuple[int, str, str]] = []

    @property
    def here(self) -> int:
        return self.base + len(self.code)

    def label(self, name: str) -> Self:
        self.labels[name] = self.here
        return self

    def half(self, *words: int) -> Self:
        for word in words:
            self.code += word.to_bytes(2, "little")
        return self

    # --- data processing

    def movs(self, rd: int, imm: int) -> Self:
        return self.half(0x2000 | rd << 8 | imm)

    def adds(self, rd: int, imm: int) -> Self:
        return self.half(0x3000 | rd << 8 | imm)

    def subs(self, rd: int, imm: int) -> Self:
        return self.half(0x3800 | rd << 8 | imm)

    def cmp(self, rn: int, imm: int) -> Self:
        return self.half(0x2800 | rn << 8 | imm)

    def add_registers(self, rd: int, rn: int, rm: int) -> Self:
        return self.half(0x1800 | rm << 6 | rn << 3 | rd)

    def mov(self, rd: int, rm: int) -> Self:
        return self.half(0x4600 | (rd & 8) << 4 | rm << 3 | rd & 7)

    def load(self, rd: int, value: int) -> Self:
        """Emit MOVW, MOVT rd, value."""
        for opcode, imm in ((0xF240, value & 0xFFFF), (0xF2C0, value >> 16)):
            high = opcode | (imm >> 12) | (imm >> 11 & 1) << 10
            self.half(high, (imm >> 8 & 7) << 12 | rd << 8 | imm & 0xFF)
        return self

    def udiv(self, rd: int, rn: int, rm: int) -> Self:
        return self.half(0xFBB0 | rn, 0xF0F0 | rd << 8 | rm)

    def it(self, condition: str, pattern: str = "") -> Self:
        """Emit IT{pattern} condition; the pattern holds t and e."""
        first = CONDITIONS[condition]
        mask = 0
        for letter in pattern:
            mask = mask << 1 | (first & 1) ^ (letter == "e")
        mask = (mask << 1 | 1) << (3 - len(pattern))
        return self.half(0xBF00 | first << 4 | mask)

    # --- memory

    def ldr(self, rt: int, rn: int, offset: int = 0) -> Self:
        return self.half(0x6800 | offset // 4 << 6 | rn << 3 | rt)

    def str_(self, rt: int, rn: int, offset: int = 0) -> Self:
        return self.half(0x6000 | offset // 4 << 6 | rn << 3 | rt)

    def strh(self, rt: int, rn: int, offset: int = 0) -> Self:
        return self.half(0x8000 | offset // 2 << 6 | rn << 3 | rt)

    def ldrb(self, rt: int, rn: int, offset: int = 0) -> Self:
        return self.half(0x7800 | offset << 6 | rn << 3 | rt)

    def strb(self, rt: int, rn: int, offset: int = 0) -> Self:
        return self.half(0x7000 | offset << 6 | rn << 3 | rt)

    def ldr_post(self, rt: int, rn: int, step: int) -> Self:
        """Emit LDR rt, [rn], #step."""
        return self.half(0xF850 | rn, rt << 12 | 0xB00 | step)

    def str_post(self, rt: int, rn: int, step: int) -> Self:
        """Emit STR rt, [rn], #step."""
        return self.half(0xF840 | rn, rt << 12 | 0xB00 | step)

    def push(self, registers: int, *, lr: bool = False) -> Self:
        return self.half(0xB400 | lr << 8 | registers)

    def pop(self, registers: int, *, pc: bool = False) -> Self:
        return self.half(0xBC00 | pc << 8 | registers)

    def poke(self, address: int, value: int) -> Self:
        """Store a word; uses R0 and R1."""
        return self.load(0, address).load(1, value).str_(1, 0)

    # --- system

    def bx(self, rm: int) -> Self:
        return self.half(0x4700 | rm << 3)

    def svc(self, number: int) -> Self:
        return self.half(0xDF00 | number)

    def bkpt(self, number: int = 0) -> Self:
        return self.half(0xBE00 | number)

    def udf(self) -> Self:
        return self.half(0xDE00)

    def nop(self) -> Self:
        return self.half(0xBF00)

    def yield_(self) -> Self:
        return self.half(0xBF10)

    def wfe(self) -> Self:
        return self.half(0xBF20)

    def wfi(self) -> Self:
        return self.half(0xBF30)

    def sev(self) -> Self:
        return self.half(0xBF40)

    def cpsie(self) -> Self:
        return self.half(0xB662)

    def cpsid(self) -> Self:
        return self.half(0xB672)

    def cpsid_f(self) -> Self:
        return self.half(0xB671)

    def msr(self, special: int, rn: int) -> Self:
        """Emit MSR: 8 MSP, 9 PSP, 16 PRIMASK, 17 BASEPRI, 19 FAULTMASK, 20 CONTROL."""
        return self.half(0xF380 | rn, 0x8800 | special)

    def mrs(self, rd: int, special: int) -> Self:
        return self.half(0xF3EF, 0x8000 | rd << 8 | special)

    # --- branches

    def b(self, label: str) -> Self:
        self._fixups.append((len(self.code), label, "b"))
        return self.half(0)

    def b_if(self, condition: str, label: str) -> Self:
        self._fixups.append((len(self.code), label, condition))
        return self.half(0)

    def assemble(self) -> bytes:
        for at, label, kind in self._fixups:
            offset = self.labels[label] - (self.base + at + 4)
            condition = 0xD000 | CONDITIONS.get(kind, 0) << 8 | offset >> 1 & 0xFF
            word = 0xE000 | offset >> 1 & 0x7FF if kind == "b" else condition
            self.code[at : at + 2] = word.to_bytes(2, "little")
        return bytes(self.code)
