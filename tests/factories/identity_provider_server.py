"""The process behind `tests.factories.identity_provider`; the first argument is the socket that it inherits."""

import json
import socket
import sys
from urllib.parse import parse_qsl, urlencode

import oidc_provider_mock
from werkzeug.serving import make_server
from werkzeug.test import Client


def with_microsoft(app):
    """The addresses and the profile of Microsoft's Graph over the same provider."""

    def wrapped(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/v1.0/me":
            headers = {"Authorization": environ["HTTP_AUTHORIZATION"]}
            told = Client(app).get("/userinfo", headers=headers).get_json()
            body = json.dumps({"id": told["sub"], "mail": told.get("email"), "displayName": told.get("name")}).encode()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]
        if "/oauth2/v2.0/" in path:
            environ = {**environ, "PATH_INFO": f"/oauth2/{path.rpartition('/')[2]}"}
            query = dict(parse_qsl(environ["QUERY_STRING"]))
            if "scope" in query:
                environ["QUERY_STRING"] = urlencode({**query, "scope": "openid profile email"})
        return app(environ, start_response)

    return wrapped


if __name__ == "__main__":
    sock = socket.socket(fileno=int(sys.argv[1]))
    host, port = sock.getsockname()
    make_server(host, port, with_microsoft(oidc_provider_mock.app()), threaded=True, fd=sock.fileno()).serve_forever()
