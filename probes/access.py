"""The memory seam: a batch of target accesses as data.

Core control and the flash engine say *what* is to be read and written; a driver decides how many
transfers that takes. A batch is carried out in order. When an access fails, every access before it
has taken effect and none after it has; the error says which one it was.

Rules for whoever carries a batch out:

- ``Read`` and ``Write`` are single bus accesses of exactly their width, aligned to it.
- Blocks have any address and length. Aligned words are moved as 32-bit accesses, the ragged ends as
  the widest aligned accesses that the probe has, so that a 4-byte block at a register is one 32-bit access.
- No result is handed out before the acknowledge of its access has been seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

__all__ = [
    "Access",
    "Batch",
    "Poll",
    "Read",
    "ReadBlock",
    "ReadCore",
    "Require",
    "Result",
    "Slot",
    "Write",
    "WriteBlock",
    "WriteCore",
]


@dataclass(frozen=True, slots=True)
class Read:
    """Read ``width`` bytes (1, 2 or 4) at ``address`` in one bus access. Result: the value.

    A probe without 16-bit accesses reads the word around it and hands out the half.
    """

    address: int
    width: int = 4


@dataclass(frozen=True, slots=True)
class Write:
    """Write ``value`` as ``width`` bytes (1, 2 or 4) at ``address`` in one bus access. Result: None.

    Raises ProbeProtocolError for 16 bits where the probe has no such accesses: nothing else means the same.
    """

    address: int
    value: int
    width: int = 4


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """Read ``length`` bytes from ``address`` on. Result: bytes of exactly that length."""

    address: int
    length: int


@dataclass(frozen=True, slots=True)
class WriteBlock:
    """Write ``data`` from ``address`` on. Result: None."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Poll:
    """Read the word at ``address`` until ``word & mask == value``. Result: the last word read.

    Raises PollTimeoutError after ``timeout`` seconds. For conditions that come within milliseconds;
    longer waits belong above the seam, where they can be cancelled. The timeout counts the pauses
    between looks, not the transfers: it is a lower bound.
    """

    address: int
    mask: int
    value: int
    timeout: float = 0.1


@dataclass(frozen=True, slots=True)
class ReadCore:
    """Read core registers by DCRSR.REGSEL number (DDI0403E C1.6.3) of a halted core.

    Result: a tuple of values in the order asked for. The transfer is complete (S_REGRDY) for each.
    """

    registers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WriteCore:
    """Write one core register by DCRSR.REGSEL number of a halted core. Result: None."""

    register: int
    value: int


@dataclass(frozen=True, slots=True)
class Require:
    """Go on only if the word read by the access at ``position`` has ``word & mask == value``. Result: None.

    Otherwise the batch ends here without an error, and the results of what follows are None. Only reads may
    follow, of memory without side effects and of core registers: a probe that cannot decide half-way carries
    them out anyway and drops what they read.
    """

    position: int
    mask: int
    value: int


Access: TypeAlias = Read | Write | ReadBlock | WriteBlock | Poll | ReadCore | WriteCore | Require
Result: TypeAlias = int | bytes | tuple[int, ...] | None

T = TypeVar("T")


class Slot(Generic[T]):
    """The place where one result of a batch will be found once the batch has run."""

    __slots__ = ("_batch", "_index")

    def __init__(self, batch: Batch, index: int) -> None:
        self._batch = batch
        self._index = index

    @property
    def position(self) -> int:
        """Which access of the batch it belongs to."""
        return self._index

    @property
    def value(self) -> T:
        """The result; raises RuntimeError while the batch has not run."""
        if self._batch.results is None:
            raise RuntimeError("the batch has not been run")
        return cast("T", self._batch.results[self._index])


class Batch:
    """Accesses in order, and their results after the run."""

    def __init__(self) -> None:
        self.accesses: list[Access] = []
        self.results: list[Result] | None = None

    def _add(self, access: Access) -> int:
        self.accesses.append(access)
        return len(self.accesses) - 1

    def read(self, address: int, width: int = 4) -> Slot[int]:
        """Add a single read."""
        return Slot[int](self, self._add(Read(address, width)))

    def write(self, address: int, value: int, width: int = 4) -> None:
        """Add a single write."""
        self._add(Write(address, value, width))

    def read_block(self, address: int, length: int) -> Slot[bytes]:
        """Add a block read."""
        return Slot[bytes](self, self._add(ReadBlock(address, length)))

    def write_block(self, address: int, data: bytes) -> None:
        """Add a block write."""
        self._add(WriteBlock(address, data))

    def poll(self, address: int, mask: int, value: int, timeout: float = 0.1) -> Slot[int]:
        """Add a wait for a register value."""
        return Slot[int](self, self._add(Poll(address, mask, value, timeout)))

    def read_core(self, *registers: int) -> Slot[tuple[int, ...]]:
        """Add a read of core registers."""
        return Slot[tuple[int, ...]](self, self._add(ReadCore(registers)))

    def write_core(self, register: int, value: int) -> None:
        """Add a write of a core register."""
        self._add(WriteCore(register, value))

    def require(self, slot: Slot[int], mask: int, value: int) -> None:
        """Add a condition for all that follows."""
        self._add(Require(slot.position, mask, value))
