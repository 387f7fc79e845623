#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_torture - the rows of test/conform/http_messages.txt through a real HTTP line, with a server behind it that notes every byte.

    FAULTLINE=build/release/faultline test/conform/http_torture.py

Requests go in whole and in pieces. What is refused must be answered with the row's status and never reach the server; what is accepted must reach it once, framed in one
way alone, with the same content. Answers likewise: what is refused becomes 502, what is accepted reaches the client whole.

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import os
import random
import re
import socket
import sys
import tempfile
import threading

from api_lib import WAIT, Daemon, Suite, free_port, stop_listening

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "http_messages.txt")
HOP = {b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"http2-settings"}
STRICT_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\Z")


def unescape(s, i=0, end=None):
    """Bytes of a row from s[i] on, up to `end`."""
    out = b""
    while i < len(s) and s[i] != end:
        c = s[i]
        i += 1
        if c == "⏎":
            out += b"\r\n"
        elif c != "\\":
            out += c.encode()
        elif s[i] == "{":
            colon = s.index(":", i)
            text, close = unescape(s, colon + 1, "}")
            out += text * int(s[i + 1:colon])
            i = close + 1
        elif s[i] == "x":
            out += bytes([int(s[i + 1:i + 3], 16)])
            i += 3
        else:
            out += {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}[s[i]]
            i += 1
    return out, i


class Row:
    def __init__(self, number, line):
        self.clause, self.what, self.side, raw, want = line.split(" | ")
        self.number = number
        self.bytes = unescape(raw)[0]
        self.words = want.split(" ")
        self.name = "%d: %s: %s" % (number, self.clause, self.what)

    def value(self, key):
        return next((w[len(key) + 1:] for w in self.words if w.startswith(key + "=")), None)

    def accepted(self):
        return self.words[0] == "ok"

    def body_refused(self):
        return any(w.startswith("body-bad") for w in self.words)


def rows():
    with open(TABLE, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line and not line.startswith("#"):
                yield Row(number, line)


class Torn(Exception):
    """The stream ended within a message."""


class Reader:
    """Messages off a socket, read as strictly as can be, by other code than the proxy's."""

    def __init__(self, s):
        self.socket, self.data = s, b""

    def more(self):
        try:
            got = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
        if not got:
            raise Torn(self.data)
        self.data += got

    def until(self, mark):
        while mark not in self.data:
            self.more()
        head, self.data = self.data.split(mark, 1)
        return head

    def take(self, n):
        while len(self.data) < n:
            self.more()
        out, self.data = self.data[:n], self.data[n:]
        return out

    def head(self):
        first, *lines = self.until(b"\r\n\r\n").split(b"\r\n")
        fields = []
        for line in lines:
            if not STRICT_FIELD.match(line):
                raise ValueError("not a field line: %r" % line)
            name, value = line.split(b":", 1)
            fields.append((name.lower(), value.strip(b" \t")))
        return first, fields

    def chunks(self):
        out = b""
        while True:
            size = self.until(b"\r\n")
            if not re.match(rb"[0-9a-fA-F]{1,15}(;|\Z)", size):
                raise ValueError("chunk size %r" % size)
            n = int(size.split(b";")[0], 16)
            if n == 0:
                break
            out += self.take(n)
            if self.take(2) != b"\r\n":
                raise ValueError("a chunk without its end")
        while self.until(b"\r\n"):
            pass
        return out

    def rest(self):
        """Everything up to the end of the connection."""
        try:
            while True:
                self.more()
        except Torn:
            out, self.data = self.data, b""
            return out

    def body(self, fields, to_the_end):
        lengths = [v for n, v in fields if n == b"content-length"]
        codings = [v for n, v in fields if n == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or any(v != b"chunked" for v in codings):
            raise ValueError("framed in more than one way: %r %r" % (lengths, codings))
        if codings:
            return self.chunks()
        if lengths:
            if not re.match(rb"(0|[1-9][0-9]*)\Z", lengths[0]):
                raise ValueError("length %r" % lengths[0])
            return self.take(int(lengths[0]))
        return self.rest() if to_the_end else b""


class Recorder:
    """A server that answers what it is told to, and notes what it is asked."""

    def __init__(self, port):
        self.lock = threading.Lock()
        self.answer, self.requests, self.faults = None, [], []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        reader = Reader(s)
        try:
            while True:
                first, fields = reader.head()
                body = reader.body(fields, False)
                with self.lock:
                    self.requests.append((first, fields, body))
                    answer = self.answer
                s.sendall(answer or b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % ((0, b"") if first.startswith(b"HEAD") else (2, b"ok")))
                if answer:
                    s.shutdown(socket.SHUT_RDWR)
                    return
        except Torn:
            pass
        except OSError:
            pass
        except ValueError as e:
            with self.lock:
                self.faults.append(str(e))
        finally:
            s.close()

    def taken(self):
        with self.lock:
            out = self.requests, self.faults
            self.requests, self.faults = [], []
        return out


class Rig:
    def __init__(self):
        self.port = free_port()
        self.recorder = Recorder(0)
        upstream = self.recorder.listener.getsockname()[1]
        self.file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.file.write("lines:\n  torture:\n    protocol: http\n    listen: 127.0.0.1:%d\n    upstream: 127.0.0.1:%d\n"
                        "    trace: false\n    limits: {fields: 128}\n" % (self.port, upstream))
        self.file.flush()
        self.daemon = Daemon("-c", self.file.name)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), WAIT)

    def stop(self):
        self.daemon.stop()
        stop_listening(self.recorder.listener, self.recorder.accepting)
        self.file.close()


