#!/usr/bin/env python3
"""Servers whose TLS is wrong in one way each; see servers/tls. Every one notes its callers in DIR/NAME.calls and what
they say once a connection stands in DIR/NAME.received.
usage: tls.py DIR PORT"""
import socket
import ssl
import sys
import threading
from pathlib import Path

TLS = ssl.TLSVersion
# name, certificate, newest version; in the order of their ports
SERVERS = [
    ("good", "good", TLS.TLSv1_3),
    ("expired", "expired", TLS.TLSv1_3),
    ("self-signed", "self-signed", TLS.TLSv1_3),
    ("wrong-host", "wrong-host", TLS.TLSv1_3),
    ("untrusted", "untrusted", TLS.TLSv1_3),
    ("tls10", "good", TLS.TLSv1),
    ("tls11", "good", TLS.TLSv1_1),
    ("sha1", "sha1", TLS.TLSv1_3),
]
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
APPLICATION_DATA = 23  # the type of a TLS record


def note(name, kind, data):
    with open(folder / f"{name}.{kind}", "ab") as file:
        file.write(data)


def listen(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    while True:
        caller, _ = listener.accept()
        caller.settimeout(30)
        yield caller


def serve(name, certificate, newest, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = min(newest, TLS.TLSv1_2)
    context.maximum_version = newest
    context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    for caller in listen(port):
        threading.Thread(target=talk, args=(name, context, caller), daemon=True).start()


def talk(name, context, caller):
    note(name, "calls", b"call\n")
    try:
        with context.wrap_socket(caller, server_side=True) as caller:
            while data := caller.recv(65536):
                note(name, "received", data)
                caller.sendall(ANSWER)
    except OSError:
        caller.close()  # whoever does not trust us hangs up


def relay(name, port, upstream):
    for caller in listen(port):
        threading.Thread(target=pass_on, args=(name, caller, upstream), daemon=True).start()


def pass_on(name, caller, upstream):
    note(name, "calls", b"call\n")
    server = socket.create_connection(("127.0.0.1", upstream))
    threading.Thread(target=pump, args=(server, caller), daemon=True).start()
    pump(caller, server, lambda record: note(name, "received", record))


def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            return b""
        data += piece
    return data


def pump(source, target, see=lambda record: None):
    """Passes on TLS records, and shows the encrypted content of those that carry application data."""
    try:
        while head := read_exactly(source, 5):
            record = read_exactly(source, int.from_bytes(head[3:], "big"))
            if head[0] == APPLICATION_DATA:
                see(record)
            target.sendall(head + record)
    except OSError:
        pass  # one side has gone, and so does the other
    for stream in (source, target):
        stream.close()


folder, first = Path(sys.argv[1]), int(sys.argv[2])
for index, (name, certificate, newest) in enumerate(SERVERS):
    threading.Thread(target=serve, args=(name, certificate, newest, first + index), daemon=True).start()
relay("old-ciphers", first + 8, first + 9)
