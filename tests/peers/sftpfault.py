#!/usr/bin/env python3
"""SFTP servers that misbehave. The user's name up to the first `-` says how; each name has a folder of its own.

usage: sftpfault.py DIR PORT          password of every user: `secret-of-the-peer`
needs: asyncssh

PORT    modern, with these users:
    plain       behaves                      kbd         takes the password as an answer to a question only
    tries       ends the connection at once when somebody signs in
    hang        never answers an open        stall       never answers a write
    drop        ends the connection after 300 kB         quota       refuses more than 1 MiB: no space left
    norename    knows no way to rename       noplain     knows posix-rename only
    noposix     knows the plain rename only  clobber     its plain rename replaces what is there
    flip        keeps another byte than was sent         short       keeps one byte less than was sent
    rot         changes a byte once the file has its final name
    cutend      cuts the last byte off once the file has its final name
    lost        renames, and ends the connection instead of saying so
PORT+1  only what is no longer safe: SHA-1, CBC
PORT+2  another machine: its own host key, and no SFTP

DIR/attempts      a line `<port's role> <user>` for each attempt to sign in
DIR/fingerprints  a line `<port's role> SHA256:…` for each host key, written when all of them listen
"""

import asyncio
import errno
import os
import pathlib
import sys

import asyncssh

HERE = pathlib.Path(sys.argv[1])
PORT = int(sys.argv[2])
PASSWORD = "secret-of-the-peer"
FOREVER = 3600


class Server(asyncssh.SSHServer):
    role = "modern"

    def connection_made(self, connection):
        self.connection = connection

    def begin_auth(self, username):
        self.mode = username.split("-")[0]
        with open(HERE / "attempts", "a") as log:
            log.write(f"{self.role} {username}\n")
        if self.mode == "tries":
            raise asyncssh.DisconnectError(asyncssh.DISC_PROTOCOL_ERROR, "Too many authentication failures")
        return True

    def password_auth_supported(self):
        return self.mode != "kbd"

    def validate_password(self, username, password):
        return password == PASSWORD

    def kbdint_auth_supported(self):
        return self.mode == "kbd"

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return list(responses) == [PASSWORD]


class Legacy(Server):
    role = "legacy"


class Impostor(Server):
    role = "impostor"

    def session_requested(self):
        return asyncssh.SSHServerSession()  # which refuses every subsystem


class Files(asyncssh.SFTPServer):
    def __init__(self, channel):
        user = channel.get_extra_info("username")
        self.mode = user.split("-")[0]
        self.taken = 0
        self.root = HERE / "root" / user
        self.root.mkdir(exist_ok=True)
        super().__init__(channel, chroot=str(self.root).encode())

    def end(self):
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("ended on purpose")

    async def open(self, path, pflags, attrs):
        if self.mode == "hang":
            await asyncio.sleep(FOREVER)
        return super().open(path, pflags, attrs)

    async def write(self, file_obj, offset, data):
        self.taken += len(data)
        if self.mode == "stall":
            await asyncio.sleep(FOREVER)
        if self.mode == "drop" and self.taken > 300_000:
            self.end()
        if self.mode == "quota" and self.taken > 1 << 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.mode == "flip" and offset == 0 and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        return super().write(file_obj, offset, data)

    def close(self, file_obj):
        if self.mode == "short" and file_obj.writable():
            os.ftruncate(file_obj.fileno(), os.fstat(file_obj.fileno()).st_size - 1)
        super().close(file_obj)

    def rename(self, oldpath, newpath):
        if self.mode in ("norename", "noplain"):
            raise asyncssh.SFTPOpUnsupported("no rename")
        if self.mode == "clobber":
            os.replace(self.map_path(oldpath), self.map_path(newpath))
        else:
            super().rename(oldpath, newpath)
        self.after(newpath)

    def posix_rename(self, oldpath, newpath):
        if self.mode in ("norename", "noposix"):
            raise asyncssh.SFTPOpUnsupported("no posix-rename")
        super().posix_rename(oldpath, newpath)

    def link(self, oldpath, newpath):
        if self.mode in ("norename", "noplain"):
            raise asyncssh.SFTPOpUnsupported("no links")
        super().link(oldpath, newpath)

    def after(self, path):
        name = self.map_path(path)
        before = os.stat(name)
        if self.mode == "rot":
            with open(name, "r+b") as file:
                first = file.read(1)
                file.seek(0)
                file.write(bytes([first[0] ^ 1]))
        elif self.mode == "cutend":
            os.truncate(name, os.path.getsize(name) - 1)
        elif self.mode == "lost":
            self.end()
        os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a disk that fails does


async def main():
    modern, other = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    old = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    only_old = {
        "kex_algs": ["diffie-hellman-group14-sha1"],
        "encryption_algs": ["aes128-cbc"],
        "mac_algs": ["hmac-sha1"],
        "signature_algs": ["ssh-rsa"],
    }
    listen = [
        asyncssh.listen("127.0.0.1", PORT, server_factory=Server, server_host_keys=[modern], sftp_factory=Files),
        asyncssh.listen("127.0.0.1", PORT + 1, server_factory=Legacy, server_host_keys=[old], sftp_factory=Files, **only_old),
        asyncssh.listen("127.0.0.1", PORT + 2, server_factory=Impostor, server_host_keys=[other]),
    ]
    listening = [await each for each in listen]
    (HERE / "attempts").touch()
    roles = zip(["modern", "legacy", "impostor"], [modern, old, other])
    lines = "".join(f"{role} {key.get_fingerprint()}\n" for role, key in roles)
    (HERE / "fingerprints.new").write_text(lines)
    (HERE / "fingerprints.new").rename(HERE / "fingerprints")
    await asyncio.gather(*(each.wait_closed() for each in listening))


asyncio.run(main())
