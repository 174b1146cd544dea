#!/usr/bin/env python3
"""Shows how databases run the statements of a page.

usage: plans.py STATEMENTS < LOG     prints the plans of pages in a PostgreSQL log, keeps each statement in the folder
       plans.py STATEMENTS FILE      prints how SQLite would run the kept statements on this file
"""

import hashlib
import os
import re
import sqlite3
import sys


def main():
    folder = sys.argv[1]
    if len(sys.argv) > 2:
        explain(folder, sys.argv[2])
    else:
        read(folder, sys.stdin.read())


def read(folder, log):
    """A message begins with a date, its further lines with a tab."""
    for message in re.findall(r"duration: [0-9.]+ ms  plan:\n(?:\t.*\n?)+", log):
        text = re.sub(r"^\t", "", message, flags=re.M)
        query, plan = re.search(r"Query Text: (.*?)\n(?=\S[^\n]*\(cost)(.*)", text, re.S).groups()
        is_of_a_page = "LIMIT $" in query or "WITH RECURSIVE page" in query
        if not is_of_a_page or "jobs" in query or "audit_entries" in query:  # those work beside
            continue
        with open(os.path.join(folder, hashlib.sha256(query.encode()).hexdigest()), "w", encoding="utf-8") as file:
            file.write(query)
        print(text.splitlines()[0])
        print("\n".join("  " + line for line in plan.splitlines()))


def explain(folder, path):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            query = file.read()
        values = {f"p{number}": None for number in re.findall(r"\$(\d+)", query)}
        print("\nSQLite:", re.sub(r"\s+", " ", query[query.index("WHERE") if "WHERE" in query else 0 :]))
        question = "EXPLAIN QUERY PLAN " + query.replace("$", ":p")
        for _, _, _, line in database.execute(question, values):
            print("  " + line)


if __name__ == "__main__":
    main()
