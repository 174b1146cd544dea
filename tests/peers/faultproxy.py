#!/usr/bin/env python3
"""A TCP proxy that misbehaves on demand.

usage: faultproxy.py PORT TARGET_HOST:PORT CONTROL_PORT

GET  control  shows settings and counters as JSON
PUT  control  replaces the settings; `{}` makes the proxy honest again

    latency_ms, jitter_ms       each piece arrives so much later; many are on their way at once
    up_kbps, down_kbps          bandwidth of each direction, in kilobits per second
    cut_up_after, cut_down_after  end the connection after that many bytes in that direction ...
    cut_mode                    ... with a reset ("rst", the default), an orderly end ("fin"), or silence ("hang")
    refuse                      reset every connection at once
    accept_hang                 accept, then neither read nor answer
    next                        apply the settings to that many further connections only

Standard library only.
"""

import asyncio
import json
import random
import socket
import struct
import sys

PIECE = 64 * 1024
SLOW_PIECE = 4 * 1024
# pieces between the two ends of a connection with latency
ON_THE_LINE = 512
FOREVER = 3600

settings = {}
counters = {"connections": 0, "up": 0, "down": 0, "cut": 0}


def reset(writer):
    """Ends a connection with RST: no lingering, then abort."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def settings_for_connection():
    """What applies to the connection that has just arrived; counts `next` down."""
    current = dict(settings)
    if settings.get("next"):
        settings["next"] -= 1
        if settings["next"] == 0:
            settings.clear()
    return current


async def cut(current, writer, other):
    counters["cut"] += 1
    mode = current.get("cut_mode", "rst")
    if mode == "hang":
        await asyncio.sleep(FOREVER)
    for each in (writer, other):
        reset(each) if mode == "rst" else each.close()


async def pump(reader, writer, other, current, direction):
    """Passes one direction on. `other` is the writer of the opposite direction."""
    limit = current.get(f"cut_{direction}_after") or 0
    kbps = current.get(f"{direction}_kbps") or 0
    passed = 0
    try:
        async for piece in pieces(reader, SLOW_PIECE if kbps else PIECE, current):
            if kbps:
                await asyncio.sleep(len(piece) / (kbps * 125))
            over = bool(limit) and passed + len(piece) > limit
            if over:
                piece = piece[: limit - passed]
            writer.write(piece)
            await writer.drain()
            passed += len(piece)
            counters[direction] += len(piece)
            if over:
                await cut(current, writer, other)
                return
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def pieces(reader, size, current):
    """Gives what is read, each piece late by the latency: as on a long line, many are on their way at once."""
    if not current.get("latency_ms"):
        while piece := await reader.read(size):
            yield piece
        return
    now = asyncio.get_running_loop().time
    line = asyncio.Queue(ON_THE_LINE)

    async def send():
        last = 0.0
        try:
            while piece := await reader.read(size):
                jitter = random.uniform(0, current.get("jitter_ms", 0))
                last = max(last, now() + (current["latency_ms"] + jitter) / 1000)
                await line.put((last, piece))
        except OSError as error:
            await line.put((last, error))
        await line.put((last, b""))

    sending = asyncio.create_task(send())
    try:
        while True:
            due, piece = await line.get()
            await asyncio.sleep(max(0.0, due - now()))
            if isinstance(piece, OSError):
                raise piece
            if not piece:
                return
            yield piece
    finally:
        sending.cancel()


async def serve(reader, writer, target):
    counters["connections"] += 1
    current = settings_for_connection()
    if current.get("refuse"):
        reset(writer)
        return
    if current.get("accept_hang"):
        await asyncio.sleep(FOREVER)
    try:
        target_reader, target_writer = await asyncio.open_connection(*target)
    except OSError:
        reset(writer)
        return
    await asyncio.gather(
        pump(reader, target_writer, writer, current, "up"),
        pump(target_reader, writer, target_writer, current, "down"),
    )
    writer.close()
    target_writer.close()


async def control(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
    if head.startswith(b"PUT"):
        wanted = json.loads(await reader.readexactly(length) or b"{}")
        settings.clear()
        settings.update(wanted)
    body = json.dumps({"settings": settings, "counters": counters}).encode() + b"\n"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(body))
    writer.write(b"Connection: close\r\n\r\n" + body)
    await writer.drain()
    writer.close()


async def main():
    port, target, control_port = int(sys.argv[1]), sys.argv[2].rsplit(":", 1), int(sys.argv[3])

    async def serve_target(reader, writer):
        await serve(reader, writer, (target[0], int(target[1])))

    await asyncio.start_server(serve_target, "127.0.0.1", port)
    await asyncio.start_server(control, "127.0.0.1", control_port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
