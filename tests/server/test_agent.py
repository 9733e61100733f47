"""Agent expressions: every instruction, the limits, and printf, without a target."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.server.agent import AgentError, Answer, ReadMemory, ReadRegister, Request, Result, run

END = b"\x27"


def evaluate(code: bytes, memory: Mapping[int, bytes] | None = None, asked: list[Request] | None = None) -> Result:
    """Run with registers whose value is 100 times their number, and memory given by address."""
    machine = run(code)
    answer: Answer | None = None
    while True:
        try:
            request = machine.send(answer) if answer is not None else next(machine)
        except StopIteration as end:
            result = end.value
            assert isinstance(result, Result)
            return result
        if asked is not None:
            asked.append(request)
        if isinstance(request, ReadRegister):
            answer = 100 * request.number
        else:
            pieces = (piece for piece in (memory or {}).items() if 0 <= request.address - piece[0] <= len(piece[1]))
            base, data = next(pieces, (request.address, b""))
            answer = data[request.address - base :][: request.length]


def const(value: int) -> bytes:
    return b"\x25" + (value & (1 << 64) - 1).to_bytes(8, "big")


@pytest.mark.parametrize(
    ("opcode", "left", "right", "result"),
    [
        (0x02, 5, -7, -2),
        (0x03, 5, 7, -2),
        (0x04, -3, 7, -21),
        (0x05, -7, 2, -3),
        (0x06, -1, 2, (1 << 63) - 1),
        (0x07, -7, 2, -1),
        (0x08, 7, 4, 3),
        (0x09, 3, 4, 48),
        (0x09, 3, 64, 0),
        (0x0A, -16, 2, -4),
        (0x0A, -16, 99, -1),
        (0x0B, -1, 63, 1),
        (0x0F, 6, 3, 2),
        (0x10, 6, 3, 7),
        (0x11, 6, 3, 5),
        (0x13, -1, -1, 1),
        (0x14, -1, 1, 1),
        (0x15, -1, 1, 0),
    ],
)
def test_arithmetic(opcode: int, left: int, right: int, result: int) -> None:
    assert evaluate(const(left) + const(right) + bytes([opcode]) + END).value == result


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("2205 0e 27", 0),
        ("2200 0e 27", 1),
        ("2200 12 27", -1),
        ("22ff 1608 27", -1),
        ("23ffff 1610 27", -1),
        ("24ffffffff 1620 27", -1),
        ("24ffffffff 27", 0xFFFFFFFF),
        ("2311ff 2a08 27", 0xFF),
        ("2201 2202 2b 03 27", 1),
        ("2201 28 02 27", 2),
        ("2201 2202 29 27", 1),
        ("2207 2208 2209 3202 27", 7),
        ("2201 2202 2203 33 29 27", 1),  # c a b -> pop b -> a
        ("2200 20000a 2209 21000c 2208 27", 9),
        ("2201 20000a 2209 21000c 2208 27", 8),
        ("26000d 2204 02 27", 1304),
        ("27", 0),
    ],
)
def test_instructions(code: str, result: int) -> None:
    assert evaluate(bytes.fromhex(code)).value == result


@pytest.mark.parametrize(("opcode", "size"), [(0x17, 1), (0x18, 2), (0x19, 4), (0x1A, 8)])
def test_references_ask_for_just_their_bytes(opcode: int, size: int) -> None:
    asked: list[Request] = []
    value = evaluate(
        b"\x24\x20\x00\x00\x01" + bytes([opcode]) + END, {0x20000000: b"\x00\x01\x02\x03\x04\x05\x06\x07\x08"}, asked
    ).value
    assert asked == [ReadMemory(0x20000001, size)]
    assert value == int.from_bytes(bytes(range(1, 1 + size)), "little")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", "middle"),
        ("22", "middle"),
        ("02", "more from its stack"),
        ("2201 2200 05 27", "divides by zero"),
        ("2201 2200 08 27", "divides by zero"),
        ("210000", "more than 10000 instructions"),
        ("2201 210000", "more than 256 values"),
        ("21ffff", "jumps out"),
        ("2201 3205 27", "picks from below"),
        ("1b", "0x1b is not supported"),
        ("2f0001", "0x2f is not supported"),
    ],
)
def test_what_cannot_be_carried_out_says_why(code: str, why: str) -> None:
    with pytest.raises(AgentError, match=why):
        evaluate(bytes.fromhex(code))


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_raise_an_agent_error(code: bytes) -> None:
    with contextlib.suppress(AgentError):
        assert -(1 << 63) <= evaluate(code, {0: bytes(1 << 16)}).value < 1 << 63


def printf(text: str, *values: int, memory: Mapping[int, bytes] | None = None) -> str:
    """As GDB's gen_printf lays it out: arguments last to first, channel and function on top."""
    raw = text.encode() + b"\0"
    code = b"".join(const(value) for value in reversed(values)) + const(0) + const(0)
    code += bytes([0x34, len(values)]) + len(raw).to_bytes(2, "big") + raw + END
    return evaluate(code, memory).output


@pytest.mark.parametrize(
    ("text", "values", "output"),
    [
        (r"at %d of %u\n", (-1, 0xFFFFFFFF), "at -1 of 4294967295\n"),
        ("%5d|%-5d|%05d|%+d", (42, 42, -42, 42), "   42|42   |-0042|+42"),
        ("%x %X %#x %#010x %o %p", (255, 255, 255, 255, 8, 255), "ff FF 0xff 0x000000ff 10 0xff"),
        ("%hhx %hx %lx %llx", (-1, -1, -1, -1), "ff ffff ffffffff ffffffffffffffff"),
        ("%*d|%.3d|%-*d|", (4, 7, 7, 3, 7), "   7|007|7  |"),
        (r"100%% \"%c\"\t\101", (0x41,), '100% "A"\tA'),
    ],
)
def test_printf(text: str, values: tuple[int, ...], output: str) -> None:
    assert printf(text, *values) == output


def test_printf_of_strings() -> None:
    memory = {0x20000000: b"x" * 70 + b"hello\0there" + bytes(200)}
    assert printf("<%s> <%.2s> <%8s> <%d>", 0x20000046, 0x20000046, 0x20000046, 3, memory=memory) == (
        "<hello> <he> <   hello> <3>"
    )
    assert len(printf("%s", 0x1000, memory={0x1000: b"a" * 4000})) == 512
    assert printf("%s.", 0x1000, memory={0x1000: b"end"}) == "end.", "memory ends before a NUL comes"


@pytest.mark.parametrize(("text", "why"), [("%d %d", "more values than there are"), ("%f", "'%f', which is not")])
def test_printf_that_cannot_be(text: str, why: str) -> None:
    with pytest.raises(AgentError, match=why):
        printf(text, 1)
