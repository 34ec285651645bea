"""Stores on this machine for tests: an S3, a web server without ranges, and one with faults."""

import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import obstore
from obstore.store import from_url

from ppt_dist.journal.retry import Retries
from ppt_dist.shard.access import Access

LOOPBACK = "127.0.0.1"
HASTY = Access(Retries(times=4, first=0.02, longest=0.05, deadline=60, timeout=10))
"""Pauses of nearly nothing."""
BUCKET = "packed"


@contextmanager
def s3_of(folder: Path) -> Iterator[str]:
    """A local S3 that holds the files of ``folder``; gives the URL. Access by the environment."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(LOOPBACK, 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "up",
        "AWS_REGION": "us-east-1",
    }
    with patch.dict(os.environ, environment):
        root = from_url(f"http://{host}:{port}", client_options={"allow_http": True})
        obstore.put(root, BUCKET, b"")  # how a bucket is made
        url = f"s3://{BUCKET}/deep"
        store = from_url(url, client_options={"allow_http": True})
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                obstore.put(store, str(path.relative_to(folder)), path.read_bytes())
        yield url
    server.stop()


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A web server; gives its URL."""
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{LOOPBACK}:{server.server_port}"
    server.shutdown()
    server.server_close()


def without_ranges(folder: Path, asked: list[str]) -> type[BaseHTTPRequestHandler]:
    """Python's own server, which ignores ranges; notes the paths of its GETs."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, format, *args):
            pass

    return Quiet


Fault = Callable[["Faulty"], None]
"""Answers a request wrongly."""


class Faulty(BaseHTTPRequestHandler):
    """Serves ranges of the files of ``folder``; ``faults`` are used up first, on GETs of tars."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: ClassVar[Path]
    faults: ClassVar[list[Fault]]

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self._answer(b"", len(self.content()))

    def do_GET(self):
        if self.path.endswith(".tar") and self.faults:
            self.faults.pop()(self)
            return
        self.honest()

    def content(self) -> bytes:
        path = self.folder / self.path.lstrip("/")
        return path.read_bytes() if path.is_file() else b""

    def honest(self):
        """What was asked for."""
        content = self.content()
        first, last = self.asked(content)
        if content and first >= len(content):
            self.status(416)
            return
        part = content[first : last + 1]
        self._answer(part, len(part), f"bytes {first}-{first + len(part) - 1}/{len(content)}")

    def asked(self, content: bytes) -> tuple[int, int]:
        first, _, last = self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")
        return int(first), min(int(last or len(content)), len(content) - 1)

    def _answer(self, part: bytes, length: int, where: str = ""):
        if not self.content():
            return self.status(404)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(length))
        if "Range" in self.headers:
            self.send_header("Content-Range", where)
        self.end_headers()
        self.wfile.write(part)
        return None

    def status(self, code: int):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def fails(code: int) -> Fault:
    """Answer with a status."""
    return lambda handler: handler.status(code)


def resets(handler: Faulty) -> None:
    """Break the connection off."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def cuts_off(handler: Faulty) -> None:
    """Promise all bytes and send half of them."""
    content = handler.content()
    first, last = handler.asked(content)
    handler.send_response(206)
    handler.send_header("Content-Length", str(last - first + 1))
    handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
    handler.end_headers()
    handler.wfile.write(content[first : (first + last) // 2])
    handler.close_connection = True


def sends_less(handler: Faulty) -> None:
    """Send half of the bytes as if they were all."""
    content = handler.content()
    first, last = handler.asked(content)
    part = content[first : (first + last) // 2]
    handler.send_response(206)
    handler.send_header("Content-Length", str(len(part)))
    handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
    handler.end_headers()
    handler.wfile.write(part)


def hangs(handler: Faulty) -> None:
    """Send nothing, for longer than anyone waits."""
    threading.Event().wait(30)
    handler.close_connection = True


def flips(handler: Faulty) -> None:
    """Send all bytes, the last one wrong."""
    content = handler.content()
    first, last = handler.asked(content)
    part = bytearray(content[first : last + 1])
    part[-1] ^= 1
    handler.send_response(206)
    handler.send_header("Content-Length", str(len(part)))
    handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
    handler.end_headers()
    handler.wfile.write(part)


def faulty(folder: Path, faults: list[Fault]) -> type[Faulty]:
    """A server of ``folder`` with these faults, the last one first."""
    return type("OneFaulty", (Faulty,), {"folder": folder, "faults": faults})