def send_all(s, pieces):
    """As much as the peer takes: it may refuse half-way."""
    try:
        for piece in pieces:
            s.sendall(piece)
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def ask(rig, *pieces):
    """The first answer to these bytes, as (status, all the bytes that came); (0, b"") when there was none."""
    with rig.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender = threading.Thread(target=send_all, args=(s, pieces), daemon=True)
        sender.start()
        out = Reader(s).rest()
        try:
            s.shutdown(socket.SHUT_RDWR)        # so that it ends before the descriptor belongs to the next connection
        except OSError:
            pass
        sender.join()
    m = re.match(rb"HTTP/1\.1 (\d{3}) ", out)
    return (int(m.group(1)) if m else 0), out


def try_request(t, rig, row, dice):
    at = sorted(dice.randint(0, len(row.bytes)) for _ in range(dice.choice((0, 1, 3))))
    cuts = list(zip([0] + at, at + [len(row.bytes)]))
    status, out = ask(rig, *(row.bytes[a:b] for a, b in cuts))
    requests, faults = rig.recorder.taken()
    if faults:
        t.check(row.name, False, "the server was sent %s" % faults)
    elif not row.accepted():
        want = int(row.words[1]) if row.words[0] == "bad" else None
        t.check(row.name, not requests and (status == want if want else status in (0, 400, 408)), (status, out[:200], requests))
    elif row.body_refused() or "eof-bad" in row.words or "body-more" in row.words:
        t.check(row.name, not requests and status in (0, 400, 408, 413, 431, 499, 502), (status, out[:200], requests))
    elif row.value("method") == "CONNECT" or row.bytes.startswith(b"CONNECT"):
        t.check(row.name, not requests and 400 <= status < 600, (status, requests))
    else:
        t.check(row.name, status == 200 and same_request(row, requests), (status, out[:200], requests[:2]))


def same_request(row, requests):
    if not requests or (row.value("rest") in (None, "0") and len(requests) != 1):
        return False
    first, fields, body = requests[0]
    method, target, version = first.split(b" ")
    path = row.value("path")
    named = [v for n, v in fields if n == b"host"]
    hops = {n for n, _ in fields} & HOP - ({b"connection", b"upgrade"} if "upgrade" in row.words else {b"connection"})
    return (version == b"HTTP/1.1" and len(named) == 1 and not hops and
            (row.value("payload") is None or len(body) == int(row.value("payload"))) and
            (row.value("method") is None or method.decode() == row.value("method")) and
            (not path or target.split(b"?")[0].decode("latin-1") == path) and
            (not row.value("host") or named[0].decode() == row.value("host")))


def try_answer(t, rig, row):
    method = row.side[4:] or "GET"
    status = row.value("status") or "200"
    if method == "CONNECT" or (row.accepted() and (status.startswith("1") or "tunnel" in row.words)):
        return          # interim answers and tunnels have no end by themselves
    rig.recorder.answer = row.bytes
    got, out = ask(rig, b"%s /answer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % method.encode())
    rig.recorder.answer = None
    requests, faults = rig.recorder.taken()
    if faults or not requests:
        t.check(row.name, False, (faults, got, out[:200]))
    elif not row.accepted():
        t.check(row.name, got == 502, (got, out[:200]))
    else:
        t.check(row.name, same_answer(row, method, got, out), (got, out[:300]))


def same_answer(row, method, got, out):
    head = out.split(b"\r\n\r\n", 1)[0]
    if row.body_refused() or "eof-bad" in row.words:
        return got == 502 or torn(out)
    if row.value("status") and got != int(row.value("status")):
        return False
    if method == "HEAD" or got in (204, 304):
        return out == head + b"\r\n\r\n"
    content = content_of(out)
    return content is not None and (row.value("payload") is None or len(content) == int(row.value("payload")))


class Replay:
    """Bytes that came, as a socket."""

    def __init__(self, data):
        self.data = data

    def recv(self, _):
        out, self.data = self.data, b""
        return out


def content_of(out):
    reader = Reader(Replay(out))
    try:
        _, fields = reader.head()
        return reader.body(fields, True)
    except (Torn, ValueError):
        return None


def torn(out):
    return content_of(out) is None


def test_requests(t):
    rig, dice = Rig(), random.Random(1)
    for row in list(rows()) * 2:
        if row.side == "req":
            try_request(t, rig, row, dice)
    t.check("still there", ask(rig, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")[0] == 200)
    rig.stop()


def test_answers(t):
    rig = Rig()
    for row in rows():
        if row.side.startswith("res"):
            try_answer(t, rig, row)
    t.check("still there after answers", ask(rig, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")[0] == 200)
    rig.stop()


if __name__ == "__main__":
    suite = Suite()
    sys.exit(suite.run((test_requests, test_answers)))
