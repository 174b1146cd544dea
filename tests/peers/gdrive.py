#!/usr/bin/env python3
"""A stand-in for what Google Drive offers: the exchange of an assertion for a token, and the calls of Drive v3 that store
files. It is strict where the documentation is: signature and claims of the assertion, names of parameters, 256 KiB, the
order of pieces, `supportsAllDrives`, who may add to which folder, and that service accounts own no storage.
usage: gdrive.py DIR PORT CERTIFICATE KEY      http on PORT, https on PORT+1
leaves: DIR/key.json, the key file of a service account. Its key signs for every address NAME@stand-in.iam.gserviceaccount.com,
and each of these accounts has a world of its own: folders, files, tokens, faults, and a list of what it asked.

Folders of a world: sd_rw (in the shared drive SD1), sd_ro (there, read only), my_rw (somebody's own, shared for writing),
my_ro (the same, read only), full (in SD1, which takes no more), gone (in the trash); a_file is none.

/_world/ACCOUNT   GET gives files and calls. PUT changes how the world is:
  delegates      persons that the account may act for          clock       seconds that this server's clock is ahead
  ttl            seconds that a token lasts                    token       {"status", "error", "error_description"}
  sums           which checksums are told: all, md5, none      rights      what may be done: delete, trash
  late           whether a taken identifier is told at the end of an upload, not at its beginning
  faults         a list; each is {"match": "METHOD path", a regular expression, "skip": calls that it lets pass, "times",
                 and what happens: "status" and "reason" with "headers", "keep" bytes of a piece first, "hang_up" before or
                 after the work, "flip" a bit of what is stored, "answer" in place of the right one, "location"}
  plant          {"path": path below sd_rw, "text": …}: somebody else's file; an empty text removes what is there
  edit           {"id": file, …members}: somebody changes a file; without members it vanishes"""
import base64
import hashlib
import json
import re
import secrets
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

FOLDER = "application/vnd.google-apps.folder"
DOMAIN = "@stand-in.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/drive"
AUDIENCE = "https://oauth2.googleapis.com/token"
STEP = 256 * 1024
HTML = b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>"
# Parameters by call, as the discovery document of Drive v3 has them.
COMMON = {"fields", "alt", "key", "prettyPrint", "quotaUser", "uploadType"}
PARAMETERS = {
    "create": {"supportsAllDrives", "keepRevisionForever", "useContentAsIndexableText", "ocrLanguage",
               "enforceSingleParent", "ignoreDefaultVisibility", "includeLabels", "includePermissionsForView"},
    "get": {"supportsAllDrives", "acknowledgeAbuse", "includeLabels", "includePermissionsForView"},
    "list": {"q", "pageSize", "pageToken", "spaces", "orderBy", "corpora", "driveId", "supportsAllDrives",
             "includeItemsFromAllDrives", "includeLabels", "includePermissionsForView"},
    "update": {"supportsAllDrives", "addParents", "removeParents", "keepRevisionForever"},
    "delete": {"supportsAllDrives", "enforceSingleParent"},
    "generateIds": {"count", "space", "type"},
}
READ_ONLY = {"size", "md5Checksum", "sha1Checksum", "sha256Checksum", "driveId", "kind", "webViewLink", "version"}

place, first = Path(sys.argv[1]), int(sys.argv[2])
key = rsa.generate_private_key(65537, 2048)
key_id = secrets.token_hex(20)
worlds, tokens, sessions = {}, {}, {}
lock = threading.RLock()


class Refusal(Exception):
    def __init__(self, status, reason, message, **headers):
        self.status, self.headers = status, headers
        self.body = {"error": {"code": status, "message": message,
                               "errors": [{"message": message, "domain": "global", "reason": reason}]}}


