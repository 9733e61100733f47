"""The description in a CMSIS-Pack (.pdsc): families, sub-families, devices, variants and what each adds. Pure.

Open-CMSIS-Pack specification, "/package/devices": a level inherits what the levels above it say. Everything else in the
file is passed over. A description is not trusted: a document type, and with it every entity of its own, is refused, and
so is a depth that no description has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from ..probes.errors import ImageError

__all__ = ["Level", "read_pdsc"]

PATH = ["package", "devices"]
NAMES = {"family": "Dfamily", "subFamily": "DsubFamily", "device": "Dname", "variant": "Dvariant"}
"""Levels, and the attribute that names each."""
FACTS = frozenset({"memory", "algorithm", "processor"})
DEEPEST = 100
MOST_ELEMENTS = 500_000


@dataclass(slots=True)
class Level:
    """One level; ``facts`` are its own memories, algorithms and processors, by the name of the element."""

    kind: str
    name: str
    parent: Level | None
    facts: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)

    def all(self, fact: str) -> list[Mapping[str, str]]:
        """What this level and those above it say, the highest level first."""
        above = self.parent.all(fact) if self.parent else []
        return [*above, *self.facts.get(fact, [])]


def read_pdsc(attempt: str, content: bytes) -> list[Level]:
    """All devices and variants; raises ImageError, whose sentence begins with ``attempt``."""
    reader = _Reader(attempt)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ImageError(attempt, f"its description is damaged ({error})", "Fetch the pack again.") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not have
        raise ImageError(attempt, f"its description cannot be read ({error})") from error
    return [level for level in reader.levels if level.kind in ("device", "variant")]


class _Reader:
    """Takes the parser's events."""

    def __init__(self, attempt: str) -> None:
        self._attempt = attempt
        self._open: list[str] = []
        self._elements = 0
        self._level: Level | None = None
        self.levels: list[Level] = []

    def refuse_doctype(self, *_: object) -> None:
        raise self._refuse("its description declares a document type, which descriptions do not")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._open.append(tag)
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise self._refuse(f"its description has more than {MOST_ELEMENTS} elements")
        if len(self._open) > DEEPEST:
            raise self._refuse(f"its description is nested more than {DEEPEST} elements deep")
        if self._open[: len(PATH)] != PATH:
            return
        if tag in NAMES:
            self._level = Level(tag, attributes.get(NAMES[tag], ""), self._level)
            self.levels.append(self._level)
        elif tag in FACTS and self._level is not None:
            self._level.facts.setdefault(tag, []).append(attributes)

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag in NAMES and self._level is not None and self._open[: len(PATH)] == PATH:
            self._level = self._level.parent

    def _refuse(self, seen: str) -> ImageError:
        return ImageError(self._attempt, seen)
