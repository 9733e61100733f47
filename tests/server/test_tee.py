"""The tee of the GDB tests: what it must object to, and what not."""

from __future__ import annotations

import pytest
from support.tee import Exchange


def framed(body: bytes, start: bytes = b"$") -> bytes:
    return b"%b%b#%02x" % (start, body, sum(body) % 256)


def talk(*said: tuple[float, str, bytes], end: float | None = None, by_server: bool = True) -> Exchange:
    """Each is (second, ">" from the client or "<" from the server, packet)."""
    exchange = Exchange()
    for now, who, body in said:
        (exchange.client_said if who == ">" else exchange.server_said)(framed(body), now)
    if end is not None:
        exchange.ended(end, by_server=by_server)
    return exchange


def test_a_clean_session_gives_no_complaint() -> None:
    exchange = talk(
        (0.0, ">", b"qSupported:x"),
        (0.1, "<", b"PacketSize=4000"),
        (0.2, ">", b"vCont;c"),
        (60.0, "<", b"O6869"),
        (90.0, "<", b"T05thread:1;"),
        (91.0, ">", b"qRcmd,68"),
        (92.0, "<", b"O6869"),
        (93.0, "<", b"OK"),
        (94.0, ">", b"R0"),
        (94.1, ">", b"g"),
        (94.2, "<", b"0000"),
        (95.0, ">", b"vCont;c"),
        end=96.0,
    )
    assert exchange.complaints == []
    assert exchange.log[0] == (b"qSupported:x", b"PacketSize=4000", 0.1)


def test_packets_in_pieces_and_acknowledgments() -> None:
    exchange = Exchange()
    for piece in (b"+$q", b"C#b", b"4\x03-"):
        exchange.client_said(piece, 0.0)
    exchange.server_said(b"+$QC1#c5", 0.5)
    assert exchange.log == [(b"qC", b"QC1", 0.5)]


def test_a_file_request_takes_the_place_of_the_stop_reply() -> None:
    exchange = talk(
        (0, ">", b"vCont;c"),
        (1, "<", b"Fwrite,1,20000000,4"),
        (1, ">", b"m20000000,4"),
        (1, "<", b"00000000"),
        (2, ">", b"F4"),
        (9, "<", b"T05"),
        end=10,
    )
    assert exchange.complaints == []


def test_non_stop() -> None:
    exchange = talk(
        (0, ">", b"QNonStop:1"),
        (0, "<", b"OK"),
        (1, ">", b"vCont;c"),
        (1, "<", b"OK"),
        end=2,
    )
    exchange.server_said(framed(b"Stop:T05", b"%"), 1.5)
    assert exchange.complaints == []
    assert exchange.notifications == [b"Stop:T05"]


WRONG = {
    "late": (talk((0, ">", b"m0,4"), (5.1, "<", b"00000000")), "answered after 5.1 s, later than 5 s"),
    "never": (talk((0, ">", b"m0,4"), end=1), "b'm0,4' was not answered within 1.0 s"),
    "client gave up": (talk((0, ">", b"m0,4"), end=9, by_server=False), "not answered within 9.0 s"),
    "twice": (talk((0, ">", b"?"), (1, "<", b"T05"), (1, "<", b"T05")), "b'T05' came, which answers nothing"),
    "console": (talk((0, ">", b"m0,4"), (1, "<", b"O6869")), "takes it for an answer"),
    "resume in non-stop": (
        talk((0, ">", b"QNonStop:1"), (0, "<", b"OK"), (1, ">", b"vCont;c"), (9, "<", b"OK")),
        "later than 5 s",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    exchange, complaint = WRONG[name]
    assert len(exchange.complaints) == 1
    assert complaint in exchange.complaints[0]


def test_a_server_may_leave_after_an_error() -> None:
    said = [(0, ">", b"qSupported"), (0, "<", b"E.no"), (0, ">", b"vCont?")]
    assert talk(*said, end=1).complaints == []


def test_a_client_may_leave_while_it_waits() -> None:
    assert talk((0, ">", b"m0,4"), end=1, by_server=False).complaints == []