class World:
    def __init__(self):
        self.files, self.calls, self.faults = {}, [], []
        self.is_as = {"delegates": [], "clock": 0, "ttl": 3599, "token": None, "sums": "all",
                      "rights": ["delete", "trash"], "late": False}
        for id, drive, role in [("SD1", "SD1", "writer"), ("sd_rw", "SD1", "writer"), ("sd_ro", "SD1", "reader"),
                                ("my_rw", None, "writer"), ("my_ro", None, "reader"), ("full", "SD1", "writer"),
                                ("gone", "SD1", "writer")]:
            self.add(id, id, "SD1" if drive and id != "SD1" else None, drive, FOLDER, _role=role)
        self.files["gone"]["trashed"] = True
        self.add("a_file", "a_file", "sd_rw", "SD1", "text/plain", size="1", _role="writer")
        self.files["a_file"]["parents"] = ["SD1"]

    def add(self, id, name, parent, drive, mime_type, **more):
        created = f"2026-11-21T00:00:00.{len(self.files):06}Z"
        file = {"id": id, "name": name, "mimeType": mime_type, "parents": [parent] if parent else [], "trashed": False,
                "createdTime": created, **more}
        if drive:
            file["driveId"] = drive
        self.files[id] = file
        return file

    def role(self, id):
        file = self.files[id]
        while "_role" not in file:
            file = self.files[file["parents"][0]]
        return file["_role"]

    def is_trashed(self, file):
        while True:
            if file["trashed"]:
                return True
            if not file["parents"] or file["parents"][0] not in self.files:
                return False
            file = self.files[file["parents"][0]]

    def path(self, file):
        names = [file["name"]]
        while file["parents"] and file["parents"][0] not in ("SD1", "sd_rw", "my_rw"):
            file = self.files[file["parents"][0]]
            names.insert(0, file["name"])
        return names

    def plant(self, path, text):
        *folders, name = path.split("/")
        parent = "sd_rw"
        for folder in folders:
            found = [file["id"] for file in self.files.values()
                     if file["name"] == folder and file["parents"] == [parent] and file["mimeType"] == FOLDER]
            parent = found[0] if found else self.add(new_id(), folder, parent, "SD1", FOLDER)["id"]
        for id in [id for id, file in self.files.items() if file["name"] == name and file["parents"] == [parent]]:
            del self.files[id]
        if text:
            self.add(new_id(), name, parent, "SD1", "text/plain", **sums(text.encode()))

    def show(self):
        shown = []
        for file in self.files.values():
            if file["mimeType"] != FOLDER and file["id"] != "a_file":
                shown.append({**file, "path": self.path(file), "trashed": self.is_trashed(file)})
        folders = [file["name"] for file in self.files.values() if file["mimeType"] == FOLDER]
        return {"files": shown, "folders": folders, "calls": self.calls, "sessions": [
            id for id, session in sessions.items() if session["world"] is self and not session["done"]]}


def new_id():
    return "1" + secrets.token_urlsafe(24)


