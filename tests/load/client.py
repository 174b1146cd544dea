"""One keep-alive connection that stores files: the shared part of accept.py and ledger.py.

It writes to the socket itself, because `http.client` costs more time per file than a fast server does.
Plain http only; standard library only.
"""

import os
import socket
from urllib.parse import urlsplit


class Client:
    def __init__(self, url, key, conversation, size):
        self.url = urlsplit(url)
        if self.url.scheme != "http":
            raise SystemExit("only http:// addresses can be measured")
        self.head = (
            f"POST {self.url.path.rstrip('/')}/api/v1/conversations/{conversation}/media"
            "?kind=attachment&file_name=x.bin HTTP/1.1\r\n"
            f"Host: {self.url.netloc}\r\n"
            f"Authorization: Bearer {key}\r\n"
            "Content-Type: application/octet-stream\r\n"
            f"Content-Length: {size}\r\n\r\n"
        ).encode()
        self.size = size
        self.filling = os.urandom(size)
        self.socket = None

    def next_file(self):
        """A body nobody sent before: 16 random bytes, then always the same ones."""
        start = os.urandom(min(16, self.size))
        return start + self.filling[len(start) :]

    def store(self, body):
        """Sends one file; returns the reply's status and body. Raises OSError if there is no whole reply."""
        if self.socket is None:
            self.socket = socket.create_connection((self.url.hostname, self.url.port or 80), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.reader = self.socket.makefile("rb")
        try:
            self.socket.sendall(self.head + body if len(body) < 65536 else self.head)
            if len(body) >= 65536:
                self.socket.sendall(body)
            return self._reply()
        except OSError:
            self.close()
            raise

    def close(self):
        if self.socket is not None:
            self.reader.close()
            self.socket.close()
            self.socket = None

    def _reply(self):
        status = int(self._line().split()[1])
        headers = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip().lower()
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b"".join(self._chunks())
        else:
            body = self._exactly(int(headers.get(b"content-length", 0)))
        if headers.get(b"connection") == b"close":
            self.close()
        return status, body

    def _chunks(self):
        while length := int(self._line().split(b";")[0], 16):
            yield self._exactly(length)
            self._line()
        self._line()

    def _line(self):
        line = self.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the reply ended early")
        return line.strip()

    def _exactly(self, length):
        piece = self.reader.read(length)
        if len(piece) != length:
            raise ConnectionError("the reply ended early")
        return piece


def positional(parser):
    """The arguments that both scripts begin with."""
    parser.add_argument("url", help="address of the portal, http://127.0.0.1:8080")
    parser.add_argument("key", help="an app's key, mp_…")
    parser.add_argument("conversation", help="id of the conversation that receives the files")
