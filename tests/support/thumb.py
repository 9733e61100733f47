"""A tiny Thumb assembler: just the instructions the processor tests need, with labels."""

from __future__ import annotations

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

    def label(self, name: str) -> Asm:
        self.labels[name] = self.here
        return self

    def half(self, *words: int) -> Asm:
        for word in words:
            self.code += word.to_bytes(2, "little")
        return self

    # --- data processing

    def movs(self, rd: int, imm: int) -> Asm:
        return self.half(0x2000 | rd << 8 | imm)

    def adds(self, rd: int, imm: int) -> Asm:
        return self.half(0x3000 | rd << 8 | imm)

    def subs(self, rd: int, imm: int) -> Asm:
        return self.half(0x3800 | rd << 8 | imm)

    def cmp(self, rn: int, imm: int) -> Asm:
        return self.half(0x2800 | rn << 8 | imm)

    def add_registers(self, rd: int, rn: int, rm: int) -> Asm:
        return self.half(0x1800 | rm << 6 | rn << 3 | rd)

    def mov(self, rd: int, rm: int) -> Asm:
        return self.half(0x4600 | (rd & 8) << 4 | rm << 3 | rd & 7)

    def load(self, rd: int, value: int) -> Asm:
        """Emit MOVW, MOVT rd, value."""
        for opcode, imm in ((0xF240, value & 0xFFFF), (0xF2C0, value >> 16)):
            high = opcode | (imm >> 12) | (imm >> 11 & 1) << 10
            self.half(high, (imm >> 8 & 7) << 12 | rd << 8 | imm & 0xFF)
        return self

    def udiv(self, rd: int, rn: int, rm: int) -> Asm:
        return self.half(0xFBB0 | rn, 0xF0F0 | rd << 8 | rm)

    def it(self, condition: str, pattern: str = "") -> Asm:
        """Emit IT{pattern} condition; the pattern holds t and e."""
        first = CONDITIONS[condition]
        mask = 0
        for letter in pattern:
            mask = mask << 1 | (first & 1) ^ (letter == "e")
        mask = (mask << 1 | 1) << (3 - len(pattern))
        return self.half(0xBF00 | first << 4 | mask)

    # --- memory

    def ldr(self, rt: int, rn: int, offset: int = 0) -> Asm:
        return self.half(0x6800 | offset // 4 << 6 | rn << 3 | rt)

    def str_(self, rt: int, rn: int, offset: int = 0) -> Asm:
        return self.half(0x6000 | offset // 4 << 6 | rn << 3 | rt)

    def strh(self, rt: int, rn: int, offset: int = 0) -> Asm:
        return self.half(0x8000 | offset // 2 << 6 | rn << 3 | rt)

    def ldrb(self, rt: int, rn: int, offset: int = 0) -> Asm:
        return self.half(0x7800 | offset << 6 | rn << 3 | rt)

    def strb(self, rt: int, rn: int, offset: int = 0) -> Asm:
        return self.half(0x7000 | offset << 6 | rn << 3 | rt)

    def ldr_post(self, rt: int, rn: int, step: int) -> Asm:
        """Emit LDR rt, [rn], #step."""
        return self.half(0xF850 | rn, rt << 12 | 0xB00 | step)

    def str_post(self, rt: int, rn: int, step: int) -> Asm:
        """Emit STR rt, [rn], #step."""
        return self.half(0xF840 | rn, rt << 12 | 0xB00 | step)

    def push(self, registers: int, *, lr: bool = False) -> Asm:
        return self.half(0xB400 | lr << 8 | registers)

    def pop(self, registers: int, *, pc: bool = False) -> Asm:
        return self.half(0xBC00 | pc << 8 | registers)

    def poke(self, address: int, value: int) -> Asm:
        """Store a word; uses R0 and R1."""
        return self.load(0, address).load(1, value).str_(1, 0)

    # --- system

    def bx(self, rm: int) -> Asm:
        return self.half(0x4700 | rm << 3)

    def svc(self, number: int) -> Asm:
        return self.half(0xDF00 | number)

    def bkpt(self, number: int = 0) -> Asm:
        return self.half(0xBE00 | number)

    def udf(self) -> Asm:
        return self.half(0xDE00)

    def nop(self) -> Asm:
        return self.half(0xBF00)

    def yield_(self) -> Asm:
        return self.half(0xBF10)

    def wfe(self) -> Asm:
        return self.half(0xBF20)

    def wfi(self) -> Asm:
        return self.half(0xBF30)

    def sev(self) -> Asm:
        return self.half(0xBF40)

    def cpsie(self) -> Asm:
        return self.half(0xB662)

    def cpsid(self) -> Asm:
        return self.half(0xB672)

    def cpsid_f(self) -> Asm:
        return self.half(0xB671)

    def msr(self, special: int, rn: int) -> Asm:
        """Emit MSR: 8 MSP, 9 PSP, 16 PRIMASK, 17 BASEPRI, 19 FAULTMASK, 20 CONTROL."""
        return self.half(0xF380 | rn, 0x8800 | special)

    def mrs(self, rd: int, special: int) -> Asm:
        return self.half(0xF3EF, 0x8000 | rd << 8 | special)

    # --- branches

    def b(self, label: str) -> Asm:
        self._fixups.append((len(self.code), label, "b"))
        return self.half(0)

    def b_if(self, condition: str, label: str) -> Asm:
        self._fixups.append((len(self.code), label, condition))
        return self.half(0)

    def assemble(self) -> bytes:
        for at, label, kind in self._fixups:
            offset = self.labels[label] - (self.base + at + 4)
            condition = 0xD000 | CONDITIONS.get(kind, 0) << 8 | offset >> 1 & 0xFF
            word = 0xE000 | offset >> 1 & 0x7FF if kind == "b" else condition
            self.code[at : at + 2] = word.to_bytes(2, "little")
        return bytes(self.code)
