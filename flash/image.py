"""What is to be programmed: bytes at addresses, read from a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..probes.errors import ImageError

__all__ = ["Image", "Segment", "load_image", "merge_segments"]

ELF_MAGIC = b"\x7fELF"
HEX_SUFFIXES = frozenset({".hex", ".ihex", ".ihx"})
ADDRESS_SPACE = 1 << 32


@dataclass(frozen=True, slots=True)
class Segment:
    """``data`` from ``address`` on."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """The first address behind the segment."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """Segments in order of address; none is empty, none overlaps another, none touches the next."""

    name: str
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """Bytes in all segments."""
        return sum(len(segment.data) for segment in self.segments)


def merge_segments(name: str, segments: Iterable[Segment]) -> Image:
    """Sort, join what touches, refuse what overlaps; ImageError also for an image without a byte."""
    merged: list[Segment] = []
    for segment in sorted((s for s in segments if s.data), key=lambda s: s.address):
        if segment.end > ADDRESS_SPACE:
            raise ImageError(
                f"Loading {name}",
                f"{len(segment.data)} bytes at 0x{segment.address:08X} reach beyond the 32-bit address space",
            )
        if merged and segment.address < merged[-1].end:
            raise ImageError(
                f"Loading {name}",
                f"two of its parts claim the bytes from 0x{segment.address:08X} "
                f"to 0x{min(segment.end, merged[-1].end) - 1:08X}",
                "Check the load addresses in the linker script.",
            )
        if merged and segment.address == merged[-1].end:
            segment = Segment(merged[-1].address, merged.pop().data + segment.data)
        merged.append(segment)
    if not merged:
        raise ImageError(f"Loading {name}", "it holds no byte to be programmed")
    return Image(name, tuple(merged))


def load_image(path: Path, address: int | None = None) -> Image:
    """Read an ELF file (by physical address), an Intel HEX file, or a raw binary for ``address``.

    The content decides between ELF and Intel HEX; with ``address`` given, or with the suffix ``.bin``, the file
    is a raw binary. Raises ImageError.
    """
    attempt = f"Loading {path.name}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(attempt, f"{path} cannot be read ({error.strerror})") from error
    suffix = path.suffix.lower()
    if suffix == ".bin" or (address is not None and not content.startswith(ELF_MAGIC)):
        if address is None:
            raise ImageError(attempt, "a raw binary does not say where it belongs", "Give its address in flash.")
        return merge_segments(path.name, [Segment(address, content)])
    if content.startswith(ELF_MAGIC):
        from .elf import read_elf

        return read_elf(path.name, content)
    if suffix in HEX_SUFFIXES or content.lstrip()[:1] == b":":
        from .hexfile import read_hex

        return read_hex(path.name, content)
    raise ImageError(
        attempt,
        "it is no ELF file (it does not begin with 7F 45 4C 46) and no Intel HEX file",
        "Give the linker's output, or the address of a raw binary.",
    )
