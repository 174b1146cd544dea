#!/usr/bin/env python3
"""Stores files and keeps its own ledger of what the portal acknowledged, to compare after a crash.

usage: ledger.py URL KEY CONVERSATION LEDGER [--size BYTES] [--clients N] [--seconds S]

One line of JSON per 201 that was read to its end: `id`, `sha256` and `size` of what was sent, `time`.
A line is on the disk (fsync) before the next file is sent, so whatever the ledger names must exist for
good. A portal that is away is tried again until the time is over. Standard library only.
"""

import argparse
import hashlib
import json
import os
import threading
import time
from datetime import datetime, timezone

from client import Client, positional


def main():
    parser = argparse.ArgumentParser(description="Stores files and notes what the portal acknowledged.")
    positional(parser)
    parser.add_argument("ledger", help="file that lines are appended to")
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a file (20000)")
    parser.add_argument("--clients", type=int, default=4, help="connections at once (4)")
    parser.add_argument("--seconds", type=float, default=10, help="how long to go on (10)")
    options = parser.parse_args()

    with open(options.ledger, "a", encoding="utf-8") as file:
        ledger = Ledger(file)
        end = time.monotonic() + options.seconds
        clients = [threading.Thread(target=store_files, args=(options, ledger, end)) for _ in range(options.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    print(f"acknowledged {ledger.acknowledged}, not acknowledged {ledger.unacknowledged}")


class Ledger:
    def __init__(self, file):
        self.file = file
        self.lock = threading.Lock()
        self.acknowledged = 0
        self.unacknowledged = 0

    def note(self, line):
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.acknowledged += 1

    def note_failure(self):
        with self.lock:
            self.unacknowledged += 1


def store_files(options, ledger, end):
    client = Client(options.url, options.key, options.conversation, options.size)
    while time.monotonic() < end:
        body = client.next_file()
        try:
            status, reply = client.store(body)
        except OSError:
            ledger.note_failure()
            time.sleep(0.05)
            continue
        if status != 201:
            ledger.note_failure()
            continue
        ledger.note(
            {
                "id": json.loads(reply)["id"],
                "sha256": hashlib.sha256(body).hexdigest(),
                "size": len(body),
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            }
        )


if __name__ == "__main__":
    main()
