"""A scripted ST-Link as a pyusb backend: a small strict device whose answers can be replaced one by one.

It answers everything with OK, keeps a sparse memory, and records every command. ``script(code, answer...)``
replaces the next answers to a debug command (status words, bytes, or ``SILENT`` for none at all). It is for answers
that a well-behaved board never gives; the simulated boards are the ones that behave.
"""

from __future__ import annotations

import errno
import struct
from collections import defaultdict, deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

__all__ = ["SILENT", "STALL", "ScriptedStLink"]

SILENT = b""
STALL = b"stall"
Answer = bytes | int

DEBUG = 0xF2
READS = {0x07: 4, 0x0C: 1, 0x47: 2}
WRITES = {0x08: 4, 0x0D: 1, 0x48: 2}
DHCSR = 0xE000_EDF0


class _Descriptor(SimpleNamespace):
    """A descriptor whose fields are 0 unless named."""

    extra_descriptors = b""

    def __getattr__(self, name: str) -> int:
        if name.startswith("__"):
            raise AttributeError(name)
        return 0


class ScriptedStLink(usb.backend.IBackend):  # type: ignore[misc]  # pyusb is untyped
    """One device on one bus."""

    def __init__(self, product: int = 0x374B, version: tuple[int, int, int] = (2, 37, 26)) -> None:
        self.product = product
        self.version = version
        self.packet = 512 if version[0] >= 3 else 64
        self.out_endpoint = 2 if product == 0x3748 else 1
        self.memory: dict[int, int] = defaultdict(int)
        self.registers = [0x1000 + n for n in range(0x60)]
        self.mode = 1
        self.voltage = (1490, 2040)
        self.commands: list[bytes] = []
        self.sleeps: list[float] = []
        self.resets = 0
        self.failure: int | None = None
        self.stale: deque[bytes] = deque()
        self._scripts: dict[int, deque[Answer]] = defaultdict(deque)
        self._payload: tuple[bytes, int] | None = None
        self._misc: list[tuple[int, int]] = []

    # What tests use

    def script(self, code: int, *answers: Answer) -> None:
        """Replace the next answers to the debug command ``code`` (0xFxx: to a top-level command)."""
        self._scripts[code].extend(answers)

    def names(self) -> list[str]:
        """The commands so far, as hex of their meaningful first two bytes."""
        return [code[:2].hex() if code[0] == DEBUG else code[:1].hex() for code in self.commands]

    def sleep(self, seconds: float) -> None:
        """Wait as the driver is told to: not at all, but recorded."""
        self.sleeps.append(seconds)

    # The protocol

    def _command(self, code: bytes) -> None:
        assert len(code) == 16, "a command has 16 bytes"
        self.commands.append(code)
        key = code[1] if code[0] == DEBUG else 0xF00 | code[0]
        if code[0] == DEBUG and code[1] in (*WRITES, 0x51):
            length = int.from_bytes(code[6:8], "little")
            items = int.from_bytes(code[2:6], "little")
            self._payload = (code, -(-items // 4) * 4 + 4 * items if code[1] == 0x51 else length)
            return
        answer = self._answer(code)
        if self._scripts[key]:
            scripted = self._scripts[key].popleft()
            answer = bytes((scripted, 0)) + answer[2:] if isinstance(scripted, int) else scripted
        if answer is not SILENT:
            self.stale.append(answer)

    def _answer(self, code: bytes) -> bytes:
        if code[0] != DEBUG:
            return self._top_level(code)
        address = int.from_bytes(code[2:6], "little")
        op = code[1]
        if op in READS:
            length = max(2, int.from_bytes(code[6:8], "little"))
            assert length, "a zero length hangs a real probe"
            return bytes(self.memory[address + n] for n in range(length))
        if op == 0x36:
            return b"\x80\0\0\0" + bytes(self.memory[address + n] for n in range(4))
        if op == 0x35:
            self._store(address, code[6:10])
        if op == 0x33:
            return b"\x80\0\0\0" + struct.pack("<I", self.registers[code[2]])
        if op == 0x34:
            self.registers[code[2]] = int.from_bytes(code[3:7], "little")
        if op == 0x3A:
            return b"\x80\0\0\0" + struct.pack("<21I", *self.registers[:21])
        if op == 0x52:
            return self._misc_answer()
        if op in (0x30, 0x21):
            self.mode = 2 if op == 0x30 else 1
        lengths = {0x21: 0, 0x3E: 12, 0x31: 12, 0x45: 8, 0x61: 8, 0x62: 52}
        return b"\x80".ljust(lengths.get(op, 2), b"\0") if op != 0x21 else SILENT

    def _top_level(self, code: bytes) -> bytes:
        hardware, high, low = self.version
        ids = bytes.fromhex("8304") + self.product.to_bytes(2, "little")
        if code[0] == 0xF1:
            word = hardware << 12 | (high << 6 | low if hardware < 3 else 0)
            return word.to_bytes(2, "big") + ids
        if code[0] == 0xFB:
            return bytes((hardware, 0, high, low, 0, 0, 0, 0)) + ids
        if code[0] == 0xF5:
            return bytes((self.mode, 3))
        if code[0] == 0xF7:
            return struct.pack("<II", *self.voltage)
        self.mode = 1
        return SILENT

    def _store(self, address: int, data: bytes) -> None:
        self.memory.update((address + n, byte) for n, byte in enumerate(data))

    def _take_payload(self, data: bytes) -> None:
        assert self._payload is not None
        code, length = self._payload
        self._payload = None
        assert len(data) == length, "the payload has the length the command promised"
        if code[1] == 0x51:
            count = int.from_bytes(code[2:6], "little")
            start = -(-count // 4) * 4
            self._misc = list(zip(data[:count], struct.unpack(f"<{count}I", data[start:]), strict=True))
        else:
            self._store(int.from_bytes(code[2:6], "little"), data)

    def _misc_answer(self) -> bytes:
        """Carry out the items up to the first status in the script of 0x51 that is not OK."""
        values, codes, address, failed = [], [], 0, 0
        for opcode, word in self._misc:
            script = self._scripts[0x51]
            code = failed or (script.popleft() if script else 0x80)
            assert isinstance(code, int)
            value = 0xDEAD_BEEF
            if code != 0x80:
                failed = code
            elif opcode == 1:
                address = word
            elif opcode == 2:
                self._store(address, word.to_bytes(4, "little"))
            elif opcode == 3:
                value = int.from_bytes(bytes(self.memory[word + n] for n in range(4)), "little")
            values.append(value)
            codes.append(code)
        return struct.pack(f"<{2 * len(values)}I", *values, *codes)

    # The pyusb backend

    def _fail(self) -> None:
        if self.failure is not None:
            raise usb.core.USBError("failed on purpose", -1, self.failure)

    def enumerate_devices(self) -> Iterator[object]:
        return iter([self])

    def get_parent(self, _dev: object) -> None:
        return None

    def get_device_descriptor(self, _dev: object) -> _Descriptor:
        return _Descriptor(
            idVendor=0x0483,
            idProduct=self.product,
            iSerialNumber=3,
            bNumConfigurations=1,
            bus=1,
            address=5,
            port_number=2,
            port_numbers=(1, 2),
            speed=2,
        )

    def get_configuration_descriptor(self, _dev: object, config: int) -> _Descriptor:
        if config:
            raise IndexError(config)
        return _Descriptor(bConfigurationValue=1, bNumInterfaces=1)

    def get_interface_descriptor(self, _dev: object, intf: int, alt: int, _config: int) -> _Descriptor:
        if intf or alt:
            raise IndexError(intf)
        return _Descriptor(bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=2)

    def get_endpoint_descriptor(self, _dev: object, ep: int, _intf: int, _alt: int, _config: int) -> _Descriptor:
        address = (0x81, self.out_endpoint)[ep]
        return _Descriptor(bEndpointAddress=address, bmAttributes=2, wMaxPacketSize=self.packet)

    def open_device(self, dev: object) -> object:
        self._fail()
        return dev

    def close_device(self, _handle: object) -> None:
        return None

    def get_configuration(self, _handle: object) -> int:
        return 1

    def claim_interface(self, _handle: object, _intf: int) -> None:
        self._fail()

    def release_interface(self, _handle: object, _intf: int) -> None:
        return None

    def clear_halt(self, _handle: object, _ep: int) -> None:
        return None

    def reset_device(self, _handle: object) -> None:
        self.resets += 1
        self.stale.clear()
        self._scripts.clear()

    def ctrl_transfer(self, _handle: object, *request: Any) -> int:
        value, data = request[2], request[4]
        text = b"\x04\x03\x09\x04" if value == 0x0300 else b"\x32\x03" + "066DFF514951775087123456".encode("utf-16-le")
        memoryview(data).cast("B")[: len(text)] = text
        return len(text)

    def bulk_write(self, _handle: object, ep: int, _intf: int, data: Any, _timeout: int) -> int:
        self._fail()
        assert ep == self.out_endpoint
        if self._payload is None:
            self._command(bytes(data))
        else:
            self._take_payload(bytes(data))
        return len(data)

    def bulk_read(self, _handle: object, _ep: int, _intf: int, buff: Any, _timeout: int) -> int:
        self._fail()
        if not self.stale:
            raise usb.core.USBTimeoutError("no answer", -7, errno.ETIMEDOUT)
        answer = self.stale.popleft()
        if answer is STALL:
            raise usb.core.USBError("stalled", -9, errno.EPIPE)
        if len(answer) > len(buff):
            raise usb.core.USBError("overflow", -8, errno.EOVERFLOW)
        memoryview(buff).cast("B")[: len(answer)] = answer
        return len(answer)
