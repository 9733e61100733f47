"""Is the link true? Known words are written and read back before anything else is believed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ..probes.access import Access, Read, ReadBlock, Result, Write, WriteBlock
from ..probes.errors import LinkError, NoTargetError, TargetError, WaitError
from .registers_debug import DCRDR

__all__ = ["ADVICE", "canary", "check_memory", "check_register", "describe_difference", "make_true"]

log = logging.getLogger(__name__)

SCRATCH = 0x2000_037D
SCRATCH_LENGTH = 262
"""In the SRAM of every STM32: ragged at both ends, with a 1 KiB boundary of TAR in the middle."""
CONSTANT = 0x5A17_C0DE
PATTERNS = (0x0000_0000, 0xFFFF_FFFF, 0x5555_5555, 0xAAAA_AAAA, 0x0F1E_2D3C, 0x8000_0001)

ADVICE = (
    "Check ground and the length of the wires, choose a lower speed (--speed 100); the target's own memory is not "
    "to blame while the link is in doubt."
)

Run = Callable[[Sequence[Access]], list[Result]]


def canary(address: int, length: int) -> bytes:
    """Bytes of which every word tells its own address."""
    start = address & ~3
    words = ((place + CONSTANT & 0xFFFF_FFFF).to_bytes(4, "little") for place in range(start, address + length, 4))
    return b"".join(words)[address - start :][:length]


def describe_difference(expected: bytes, seen: bytes) -> str:
    """How what was read back differs from what was written, as a sentence fragment; "" when it does not."""
    if expected == seen:
        return ""
    if not any(seen):
        return "everything reads as zeros: the data line is stuck low, or the access port is off"
    if set(seen) == {0xFF}:
        return "everything reads as ones: the data line is stuck high or open"
    wanted, words = _words(expected), _words(seen)
    if len(words) > 2 and len(set(words[1:])) == 1 and words[1] in {words[0], wanted[0]}:
        return "every word reads back as the first: the debug port stopped accepting accesses (STICKYORUN)"
    wrong = [n for n, (one, other) in enumerate(zip(wanted, words, strict=True)) if one != other]
    first = wrong[0] if wrong else 0
    if len(wrong) > 1 and wanted[first + 1 :] == words[first:-1]:
        return f"from word {first} on everything comes one word early: an access was skipped"
    if len(wrong) > 1 and wanted[first:-1] == words[first + 1 :]:
        return f"from word {first} on everything comes one word late: an access was carried out twice"
    if not wrong:
        return "the ragged end of the block differs"
    flipped = wanted[first] ^ words[first]
    return (
        f"{len(wrong)} of {len(words)} words differ, the first is 0x{words[first]:08X} in place of "
        f"0x{wanted[first]:08X} (bits 0x{flipped:08X})"
    )


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data) - 3, 4)]


def check_register(run: Run) -> str:
    """Write patterns to DCRDR, which no program uses, and read them back; "" when all came back.

    It is harmless to a running program. Raises what ``run`` raises.
    """
    accesses: list[Access] = [Read(DCRDR.address)]
    for pattern in PATTERNS:
        accesses += [Write(DCRDR.address, pattern), Read(DCRDR.address)]
    before, *rest = run(accesses)
    assert isinstance(before, int)
    run([Write(DCRDR.address, before)])
    seen = b"".join(word.to_bytes(4, "little") for word in rest[1::2] if isinstance(word, int))
    return describe_difference(b"".join(pattern.to_bytes(4, "little") for pattern in PATTERNS), seen)


def check_memory(run: Run) -> str:
    """Write a canary into a scratch of RAM, read it back, restore it; "" when all came back.

    The core must be halted. Nothing is written when reading alone shows that the link is not true.
    Raises what ``run`` raises.
    """
    block = ReadBlock(SCRATCH, SCRATCH_LENGTH)
    before, again = run([block, block])
    assert isinstance(before, bytes)
    assert isinstance(again, bytes)
    if before != again:
        return f"the same memory reads differently twice ({describe_difference(before, again)})"
    pattern = canary(SCRATCH, SCRATCH_LENGTH)
    try:
        _, seen = run([WriteBlock(SCRATCH, pattern), block])
    finally:
        _, restored = run([WriteBlock(SCRATCH, before), block])
    assert isinstance(seen, bytes)
    assert isinstance(restored, bytes)
    return describe_difference(pattern, seen) or describe_difference(before, restored)


def make_true(attempt: str, look: Callable[[], str], slow_down: Callable[[], str]) -> None:
    """Look at the link, and ask less of it until it is true. Raises LinkError with what was seen first.

    ``look`` returns what is wrong. A target that refuses the access proves nothing about the link, and silence
    is not cured by a lower speed: neither is retried. One that answers WAIT to the end has a true link and a bus
    that stands: what is raised says so.
    """
    seen = _seen(look)
    first = seen
    while seen:
        changed = slow_down()
        if not changed:
            raise first if isinstance(first, WaitError) else LinkError(attempt, _words_of(first), ADVICE)
        seen = _seen(look)
        if not seen:
            log.warning("%s: %s; retried with %s: works", attempt, _words_of(first), changed)


def _words_of(seen: str | LinkError) -> str:
    return seen if isinstance(seen, str) else seen.seen


def _seen(look: Callable[[], str]) -> str | LinkError:
    """What is wrong, "" when nothing is."""
    try:
        return look()
    except NoTargetError:
        raise
    except LinkError as error:
        return error
    except TargetError as error:
        log.debug("! the link cannot be checked here: %s", error)
        return ""
