"""GDB's agent expressions: the bytecode in which conditions and dprintf commands come (GDB manual, appendix F).

Sans-I/O: ``run`` is a generator that asks for registers and memory and is sent their values, so that whoever
drives it decides what a read costs. The stack holds 64-bit integers; what an instruction does is a table.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from .agent_format import FormatError, format_pieces

__all__ = ["AgentError", "Answer", "ReadMemory", "ReadRegister", "Request", "Result", "run"]

STACK_LIMIT = 256
STEP_LIMIT = 10_000
"""Instructions; GDB's compiler emits a few dozen, and a loop that runs longer is a defect of the expression."""
STRING_LIMIT = 512
"""Bytes of one %s."""
OUTPUT_LIMIT = 8192

_MASK = (1 << 64) - 1


class AgentError(Exception):
    """An expression that cannot be carried out; the text is a clause that says why."""


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """Send the value of register ``number`` of the target description."""

    number: int


@dataclass(frozen=True, slots=True)
class ReadMemory:
    """Send ``length`` bytes from ``address`` on; fewer end a string."""

    address: int
    length: int


Request: TypeAlias = ReadRegister | ReadMemory
Answer: TypeAlias = int | bytes


@dataclass(slots=True)
class Result:
    """``value`` is the top of the stack at the end as a signed number, ``output`` what was printed."""

    value: int = 0
    output: str = ""


@dataclass(slots=True)
class _State:
    code: bytes
    stack: list[int] = field(default_factory=list)
    at: int = 0
    ended: bool = False
    output: str = ""

    def operand(self, size: int) -> int:
        piece = self.code[self.at : self.at + size]
        if len(piece) < size:
            raise AgentError("it ends in the middle of an instruction")
        self.at += size
        return int.from_bytes(piece, "big")

    def pop(self) -> int:
        if not self.stack:
            raise AgentError("it takes more from its stack than it has put there")
        return self.stack.pop()

    def push(self, value: int) -> None:
        if len(self.stack) >= STACK_LIMIT:
            raise AgentError(f"it puts more than {STACK_LIMIT} values on its stack")
        self.stack.append(value & _MASK)


def _signed(value: int, bits: int = 64) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _quotient(dividend: int, divisor: int) -> int:
    """Division as C does it, towards zero."""
    if not divisor:
        raise AgentError("it divides by zero")
    quotient = abs(dividend) // abs(divisor)
    return -quotient if (dividend < 0) != (divisor < 0) else quotient


def _remainder(dividend: int, divisor: int) -> int:
    return dividend - divisor * _quotient(dividend, divisor)


def _shift(value: int, count: int, *, left: bool) -> int:
    if count > 63:
        return 0 if left or value >= 0 else -1
    return value << count if left else value >> count


# Two operands, second from the top first.
_BINARY: dict[int, Callable[[int, int], int]] = {
    0x02: lambda a, b: a + b,
    0x03: lambda a, b: a - b,
    0x04: lambda a, b: a * b,
    0x05: lambda a, b: _quotient(_signed(a), _signed(b)),
    0x06: _quotient,
    0x07: lambda a, b: _remainder(_signed(a), _signed(b)),
    0x08: _remainder,
    0x09: lambda a, b: _shift(a, b, left=True),
    0x0A: lambda a, b: _shift(_signed(a), b, left=False),
    0x0B: lambda a, b: _shift(a, b, left=False),
    0x0F: lambda a, b: a & b,
    0x10: lambda a, b: a | b,
    0x11: lambda a, b: a ^ b,
    0x13: lambda a, b: int(a == b),
    0x14: lambda a, b: int(_signed(a) < _signed(b)),
    0x15: lambda a, b: int(a < b),
}
_UNARY: dict[int, Callable[[int], int]] = {
    0x0E: lambda a: int(not a),
    0x12: lambda a: ~a,
}
_REFERENCES = {0x17: 1, 0x18: 2, 0x19: 4, 0x1A: 8}
_CONSTANTS = {0x22: 1, 0x23: 2, 0x24: 4, 0x25: 8}
_REGISTER, _PRINTF = 0x26, 0x34


def _extend(state: _State) -> None:
    bits = state.operand(1)
    state.push(_signed(state.pop(), bits) if 0 < bits < 64 else state.pop())


def _zero_extend(state: _State) -> None:
    state.push(state.pop() & (1 << state.operand(1)) - 1)


