"""The codec. Every conversation is also fed a byte at a time, and the events and bytes must be the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.server.protocol import (
    UNACKNOWLEDGED_FRAMES,
    Defect,
    Event,
    Interrupt,
    Malformed,
    Protocol,
    Request,
    encode,
    frame,
)

Feed = Callable[[Protocol, bytes], None]


def at_once(protocol: Protocol, data: bytes) -> None:
    protocol.receive_data(data)


def by_bytes(protocol: Protocol, data: bytes) -> None:
    for index in range(len(data)):
        protocol.receive_data(data[index : index + 1])


@pytest.fixture(params=[at_once, by_bytes])
def feed(request: pytest.FixtureRequest) -> Feed:
    chosen: Feed = request.param
    return chosen


def packet(data: bytes) -> bytes:
    return b"$%b#%02x" % (data, sum(data) % 256)


def decode(wire: bytes) -> bytes:
    """What a client makes of a frame: written from the GDB manual's node Overview, not from our encoder."""
    assert wire[:1] == b"$"
    assert wire[-3:-2] == b"#"
    body = wire[1:-3]
    assert int(wire[-2:], 16) == sum(body) % 256
    assert not set(body) & set(b"#$")
    expanded = bytearray()
    index = 0
    while index < len(body):
        if body[index : index + 1] == b"*":
            copies = body[index + 1] - 29
            assert copies >= 3
            assert 32 <= body[index + 1] <= 126
            expanded += expanded[-1:] * copies
            index += 2
        else:
            expanded.append(body[index])
            index += 1
    out = bytearray()
    stream = iter(expanded)
    for byte in stream:
        out.append(next(stream) ^ 0x20 if byte == 0x7D else byte)
    return bytes(out)


def conversation(feed: Feed, data: bytes, *, no_ack: bool = False) -> tuple[list[Event], bytes]:
    protocol = Protocol()
    if no_ack:
        protocol.start_no_ack_mode()
    feed(protocol, data)
    return protocol.events_received(), protocol.data_to_send()


CASES: dict[str, tuple[bytes, list[Event], bytes]] = {
    "a packet": (b"$g#67", [Request(b"g")], b"+"),
    "an empty packet": (b"$#00", [Request(b"")], b"+"),
    "GDB's first byte": (b"+$g#67", [Request(b"g")], b"+"),
    "two packets": (b"$g#67$?#3f", [Request(b"g"), Request(b"?")], b"++"),
    "upper-case checksum": (b"$OOo#0D", [Request(b"OOo")], b"+"),
    "bad checksum": (b"$g#66", [], b"-"),
    "no checksum digits": (b"$g#xy$g#67", [Request(b"g")], b"-+"),
    "cut off in the checksum": (b"$g#6$g#67", [Request(b"g")], b"-+"),
    "cut off in the body": (b"$m0,4$g#67", [Request(b"g")], b"+"),
    "escapes": (packet(b"X0,4:}\x03}\x04}]}\n"), [Request(b"X0,4:#$}*")], b"+"),
    "a request is never run-length decoded": (packet(b"X0,3:0*~"), [Request(b"X0,3:0*~")], b"+"),
    "ends in an escape": (packet(b"X0,1:}"), [Malformed(Defect.ESCAPE)], b"+"),
    "an escaped escape at the end": (packet(b"X0,1:}]"), [Request(b"X0,1:}")], b"+"),
    "interrupt": (b"\x03", [Interrupt()], b""),
    "interrupt between packets": (b"$g#67\x03$?#3f", [Request(b"g"), Interrupt(), Request(b"?")], b"++"),
    "0x03 in a packet is data": (packet(b"X0,1:\x03"), [Request(b"X0,1:\x03")], b"+"),
    "telnet BREAK": (b"\xff\xf3$g#67", [Request(b"g")], b"+"),
    "stray acknowledgments": (b"++--+$g#67+-", [Request(b"g")], b"+"),
    "garbage": (b"GET / HTTP/1.1\r\n#00\x00$g#67\r\n", [Request(b"g")], b"+"),
}


