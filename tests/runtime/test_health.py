import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from aim.runtime.health import ask


class Echo(BaseHTTPRequestHandler):
    """Says what it was asked, and under which name."""

    def do_GET(self):
        body = f"{self.path} {self.headers['Host']}".encode()
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def echo():
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.mark.parametrize(
    ("names", "host"), [("", "127.0.0.1"), ("*,.example.com", "127.0.0.1"), ("*, aim.example", "aim.example")]
)
def test_it_asks_under_a_name_the_product_allows(names, host, echo, monkeypatch):
    monkeypatch.setenv("AIM_ALLOWED_HOSTS", names)
    status, answer = ask("/readyz", host="0.0.0.0", port=echo)
    assert (status, answer) == (503, f"/readyz {host}")


def test_nobody_there_is_no_answer(unused_port):
    status, reason = ask("/readyz", host="127.0.0.1", port=unused_port)
    assert status == 0
    assert "refused" in reason
