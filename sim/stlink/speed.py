"""Wire speeds: divisors on V2, a list of frequencies on V3."""

from __future__ import annotations

from .state import ProbeState, Status

__all__ = ["get_com_freq", "set_com_freq", "set_jtag_divisor", "set_swd_divisor", "switch_frequency"]

SWD_DIVISORS = {
    0: 4000,
    1: 1800,
    2: 1200,
    3: 950,
    5: 650,
    7: 480,
    9: 400,
    10: 360,
    15: 240,
    25: 150,
    31: 125,
    40: 100,
    79: 50,
    158: 25,
    265: 15,
    798: 5,
}
JTAG_DIVISORS = {2: 18000, 4: 9000, 8: 4500, 16: 2250, 32: 1125, 64: 562, 128: 281, 256: 140}
V3_KHZ = {0: (24000, 8000, 3300, 1000, 200, 50, 5), 1: (21333, 16000, 12000, 8000, 1777, 750)}
PORTS = {0: "swd", 1: "jtag"}


def set_swd_divisor(state: ProbeState, command: bytes) -> bytes:
    """SWD_SET_FREQ."""
    return _set_divisor(state, command, "swd", SWD_DIVISORS)


def set_jtag_divisor(state: ProbeState, command: bytes) -> bytes:
    """JTAG_SET_FREQ."""
    return _set_divisor(state, command, "jtag", JTAG_DIVISORS)


def _set_divisor(state: ProbeState, command: bytes, port: str, table: dict[int, int]) -> bytes:
    divisor = int.from_bytes(command[2:4], "little")
    if divisor not in table:
        return state.word(Status.BAD_FREQUENCY)
    state.khz[port] = table[divisor]
    return state.word(Status.OK)


def set_com_freq(state: ProbeState, command: bytes) -> bytes:
    """SET_COM_FREQ: the highest frequency not above the wanted one; 0x08 when there is none."""
    table = V3_KHZ.get(command[2])
    wanted = int.from_bytes(command[4:8], "little")
    possible = [khz for khz in table or () if khz <= wanted]
    if not possible:
        return state.put(bytes([Status.COMMAND_ERROR]) + bytes(7))
    state.khz[PORTS[command[2]]] = possible[0]
    return state.put(bytes([Status.OK, 0, 0, 0]) + possible[0].to_bytes(4, "little"))


def get_com_freq(state: ProbeState, command: bytes) -> bytes:
    """GET_COM_FREQ: the current frequency and the list, highest first."""
    table = V3_KHZ.get(command[2])
    if table is None:
        return state.put(bytes([Status.COMMAND_ERROR]) + bytes(51))
    words = [state.khz[PORTS[command[2]]], len(table), *table]
    reply = bytes([Status.OK, 0, 0, 0]) + b"".join(word.to_bytes(4, "little") for word in words)
    return state.put(reply.ljust(52, b"\0"))


def switch_frequency(state: ProbeState, command: bytes) -> bytes:
    """SWITCH_STLINK_FREQ: the probe's own clock; answers that its configuration changed."""
    status = Status.CONFIGURATION_CHANGED if command[2] in (1, 2, 4) else Status.COMMAND_ERROR
    return state.put(bytes([status]) + bytes(7))
