"""Asks a web process of this machine how it is: `python -m aim.runtime.health` ends with 0 when `/readyz` says 200."""

import http.client
import os
import sys

_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def ask(path: str, *, host: str, port: int, seconds: float = 5) -> tuple[int, str]:
    """Return the status and the beginning of the answer; 0 and the reason when there was none.

    The Host header is one the product allows, which may be another name than the address asked.
    """
    reachable = _HERE.get(host, host)
    connection = http.client.HTTPConnection(reachable, port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Host": _allowed_name() or reachable})
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def _allowed_name() -> str | None:
    names = (name.strip() for name in os.environ.get("AIM_ALLOWED_HOSTS", "").split(","))
    return next((name for name in names if name and not name.startswith(("*", "."))), None)


def main() -> None:
    status, answer = ask("/readyz", host="127.0.0.1", port=8000)
    if status != http.client.OK:
        sys.exit(f"{status or 'no answer'}: {answer}")


if __name__ == "__main__":
    main()
