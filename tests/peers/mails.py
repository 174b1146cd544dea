#!/usr/bin/env python3
"""Reads what Exim has taken for recipients whose address holds a mark: one JSON object per mail, in order of arrival.

usage: mails.py DIR MARK      DIR is TEST_SMTP_DIR

A mail that was acknowledged lies in the spool before it lies in the maildir, so that an empty spool is waited for: what is
not printed then has never been taken.
"""

import email
import email.policy
import hashlib
import json
import pathlib
import sys
import time

home, mark = pathlib.Path(sys.argv[1]), sys.argv[2]


def waits():
    for head in (home / "spool" / "input").glob("**/*-H"):
        try:
            if mark in head.read_text(errors="replace"):
                return True
        except FileNotFoundError:
            continue  # delivered meanwhile
    return False


def digest(part):
    content = part.get_payload(decode=True) or b""
    return {
        "type": part.get_content_type(),
        "disposition": part.get_content_disposition(),
        "name": part.get_filename(),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "text": content.decode() if part.get_content_type() == "text/plain" else None,
    }


until = time.monotonic() + 20
while waits():
    if time.monotonic() > until:
        sys.exit(f"mails for {mark} still wait in the spool")
    time.sleep(0.05)

mails = []
for path in (home / "mail" / "new").glob("*"):
    content = path.read_bytes()
    mail = email.message_from_bytes(content, policy=email.policy.default)
    if mark not in (mail["Envelope-to"] or ""):
        continue
    mails.append((path.stat().st_mtime_ns, path.name, {
        "envelope_to": mail["Envelope-to"],
        "envelope_from": mail["Return-path"],
        "auth": mail["X-Peer-Auth"],
        "tls": mail["X-Peer-TLS"],
        "port": int(mail["X-Peer-Port"]),
        # without what the server adds
        "headers": [[name, str(value)] for name, value in mail.items()
                    if name not in ("Received", "Envelope-to", "Return-path") and not name.startswith("X-Peer-")],
        "defects": [type(defect).__name__ for defect in mail.defects],
        "parts": [digest(part) for part in mail.walk() if not part.is_multipart()],
    }))
for _, _, mail in sorted(mails, key=lambda mail: mail[:2]):
    print(json.dumps(mail, ensure_ascii=False))
