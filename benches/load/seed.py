#!/usr/bin/env python3
"""Fills an installation with what years of use leave behind, to measure how it is read.

usage: seed.py FILE OPTIONS            into a SQLite file that the portal has made and nobody uses
       seed.py - OPTIONS | psql URL    the same rows for PostgreSQL
       seed.py FILE OPTIONS --addresses FOLDER    only the addresses of the same rows, for read.lua

Apps, kinds and conversations are of very unequal size: the first app has a quarter of all media, a kind is
one in a thousand, a conversation has one file or hundreds. One media in a hundred has a content that a
hundred others have, one in thirty is deleted. The same numbers give the same rows. Standard library only.
"""

import argparse
import os
import random
import sqlite3
import sys
import uuid

APPS = 20
START, END = 1_700_000_000_000, 1_763_000_000_000  # two years of milliseconds
KINDS = {"picture": 600, "recording": 250, "transcript": 80, "attachment": 50, "voicemail": 15, "fax": 4, "greeting": 1}
STATES = {"delivered": 9900, "retrying": 40, "queued": 30, "cancelled": 20, "held": 10}
COLUMNS = {
    "apps": "id name created_at",
    "conversations": "id app_id external_id use_case_id channel customer agent attributes state created_at updated_at ended_at",
    "media": "id app_id conversation_id kind file_name mime_type extension size sha256 state is_damaged created_at deleted_at",
    "deliveries": "id media_id endpoint_id state held_reason attempts location created_at updated_at delivered_at",
}


def main():
    parser = argparse.ArgumentParser(description="Fills an installation with rows.")
    parser.add_argument("into", help="a SQLite file, or - for statements on standard output")
    parser.add_argument("--media", type=int, default=1_000_000, help="how many (1000000)")
    parser.add_argument("--conversations", type=int, default=100_000, help="how many (100000)")
    parser.add_argument("--endpoints", required=True, help="their ids, between commas")
    parser.add_argument("--use-cases", required=True, help="their ids, between commas")
    parser.add_argument("--addresses", help="write addresses for read.lua into this folder, and no rows")
    options = parser.parse_args()
    rows = Rows(options)
    if options.addresses:
        write_addresses(rows, options.addresses)
    elif options.into == "-":
        copy(rows, sys.stdout)
    else:
        insert(rows, options.into)


