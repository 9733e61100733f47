"""SWD speeds: a table of divisors on V2, a list the probe itself gives on V3."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FIXED_KHZ", "SWD_DIVISORS", "choose_speed", "parse_speed_list"]

FIXED_KHZ = 1800  # V2 firmware that cannot change its speed, and the default of all other V2 firmware

# kHz as ST names it -> divisor of SWD_SET_FREQ. Measured clocks are lower at the top (4000: 2360, 1800: 1553).
SWD_DIVISORS: dict[int, int] = {
    4000: 0,
    1800: 1,
    1200: 2,
    950: 3,
    480: 7,
    240: 15,
    125: 31,
    100: 40,
    50: 79,
    25: 158,
    15: 265,
    5: 798,
}


def choose_speed(wanted_khz: int, available_khz: Sequence[int]) -> int:
    """The fastest of the available speeds that is not above the wanted one, else the slowest."""
    fitting = [speed for speed in available_khz if speed <= wanted_khz]
    return max(fitting) if fitting else min(available_khz)


def parse_speed_list(reply: bytes) -> tuple[int, ...]:
    """Decode GET_COM_FREQ: count at byte 8 (at most ten), then little-endian kHz each; () when torn."""
    count = min(int.from_bytes(reply[8:12], "little"), 10)
    speeds = (int.from_bytes(reply[12 + 4 * i : 16 + 4 * i], "little") for i in range(count))
    return tuple(speed for speed in speeds if speed)
