"""Which ST-Link is which, by USB product id: endpoints, packet size, a starting speed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["IDENTITIES", "INTERFACE", "IN_ENDPOINT", "VENDOR_ID", "Identity"]

VENDOR_ID = 0x0483  # STMicroelectronics
INTERFACE = 0
IN_ENDPOINT = 0x81


@dataclass(frozen=True, slots=True)
class Identity:
    """One USB product.

    ``packet`` is wMaxPacketSize of the bulk endpoints in bytes, ``speed_khz`` the wire speed to start
    with, ``refusal`` why such a probe cannot be used ("" where it can).
    """

    product_id: int
    name: str
    out_endpoint: int = 0x01
    packet: int = 64
    speed_khz: int = 4000
    refusal: str = ""


_LOADER = (
    "it is in its firmware upgrade mode; unplug it and plug it in again, or finish the upgrade with ST's STSW-LINK007"
)
_MASS_STORAGE = "the first ST-Link speaks through USB mass storage, which is not supported; use an ST-Link/V2 or later"

IDENTITIES: dict[int, Identity] = {
    identity.product_id: identity
    for identity in (
        Identity(0x3744, "ST-Link/V1", out_endpoint=0x02, refusal=_MASS_STORAGE),
        # Most clones carry this id, and many fail at the highest speed: start at the firmware's default.
        Identity(0x3748, "ST-Link/V2", out_endpoint=0x02, speed_khz=1800),
        Identity(0x374A, "ST-Link/V2-1"),
        Identity(0x374B, "ST-Link/V2-1"),
        Identity(0x3752, "ST-Link/V2-1"),
        Identity(0x374D, "ST-Link/V3", packet=512, refusal=_LOADER),
        Identity(0x374E, "ST-Link/V3E", packet=512),
        Identity(0x374F, "ST-Link/V3SET", packet=512),
        Identity(0x3753, "ST-Link/V3", packet=512),
        Identity(0x3754, "ST-Link/V3E", packet=512),
        Identity(0x3755, "ST-Link/V3PWR", packet=512, refusal=_LOADER),
        Identity(0x3757, "ST-Link/V3PWR", packet=512),
    )
}