def _goto(state: _State) -> None:
    target = state.operand(2)
    if target >= len(state.code):
        raise AgentError("it jumps out of its code")
    state.at = target


def _if_goto(state: _State) -> None:
    if state.pop():
        _goto(state)
    else:
        state.operand(2)


def _end(state: _State) -> None:
    state.ended = True


def _dup(state: _State) -> None:
    value = state.pop()
    state.push(value)
    state.push(value)


def _swap(state: _State) -> None:
    top, below = state.pop(), state.pop()
    state.push(top)
    state.push(below)


def _rotate(state: _State) -> None:
    """``a b c => c a b``, the top on the right."""
    c, b, a = state.pop(), state.pop(), state.pop()
    for value in (c, a, b):
        state.push(value)


def _pick(state: _State) -> None:
    depth = state.operand(1)
    if depth >= len(state.stack):
        raise AgentError("it picks from below its stack")
    state.push(state.stack[-1 - depth])


_OTHERS: dict[int, Callable[[_State], object]] = {
    0x16: _extend,
    0x20: _if_goto,
    0x21: _goto,
    0x27: _end,
    0x28: _dup,
    0x29: _State.pop,
    0x2A: _zero_extend,
    0x2B: _swap,
    0x32: _pick,
    0x33: _rotate,
}


def run(code: bytes) -> Generator[Request, Answer, Result]:
    """Carry out an expression; raises AgentError. Each request yielded is to be answered by ``send``."""
    state = _State(code)
    for _ in range(STEP_LIMIT):
        opcode = state.operand(1)
        if opcode in _REFERENCES:
            yield from _reference(state, _REFERENCES[opcode])
        elif opcode == _REGISTER:
            answer = yield ReadRegister(state.operand(2))
            assert isinstance(answer, int)
            state.push(answer)
        elif opcode == _PRINTF:
            yield from _print(state)
        else:
            _compute(state, opcode)
        if state.ended:
            return Result(_signed(state.stack[-1]) if state.stack else 0, state.output)
    raise AgentError(f"it takes more than {STEP_LIMIT} instructions")


def _compute(state: _State, opcode: int) -> None:
    if opcode in _BINARY:
        right, left = state.pop(), state.pop()
        state.push(_BINARY[opcode](left, right))
    elif opcode in _UNARY:
        state.push(_UNARY[opcode](state.pop()))
    elif opcode in _CONSTANTS:
        state.push(state.operand(_CONSTANTS[opcode]))
    elif opcode in _OTHERS:
        _OTHERS[opcode](state)
    else:
        raise AgentError(f"its instruction {opcode:#04x} is not supported")


def _reference(state: _State, size: int) -> Generator[Request, Answer, None]:
    data = yield ReadMemory(state.pop() & 0xFFFF_FFFF, size)
    assert isinstance(data, bytes)
    if len(data) < size:
        raise AgentError("it reads where memory ends")
    state.push(int.from_bytes(data, "little"))


def _print(state: _State) -> Generator[Request, Answer, None]:
    count, length = state.operand(1), state.operand(2)
    text = bytes(state.operand(1) for _ in range(length)).removesuffix(b"\0").decode("utf-8", "replace")
    state.pop()  # a function to call on the target, and its channel: we print ourselves
    state.pop()
    values = [state.pop() for _ in range(count)]
    try:
        pieces = format_pieces(text)
    except FormatError as error:
        raise AgentError(str(error)) from None
    for piece in pieces:
        taken = [_signed(_argument(values)) for _ in range(piece.arguments)]
        string = (yield from _string(taken[-1])) if piece.string else ""
        state.output = (state.output + piece.render(taken, string))[:OUTPUT_LIMIT]


def _argument(values: list[int]) -> int:
    if not values:
        raise AgentError("its format asks for more values than there are")
    return values.pop(0)


def _string(address: int) -> Generator[Request, Answer, str]:
    """Text up to its NUL, in aligned pieces so that the end of a memory is not crossed."""
    address &= 0xFFFF_FFFF
    text = b""
    while len(text) < STRING_LIMIT and b"\0" not in text:
        here = address + len(text)
        piece = yield ReadMemory(here, 64 - here % 64)
        assert isinstance(piece, bytes)
        if not piece:
            break
        text += piece
    return text.split(b"\0", 1)[0][:STRING_LIMIT].decode("utf-8", "replace")
