"""Memory accesses: words, blocks, lists of words; the status of every one is fetched and believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..access import Access, Poll, Read, Write
from ..errors import AccessFaultError, LinkError, PollTimeoutError, ProbeProtocolError
from . import commands
from .firmware import Feature
from .link import Link, Patience
from .plan import Piece, Shape, pieces, word_items
from .status import Attempt, Kind, status_of

__all__ = ["MemoryPort"]

# DDI0403E B3.2.3: CPUID, PARTNO in bits 15..4.
CPUID = 0xE000_ED00
_WIDE_WINDOW_PARTS = (0xC23, 0xC24)  # Cortex-M3 and -M4: their AHB-AP increments over 4 KiB
_WIDE_WINDOW = 4096

# Seconds between two looks of a poll; after the last one it stays at that.
_POLL_PAUSES = (0.0, 0.0, 0.0005, 0.001, 0.002, 0.004, 0.008)


class MemoryPort:
    """Bus accesses through access port 0. Methods raise AccessFaultError, WaitError, LinkError, ProbeError."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._transport = link.transport
        firmware = link.firmware
        self._has_status_2 = firmware.has(Feature.RW_STATUS_2)
        self._has_halfwords = firmware.has(Feature.HALFWORDS)
        self._shape = Shape(halfwords=self._has_halfwords, byte_limit=firmware.byte_limit)

    def learn_window(self) -> None:
        """Find out how far blocks may reach, from CPUID. A core that cannot be asked now gets the safe answer."""
        self._shape = Shape(halfwords=self._has_halfwords, byte_limit=self._shape.byte_limit)
        try:
            cpuid = self.read_word(CPUID, Attempt("Reading", CPUID, 4))
        except (AccessFaultError, LinkError):
            return  # under reset some chips hide it
        if cpuid >> 4 & 0xFFF in _WIDE_WINDOW_PARTS:
            self._shape = Shape(_WIDE_WINDOW, self._has_halfwords, self._shape.byte_limit)

    # Single accesses

    def read_word(self, address: int, attempt: Attempt) -> int:
        """One 32-bit read in two transfers."""
        answer = self._link.checked(commands.read_word(address), attempt, address=address)
        return int.from_bytes(answer[4:8], "little")

    def write_word(self, address: int, value: int, attempt: Attempt) -> None:
        """One 32-bit write in two transfers."""
        self._link.checked(commands.write_word(address, value & 0xFFFF_FFFF), attempt, address=address)

    def read(self, access: Read, index: int) -> int:
        """A single read of any width."""
        attempt = Attempt("Reading", access.address, access.width, index)
        if access.width == 4:
            return self.read_word(access.address, attempt)
        if access.width == 2 and not self._has_halfwords:
            # One access to the word around it; a peripheral bus reads whole words anyway.
            word = self.read_word(access.address & ~3, attempt)
            return word >> 8 * (access.address & 2) & 0xFFFF
        data = self._read_piece(Piece(access.address, access.width, access.width), attempt)
        return int.from_bytes(data, "little")

    def write(self, access: Write, index: int) -> None:
        """A single write of any width; raises ProbeProtocolError for 16 bits where the firmware has none."""
        attempt = Attempt("Writing", access.address, access.width, index)
        if access.width == 4:
            self.write_word(access.address, access.value, attempt)
            return
        if access.width == 2 and not self._has_halfwords:
            seen = f"firmware {self._link.firmware} has no 16-bit accesses"
            advice = "They come with J26: update the probe's firmware with ST's STSW-LINK007, or use a newer probe."
            raise ProbeProtocolError(str(attempt), seen, advice)
        value = access.value & (1 << 8 * access.width) - 1
        data = value.to_bytes(access.width, "little")
        self._write_piece(Piece(access.address, access.width, access.width), data, attempt)

    # Blocks

    def read_block(self, address: int, length: int, index: int) -> bytes:
        """Read any number of bytes from any address."""
        attempt = Attempt("Reading", address, length, index)
        return b"".join(self._read_piece(piece, attempt) for piece in pieces(address, length, self._shape))

    def write_block(self, address: int, data: bytes, index: int) -> None:
        """Write any number of bytes to any address."""
        attempt = Attempt("Writing", address, len(data), index)
        for piece in pieces(address, len(data), self._shape):
            start = piece.address - address
            self._write_piece(piece, data[start : start + piece.length], attempt)

    def _read_piece(self, piece: Piece, attempt: Attempt) -> bytes:
        if piece.width == piece.length == 4:
            return self.read_word(piece.address, attempt).to_bytes(4, "little")
        command = commands.read_memory(piece.width, piece.address, piece.length, self._link.ap)
        # A failed read answers with what was in the probe's buffer before: only the status makes it data.
        return self._settled(lambda: self._transport.query(command), piece, attempt)[: piece.length]

    def _write_piece(self, piece: Piece, data: bytes, attempt: Attempt) -> None:
        if piece.width == piece.length == 4:
            self.write_word(piece.address, int.from_bytes(data, "little"), attempt)
            return
        command = commands.write_memory(piece.width, piece.address, piece.length, self._link.ap)
        self._settled(lambda: self._order(command, data), piece, attempt)

    def _order(self, command: commands.Command, data: bytes) -> bytes:
        self._transport.order(command, data)
        return b""

    def _settled(self, perform: Callable[[], bytes], piece: Piece, attempt: Attempt) -> bytes:
        """Perform a memory command and fetch its status, until that is OK."""
        patience = Patience(self._link)
        while True:
            data = perform()
            code, fault_address = self._status(piece)
            if status_of(code).kind is Kind.DONE:
                return data
            patience.take(code, attempt, fault_address)

    def _status(self, piece: Piece) -> tuple[int, int]:
        """The status of the last memory command, and the address of its fault as far as that is known."""
        if not self._has_status_2:
            return self._transport.query(commands.RW_STATUS)[0], piece.address
        answer = self._transport.query(commands.RW_STATUS_2)
        address = int.from_bytes(answer[4:8], "little")
        return answer[0], address if piece.address <= address < piece.address + piece.length else piece.address

    # Lists of words

    def run_words(self, run: Sequence[Access], index: int) -> list[int | None]:
        """Carry out single word accesses in four transfers.

        Results: the values of reads and of a poll's first look, None for writes. ``index`` is the
        position of the first one in its batch. An access that is told to wait is repeated together
        with all that follow it in the list: the probe does not say whether it stopped there.
        """
        results: list[int | None] = []
        patience = Patience(self._link)
        while len(results) < len(run):
            remaining = run[len(results) :]
            values, code = self._list_once(remaining)
            results += values
            if values:
                patience = Patience(self._link)
            if len(results) < len(run):
                patience.take(code, _attempt_of(run[len(results)], index + len(results)))
        return results

    def _list_once(self, run: Sequence[Access]) -> tuple[list[int | None], int]:
        """Send one list; return the results up to the first failure, and that failure's status."""
        items = word_items(run, self._link.ap)
        self._transport.order(commands.rw_misc_out(len(items)), commands.rw_misc_payload(items))
        values, codes = commands.rw_misc_parse(self._transport.query(commands.rw_misc_in(len(items))))
        failed = next((n for n, code in enumerate(codes) if status_of(code).kind is not Kind.DONE), len(items))
        results: list[int | None] = []
        position = 1
        for access in run:
            position += 2 if isinstance(access, Write) else 1
            if position > failed:
                return results, codes[failed]
            results.append(None if isinstance(access, Write) else values[position - 1])
        return results, 0

    # Polling

    def poll(self, poll: Poll, index: int, first: int | None = None) -> int:
        """Look until the awaited value is there; ``first`` is a look already taken.

        The timeout counts the pauses between looks, not the transfers. Raises PollTimeoutError.
        """
        attempt = Attempt("Reading", poll.address, 4, index)
        word = self.read_word(poll.address, attempt) if first is None else first
        waited, look = 0.0, 0
        while word & poll.mask != poll.value:
            if waited >= poll.timeout:
                raise _poll_timeout(poll, word)
            pause = _POLL_PAUSES[min(look, len(_POLL_PAUSES) - 1)]
            look += 1
            if pause:
                self._link.sleep(pause)
                waited += pause
            word = self.read_word(poll.address, attempt)
        return word


def _attempt_of(access: Access, index: int) -> Attempt:
    if isinstance(access, Write):
        return Attempt("Writing", access.address, 4, index)
    assert isinstance(access, (Read, Poll))
    return Attempt("Reading", access.address, 4, index)


def _poll_timeout(poll: Poll, word: int) -> PollTimeoutError:
    return PollTimeoutError(
        f"Waiting for {poll.value:#010x} in the bits {poll.mask:#010x} of the word at {poll.address:#010x}",
        f"after {poll.timeout:g} s it still read {word:#010x}",
        "The target did not do what it was told: check that it is powered, clocked and not held in reset.",
        address=poll.address,
        last=word,
    )
