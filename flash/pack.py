"""CMSIS-Packs: a zip file with a description of devices (``pdsc``) and the flash algorithms for them (``flm``).

Only what is asked for is unpacked, into memory, and no more of it than such a file can have.
"""

from __future__ import annotations

import difflib
import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..probes.errors import ImageError, UserError
from .flm import Algorithm, parse_flm
from .pdsc import Level, read_pdsc

__all__ = ["Pack", "PackAlgorithm", "PackDevice", "PackMemory", "open_pack"]

LARGEST_DESCRIPTION = 32 << 20
LARGEST_ALGORITHM = 16 << 20
LARGEST_DIRECTORY = 32 << 20
"""Bytes of a zip file's directory; that of the largest packs has 3 MiB."""
END_RECORD = b"PK\x05\x06"
END_SIZE = 22
LONGEST_COMMENT = 1 << 16
ADDRESS_SPACE = 1 << 32
TRUE = frozenset({"1", "true"})
NEAREST = 4
ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class PackMemory:
    """A memory of the device; ``usual`` is the one programs use by default."""

    name: str
    start: int
    size: int
    writable: bool
    usual: bool


@dataclass(frozen=True, slots=True)
class PackAlgorithm:
    """An algorithm, what it is for, and the RAM it wants (0, 0: none is named; size 0: what there is)."""

    algorithm: Algorithm
    start: int
    size: int
    ram_start: int
    ram_size: int


@dataclass(frozen=True, slots=True)
class PackDevice:
    """A device as the pack describes it. ``core`` is the processor's name, such as Cortex-M4."""

    name: str
    core: str
    memories: tuple[PackMemory, ...]
    algorithms: tuple[PackAlgorithm, ...]


class Pack:
    """A pack that has been opened. ``names`` are its devices and variants."""

    def __init__(self, path: Path, members: Mapping[str, str], levels: Sequence[Level]) -> None:
        self._path = path
        self._members = members
        self._levels = {level.name: level for level in levels if level.name}
        self.names = tuple(self._levels)

    def device(self, name: str) -> PackDevice:
        """The device called ``name``, in any case. Raises UserError that offers the nearest names, or ImageError."""
        level = self._find(name)
        memories = list(self._memories(level))
        chosen = self._chosen(level)
        if not chosen:
            raise ImageError(self._attempt(level), "the pack has no flash algorithm for this device")
        algorithms = tuple(self._algorithm(level, attributes) for attributes in chosen)
        core = next((attributes.get("Dcore", "") for attributes in level.all("processor")), "")
        return PackDevice(level.name, core, tuple(memories), algorithms)

    def _attempt(self, level: Level) -> str:
        return f"Looking up {level.name} in {self._path.name}"

    def _find(self, name: str) -> Level:
        """By its whole name, in which the pack may have an x for any letter; else by the only one that begins so."""
        wanted = name.strip().lower()
        exact = [known for known in self.names if _stands_for(known.lower(), wanted)]
        exact.sort(key=lambda known: known.lower() != wanted)
        longer = [known for known in self.names if wanted and known.lower().startswith(wanted)]
        if exact or len(longer) == 1:
            return self._levels[(exact or longer)[0]]
        alike = difflib.get_close_matches(wanted, [known.lower() for known in self.names], NEAREST, ALIKE)
        nearest = longer[:NEAREST] or [known for close in alike for known in self.names if known.lower() == close]
        offer = f"The nearest names are {', '.join(nearest)}." if nearest else f"It has {self._some()}."
        if wanted:
            raise UserError(f"Looking for a chip named {name!r} in {self._path.name}", "it has no such device", offer)
        seen = "a pack is for many devices, and none was named"
        raise UserError(f"Using {self._path.name}", seen, f"Name one with --chip; it has {self._some()}.")

    def _some(self) -> str:
        shown = ", ".join(self.names[: 2 * NEAREST])
        more = len(self.names) - 2 * NEAREST
        return (shown or "no devices") + (f" and {more} more" if more > 0 else "")

    # --- memories

    def _memories(self, level: Level) -> Iterator[PackMemory]:
        """A memory that a lower level describes anew takes the place of the one with its name."""
        found: dict[str, Mapping[str, str]] = {}
        for attributes in _for_one_core(level, "memory"):
            name = attributes.get("name") or attributes.get("id", "")
            found.pop(name, None)
            found[name or f"memory {len(found)}"] = attributes
        for name, attributes in found.items():
            start, size = self._range(level, "memory", attributes)
            if size:
                access = attributes.get("access") or ("rwx" if "RAM" in name.upper() else "rx")
                usual = attributes.get("default", "").lower() in TRUE
                yield PackMemory(name, start, size, "w" in access, usual)

    # --- algorithms

    def _chosen(self, level: Level) -> list[Mapping[str, str]]:
        """Those marked as default, or all where none is; of two for the same flash the one of the lower level."""
        fitting = [a for a in _for_one_core(level, "algorithm") if a.get("style", "Keil") in ("Keil", "CMSIS")]
        usual = [attributes for attributes in fitting if attributes.get("default", "").lower() in TRUE]
        chosen: list[Mapping[str, str]] = []
        taken: list[tuple[int, int]] = []
        for attributes in reversed(usual or fitting):
            start, size = self._range(level, "algorithm", attributes)
            if all(start >= other + length or other >= start + size for other, length in taken):
                taken.append((start, size))
                chosen.insert(0, attributes)
        return chosen

    def _algorithm(self, level: Level, attributes: Mapping[str, str]) -> PackAlgorithm:
        start, size = self._range(level, "algorithm", attributes)
        ram_start, ram_size = (
            self._number(level, "algorithm", attributes, key) if key in attributes else 0
            for key in ("RAMstart", "RAMsize")
        )
        name = attributes.get("name", "")
        return PackAlgorithm(self._parsed(level, name), start, size, ram_start, ram_size)

    def _parsed(self, level: Level, name: str) -> Algorithm:
        member = self._members.get(_plain(name))
        if member is None:
            raise ImageError(self._attempt(level), f"its flash algorithm {name!r} is not in the pack")
        attempt = f"Reading {name} from {self._path.name}"
        with _opened(self._path, attempt) as archive:
            content = _unpacked(attempt, archive, member, LARGEST_ALGORITHM)
        return parse_flm(posixpath.basename(member), content)

    # --- numbers

    def _range(self, level: Level, element: str, attributes: Mapping[str, str]) -> tuple[int, int]:
        start, size = (self._number(level, element, attributes, key) for key in ("start", "size"))
        if start + size > ADDRESS_SPACE:
            seen = f"its {element} of 0x{size:X} bytes at 0x{start:08X} reaches beyond the 32-bit address space"
            raise ImageError(self._attempt(level), seen)
        return start, size

    def _number(self, level: Level, element: str, attributes: Mapping[str, str], key: str) -> int:
        text = attributes.get(key, "").strip()
        try:
            value = int(text, 16 if text[:2].lower() == "0x" else 10)
        except ValueError:
            value = -1
        if not 0 <= value <= ADDRESS_SPACE:
            seen = f"its {element} {attributes.get('name') or attributes.get('id', '')} has {key}={text[:40]!r}"
            raise ImageError(self._attempt(level), f"{seen}, which is no address or size")
        return value


