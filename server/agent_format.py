"""C format strings as dprintf has them: what is between the conversions, and what each conversion does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["FormatError", "Piece", "format_pieces"]

_CONVERSION = re.compile(
    r"%(?P<flags>[-+ #0]*)(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?(?P<size>hh|h|ll|l|j|z|t|L)?(?P<letter>.?)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_BITS = {"hh": 8, "h": 16, "ll": 64, "j": 64}  # everything else has 32 bits on this target
_WIDEST = 1024


class FormatError(Exception):
    """A conversion that is not known; the text is a clause."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A literal text, or a conversion that takes ``arguments`` values, the last of them the address of a ``string``."""

    render: Callable[[Sequence[int], str], str]
    arguments: int = 0
    string: bool = False


def format_pieces(text: str) -> list[Piece]:
    """Take a format string apart; escape sequences stand in it as in C source. Raises FormatError."""
    pieces: list[Piece] = []
    at = 0
    for found in _CONVERSION.finditer(text):
        if found.start() > at:
            pieces.append(_literal(text[at : found.start()]))
        pieces.append(_conversion(found))
        at = found.end()
    if at < len(text):
        pieces.append(_literal(text[at:]))
    return pieces


def _literal(text: str) -> Piece:
    plain = _ESCAPE.sub(lambda found: _unescape(found[1]), text)
    return Piece(lambda _values, _string: plain)


def _unescape(code: str) -> str:
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)


def _conversion(found: re.Match[str]) -> Piece:
    letter = found["letter"]
    if letter == "%":
        return Piece(lambda _values, _string: "%")
    if not letter or letter not in "diuxXopcs":
        raise FormatError(f"its format has the conversion {found[0]!r}, which is not supported")
    stars = (found["width"] == "*") + (found["precision"] == "*")

    def render(values: Sequence[int], string: str) -> str:
        given = list(values)
        width = _number(given.pop(0) if found["width"] == "*" else found["width"] or 0)
        precision = found["precision"]
        limit = None if precision is None else _number(given.pop(0) if precision == "*" else precision or 0)
        return _rendered(found, given[-1], string, width, limit)

    return Piece(render, stars + 1, letter == "s")


def _number(value: int | str) -> int:
    return max(-_WIDEST, min(int(value), _WIDEST))


def _rendered(found: re.Match[str], value: int, string: str, width: int, precision: int | None) -> str:
    letter, flags = found["letter"], found["flags"]
    if letter == "c":
        text = chr(value & 0xFF)
    elif letter == "s":
        text = string[:precision] if precision is not None else string
    else:
        text = _digits(value, letter, flags, _BITS.get(found["size"] or "", 32), precision)
    if "-" in flags or width < 0:
        return text.ljust(abs(width))
    if "0" in flags and letter not in "cs" and precision is None:
        sign = text[:1] if text[:1] in "+- " else ""
        prefix = sign + ("0x" if text[len(sign) :].lower().startswith("0x") else "")
        return prefix + text[len(prefix) :].rjust(width - len(prefix), "0")
    return text.rjust(width)


def _digits(value: int, letter: str, flags: str, bits: int, precision: int | None) -> str:
    value &= (1 << bits) - 1
    sign = ""
    if letter in "di":
        if value >> (bits - 1):
            value, sign = (1 << bits) - value, "-"
        else:
            sign = "+" if "+" in flags else " " if " " in flags else ""
    base = {"x": "x", "X": "X", "o": "o", "p": "x"}.get(letter, "d")
    digits = format(value, base).rjust(precision or 0, "0")
    prefix = "0x" if letter == "p" or ("#" in flags and letter in "xX" and value) else ""
    if "#" in flags and letter == "o" and not digits.startswith("0"):
        prefix = "0"
    return sign + (prefix.upper() if letter == "X" else prefix) + digits
