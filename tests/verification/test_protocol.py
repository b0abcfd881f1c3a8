"""The short cut of the protocol answers as the ordinary way does, however a client cuts, joins or spoils its bytes."""

import asyncio
import json
import random
import re
import socket
import threading
import time
from contextlib import suppress

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aim.asgi import application
from aim.runtime.serve import listen
from tests.verification.world import make_agent, make_organization
from verification.engine import engine_for_threads
from verification.protocol import DecisionProtocol

HOST = "127.0.0.1:8000"
VOLATILE = re.compile(
    rb"ver_[0-9a-f]{32}|20\d\d-\d\d-\d\dT[\d:.]+Z|x-request-id: \S+|X-Request-ID: \S+|date: [^\r]+|[0-9a-f]{16,}-?\w*"
)


def start(http, **options):
    """A server on the loop of the test's engine; answers its port and how to stop it."""
    engine = engine_for_threads()
    sock = listen(host="127.0.0.1", port=0)
    config = uvicorn.Config(
        application, http=http, lifespan="off", access_log=False, log_config=None, server_header=False, **options
    )
    server = uvicorn.Server(config)
    future = asyncio.run_coroutine_threadsafe(server.serve(sockets=[sock]), engine.loop)
    while not server.started:
        time.sleep(0.01)

    def stop():
        server.should_exit = True
        future.result(timeout=60)

    return sock.getsockname()[1], stop


@pytest.fixture(scope="module")
def ports():
    quick, stop_quick = start(DecisionProtocol)
    plain, stop_plain = start("httptools")
    yield {"quick": quick, "plain": plain}
    stop_quick()
    stop_plain()


@pytest.fixture(scope="module")
def made():
    _, admin = make_organization()
    made = make_agent(admin, calls_per_hour=100_000)
    made.ask_natively()
    return made


def request(made, body=None, *, path="/api/v1/verify/action", method="POST", version="1.1", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(made.body() if body is None else body).encode()
    names = {
        "Host": HOST,
        "Authorization": f"Bearer {made.api_key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(raw)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [
        f"{method} {path} HTTP/{version}",
        *(f"{name}: {value}" for name, value in names.items() if value is not None),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def talk(port, pieces, *, answers, timeout=60.0):
    """What the server says to the pieces, up to so many answers or the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = b""
        with suppress(ConnectionError):
            # A server that refuses the first piece may be gone before the last is sent.
            for piece in pieces:
                sock.sendall(piece)
        while len(complete(said)) < answers:
            try:
                more = sock.recv(65_536)
            except ConnectionResetError:
                break
            if not more:
                break
            said += more
    return complete(said)


def complete(said):
    """The whole answers at the beginning of the bytes, each as head and body."""
    answers = []
    while b"\r\n\r\n" in said:
        head, _, rest = said.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head.lower():
            end = rest.find(b"0\r\n\r\n") + len(b"0\r\n\r\n")
            if end < len(b"0\r\n\r\n"):
                break
        else:
            length = re.search(rb"content-length: (\d+)", head.lower())
            end = int(length[1]) if length else 0
        if len(rest) < end:
            break
        answers.append((head, rest[:end]))
        said = rest[end:]
    return answers


def likened(answers):
    """Answers without what differs between two equal ones: ids, times, and the order and case of the headers' names."""
    return [
        (sorted(line.lower() for line in VOLATILE.sub(b"", head).split(b"\r\n")), VOLATILE.sub(b"", body))
        for head, body in answers
    ]


def cut(data, seed):
    points = sorted(random.Random(seed).sample(range(1, len(data)), k=min(4, len(data) - 1)))
    return [data[a:b] for a, b in zip([0, *points], [*points, len(data)], strict=True)]


def variants(made):
    return {
        "approved": request(made),
        "denied": request(made, made.body(action_type="file_delete")),
        "malformed": request(made, b"{"),
        "unknown key": request(made, Authorization="Bearer aim_unknown"),
        "no key": request(made, Authorization=None),
        "foreign host": request(made, Host="evil.example"),
        "query": request(made, path="/api/v1/verify/action?x=1"),
        "another path": request(made, path="/api/v1/verify/actions"),
        "another method": request(made, method="PUT"),
        "old version": request(made, version="1.0"),
        "close": request(made, Connection="close"),
        "own id": request(made, X_Request_ID="my-request"),
        "another type": request(made, Content_Type="text/plain"),
        "expectation": request(made, Expect="100-continue"),
        "health": b"GET /healthz HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n",
        "no HTTP": b"HELLO\r\n\r\n",
        "two lengths": request(made, Content_length="5"),
        "chunks": request(made, b"", Content_Length=None, Transfer_Encoding="chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    }


NAMES = list(variants(type("Shape", (), {"api_key": "aim_x", "body": lambda _self, **_changes: {}})()))
STAYING = sorted(set(NAMES) - {"no HTTP", "close", "old version", "two lengths", "expectation"})


@pytest.mark.parametrize("name", NAMES)
def test_each_request_is_answered_alike_and_in_one_piece_or_many(ports, made, name):
    data = variants(made)[name]
    whole = {kind: likened(talk(port, [data], answers=1)) for kind, port in ports.items()}
    assert whole["quick"] == whole["plain"]
    assert likened(talk(ports["quick"], cut(data, name), answers=1)) == whole["quick"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(names=st.lists(st.sampled_from(STAYING), min_size=2, max_size=6), seed=st.integers())
def test_requests_sent_ahead_are_answered_in_their_order(ports, made, names, seed):
    data = b"".join(variants(made)[name] for name in names)
    quick = likened(talk(ports["quick"], cut(data, seed), answers=len(names)))
    assert len(quick) == len(names)
    assert quick == likened(talk(ports["plain"], [data], answers=len(names)))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(position=st.integers(0, 400), byte=st.binary(min_size=1, max_size=2))
def test_spoilt_bytes_never_hang_nor_break_the_server(ports, made, position, byte):
    data = request(made)
    spoilt = data[: position % len(data)] + byte + data[position % len(data) + 1 :]
    with socket.create_connection(("127.0.0.1", ports["quick"]), timeout=60) as sock:
        sock.sendall(spoilt)
        sock.shutdown(socket.SHUT_WR)
        said = b""
        while more := sock.recv(65_536):
            said += more
    assert not said or said.startswith(b"HTTP/1.1 ")
    assert not said.startswith(b"HTTP/1.1 5")
    assert talk(ports["quick"], [request(made)], answers=1)[0][0].startswith(b"HTTP/1.1 200")


def test_client_that_leaves_does_not_disturb_the_others(ports, made):
    def leave():
        with socket.create_connection(("127.0.0.1", ports["quick"])) as sock:
            sock.sendall(request(made))

    threads = [threading.Thread(target=leave) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert talk(ports["quick"], [request(made)], answers=1)[0][0].startswith(b"HTTP/1.1 200")


def test_a_connection_is_closed_once_it_has_been_idle_for_long_enough_and_not_before(made):
    port, stop = start(DecisionProtocol, timeout_keep_alive=1)

    def ask_with_pauses():
        """Whether the connection lasts longer than its time in all, while it is never idle for as long."""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            for _ in range(3):
                try:
                    connection.sendall(request(made))
                    answer = connection.recv(65536)
                except ConnectionError:
                    return False
                if not answer:
                    return False
                assert b'"approved"' in answer
                time.sleep(0.6)
            assert connection.recv(64) == b"", "it is closed once nothing comes any more"
            return True

    try:
        # A machine that is busy may make one of the pauses too long.
        assert any(ask_with_pauses() for _ in range(5)), "each request begins the time anew"
    finally:
        stop()
