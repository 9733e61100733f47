"""Between GDB and the server: every packet must be answered once, and before its deadline.

``Exchange`` is the bookkeeping for one connection, fed with the bytes of both sides and the time; ``Tee`` is the
TCP proxy around it. A test that used a Tee fails for its ``complaints``.
"""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from haltpoint.server.packets import queries, session_control
from haltpoint.server.packets.base import Packet
from haltpoint.server.packets.file_io import FileReply
from haltpoint.server.packets.resume import is_resume
from haltpoint.server.packets.table import PACKETS, parse

ALL = frozenset(PACKETS)
FRAME = re.compile(rb"[$%](?P<body>[^#]*)#..", re.DOTALL)
STOP = re.compile(rb"[TSWX][0-9a-f]{2}|F[a-z]")
CONSOLE = re.compile(rb"O([0-9a-f*]|\})")
UNANSWERED = (session_control.Kill, session_control.Restart)
DEFAULT_DEADLINE = Packet.deadline
ALIVE = b"Alive:"
STOP_ANSWERS = (session_control.HaltReason,)
"""Requests that a stop reply owed for a resume answers too."""


@dataclass
class Asked:
    """A request that awaits its reply."""

    body: bytes
    packet: Packet | None
    at: float

    @property
    def deadline(self) -> float:
        return DEFAULT_DEADLINE if self.packet is None else self.packet.deadline


@dataclass
class Exchange:
    """One connection. ``log`` holds (request, reply, seconds) of all that was answered."""

    complaints: list[str] = field(default_factory=list)
    log: list[tuple[bytes, bytes, float]] = field(default_factory=list)
    notifications: list[bytes] = field(default_factory=list)
    asked: deque[Asked] = field(default_factory=deque)
    running: Asked | None = None
    non_stop: bool = False
    _from_client: bytes = b""
    _from_server: bytes = b""

    def client_said(self, data: bytes, now: float) -> None:
        self._from_client, bodies = frames(self._from_client + data)
        for _, body in bodies:
            self._request(body, now)

    def server_said(self, data: bytes, now: float) -> None:
        self._from_server, bodies = frames(self._from_server + data)
        for start, body in bodies:
            if start == b"%":
                self.notifications.append(body)
                if self.asked and body == ALIVE:
                    self.asked[0].at = now  # it begins to wait anew
            else:
                self._reply(body, now)

    def _request(self, body: bytes, now: float) -> None:
        parsed = parse(body, ALL)
        packet = parsed if isinstance(parsed, Packet) else None
        asked = Asked(body, packet, now)
        if isinstance(packet, FileReply):
            self.running = asked
        elif is_resume(packet) and not self.non_stop:
            self.running = self.running or asked
        elif not isinstance(packet, UNANSWERED):
            self.asked.append(asked)

    def _reply(self, body: bytes, now: float) -> None:
        if CONSOLE.match(body):
            if not self._console_is_open():
                self.complaints.append(f"console output {body[:40]!r} where GDB takes it for an answer")
            return
        if self.running is not None and (STOP.match(body) or not self.asked):
            self.log.append((self.running.body, body, now - self.running.at))
            self.running = None
            if not (self.asked and isinstance(self.asked[0].packet, STOP_ANSWERS)):
                return
        if not self.asked:
            self.complaints.append(f"{body[:40]!r} came, which answers nothing")
            return
        asked = self.asked.popleft()
        self.log.append((asked.body, body, now - asked.at))
        if now - asked.at > asked.deadline:
            self.complaints.append(
                f"{asked.body[:40]!r} was answered after {now - asked.at:.1f} s, later than {asked.deadline:g} s"
            )
        if isinstance(asked.packet, session_control.SetNonStop) and body == b"OK":
            self.non_stop = asked.packet.enable

    def _console_is_open(self) -> bool:
        first = self.asked[0].packet if self.asked else None
        return isinstance(first, queries.MonitorCommand) or (self.running is not None and first is None)

    def ended(self, now: float, *, by_server: bool) -> None:
        """A client may leave at any time; a server may not while it owes an answer.

        It has said goodbye when its last answer was an error: a refusal, a lost probe.
        """
        if by_server and self.log and self.log[-1][1].startswith(b"E"):
            return
        for asked in self.asked:
            waited = now - asked.at
            if by_server or waited > asked.deadline:
                self.complaints.append(f"{asked.body[:40]!r} was not answered within {waited:.1f} s")


def frames(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """What is left of ``data``, and the frames in it: (start, body); acknowledgments and breaks are dropped."""
    found = []
    end = 0
    for match in FRAME.finditer(data):
        found.append((match[0][:1], match["body"]))
        end = match.end()
    return data[end:], found


class Tee:
    """A port that passes everything on to ``127.0.0.1:port``."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.exchanges: list[Exchange] = []
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, tuple[socket.socket, Exchange, bool]] = {}
        self._wake, self._waker = socket.socketpair()
        for sock in (self._listener, self._wake):
            self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def complaints(self) -> list[str]:
        return [complaint for exchange in self.exchanges for complaint in exchange.complaints]

    def close(self) -> None:
        """Cut all connections and wait for the thread."""
        self._waker.send(b"x")
        self._thread.join()
        self._waker.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake:
                    self._cut_all()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._peers:
                    assert isinstance(key.fileobj, socket.socket)
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        exchange = Exchange()
        self.exchanges.append(exchange)
        for sock, peer, from_client in ((client, server, True), (server, client, False)):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[sock] = peer, exchange, from_client
            self._selector.register(sock, selectors.EVENT_READ)

    def _pass_on(self, sock: socket.socket) -> None:
        peer, exchange, from_client = self._peers[sock]
        try:
            data = sock.recv(65536)
            now = time.monotonic()
            (exchange.client_said if from_client else exchange.server_said)(data, now)
            if data:
                peer.sendall(data)
                return
        except OSError:
            now = time.monotonic()
        exchange.ended(now, by_server=not from_client)
        for end in (sock, peer):
            self._forget(end)

    def _forget(self, sock: socket.socket) -> None:
        del self._peers[sock]
        self._selector.unregister(sock)
        sock.close()

    def _cut_all(self) -> None:
        for sock in list(self._peers):
            self._forget(sock)
        for sock in (self._listener, self._wake):
            self._selector.unregister(sock)
            sock.close()
        self._selector.close()