@pytest.mark.parametrize("name", CASES)
def test_conversation(name: str, feed: Feed) -> None:
    data, events, answer = CASES[name]
    assert conversation(feed, data) == (events, answer)


def test_bad_checksum_in_no_ack_mode_is_an_event_because_a_nak_would_mean_nothing(feed: Feed) -> None:
    assert conversation(feed, b"$g#66$g#zz", no_ack=True) == (
        [Malformed(Defect.CHECKSUM), Malformed(Defect.CHECKSUM)],
        b"",
    )


def test_oversize_is_an_event_and_the_next_packet_is_heard(feed: Feed) -> None:
    protocol = Protocol(packet_size=16)
    feed(protocol, packet(b"M" * 33) + packet(b"M" * 32) + packet(b"g"))
    assert protocol.events_received() == [Malformed(Defect.OVERSIZE), Request(b"M" * 32), Request(b"g")]
    assert protocol.data_to_send() == b"+++"


def test_memory_is_bounded_while_a_frame_never_ends() -> None:
    protocol = Protocol(packet_size=16)
    protocol.receive_data(b"$")
    for _ in range(1000):
        protocol.receive_data(b"x" * 1000)
    assert len(protocol._body) + len(protocol._input) <= 32


def test_nothing_is_heard_after_eof(feed: Feed) -> None:
    protocol = Protocol()
    feed(protocol, b"$g")
    protocol.receive_eof()
    feed(protocol, b"#67$g#67\x03")
    assert protocol.closed
    assert protocol.events_received() == []


def test_nak_resends_the_reply(feed: Feed) -> None:
    protocol = Protocol()
    feed(protocol, b"+$g#67")
    protocol.send_packet(b"OK")
    assert protocol.data_to_send() == b"+$OK#9a"
    feed(protocol, b"-")
    assert protocol.data_to_send() == b"$OK#9a"
    feed(protocol, b"-")
    assert protocol.data_to_send() == b"$OK#9a"
    feed(protocol, b"+")
    assert protocol.data_to_send() == b""


def test_nak_after_an_acknowledged_reply_resends_nothing(feed: Feed) -> None:
    """GDB sends - when it grows impatient; an old reply would put it one answer out of step for good."""
    protocol = Protocol()
    feed(protocol, b"+$g#67")
    protocol.send_packet(b"OK")
    feed(protocol, b"+$vFlashDone#ea")
    protocol.data_to_send()
    feed(protocol, b"---")
    assert protocol.data_to_send() == b""


def test_nak_resends_the_oldest_of_several(feed: Feed) -> None:
    protocol = Protocol()
    protocol.send_console("a")
    protocol.send_packet(b"OK")
    protocol.data_to_send()
    feed(protocol, b"-")
    assert protocol.data_to_send() == packet(b"O61")
    feed(protocol, b"+-")
    assert protocol.data_to_send() == packet(b"OK")


def test_retransmitted_request_is_answered_again_and_not_carried_out_again(feed: Feed) -> None:
    protocol = Protocol()
    feed(protocol, b"+$s#73")
    protocol.send_packet(b"T05")
    protocol.data_to_send()
    protocol.events_received()
    feed(protocol, b"$s#73")
    assert protocol.events_received() == []
    assert protocol.data_to_send() == b"+" + packet(b"T05")
    feed(protocol, b"+$s#73")
    assert protocol.events_received() == [Request(b"s")]


def test_a_client_that_never_acknowledges_may_repeat_itself(feed: Feed) -> None:
    protocol = Protocol()
    for _ in range(3):
        feed(protocol, b"$s#73")
        protocol.send_packet(b"T05")
        assert protocol.events_received() == [Request(b"s")]


