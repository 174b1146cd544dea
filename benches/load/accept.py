#!/usr/bin/env python3
"""Measures how many files per second the portal accepts.

usage: accept.py URL KEY CONVERSATION [--size BYTES] [--clients N] [--seconds S | --files N]

Every client is a process with one keep-alive connection that stores file after file, each with bytes of
its own. A file counts when its 201 has been read. Standard library only.
"""

import argparse
import collections
import multiprocessing
import sys
import time

from client import Client, positional


def main():
    parser = argparse.ArgumentParser(description="Measures how many files per second the portal accepts.")
    positional(parser)
    parser.add_argument("--size", type=int, default=100_000, help="bytes of a file (100000)")
    parser.add_argument("--clients", type=int, default=8, help="connections at once (8)")
    parser.add_argument("--seconds", type=float, default=10, help="how long to measure (10)")
    parser.add_argument("--files", type=int, help="store that many files in all, however long it takes")
    options = parser.parse_args()

    ready = multiprocessing.Barrier(options.clients)
    results = multiprocessing.SimpleQueue()
    clients = [multiprocessing.Process(target=measure, args=(options, ready, results)) for _ in range(options.clients)]
    for client in clients:
        client.start()
    latencies, other, lasted = [], collections.Counter(), 0 if options.files else options.seconds
    for _ in clients:
        client_latencies, client_other, client_lasted = results.get()
        latencies += client_latencies
        other += client_other
        lasted = max(lasted, client_lasted)
    for client in clients:
        client.join()
    report(options, sorted(latencies), other, lasted)
    sys.exit(1 if other or not latencies else 0)


def measure(options, ready, results):
    """One client: how long each accepted file took, and what else was answered."""
    client = Client(options.url, options.key, options.conversation, options.size)
    latencies, other = [], collections.Counter()
    ready.wait()
    start = time.perf_counter()
    files = -(-options.files // options.clients) if options.files else float("inf")
    end = float("inf") if options.files else start + options.seconds
    while (before := time.perf_counter()) < end and len(latencies) < files:
        try:
            status, _ = client.store(client.next_file())
        except OSError as error:
            other[type(error).__name__] += 1
            time.sleep(0.1)
            continue
        if status == 201:
            latencies.append(time.perf_counter() - before)
        else:
            other[status] += 1
    results.put((latencies, other, time.perf_counter() - start))


def report(options, latencies, other, lasted):
    def milliseconds(part):
        return f"{latencies[min(len(latencies) - 1, int(len(latencies) * part))] * 1000:.1f} ms" if latencies else "-"

    rate = len(latencies) / lasted
    print(f"{options.clients} clients, files of {options.size} bytes, {lasted:.1f} s")
    print(f"accepted  {len(latencies)} files, {rate:.1f} files/s, {rate * options.size / 1e6:.1f} MB/s")
    print(f"latency   p50 {milliseconds(0.5)}, p95 {milliseconds(0.95)}, worst {milliseconds(1)}")
    print(f"not 201   {sum(other.values())}{''.join(f', {count} x {what}' for what, count in other.most_common())}")


if __name__ == "__main__":
    main()
