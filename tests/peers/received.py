#!/usr/bin/env python3
"""Says what the sink has been posted, as a server that is not ours reads it: forms by Werkzeug, signatures by the library
of Standard Webhooks where it can (it takes text alone) and as docs/endpoints.md tells receivers to where it cannot.
usage: received.py POSTS URI [SIGNING_SECRET]
prints: one line of JSON per request to URI, the note of the sink with what was found in the body"""
import base64
import hashlib
import hmac
import json
import os
import sys
from urllib.parse import unquote

from standardwebhooks import Webhook
from werkzeug.formparser import parse_form_data


def digest(stream):
    return hashlib.file_digest(stream, "sha256")


def form(post):
    with open(post["file"], "rb") as body:
        environ = {
            "REQUEST_METHOD": "POST",
            "wsgi.input": body,
            "CONTENT_TYPE": post["content-type"],
            "CONTENT_LENGTH": post["content-length"],
        }
        _, fields, files = parse_form_data(environ, silent=False)
        [(field, file)] = files.items(multi=True)
        sha256 = digest(file.stream).hexdigest()
        return dict(fields.items()) | {
            "field": field, "name": file.filename, "type": file.mimetype, "found_sha256": sha256,
            "found_size": file.stream.tell(), "part_headers": sorted(name.lower() for name, _ in file.headers),
        }


def signed(post, secret):
    with open(post["file"], "rb") as file:
        body = file.read()
    try:
        Webhook(secret).verify(body, post, json_parse=False)
        return "by the library"
    except UnicodeDecodeError:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        message = f"{post['webhook-id']}.{post['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.digest(key, message, "sha256")).decode()
        return "by hand" if f"v1,{signature}" in post["webhook-signature"].split(" ") else "not at all"


posts, uri, *secret = sys.argv[1:]
with open(posts, encoding="utf-8") as lines:
    asked = [post for line in lines if (post := json.loads(line))["uri"] == uri]
for post in asked:
    post["file"] = post["file"] or os.devnull  # an empty body has no file
    with open(post["file"], "rb") as body:
        sha256 = digest(body)
        post["size_of_body"] = str(body.tell())
    post["digest_is_right"] = post["content-digest"] == f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"
    if post["content-length"] != post["size_of_body"]:
        pass  # broken off: there is nothing to read
    elif post["content-type"].startswith("multipart/"):
        post |= form(post)
    else:
        size = int(post["size_of_body"])
        post |= {"path": unquote(post["mediaport-path"]), "found_sha256": sha256.hexdigest(), "found_size": size}
    if secret:
        post["signed"] = signed(post, secret[0])
    print(json.dumps(post))