def sums(data):
    return {"size": str(len(data)), "md5Checksum": hashlib.md5(data).hexdigest(),
            "sha256Checksum": hashlib.sha256(data).hexdigest()}


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def grant(form):
    """Gives status and answer of a request for a token."""
    def no(description, error="invalid_grant", status=400):
        return None, status, {"error": error, "error_description": description}
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
        return no("Invalid grant_type", "unsupported_grant_type")
    try:
        head, claims, signature = form["assertion"].split(".")
        header, says = json.loads(unpadded(head)), json.loads(unpadded(claims))
        signature = unpadded(signature)
    except (KeyError, ValueError):
        return no("Invalid JWT: failed to parse assertion.")
    account = says.get("iss", "")
    if header.get("alg") != "RS256" or not account.endswith(DOMAIN):
        return no("Invalid grant: account not found")
    with lock:
        world = worlds.setdefault(account, World())
    refusal = world.is_as["token"]
    if refusal:
        return world, refusal["status"], refusal
    try:
        if header.get("kid") != key_id:
            raise InvalidSignature
        key.public_key().verify(signature, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return world, *no("Invalid JWT Signature.")[1:]
    now = time.time() + world.is_as["clock"]
    begins, ends = says.get("iat"), says.get("exp")
    if not (isinstance(begins, int) and isinstance(ends, int)) or not (
            ends - begins <= 3600 and ends > now and begins < now + 300):
        return world, *no("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                          "Check your iat and exp values in the JWT claim.")[1:]
    if says.get("aud") != AUDIENCE:
        return world, *no("Invalid JWT: Failed audience check.")[1:]
    person = says.get("sub", account)
    if person != account and person not in world.is_as["delegates"]:
        return world, *no("Client is unauthorized to retrieve access tokens using this method, or client not authorized "
                          "for any of the scopes requested.", "unauthorized_client", 401)[1:]
    if says.get("scope") != SCOPE:
        return world, *no("Invalid OAuth scope or ID token audience provided.", "invalid_scope")[1:]
    token = "ya29.c." + secrets.token_urlsafe(40)
    tokens[token] = (world, time.time() + world.is_as["ttl"], person == account)
    return world, 200, {"access_token": token, "expires_in": world.is_as["ttl"], "token_type": "Bearer"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, **headers):
        self.note["status"] = status
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if data:
            self.send_header("Content-Type", "text/html" if data is HTML else "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def hang_up(self):
        self.note["status"] = "hung up"
        self.close_connection = True
        self.connection.close()

    def handle_call(self):
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        path = unquote(url.path)
        self.note = {"call": f"{self.command} {path}", "query": query, "range": self.headers.get("Content-Range"),
                     "length": self.headers.get("Content-Length")}
        try:
            if path.startswith("/_world/"):
                self.change(path.removeprefix("/_world/"))
            elif path == "/token" and self.command == "POST":
                form = {name: values[-1] for name, values in parse_qs(self.body().decode()).items()}
                world, status, said = grant(form)
                if world:
                    world.calls.append(self.note)
                self.answer(status, said, **(said.get("headers") or {}))
            else:
                self.serve(path, query)
        except Refusal as refusal:
            self.answer(refusal.status, refusal.body, **refusal.headers)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_call

    def change(self, account):
        body = self.body()
        with lock:
            world = worlds.setdefault(account, World())
            if self.command == "GET":
                return self.answer(200, world.show())
            asked = json.loads(body)
            for name, value in asked.items():
                if name == "plant":
                    world.plant(value["path"], value["text"])
                elif name == "edit":
                    id = value.pop("id")
                    world.files[id].update(value) if value else world.files.pop(id)
                elif name == "faults":
                    world.faults = [{"skip": 0, "times": 1, **fault} for fault in value]
                else:
                    world.is_as[name] = value
            return self.answer(200, {})

    def fault(self, world):
        """Gives the fault that this call meets, if it meets one."""
        with lock:
            for fault in world.faults:
                if fault["times"] > 0 and re.search(fault["match"], self.note["call"]):
                    if fault["skip"] > 0:
                        fault["skip"] -= 1
                        continue
                    fault["times"] -= 1
                    self.note["fault"] = fault["match"]
                    return fault
        return {}

    def serve(self, path, query):
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        world, until, is_service = tokens.get(bearer, (None, 0, True))
        if not world or until < time.time():
            self.body()
            raise Refusal(401, "authError", "Invalid Credentials", WWW_Authenticate="Bearer")
        world.calls.append(self.note)
        self.is_service, self.world, self.met = is_service, world, self.fault(world)
        session = sessions.get(query.get("upload_id"))
        if "keep" in self.met:
            kept = self.rfile.read(min(self.met["keep"], int(self.headers["Content-Length"])))
            session["data"] += kept[:len(kept) // STEP * STEP]
            if "hang_up" not in self.met:
                self.body_rest(len(kept))
        if self.met.get("hang_up") == "before":
            return self.hang_up()
        if "answer" in self.met:
            self.body()
            return self.answer(200, self.met["answer"])
        if "status" in self.met:
            if "keep" not in self.met:
                self.body()
            reason = self.met.get("reason", "backendError")
            raise Refusal(self.met["status"], reason, reason, **self.met.get("headers", {}))
        if "upload_id" in query:
            return self.resume(session, query["upload_id"])
        return self.call(path, query)

    def body_rest(self, had):
        self.rfile.read(int(self.headers["Content-Length"]) - had)

    def call(self, path, query):
        body = self.body()
        is_upload = path.startswith("/upload/")
        rest = path.removeprefix("/upload").removeprefix("/drive/v3/files").strip("/")
        if not path.removeprefix("/upload").startswith("/drive/v3/files") or "/" in rest:
            return self.answer(404, HTML)
        name = {("POST", False): "create", ("GET", False): "list", ("GET", True): "get", ("PATCH", True): "update",
                ("DELETE", True): "delete"}.get((self.command, bool(rest)))
        if rest == "generateIds":
            name = "generateIds"
        unknown = set(query) - PARAMETERS.get(name, set()) - COMMON
        if not name or unknown:
            raise Refusal(400, "invalidParameter", f"Invalid parameters {unknown}")
        said = json.loads(body) if body else {}
        with lock:
            if is_upload:
                return self.open(said, query)
            if name == "create":
                return self.answer(200, self.shown(self.create(said, None, query), query))
            if name == "list":
                return self.answer(200, {"files": [self.shown(file, query) for file in self.found(query)]})
            if name == "generateIds":
                return self.answer(200, {"kind": "drive#generatedIds", "space": query["space"], "ids": [new_id()]})
            return self.one(name, rest, said, query)

    def one(self, name, id, said, query):
        file = self.visible(id, query)
        if name in ("update", "delete"):
            right = "trash" if name == "update" else "delete"
            if right not in self.world.is_as["rights"] or self.world.role(id) == "reader":
                raise Refusal(403, "insufficientFilePermissions", "The user does not have sufficient permissions.")
            if name == "delete":
                del self.world.files[id]
                return self.answer(204)
            file.update(said)
        return self.answer(200, self.shown(file, query))

    def visible(self, id, query):
        file = self.world.files.get(id)
        if not file or ("driveId" in file and query.get("supportsAllDrives") != "true"):
            raise Refusal(404, "notFound", f"File not found: {id}.")
        return file

    def shown(self, file, query):
        names = re.sub(r"^files\((.*)\)$", r"\1", query.get("fields", "id,name,mimeType"))
        names = re.sub(r"\([^)]*\)", "", names).split(",")
        known = dict(file, trashed=self.world.is_trashed(file), capabilities={
            "canAddChildren": file["mimeType"] == FOLDER and self.world.role(file["id"]) == "writer"})
        told = self.world.is_as["sums"]
        hidden = {"all": (), "md5": ("sha256Checksum",), "none": ("sha256Checksum", "md5Checksum")}[told]
        return {name: known[name] for name in names if name in known and name not in hidden}

    def found(self, query):
        files = [file for file in self.world.files.values()
                 if "driveId" not in file or (query.get("supportsAllDrives") == "true"
                                              and query.get("includeItemsFromAllDrives") == "true")]
        if (query.get("corpora") == "drive") != ("driveId" in query):
            raise Refusal(403, "teamDriveIdRequired", "The driveId parameter must be specified with corpora drive.")
        if "driveId" in query:
            files = [file for file in files if file.get("driveId") == query["driveId"]]
        asked = query["q"]
        while asked:
            term = re.match(r"'([^']+)' in parents|name = '((?:[^'\\]|\\.)*)'|trashed = false|mimeType = '([^']+)'", asked)
            if not term:
                raise Refusal(400, "invalid", "Invalid Value")
            if term[1]:
                files = [file for file in files if term[1] in file["parents"]]
            elif term[2] is not None:
                name = re.sub(r"\\(.)", r"\1", term[2]).casefold()
                files = [file for file in files if file["name"].casefold() == name]
            elif term[3]:
                files = [file for file in files if file["mimeType"] == term[3]]
            else:
                files = [file for file in files if not self.world.is_trashed(file)]
            asked = asked[term.end():].removeprefix(" and ")
        return files

    def check(self, about, query, is_file):
        """Refuses what may not be created."""
        if READ_ONLY & set(about):
            raise Refusal(403, "fieldNotWritable", "The resource body includes fields which are not directly writable.")
        [parent] = about["parents"]
        folder = self.visible(parent, query)
        if folder["mimeType"] != FOLDER:
            raise Refusal(403, "parentNotAFolder", "The specified parent is not a folder.")
        if self.world.role(parent) == "reader":
            raise Refusal(403, "insufficientParentPermissions", "Insufficient permissions for the specified parent.")
        if parent == "full":
            raise Refusal(403, "teamDriveFileLimitExceeded", "The file limit for this shared drive has been exceeded.")
        if is_file and "driveId" not in folder and self.is_service:
            raise Refusal(403, "storageQuotaExceeded", "Service Accounts do not have storage quota. Leverage shared "
                          "drives, or use OAuth delegation instead.")
        return folder

    def create(self, about, data, query):
        folder = self.check(about, query, data is not None)
        id = about.get("id") or new_id()
        if id in self.world.files:
            raise Refusal(409, "fileIdInUse", "A file already exists with the provided ID.")
        more = {} if data is None else sums(data)
        kind = about.get("mimeType", "application/octet-stream")
        return self.world.add(id, about["name"], folder["id"], folder.get("driveId"), kind, **more)

    def open(self, about, query):
        self.check(about, query, True)
        if about.get("id") in self.world.files and not self.world.is_as["late"]:
            raise Refusal(409, "fileIdInUse", "A file already exists with the provided ID.")
        id = "AB" + secrets.token_urlsafe(60)
        sessions[id] = {"about": about, "query": query, "data": bytearray(), "done": None, "world": self.world,
                        "size": int(self.headers["X-Upload-Content-Length"])}
        scheme = "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        here = f"{scheme}://{self.headers['Host']}/upload/drive/v3/files?uploadType=resumable&upload_id={id}"
        return self.answer(200, Location=self.met.get("location", here))

    def resume(self, session, id):
        data = b"" if "keep" in self.met else self.body()
        if not session or session["world"] is not self.world:
            return self.answer(404, b"Not Found")
        if self.command == "DELETE":
            del sessions[id]
            return self.answer(499)
        with lock:
            if session["done"]:
                return self.answer(200, session["done"])
            have, size = len(session["data"]), session["size"]
            asked = self.headers.get("Content-Range")
            if asked:
                match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", asked)
                if not match or int(match[3]) != size:
                    raise Refusal(400, "badRequest", "Failed to parse Content-Range header.")
                if match[1]:
                    start, last = int(match[1]), int(match[2])
                    if len(data) != last - start + 1 or start != have or last >= size:
                        raise Refusal(400, "badRequest", f"The upload offset {start} is not {have}.")
                    if last + 1 < size and len(data) % STEP:
                        raise Refusal(400, "badRequest", "A piece is not a multiple of 256 KiB.")
                    session["data"] += data
            elif size or data:
                raise Refusal(400, "badRequest", "A piece does not say where it belongs.")
            have = len(session["data"])
            if have < size:
                return self.answer(308, **({"Range": f"bytes=0-{have - 1}"} if have else {}))
            if self.met.get("flip"):
                session["data"][0] ^= 1
            file = self.create(session["about"], session["data"], session["query"])
            session["done"], session["data"] = self.shown(file, session["query"]), bytearray()
        if self.met.get("hang_up") == "after":
            return self.hang_up()
        return self.answer(200, session["done"])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # callers may hang up
            super().handle_error(request, client_address)


pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
secure = Server(("127.0.0.1", first + 1), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=secure.serve_forever, daemon=True).start()
plain = Server(("127.0.0.1", first), Handler)
elsewhere = "https://evil.example"
(place / "key.json").write_text(json.dumps({
    "type": "service_account", "project_id": "stand-in", "private_key_id": key_id, "private_key": pem.decode(),
    "client_email": "hub" + DOMAIN, "client_id": "1" * 21, "auth_uri": elsewhere, "token_uri": elsewhere,
    "auth_provider_x509_cert_url": elsewhere, "client_x509_cert_url": elsewhere, "universe_domain": "evil.example",
}, indent=1))
plain.serve_forever()