def test_a_client_that_never_acknowledges_costs_no_more_memory() -> None:
    protocol = Protocol()
    for _ in range(1000):
        protocol.send_console("progress")
        protocol.data_to_send()
    assert len(protocol._unacknowledged) == UNACKNOWLEDGED_FRAMES


def test_no_ack_mode_switches_behind_the_ok(feed: Feed) -> None:
    protocol = Protocol()
    feed(protocol, b"+" + packet(b"QStartNoAckMode"))
    protocol.send_packet(b"OK")
    protocol.start_no_ack_mode()
    assert protocol.data_to_send() == b"+$OK#9a"
    # GDB still acknowledges the OK; later it writes - at every timeout and + when it gives up.
    feed(protocol, b"+$g#67-+-")
    assert protocol.events_received()[-1:] == [Request(b"g")]
    assert protocol.data_to_send() == b""


def test_console_text_is_hex() -> None:
    protocol = Protocol()
    protocol.send_console("é\n")
    assert decode(protocol.data_to_send()) == b"Oc3a90a"


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (b"000", b"000"),
        (b"0000", b"0* "),
        (b"0" * 6, b'0*"'),
        (b"0" * 7, b'0*"0'),  # the count would be #
        (b"0" * 8, b'0*"00'),  # the count would be $
        (b"0" * 9, b"0*%"),
        (b"0" * 98, b"0*~"),
        (b"0" * 99, b"0*~0"),
        (b"0" * 102, b"0*~0* "),
        (b"}}}}", b"}]}]}]}]"),
        (b"*#$}", b"}\n}\x03}\x04}]"),
    ],
)
def test_encoding(data: bytes, wire: bytes) -> None:
    assert encode(data) == wire
    assert decode(frame(encode(data))) == data


def chunks(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


RUNS = st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers(1, 300)), max_size=20).map(
    lambda runs: b"".join(byte * count for byte, count in runs)
)


@given(st.one_of(RUNS, st.binary()))
def test_every_reply_survives_an_independent_decoder(data: bytes) -> None:
    assert decode(frame(encode(data))) == data


@given(st.lists(st.binary(max_size=50)), st.booleans())
def test_arbitrary_bytes_never_raise_and_stay_bounded(pieces: list[bytes], no_ack: bool) -> None:
    protocol = Protocol(packet_size=16)
    if no_ack:
        protocol.start_no_ack_mode()
    for piece in pieces:
        protocol.receive_data(piece)
        assert len(protocol._input) <= 2
        assert len(protocol._body) <= 32
        events = protocol.events_received()
        # Every dollar sign is worth one event at most, and every event one answer at most.
        assert len(events) <= len(piece)
    assert set(protocol.data_to_send()) <= set(b"+-")


NASTY = st.text(alphabet="$#}+-\x03*0f", max_size=60).map(str.encode)


@given(NASTY, st.lists(st.integers(0, 200)))
def test_any_chunking_gives_the_same(data: bytes, cuts: list[int]) -> None:
    whole, parts = Protocol(packet_size=8), Protocol(packet_size=8)
    whole.receive_data(data)
    for chunk in chunks(data, cuts):
        parts.receive_data(chunk)
    assert whole.events_received() == parts.events_received()
    assert whole.data_to_send() == parts.data_to_send()


def escaped(data: bytes) -> bytes:
    return re.sub(rb"[#$}*]", lambda m: bytes([0x7D, m[0][0] ^ 0x20]), data)


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 2000)), st.binary(max_size=5))
def test_valid_packets_survive_any_chunking(datas: list[bytes], cuts: list[int], noise: bytes) -> None:
    noise = noise.replace(b"$", b"").replace(b"\x03", b"")
    wire = b"".join(noise + packet(escaped(data)) for data in datas)
    protocol = Protocol()
    for chunk in chunks(wire, cuts):
        protocol.receive_data(chunk)
    assert protocol.events_received() == [Request(data) for data in datas]
