"""ST-Link products: USB identity, descriptors as real ones show them, firmware, and how long things take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import SelectorError
from ..selector import nearest
from ..usb import INTERRUPT, Configuration, DeviceDescriptor, Endpoint, Interface, UsbCosts

__all__ = ["PRODUCTS", "Identity", "Timing", "identity"]

VENDOR = 0x0483
US = 1_000_000
MS = 1_000_000_000

VENDOR_SPECIFIC = (0xFF, 0xFF, 0xFF)
MISCELLANEOUS = (0xEF, 2, 1)
CDC_CONTROL, CDC_DATA, MASS_STORAGE = (2, 2, 1), (0x0A, 0, 0), (8, 6, 0x50)


@dataclass(frozen=True)
class Timing:
    """Picoseconds of virtual time; anchored on measurements of real probes.

    V2: 1.8 to 2.2 ms per command and reply, 50.4 kB/s read, 40 kB/s written. V2-1: 1 ms, 98 to 100 KiB/s. V3: about
    0.4 ms. ``single`` is a register access, ``read`` and ``write`` one element of a block.
    """

    usb: UsbCosts
    single: int
    read: int
    write: int
    enter: int = 10 * MS


@dataclass(frozen=True)
class Identity:
    """One product with one firmware."""

    kind: str
    product: int
    hardware: int  # 2 or 3
    level: int  # J
    other: int  # the M (V2-1, V3) or S (V2) number
    serial: str
    out: int
    trace: int
    packet: int
    timing: Timing
    raw_serial: bool = False  # 12 raw bytes as the string, the old firmware's bug
    measures_voltage: bool = True
    board: bytes = bytes(4)
    nrst: str = "wired"

    @property
    def high_speed(self) -> bool:
        """V3 is a high-speed device."""
        return self.packet == 512

    def version(self) -> bytes:
        """The 6 bytes of GET_VERSION: a big-endian word, VID, PID."""
        word = self.hardware << 12 if self.hardware >= 3 else self.hardware << 12 | self.level << 6 | self.other
        return word.to_bytes(2, "big") + VENDOR.to_bytes(2, "little") + self.product.to_bytes(2, "little")

    def version_ex(self) -> bytes:
        """The 12 bytes of GET_VERSION_EX: hardware, SWIM, JTAG, mass storage, bridge, 3 reserved, VID, PID."""
        ids = VENDOR.to_bytes(2, "little") + self.product.to_bytes(2, "little")
        return bytes([self.hardware, 1, self.level, self.other, 1, 0, 0, 0]) + ids

    def descriptor(self) -> DeviceDescriptor:
        """Return all USB descriptors."""
        return _DESCRIPTORS[self.product](self)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-le")
    return bytes([len(data) + 2, 3]) + data


def _strings(one: Identity, product: str, *names: str) -> dict[int, bytes]:
    serial = _text(one.serial)
    if one.raw_serial:
        raw = bytes.fromhex(one.serial)
        serial = bytes([2 + 2 * len(raw), 3]) + b"".join(bytes([byte, 0]) for byte in raw)
    strings = {0: bytes([4, 3, 0x09, 0x04]), 1: _text("STMicroelectronics"), 2: _text(product), 3: serial}
    return strings | {4 + index: _text(name) for index, name in enumerate(names)}


def _debug(one: Identity, name: int, trace_packet: int) -> Interface:
    endpoints = (Endpoint(0x81, one.packet), Endpoint(one.out, one.packet), Endpoint(one.trace, trace_packet))
    return Interface(0, VENDOR_SPECIFIC, name, endpoints)


def _mass_storage(packet: int, name: int) -> Interface:
    return Interface(1, MASS_STORAGE, name, (Endpoint(0x83, packet), Endpoint(0x03, packet)), kernel_driver=True)


def _serial_port(first: int, name: int, notify: Endpoint, out: int, back: int) -> tuple[Interface, Interface]:
    """A CDC ACM port (CDC 1.1 section 5.2.3): association, control interface, data interface."""
    association = bytes([8, 11, first, 2, *CDC_CONTROL, name])
    header, call, acm = bytes([5, 0x24, 0, 0x10, 0x01]), bytes([5, 0x24, 1, 0, first + 1]), bytes([4, 0x24, 2, 2])
    union = bytes([5, 0x24, 6, first, first + 1])
    control = Interface(
        first, CDC_CONTROL, name, (notify,), before=association, extra=header + call + acm + union, kernel_driver=True
    )
    data = Interface(first + 1, CDC_DATA, name + 1, (Endpoint(0x05, out), Endpoint(0x85, back)), kernel_driver=True)
    return control, data


def _v2(one: Identity) -> DeviceDescriptor:
    configuration = Configuration((_debug(one, 4, 64),))
    return DeviceDescriptor(
        VENDOR, one.product, (0, 0, 0), 0x0100, configuration, _strings(one, "STM32 STLink", "ST Link")
    )


def _v2_1(one: Identity) -> DeviceDescriptor:
    notify = Endpoint(0x84, 2, INTERRUPT, 255)
    interfaces = (_debug(one, 4, 32), _mass_storage(64, 5), *_serial_port(2, 6, notify, 8, 16))
    names = ("ST-Link Debug", "ST-Link mass storage", "ST-Link VCP Ctrl", "ST-Link VCP Data")
    configuration = Configuration(interfaces)
    return DeviceDescriptor(
        VENDOR, one.product, MISCELLANEOUS, 0x0100, configuration, _strings(one, "STM32 STLink", *names)
    )


def _v3(one: Identity) -> DeviceDescriptor:
    notify = Endpoint(0x84, 10, INTERRUPT, 16)
    interfaces = (_debug(one, 5, 512), _mass_storage(512, 6), *_serial_port(2, 7, notify, 512, 512))
    names = ("Default Config", "ST-Link Debug", "ST-Link mass storage", "ST-Link VCP Ctrl", "ST-Link VCP Data")
    configuration = Configuration(interfaces, name=4, milliamps=500)
    return DeviceDescriptor(
        VENDOR, one.product, MISCELLANEOUS, 0x0100, configuration, _strings(one, "STLINK-V3", *names), high_speed=True
    )


_DESCRIPTORS = {0x3748: _v2, 0x374B: _v2_1, 0x374E: _v3}

_V2_TIMES = Timing(UsbCosts(bulk=1 * MS), single=120 * US, read=79 * US, write=99 * US)
_V2_1_TIMES = Timing(UsbCosts(bulk=480 * US), single=60 * US, read=39 * US, write=39 * US)
_V3_TIMES = Timing(UsbCosts(bulk=200 * US, control=300 * US), single=25 * US, read=8 * US, write=8 * US)

PRODUCTS: dict[str, Identity] = {
    one.kind: one
    for one in (
        Identity("stlink-v2", 0x3748, 2, 37, 7, "066AFF515049657187212124", 0x02, 0x83, 64, _V2_TIMES),
        Identity(
            "stlink-v2-1", 0x374B, 2, 37, 26, "0668FF323637414257071827", 0x01, 0x82, 64, _V2_1_TIMES, board=b"0700"
        ),
        Identity("stlink-v3", 0x374E, 3, 10, 3, "005100313137511039383538", 0x01, 0x82, 512, _V3_TIMES),
        Identity(
            "stlink-clone",
            0x3748,
            2,
            17,
            4,
            "553F6A06713F485123104187",
            0x02,
            0x83,
            64,
            _V2_TIMES,
            raw_serial=True,
            measures_voltage=False,
        ),
    )
}


def identity(kind: str, *, level: int | None = None, serial: str = "", nrst: str = "") -> Identity:
    """Return a product with another firmware level, serial number or reset wiring. Raises SelectorError."""
    if kind not in PRODUCTS:
        raise SelectorError(f"There is no simulated probe {kind!r}.{nearest(kind, PRODUCTS)}")
    one = PRODUCTS[kind]
    if level is not None and not 1 <= level <= 63:
        raise SelectorError(f"The firmware level J{level} does not exist; levels go from J1 to J63.")
    if serial and one.raw_serial and len(bytes.fromhex(serial)) != 12:
        raise SelectorError("The serial number of a clone is 12 bytes, written as 24 hexadecimal digits.")
    return replace(one, level=level or one.level, serial=serial or one.serial, nrst=nrst or one.nrst)