def _stands_for(known: str, wanted: str) -> bool:
    return len(known) == len(wanted) and all(a in (b, "x") for a, b in zip(known, wanted, strict=True))


def _for_one_core(level: Level, element: str) -> list[Mapping[str, str]]:
    """Of a chip with several processors only what belongs to the first, or to all."""
    first = next((p.get("Pname") for p in level.all("processor")), None)
    return [a for a in level.all(element) if a.get("Pname") in (None, first)]


def open_pack(path: Path) -> Pack:
    """Read a pack's description; raises ImageError."""
    attempt = f"Opening the pack {path.name}"
    with _opened(path, attempt) as archive:
        names = archive.namelist()
        descriptions = [name for name in names if name.lower().endswith(".pdsc") and "/" not in name]
        if len(descriptions) != 1:
            seen = f"it has {len(descriptions) or 'no'} description{'s' if descriptions else ''} (.pdsc)"
            raise ImageError(attempt, seen, "Give a CMSIS-Pack with device support (a DFP).")
        content = _unpacked(attempt, archive, descriptions[0], LARGEST_DESCRIPTION)
    levels = read_pdsc(attempt, content)
    if not levels:
        raise ImageError(attempt, "its description has no devices", "Give a CMSIS-Pack with device support (a DFP).")
    return Pack(path, {_plain(name): name for name in names}, levels)


def _plain(name: str) -> str:
    """A name as packs are written on systems that know no case and have other slashes."""
    return posixpath.normpath(name.replace("\\", "/")).lower()


@contextmanager
def _opened(path: Path, attempt: str) -> Iterator[zipfile.ZipFile]:
    """The zip file; what is wrong with it, or with what is read from it, becomes ImageError."""
    try:
        _require_small_directory(path, attempt)
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        seen = f"it is no zip file, or a damaged one ({error})"
        raise ImageError(attempt, seen, "Fetch the pack again.") from error
    except OSError as error:
        raise ImageError(attempt, f"{path} cannot be read ({error.strerror or error})") from error


def _require_small_directory(path: Path, attempt: str) -> None:
    """The directory is read whole, so what it claims to be is looked at first (APPNOTE 4.3.16)."""
    with path.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - END_SIZE - LONGEST_COMMENT))
        tail = stream.read()
    at = tail.rfind(END_RECORD)
    size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if size > LARGEST_DIRECTORY:
        raise ImageError(attempt, f"its zip directory has {size} bytes, which is more than any pack's")


def _unpacked(attempt: str, archive: zipfile.ZipFile, member: str, most: int) -> bytes:
    """The content of one file in the pack, if it is not larger than it can be, whatever the directory says."""
    with archive.open(member) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ImageError(attempt, f"{member} in it is larger than {most >> 20} MiB, which such a file never is")
    return content
