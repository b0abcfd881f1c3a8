"""Calls against real servers that are slow, large, sly, or gone."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager

import httpx2
import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Response

from aim.outbound import backend, places
from aim.outbound.backend import RefusedError
from aim.outbound.calls import UnreachableError, allowed_networks, call, check_url


@pytest.fixture(scope="module")
def server():
    with HTTPServer(host="127.0.0.1") as running:
        yield running


@contextmanager
def raw_server(talk):
    """A server that speaks as it likes; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    talk(connection)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.close()
        thread.join(5)


def test_pinned_version():
    """The private attribute that is set is that of this version; look at it again before taking another."""
    assert httpx2.__version__.startswith("2.16.")
    assert hasattr(httpx2.HTTPTransport()._pool, "_network_backend")


def test_answer_is_handed_over(loopback, server):
    server.expect_request("/hook", method="POST", data=b"hello").respond_with_data("taken", status=202)
    reply = call("POST", server.url_for("/hook"), body=b"hello")
    assert (reply.status, reply.body) == (202, b"taken")


def test_without_the_operator_s_word_loopback_is_refused(server):
    allowed_networks.cache_clear()
    with pytest.raises(RefusedError, match="not public"):
        call("GET", server.url_for("/"))


def test_redirects_are_answers_and_not_followed(loopback, server):
    server.expect_request("/elsewhere").respond_with_handler(
        lambda _request: Response(status=302, headers={"Location": "http://169.254.169.254/latest"})
    )
    reply = call("GET", server.url_for("/elsewhere"))
    assert reply.status == 302


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "https://",
        "//example.com",
        "https://user:secret@example.com/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://[::1",
        "https://example.com:99999/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0/",
        "https://127.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://nowhere.invalid/",
    ],
)
def test_addresses_that_are_refused(url):
    allowed_networks.cache_clear()
    with pytest.raises(RefusedError):
        check_url(url)


def test_plain_http_is_for_named_networks_only(monkeypatch):
    monkeypatch.setattr(places, "judged_addresses", lambda *_arguments: ["93.184.216.34"])
    with pytest.raises(RefusedError, match="https"):
        check_url("http://example.com/", allowed=())
    check_url("https://example.com/", allowed=())


def test_a_name_that_changes_its_answer_is_called_nowhere(loopback, server, monkeypatch):
    """Judged when it was entered, and judged again at the connection: what answers then is what counts."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    def resolve(_host, port, **_options):
        return [(2, 1, 6, "", (address, port)) for address in next(answers)]

    monkeypatch.setattr(backend.socket, "getaddrinfo", resolve)
    with pytest.raises(RefusedError, match="never"):
        call("GET", f"http://rebinding.example:{server.port}/")


def test_one_bad_address_spoils_a_name(loopback, monkeypatch):
    answer = [(2, 1, 6, "", (address, 443)) for address in ("127.0.0.1", "169.254.169.254")]
    monkeypatch.setattr(backend.socket, "getaddrinfo", lambda *_arguments, **_options: answer)
    with pytest.raises(RefusedError):
        check_url("https://both.example/")


def test_large_answers_are_cut_off(loopback, server):
    server.expect_request("/large").respond_with_data(b"x" * 200_000)
    with pytest.raises(UnreachableError, match="larger"):
        call("GET", server.url_for("/large"), most_bytes=100_000)


def test_nothing_is_unpacked(loopback, server):
    server.expect_request("/bomb").respond_with_data(b"\x1f\x8b" + b"0" * 50, headers={"Content-Encoding": "gzip"})
    assert call("GET", server.url_for("/bomb")).body == b"\x1f\x8b" + b"0" * 50


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b""])
def test_dripping_answers_end_by_the_deadline(loopback, part):
    def drip(connection):
        connection.sendall(part)
        for _ in range(400):
            time.sleep(0.05)
            connection.sendall(b"x")

    with raw_server(drip) as port:
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            call("GET", f"http://127.0.0.1:{port}/", seconds=0.6)
        assert time.monotonic() - began < 15


def test_nobody_there(loopback):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UnreachableError):
        call("GET", f"http://127.0.0.1:{port}/")


def test_certificates_are_verified_for_the_name(loopback):
    authority = trustme.CA()
    with_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(with_tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with HTTPServer(host="127.0.0.1", ssl_context=with_tls) as secure:
        secure.expect_request("/").respond_with_data("safe")
        assert call("GET", f"https://localhost:{secure.port}/", tls=trusting).body == b"safe"
        with pytest.raises(UnreachableError, match="ertificate"):
            call("GET", f"https://127.0.0.1:{secure.port}/", tls=trusting)
        with pytest.raises(UnreachableError, match="ertificate"):
            call("GET", f"https://localhost:{secure.port}/")


def test_proxies_of_the_environment_are_not_used(loopback, server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.expect_request("/direct").respond_with_data("direct")
    assert call("GET", server.url_for("/direct")).body == b"direct"