class Rows:
    def __init__(self, options):
        self.options = options
        self.chance = random.Random(4711)
        self.apps = [(self.id(START), f"app-{number:02}", START) for number in range(APPS)]
        self.sha256s = [f"{self.chance.getrandbits(256):064x}" for _ in range(options.media // 10_000)]
        weights = [1 / (number + 1) for number in range(APPS)]
        times = sorted(self.chance.randrange(START, END) for _ in range(options.conversations))
        owners = self.chance.choices(self.apps, weights, k=options.conversations)
        self.conversations = [(self.id(at), owner[0], at) for at, owner in zip(times, owners)]

    def id(self, at):
        return str(uuid.UUID(int=at << 80 | 7 << 76 | self.chance.getrandbits(12) << 64 | 2 << 62 | self.chance.getrandbits(62)))

    def tables(self):
        yield "apps", iter(self.apps)
        yield "conversations", self.all_conversations()
        media = list(self.all_media())
        yield "media", iter(media)
        yield "deliveries", self.all_deliveries(media)

    def all_conversations(self):
        use_cases = self.options.use_cases.split(",")
        for number, (id, app, at) in enumerate(self.conversations):
            is_open = self.chance.random() < 0.02
            state, ended = ("open", None) if is_open else ("ended", at + 600_000)
            agent = f"agent{self.chance.randrange(200)}@example.com" if number % 4 else None
            use_case = self.chance.choices(use_cases, range(len(use_cases), 0, -1))[0]
            yield id, app, f"call-{number}", use_case, "voice", f"+49 30 {number}", agent, "{}", state, at, at, ended

    def all_media(self):
        """In the order of time, as they would come in."""
        chance, count = self.chance, len(self.conversations)
        favourites = [chance.randrange(count) for _ in range(count // 100)]
        owners = sorted(
            chance.choice(favourites) if chance.random() < 0.2 else chance.randrange(count)
            for _ in range(self.options.media)
        )
        kinds, weights = list(KINDS), list(KINDS.values())
        for owner in owners:
            conversation, app, opened = self.conversations[owner]
            at = opened + chance.randrange(600_000)
            kind = chance.choices(kinds, weights)[0]
            lot = chance.random()
            state = "failed" if lot < 0.001 else "fetching" if lot < 0.0012 else "deleted" if lot < 0.035 else "stored"
            sha256 = chance.choice(self.sha256s) if chance.random() < 0.01 else f"{chance.getrandbits(256):064x}"
            size = int(chance.lognormvariate(12, 1.5))
            deleted = at + 1 if state == "deleted" else None
            yield self.id(at), app, conversation, kind, f"{kind}-{at}.jpg", "image/jpeg", "jpg", size, sha256, state, False, at, deleted

    def all_deliveries(self, media):
        endpoints, states, weights = self.options.endpoints.split(","), list(STATES), list(STATES.values())
        for row in media:
            id, at = row[0], row[11]
            for endpoint in self.chance.sample(endpoints, self.chance.choices([0, 1, 2, 3], [5, 55, 25, 15])[0]):
                state = self.chance.choices(states, weights)[0]
                held = "conflict" if state == "held" else None
                location = f'{{"bucket":"claims","key":"2025/01/01/{id}-file.jpg"}}' if state == "delivered" else None
                yield self.id(at), id, endpoint, state, held, 1, location, at, at + 900, at + 900 if location else None


def insert(rows, path):
    database = sqlite3.connect(path)
    for setting in ("synchronous = OFF", "cache_size = -1048576"):
        database.execute(f"PRAGMA {setting}")
    for table, lines in rows.tables():
        columns = COLUMNS[table].split()
        places = ", ".join("?" * len(columns))
        database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", lines)
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy(rows, out):
    out.write("BEGIN;\n")
    for table, lines in rows.tables():
        out.write(f"COPY {table} ({', '.join(COLUMNS[table].split())}) FROM STDIN;\n")
        for line in lines:
            out.write("\t".join("\\N" if value is None else str(value) for value in line) + "\n")
        out.write("\\.\n")
    out.write(f"COMMIT;\nVACUUM ANALYZE {', '.join(COLUMNS)};\n")


def write_addresses(rows, folder):
    """One file for each kind of question; app-00 asks, or somebody who sees all apps."""
    tables = dict((table, list(lines)) for table, lines in rows.tables() if table != "deliveries")
    chance, app = random.Random(42), rows.apps[0][0]
    every = [row for row in tables["media"] if row[12] is None]
    own = [row for row in every if row[1] == app]

    def time(at):
        from datetime import datetime, timezone

        return datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def filters(media):
        yield lambda row: f"kind={row[3]}"
        yield lambda row: "kind=greeting"
        yield lambda row: f"conversation={row[2]}"
        yield lambda row: f"sha256={row[8]}"
        yield lambda row: f"sha256={chance.choice(rows.sha256s)}"
        yield lambda row: "state=failed"
        yield lambda row: f"from={time(row[11])}&to={time(row[11] + 86_400_000)}"
        yield lambda row: f"kind=fax&to={time(row[11])}"

    files = {
        "one": [f"media/{row[0]}" for row in chance.choices(own, k=50_000)],
        "page": [f"media?after={row[11]}~{row[0]}" for row in chance.choices(own, k=50_000)],
        "filters": [f"media?{ask(row)}" for ask in filters(own) for row in chance.choices(own, k=5_000)],
        "all-filters": [f"media?{ask(row)}" for ask in filters(every) for row in chance.choices(every, k=5_000)],
        "plans": ["media?limit=50", "media?after=%s~%s" % (own[9][11], own[9][0])]
        + [f"media?{ask(own[0])}" for ask in filters(own)]
        + [f"conversations?{ask}" for ask in ("", "state=open", "agent=agent7@example.com", "external_id=call-7")],
        "all-plans": ["media?limit=50", f"media?sha256={own[0][8]}", "media?kind=greeting", "deliveries", "deliveries?state=held"],
    }
    for name, addresses in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.writelines(f"/api/v1/{address}\n" for address in addresses)


if __name__ == "__main__":
    main()
