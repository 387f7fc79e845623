#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_strain - what wears a real HTTP line out: slow ones, greedy ones, those that vanish or die at any moment, very many at once, changes under load.

    FAULTLINE=build/release/faultline test/conform/http_strain.py [TEST...]     (or build/asan/faultline)

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import hashlib
import json
import os
import random
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from api_lib import WAIT, Suite, until
from http_attack import HOST, PROBE, talk, told
from http_lib import OK, Backend, Line, reset
from http_torture import Reader, Torn

MB = 1 << 20
SANITIZED = "asan" in os.environ.get("FAULTLINE", "")
# A machine that is busy with other things as well makes a test slow, not wrong.
PATIENT = "    policies: {timeout: {total: 150s, connect: 150s, idle: 150s}}\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"


def grown(line, base):
    """Under a sanitizer freed memory stays for a while: nothing is said of it there."""
    return 0 if SANITIZED else line.rss() - base


def active(line):
    return sum(r.get("active", 0) for r in line.stats().get("routes", []))


def ready(s, seconds, what=select.POLLIN):
    poll = select.poll()
    poll.register(s.fileno(), what)
    return bool(poll.poll(seconds * 1000))


def quiet(t, line, name):
    """Nothing is in flight any more, and it still works."""
    t.check(name + ": all is over", until(lambda: active(line) == 0), line.stats())
    t.check(name + ": it still works", talk(line, [PROBE]).startswith(b"HTTP/1.1 200"))


# ---- memory stays bounded ----

def test_interim_flood(t):
    """A server that never stops saying that it is still at it, and a client that does not listen."""
    def serve(backend, s, reader, _number):
        backend.request(reader)
        flood = b"HTTP/1.1 102 Processing\r\nX: " + b"y" * 1000 + b"\r\n\r\n"
        for _ in range(1000):
            s.sendall(flood * 100)
        backend.finished = True
        s.sendall(OK)
    backend = Backend(serve)
    backend.finished = False
    line = Line(backend, extra=PATIENT)
    base = line.rss()
    with line.connect(4096) as s:
        s.sendall(GET)
        done = until(lambda: backend.finished or grown(line, base) > 48 * MB, 120)
        t.check("interim flood: bounded", done and grown(line, base) < 24 * MB, grown(line, base) / MB)
        reader, n = Reader(s), 0
        first, fields = reader.head()
        while b" 102 " in first:
            first, fields = reader.head()
            n += 1
        t.check("the last one comes", b" 200 " in first and reader.body(fields, False) == b"ok", (first, n))
    line.stop(t, "interim flood")


def pour(backend, s, reader, _number):
    """As much as anybody takes."""
    while True:
        first, _, _ = backend.request(reader)
        n = int(first.split(b" ")[1][1:])
        block = hashlib.sha256(b"%d" % n).digest() * 2048
        if n % 2:
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (n * len(block)))
            for _ in range(n):
                s.sendall(block)
        else:
            s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(n):
                s.sendall(b"%x\r\n%s\r\n" % (len(block), block))
            s.sendall(b"0\r\n\r\n")


def test_slow_readers(t):
    """Big answers that nobody reads cost no more than what is on its way; those who do read get them whole."""
    line = Line(Backend(pour), extra=PATIENT)
    talk(line, [b"GET /3 HTTP/1.1\r\n" + HOST + b"\r\n"])
    base, idle = line.rss(), []
    for k in range(60):
        s = line.connect(16384)
        s.sendall(b"GET /%d HTTP/1.1\r\n" % (90 + k) + HOST + b"\r\n")
        idle.append(s)
    t.check("slow readers: all are answered", until(lambda: all(ready(s, 0) for s in idle), 120))
    out = talk(line, [b"GET /301 HTTP/1.1\r\n" + HOST + b"\r\n"])
    t.check("another one is not disturbed", len(out) > 301 * 65536)
    t.check("slow readers: bounded", grown(line, base) < 60 * 256 * 1024, grown(line, base) / MB)
    for k, s in enumerate(idle[:2]):
        reader = Reader(s)
        _, fields = reader.head()
        want = hashlib.sha256(b"%d" % (90 + k)).digest() * 2048
        body = reader.body(fields, False)
        t.check("whole in the end: %d" % k, len(body) == (90 + k) * len(want) and body == want * (90 + k), len(body))
    for s in idle:
        s.close()
    t.check("slow readers: all is over", until(lambda: active(line) == 0), line.stats())
    line.stop(t, "slow readers")


def test_slow_last_answers(t):
    """An answer that the connection ends with is not cut off because its reader takes a while, whatever fits in between."""
    def serve(backend, s, reader, _number):
        n = int(backend.request(reader)[0].split(b" ")[1][1:])
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n)
    line, found = Line(Backend(serve), extra=PATIENT), {}

    def client(n):
        with line.connect(16384) as s:
            s.sendall(b"GET /%d HTTP/1.1\r\nConnection: close\r\n" % n + HOST + b"\r\n")
            time.sleep(3)       # longer than the proxy waits for a client that has its answer
            found[n] = len(Reader(s).rest())

    sizes = range(100000, 5000000, 25000)
    threads = [threading.Thread(target=client, args=(n,)) for n in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    short = {n: found.get(n) for n in sizes if found.get(n, 0) < n}
    t.equal("slow last answers: whole", short, {})
    line.stop(t, "slow last answers")


def test_greedy_uploads(t):
    """A server that does not read, and clients that send all the same."""
    def serve(backend, s, reader, _number):
        reader.head()
        backend.gate.wait()
    backend = Backend(serve)
    backend.gate = threading.Event()
    line = Line(backend, extra=PATIENT)
    base, clients = line.rss(), []
    for k in range(40):
        s = line.connect()
        s.setblocking(False)
        head = b"Content-Length: 100000000\r\n\r\n" if k % 2 else b"Transfer-Encoding: chunked\r\n\r\n5f5e100\r\n"
        clients.append([s, b"POST /a HTTP/1.1\r\n" + HOST + head])
    stuck = 0
    while stuck < 50:
        sent = 0
        for c in clients:
            try:
                sent += c[0].send(c[1] + b"x" * 65536)
                c[1] = b""
            except BlockingIOError:
                pass
        stuck = 0 if sent else stuck + 1
        time.sleep(0 if sent else 0.002)        # until nobody has taken anything for a while
    t.check("greedy uploads: bounded", grown(line, base) < 40 * 512 * 1024, grown(line, base) / MB)
    for c in clients:
        c[0].close()
    backend.gate.set()
    t.check("greedy uploads: all is over", until(lambda: active(line) == 0), line.stats())
    line.stop(t, "greedy uploads")


def test_huge_heads(t):
    backend = Backend()
    line = Line(backend)
    for name, fields, want in (("one huge field", b"X: " + b"y" * 70000 + b"\r\n", 431), ("many fields", b"X: y\r\n" * 20000, 431), ("many names", b"".join(b"X%d: y\r\n" % k for k in range(5000)), 431),
                               ("a large one that fits", b"X: " + b"y" * 60000 + b"\r\n", 200), ("99 large ones", b"".join(b"X%d: %s\r\n" % (k, b"y" * 600) for k in range(99)), 200),
                               ("many options", b"Connection: " + b"a," * 30000 + b"b\r\n", 400), ("endless name", b"X" * 100000, 431), ("endless value", b"X: " + b"y" * 3000000, 431),
                               ("many cookies", b"Cookie: a=b\r\n" * 98, 200)):
        out = talk(line, [b"GET /a HTTP/1.1\r\n" + HOST, fields, b"\r\n"])
        t.check(name, out.startswith(b"HTTP/1.1 %d " % want), out[:200])
    quiet(t, line, "huge heads")
    line.stop(t, "huge heads")


# ---- slow ones ----

def drip(s, data, every):
    """A byte at a time until it is closed; True: it was."""
    try:
        for k in range(len(data)):
            s.sendall(data[k:k + 1])
            if ready(s, every):
                return True
    except OSError:
        return True
    return False


def slow_body(line):
    with line.connect() as s:
        s.sendall(b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 50\r\n\r\n")
        drip(s, b"x" * 50, 0.01)
        try:
            return Reader(s).head()[0]
        except Torn:
            return b""


def test_slow_loris(t):
    """Heads that never end are given up; bodies may be slow, but not stop."""
    line = Line(Backend(), extra="    limits: {head_timeout: 400ms, body_timeout: 400ms, idle_timeout: 400ms}\n    policies: {timeout: {total: 4s}}\n")
    with line.connect() as s:
        t.check("head", drip(s, b"GET /" + b"a" * 8000, 0.02) and Reader(s).rest().startswith(b"HTTP/1.1 408"))
    with line.connect() as s:
        s.sendall(PROBE)
        reader = Reader(s)
        reader.head()
        t.check("head of the next", drip(s, b"GET /" + b"a" * 8000, 0.02))
    # Where a machine stands still for 400 ms between two bytes, it has stopped: that happens now and then, not each time.
    t.check("a slow body", until(lambda: b" 200 " in slow_body(line), 60))
    with line.connect() as s:
        s.sendall(b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        t.check("an endless body", drip(s, b"1\r\nx\r\n" * 8000, 0.02))
    with line.connect() as s:
        s.sendall(b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 50\r\n\r\nx")
        out = Reader(s).rest()
        t.check("a body that stops", out.startswith(b"HTTP/1.1 408"), out)
    with line.connect() as s:
        t.equal("one that says nothing", Reader(s).rest(), b"")
    loris = [line.connect() for _ in range(500)]
    for k, s in enumerate(loris):
        s.sendall((b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nx", b"", b"\r\n")[k % 4])
    t.check("the others do not wait", talk(line, [PROBE]).startswith(b"HTTP/1.1 200"))
    for s in loris:
        Reader(s).rest()
        s.close()
    quiet(t, line, "slow loris")
    line.stop(t, "slow loris")


def test_half_closed(t):
    """A client that has said all may say so; it still gets its answer."""
    def serve(backend, s, reader, _number):
        backend.request(reader)
        backend.gate.wait(WAIT)
        s.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 300000)
    backend = Backend(serve)
    backend.gate = threading.Event()
    line = Line(backend, extra="    limits: {half_closed: 0}\n")
    with line.connect() as s:
        s.sendall(PROBE)
        s.shutdown(socket.SHUT_WR)
        until(lambda: backend.requests)
        backend.gate.set()
        out = Reader(s).rest()
        t.check("half closed", out.startswith(b"HTTP/1.1 200") and out.endswith(b"x" * 300000), len(out))
    line.stop(t, "half closed")


def test_left_alone(t):
    """Nobody waits any more: the work for it is stopped, at the server too, and its places are free again."""
    def serve(backend, s, reader, _number):
        backend.request(reader)
        if not reader.rest():
            backend.ended.release()
    backend = Backend(serve)
    backend.ended = threading.Semaphore(0)
    line = Line(backend, extra="    limits: {half_closed: 5ms}\n    policies: {timeout: {total: 0, idle: 0}, retry: 3, bulkhead: {max: 1, queue: 1, interval: 1h, target: 1h}}\n")
    for data in (PROBE, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody", PROBE + PROBE):
        with line.connect() as s:
            n = len(backend.requests)
            s.sendall(data)
            t.check("left alone: it is asked", until(lambda: len(backend.requests) > n))
            s.close()
        t.check("left alone: the server is told", backend.ended.acquire(timeout=WAIT), data)
    with line.connect() as first, line.connect() as second:         # at work, and in the queue
        n = len(backend.requests)
        first.sendall(PROBE)
        t.check("left alone: one at work", until(lambda: len(backend.requests) > n))
        second.sendall(PROBE)
        t.check("left alone: one waits", until(lambda: active(line) == 2), line.stats())
        second.close()
        t.check("left alone: who waits may leave", until(lambda: active(line) == 1), line.stats())
        first.close()
    t.check("left alone: all are gone", until(lambda: active(line) == 0), line.stats())
    stats = line.stats()["http"]
    t.check("left alone: and counted", stats["ends"].get("abandoned") == 5 and stats["client_gone"] == 5 and stats["retries"] == 0, stats)
    line.stop(t, "left alone")


# ---- those that vanish ----

def vanish(s, how):
    if how == "reset":
        reset(s)
    elif how == "half":
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass                # it was refused and closed meanwhile
    s.close()


def test_clients_vanish(t):
    def serve(backend, s, reader, _number):
        while True:
            first, _, _ = backend.request(reader)
            path = first.split(b" ")[1]
            if path == b"/never":
                backend.gate.wait()
                raise Torn(b"")
            if path == b"/tunnel":
                s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")
                s.sendall(reader.take(5))
                reader.rest()
                return
            n = 3000000 if path == b"/big" else 5
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n)
    backend = Backend(serve)
    backend.gate = threading.Event()
    line = Line(backend, extra="    policies: {retry: 2, hedge: 5ms, bulkhead: {max: 100, queue: 50}, breaker: true}\n")
    phases = {"nothing": b"", "half a head": b"GET /a HTT", "half a body": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 500000\r\n\r\n" + b"x" * 100000,
              "half a chunk": b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx", "waiting": b"GET /never HTTP/1.1\r\n" + HOST + b"\r\n", "an answer": b"GET /big HTTP/1.1\r\n" + HOST + b"\r\n",
              "a tunnel": b"GET /tunnel HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: x\r\n\r\n", "many requests": PROBE * 50, "a request and half of one": PROBE + b"GET /",
              "big ones": b"GET /big HTTP/1.1\r\n" + HOST + b"\r\n" + PROBE * 20}
    dice = random.Random(5)
    for _ in range(12):
        for data in phases.values():
            for how in ("end", "reset", "half"):
                s = line.connect()
                try:
                    s.sendall(data)
                except OSError:
                    pass        # as above
                if dice.random() < 0.5 and data:
                    ready(s, 0.002)       # some are in the middle of it
                vanish(s, how)
    backend.gate.set()
    quiet(t, line, "clients vanish")
    t.check("clients vanish: no connection is left", until(lambda: line.daemon.get("/v1/lines/l").json.get("connections", 0) in (0, [])), line.stats())
    line.stop(t, "clients vanish")


def test_servers_reset(t):
    """A server that breaks off at any moment: the client is told so, or sees it; nobody else does."""
    def serve(backend, s, reader, number):
        dice = random.Random(number)
        while True:
            where = dice.choice(("accept", "head", "body", "asked", "status", "answer head", "answer body", "chunk", "idle", "fine", "fine", "end", "interim"))
            if where == "accept":
                return reset(s)
            if where in ("head", "body"):
                reader.until(b"\r\n" if where == "head" else b"\r\n\r\n")
                return reset(s)
            backend.request(reader)
            if where == "asked":
                return reset(s)
            if where == "end":
                return None
            s.sendall({"status": b"HTTP/1.1 2", "answer head": b"HTTP/1.1 200 OK\r\nContent-", "answer body": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
                       "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "interim": b"HTTP/1.1 103 Early\r\n\r\n"}.get(where, OK))
            if where not in ("fine", "idle"):
                return reset(s)
            if where == "idle":
                return None
    for policies in ("{}", "{retry: {attempts: 3, on: [connect, reset, timeout, gateway]}, budget: {share: 1.0, reserve_per_second: 1000, max: 1000}}", "{retry: 3, hedge: 1ms, breaker: true, fallback: {body: instead}}"):
        line = Line(Backend(serve), Backend(serve), extra="    policies: " + policies + "\n")
        seen = {}
        for k in range(400):
            body = b"x" * (0, 10, 100000)[k % 3]
            out = talk(line, [b"%s /a HTTP/1.1\r\nContent-Length: %d\r\n" % (b"PUT" if body else b"GET", len(body)) + HOST + b"\r\n" + body])
            status = out[9:12] if not out.startswith(b"HTTP/1.1 1") else b"1xx"
            seen[status] = seen.get(status, 0) + 1
        t.check("servers reset: %s" % policies[:40], set(seen) <= {b"200", b"502", b"503", b"504", b"", b"1xx"} and seen.get(b"200", 0) > 40, seen)
        t.check("servers reset: all is over", until(lambda line=line: active(line) == 0), line.stats())
        line.stop(t, "servers reset")


# ---- very many ----

class Crowd:
    """Clients and a server in one thread, by epoll: threads for thousands are too many."""

    def __init__(self, line, n):
        self.line, self.n, self.clients = line, n, []

    def connect(self):
        for _ in range(self.n):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.line.port))
            self.clients.append(s)
            if len(self.clients) % 200 == 0:
                ready(s, 60, select.POLLOUT)    # one that finds the queue full asks again after 1, 3, 7 seconds

    def all_read(self, seconds=150):
        """What each got, once each got something."""
        out, poll, end = {}, select.epoll(), time.monotonic() + seconds
        for s in self.clients:
            poll.register(s.fileno(), select.EPOLLIN)
        byfd = {s.fileno(): s for s in self.clients}
        while len(out) < self.n and time.monotonic() < end:
            for fd, _ in poll.poll(1):
                try:
                    out[fd] = out.get(fd, b"") + byfd[fd].recv(65536)
                except OSError as e:
                    out[fd] = out.get(fd, b"") + str(e).encode()
                if not out[fd].endswith(b"ok"):
                    continue
                poll.unregister(fd)
        poll.close()
        return out

    def close(self):
        for s in self.clients:
            s.close()


class Holder:
    """A server that answers nobody until it was asked by `n`; then all."""

    def __init__(self, n):
        self.n, self.asked, self.open = n, 0, {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        poll = select.epoll()
        poll.register(self.listener.fileno(), select.EPOLLIN)
        waiting = []
        while not self.ended:
            for fd, _ in poll.poll(0.2):
                if fd == self.listener.fileno():
                    self.take_all(poll)
                    continue
                try:
                    data = self.open[fd].recv(65536)
                except OSError:
                    data = b""
                if not data:
                    poll.unregister(fd)
                    self.open.pop(fd).close()
                elif data.endswith(b"\r\n\r\n"):
                    self.asked += 1
                    waiting.append(fd)
            if self.asked >= self.n:
                for fd in waiting:
                    self.open[fd].sendall(OK)
                waiting = []
        for s in self.open.values():
            s.close()

    def take_all(self, poll):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.open[s.fileno()] = s
            poll.register(s.fileno(), select.EPOLLIN)

    def close(self):
        self.ended = True
        self.thread.join(WAIT)
        self.listener.close()


def crowd_size(wanted, each):
    """As many as descriptors allow: so many here, two in the daemon."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, (hard - 1000) // max(each, 2))


def test_idle_crowd(t):
    """Ten thousand connections that have asked once and keep quiet."""
    n = crowd_size(10000, 1)
    line = Line(Backend(), extra="    limits: {idle_timeout: 10m}\n" + PATIENT, flags=("--conns-max", str(n)))
    base, crowd = line.rss(), Crowd(line, n)
    crowd.connect()
    for s in crowd.clients:
        ready(s, 60, select.POLLOUT)
        s.sendall(GET)
    out = crowd.all_read()
    t.check("idle crowd: all are answered", len(out) == n and all(o.endswith(b"ok") for o in out.values()), (len(out), [o for o in out.values() if not o.endswith(b"ok")][:5]))
    each = grown(line, base) / n
    t.check("idle crowd: memory", each < 2048, each)
    for s in crowd.clients[::100]:
        s.sendall(GET)
        t.check("idle crowd: asked again", Reader(s).head()[0].startswith(b"HTTP/1.1 200") if ready(s, WAIT) else False)
    crowd.close()
    quiet(t, line, "idle crowd")
    line.stop(t, "idle crowd")


def test_busy_crowd(t):
    """Nine thousand calls at once."""
    n = crowd_size(9000, 2)
    holder = Holder(n)
    line = Line(upstream="'127.0.0.1:%d'" % holder.port, flags=("--conns-max", str(n)), extra=PATIENT)
    base, crowd = line.rss(), Crowd(line, n)
    crowd.connect()
    for s in crowd.clients:
        ready(s, 60, select.POLLOUT)
        s.sendall(GET)
    t.check("busy crowd: all at once", until(lambda: holder.asked >= n, 150), holder.asked)
    each = grown(line, base) / n
    out = crowd.all_read()
    t.check("busy crowd: all are answered", len(out) == n and all(o.startswith(b"HTTP/1.1 200") for o in out.values()), (len(out), next((o for o in out.values() if not o.endswith(b"ok")), None)))
    t.check("busy crowd: memory", each < 8192, each)
    crowd.close()
    t.check("busy crowd: all is over", until(lambda: active(line) == 0), line.stats())
    line.stop(t, "busy crowd")
    holder.close()


def test_few_descriptors(t):
    """More clients than there are descriptors: some are turned away, none hangs, and later all is well."""
    line = Line(Backend(), descriptors=80)
    clients = []
    for _ in range(300):
        try:
            clients.append(line.connect())
        except OSError:
            pass
    for s in clients:
        try:
            s.sendall(b"GET /a HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
        except OSError:
            pass
    outs = []
    for s in clients:
        outs.append(Reader(s).rest())
        s.close()
    t.check("few descriptors", all(o == b"" or o.startswith((b"HTTP/1.1 200", b"HTTP/1.1 502", b"HTTP/1.1 503")) for o in outs), [o[:80] for o in outs if o][:3])
    quiet(t, line, "few descriptors")
    line.stop(t, "few descriptors")


# ---- under load ----

class Load:
    """Clients that ask on and on; each answer must be its own."""

    def __init__(self, line, clients=6, may=(200,)):
        self.line, self.may, self.on = line, may, True
        self.good, self.other, self.wrong, self.lost = 0, {}, [], 0
        self.threads = [threading.Thread(target=self.run, args=(k,), daemon=True) for k in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        n, s, reader = 0, None, None
        while self.on:
            n += 1
            path = b"/%d-%d" % (number, n)
            body = b"y" * (0, 100, 20000)[n % 3]
            try:
                if s is None:
                    s = self.line.connect()
                    reader = Reader(s)
                s.sendall((b"PUT" if body else b"GET") + b" " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                first, fields = reader.head()
                content = reader.body(fields, False)
                status = int(first[9:12])
                if status == 200 and content != path + b" %d" % len(body):
                    self.wrong.append((path, content))
                self.good += status == 200
                if status != 200:
                    self.other[status] = self.other.get(status, 0) + 1
                if (b"connection", b"close") in fields:
                    s.close()
                    s = None
            except (OSError, Torn):
                self.lost += 1
                s = None
            except ValueError as e:
                self.wrong.append((path, e))
                s = None

    def stop(self):
        self.on = False
        for thread in self.threads:
            thread.join(WAIT)
        return self


def mirror(backend, s, reader, _number):
    while True:
        first, _, body = backend.request(reader)
        del backend.requests[:]
        s.sendall(told(first.split(b" ")[1] + b" %d" % len(body)))


def test_changes_under_load(t):
    """No request is dropped when the line is changed; none is answered with another's answer when it is stopped, either."""
    line = Line(Backend(mirror), Backend(mirror))
    load = Load(line)
    variants = ("", "    policies: {retry: 3}\n", "    policies: {breaker: true, bulkhead: 50, hedge: 20ms}\n", "    trace: false\n    via: x\n", "    routes: [{name: a, match: {path_prefix: /0-}, policies: {retry: 2}}]\n",
                "    balance: round_robin\n    pool: {idle: 0}\n", "    policies: {rate_limit: 1000000/s, adaptive: true, shed: 1s}\n    forwarded: true\n    server_timing: true\n")
    for k in range(60):
        line.write(line.port, line.text + variants[k % len(variants)])
        if not t.check("reload %d" % k, line.daemon.post("/v1/reload").status == 200):
            break
        seen = load.good
        until(lambda seen=seen: load.good > seen + 20)
    load.stop()
    t.check("changed: none is dropped", load.lost == 0 and not load.wrong and not load.other and load.good > 500, (load.good, load.lost, load.other, load.wrong[:3]))
    load = Load(line)
    for k in range(20):
        seen = load.good
        until(lambda seen=seen: load.good > seen + 10)
        line.daemon.call("PATCH", "/v1/lines/l", {"enabled": False})
        line.daemon.call("PATCH", "/v1/lines/l", {"enabled": True})
    load.stop()
    t.check("off and on: nothing is wrong", not load.wrong and not load.other and load.good > 100, (load.good, load.lost, load.other, load.wrong[:3]))
    load = Load(line)
    until(lambda: load.good > 50)
    t.equal("deleted", line.daemon.call("DELETE", "/v1/lines/l").status, 204)
    load.stop()
    t.check("deleted: nothing is wrong", not load.wrong, load.wrong[:3])
    line.stop(t, "changes under load")


SERVER = """
import socket, sys, threading
sys.path.insert(0, %r)
from http_lib import Backend
from http_strain import mirror
Backend(mirror, port=int(sys.argv[1]))
print("ready", flush=True)
threading.Event().wait()
"""


def start_server(port):
    p = subprocess.Popen([sys.executable, "-c", SERVER % os.path.dirname(os.path.abspath(__file__)), str(port)], stdout=subprocess.PIPE)
    p.stdout.readline()
    return p


def test_servers_killed(t):
    """kill -9 of one of two servers, again and again: its calls are repeated or fail, and it comes back into use."""
    from api_lib import free_port
    ports = free_port(), free_port()
    servers = [start_server(p) for p in ports]
    line = Line(upstream=", ".join("'127.0.0.1:%d'" % p for p in ports), extra="    policies: {retry: {attempts: 3, backoff: 1ms}, budget: false, breaker: {open: 100ms}}\n    outlier: {ejection: 100ms}\n")
    load = Load(line, may=(200, 502, 503))
    for k in range(8):
        seen = load.good
        until(lambda seen=seen: load.good > seen + 100)
        servers[k % 2].kill()
        servers[k % 2].wait()
        seen = load.good
        t.check("killed %d: the other serves" % k, until(lambda seen=seen: load.good > seen + 100), load.other)
        servers[k % 2] = start_server(ports[k % 2])
        t.check("killed %d: it is back" % k, until(lambda: all(i["state"] == "up" for i in line.stats()["instances"])), line.stats()["instances"])
    load.stop()
    t.check("killed: nothing is wrong", not load.wrong and set(load.other) <= {502, 503} and load.lost + sum(load.other.values()) < 100, (load.good, load.lost, load.other, load.wrong[:3]))
    for s in servers:
        s.kill()
        s.wait()
    out = talk(line, [PROBE])
    t.check("all are dead", out.startswith((b"HTTP/1.1 502", b"HTTP/1.1 503")), out)
    line.stop(t, "servers killed")


def test_full_disk(t):
    """The access log's disk is full: calls do not wait, whole lines are dropped and counted."""
    where = tempfile.mkdtemp(prefix="faultline-test-")
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", where], capture_output=True, check=False).returncode != 0:
        os.rmdir(where)
        t.skip("full disk", "may not mount")
        return
    try:
        line = Line(Backend(), extra="    access_log: %s/log\n" % where)
        outs = [talk(line, [PROBE * 100]) for _ in range(20)]
        t.check("full disk: all are answered", all(o.count(b"HTTP/1.1 200") == 100 for o in outs))
        dropped = until(lambda: sum(float(x) for x in re.findall(r"^faultline_access_log_dropped_total.* (\S+)$", line.daemon.get("/metrics").text, re.M)))
        t.check("full disk: counted", dropped > 0, dropped)
        with open(where + "/log", encoding="utf-8") as f:
            lines = f.read().split("\n")
        try:
            good = all(json.loads(x)["status"] == 200 for x in lines if x) and lines[-1] == ""
        except ValueError:
            good = False
        t.check("full disk: whole lines", good and len(lines) > 50, (len(lines), lines[-2:]))
        os.unlink(where + "/log")
        line.daemon.process.send_signal(signal.SIGHUP)
        def written():
            talk(line, [PROBE])
            return os.path.exists(where + "/log") and os.path.getsize(where + "/log") > 0
        t.check("full disk: room again", until(written))
        line.stop(t, "full disk")
    finally:
        subprocess.run(["umount", where], check=False)
        os.rmdir(where)


# ---- headers that we read ----

ODD = (b"", b" ", b"0", b"-1", b"+5", b"1e9", b"99999999999999999999", b"999999999999", b"9223372036854775807", b"abc", b"1,2", b"\xff\xfe", b"%s%n", b"1" * 5000, b"0S", b"1H", b"99999999H",
       b"100000000H", b"5x", b"S", b"-5S", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"00-" + b"A" * 32 + b"-" + b"b" * 16 + b"-01",
       b"ff-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"01-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01-more", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01-more", b"00-" + b"a" * 31 + b"-" + b"b" * 17 + b"-01",
       b"00-" + b"a" * 32 + b"-" + b"b" * 16, b"cc-" + b"a" * 32 + b"-" + b"b" * 16 + b"-zz", b"00_" + b"a" * 32 + b"_" + b"b" * 16 + b"_01", b"exp1", b"exp1, exp2", b"a" * 300, b",,,", b"a=b;c", b"\"q\"")


def test_odd_headers(t):
    backend = Backend()
    line = Line(backend, extra="    forwarded: true\n    server_timing: true\n    policies: {retry: 2, hedge: 1s, rate_limit: 1000000/s, bulkhead: 100, shed: 5s}\n")
    for name in (b"traceparent", b"tracestate", b"baggage", b"x-faultline", b"x-faultline-deadline", b"x-faultline-priority", b"x-faultline-no-retry", b"x-faultline-attempt", b"grpc-timeout",
                 b"x-envoy-expected-rq-timeout-ms", b"x-request-id", b"idempotency-key", b"max-forwards", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"via"):
        for value in ODD:
            for again in (b"", name + b": " + value + b"\r\n"):
                out = talk(line, [b"GET /a HTTP/1.1\r\n" + HOST + name + b": " + value + b"\r\n" + again + b"\r\n"])
                requests, faults = backend.taken()
                traces = [v for _, fields, _ in requests for n, v in fields if n == b"traceparent"]
                good = out.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503", b"HTTP/1.1 504")) and not faults and all(re.match(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z", v) for v in traces)
                t.check("%r: %r" % (name, value[:60]), good and len(traces) == len(requests), (out[:200], traces, faults))
    line.stop(t, "odd headers")


# ---- tunnels ----

def test_tunnels(t):
    """Bytes both ways at once, megabytes of them, ends passed on one by one."""
    def serve(_backend, s, reader, _number):
        reader.head()
        s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        if reader.data:
            s.sendall(reader.data)
        while True:
            data = s.recv(65536)
            if not data:
                break
            s.sendall(data)
        s.sendall(b"the end")
        s.shutdown(socket.SHUT_WR)
    line, data = Line(Backend(serve)), random.Random(9).randbytes(8 * MB)
    for sends_first in (False, True):
        with line.connect() as s:
            head = b"GET /echo HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"
            reader = Reader(s)
            if not sends_first:
                s.sendall(head)
                t.check("a tunnel", reader.head()[0].startswith(b"HTTP/1.1 101"))
            def send(head=head, s=s, sends_first=sends_first):
                s.sendall(head + data if sends_first else data)
                s.shutdown(socket.SHUT_WR)
            threading.Thread(target=send, daemon=True).start()
            if sends_first:
                t.check("a tunnel at once", reader.head()[0].startswith(b"HTTP/1.1 101"))
            t.check("all of it", reader.rest() == data + b"the end")
    t.check("tunnels: all is over", until(lambda: active(line) == 0), line.stats())
    line.stop(t, "tunnels")


# ---- everything at once ----

def dice_fault(dice, k):
    """A fault on the line, of any kind."""
    pick = dice.choice
    kinds = {
        "latency": {"latency": pick((0, 1, 20)), "jitter": pick((0, 5))}, "bandwidth": {"rate": pick((1, 100, 10000))}, "slow_close": {"delay": pick((1, 50))}, "timeout": {"timeout": pick((1, 50))},
        "reset_peer": {"timeout": pick((0, 5, 50))}, "slicer": {"average_size": pick((1, 50, 4000)), "size_variation": pick((0, 1)), "delay": pick((0, 100))}, "limit_data": {"bytes": pick((0, 10, 300, 50000))},
        "limit_time": {"time": pick((1, 50))}, "corrupt": {"rate": pick((0.0001, 0.01, 1)), "bits": pick((1, 8))}, "duplicate_chunk": {}, "drop_chunk": {}, "stall": {}, "half_open": {},
        "connect_delay": {"delay": pick((1, 30))}, "connect_refuse": {}, "http_delay": {"delay": pick((0, 1, 30)), "at": pick(("head", "body")), "pace": pick((0, 1000, 1000000))},
        "http_abort": {"status": pick((200, 204, 304, 429, 503)), "when": pick(("before", "after")), "retry_after": pick((0, 1))},
        "http_reset": {"at": pick(("before_head", "after_head", "body")), "bytes": pick((0, 1, 300, 70000)), "how": pick(("rst", "fin"))}, "http_truncate": {"bytes": pick((0, 1, 5000)), "share": pick((1, 0.5))},
        "http_corrupt": {"rate": pick((0.001, 1))}, "http_header": {"name": "x-odd", "value": "y", "op": pick(("set", "add", "remove"))}, "http_body": {"body": pick(("", "other")), "bytes": pick((0, 1, 100000))},
        "http_slow": {"pace": pick((100, 100000)), "piece": pick((1, 100)), "part": pick(("both", "head", "body"))}, "http_length": pick(({"delta": -3}, {"delta": 10}, {"value": 0}, {"value": 7}, {"value": 1 << 40}))}
    kind = pick(sorted(kinds))
    fault = {"name": "f%d" % k, "type": kind, "stream": pick(("upstream", "downstream")), "toxicity": pick((1, 0.3)), "attributes": kinds[kind]}
    if kind.startswith("http_"):
        fault["scope"] = pick(({}, {"method": "PUT"}, {"path": "/big*"}, {"every": 3}, {"key": "trace"}))
    return fault


STREAMS = (PROBE, PROBE * 5, b"GET /big HTTP/1.1\r\n" + HOST + b"\r\n", b"HEAD /big HTTP/1.1\r\n" + HOST + b"\r\n" + PROBE, b"GET /big HTTP/1.0\r\n\r\n", b"GET /chunks HTTP/1.1\r\n" + HOST + b"\r\n" + PROBE, b"GET /chunks HTTP/1.0\r\n\r\n",
           b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + b"x" * 100000, b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\n" + b"x" * 10 + PROBE, b"DELETE /none HTTP/1.1\r\n" + HOST + b"\r\n" + PROBE,
           b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"ff\r\n" + b"x" * 255 + b"\r\n" * 1 + b"0\r\nT: u\r\n\r\n" + PROBE, b"GET /tunnel HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: x\r\n\r\nhello",
           b"PUT /a HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + b"x" * 50000, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3000000,
           b"PUT /a HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n" + b"x" * 10, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"ff\r\n" + b"x" * 255 + b"\r\nzz\r\n")


def anything(backend, s, reader, number):
    dice = random.Random(number)
    while True:
        first, fields = reader.head()
        path = first.split(b" ")[1]
        if path == b"/early":
            s.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
            return
        if (b"expect", b"100-continue") in fields:
            s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = reader.body(fields, False)
        if dice.random() < 0.1:
            return reset(s)
        if path == b"/tunnel":
            s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello" + b"y" * 10000)
            reader.rest()
            return
        if first.startswith(b"HEAD"):
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        elif path == b"/none":
            s.sendall(b"HTTP/1.1 204 No\r\n\r\n")
        elif path == b"/chunks":
            s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"7;a=b\r\nabcdefg\r\n" * dice.choice((0, 1, 3000))) + b"0\r\nT: u\r\n\r\n")
        else:
            s.sendall(told(b"z" * (500000 if path == b"/big" else len(body) // 2)))


class Mob:
    """Clients that do anything, and do not mind what comes of it."""

    def __init__(self, line, seed, n=8):
        self.line, self.on, self.done, self.other = line, True, 0, []
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed * 100 + k),), daemon=True) for k in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self, dice):
        while self.on:
            try:
                self.visit(dice)
            except OSError as e:
                self.other.append(e)
            self.done += 1

    def visit(self, dice):
        with self.line.connect(dice.choice((None, None, 4096))) as s:
            s.settimeout(0.3)
            data = dice.choice(STREAMS)
            for _ in range(dice.choice((1, 1, 3))):
                at = dice.randint(0, len(data))
                s.sendall(data[:at])
                s.sendall(data[at:])
                if dice.random() < 0.3:
                    break
                while s.recv(dice.choice((10, 65536))) and dice.random() < 0.8:
                    pass
            if dice.random() < 0.2:
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            if dice.random() < 0.2:
                reset(s)

    def stop(self):
        self.on = False
        for thread in self.threads:
            thread.join(WAIT)


POLICIES = ("{}", "{timeout: {total: 1s, per_try: 200ms}, retry: {attempts: 3, backoff: 1ms, on: [connect, reset, timeout, 5xx]}, budget: false}",
            "{timeout: {total: 2s, first_byte: 100ms, idle: 300ms}, hedge: 3ms, breaker: {open: 50ms}, bulkhead: {max: 5, queue: 5}, fallback: {body: instead}}",
            "{retry: {attempts: 2, unsafe: true, replay: 1KB}, adaptive: true, shed: 5ms, rate_limit: 2000/s, fallback: {stale: true, max: 3, rehearse: 10%%}}")


def stir(line, mob, dice, installed, bad):
    """Faults come and go."""
    for k in range(25):
        if installed and dice.random() < 0.45:
            line.daemon.call("DELETE", "/proxies/l/toxics/" + installed.pop(dice.randrange(len(installed))))
        else:
            fault = dice_fault(dice, k)
            r = line.daemon.post("/proxies/l/toxics", fault)
            if r.status in (200, 201):
                installed.append(fault["name"])
            else:
                bad.append((fault, r.text))
        seen = mob.done
        until(lambda seen=seen, mob=mob: mob.done > seen + 10, 1)
    for name in installed:
        line.daemon.call("DELETE", "/proxies/l/toxics/" + name)


def test_chaos(t, seeds=None):
    """Faults of every kind come and go on a busy line, while its clients and servers are of the worst kind, too: nothing is left of it in the end."""
    for seed in seeds or map(int, os.environ.get("CHAOS", "1 3 36").split()):
        dice = random.Random(seed)
        line = Line(Backend(anything), Backend(anything), extra="    policies: %s\n    server_timing: %s\n    forwarded: true\n    outlier: {ejection: 20ms}\n" % (POLICIES[seed % len(POLICIES)], pick_word(dice)),
                    flags=("--seed", str(seed), "--workers", dice.choice(("1", "2"))))
        mob, installed, bad = Mob(line, seed), [], []
        try:
            stir(line, mob, dice, installed, bad)
        except OSError:
            line.daemon.process.wait(WAIT)      # what it leaves behind is told below
        t.equal("chaos %d: faults are known" % seed, bad, [])
        mob.stop()
        t.check("chaos %d: all is over" % seed, until(lambda line=line: not line.daemon.alive() or active(line) == 0, 40), line.daemon.stderr()[-4000:])
        if line.daemon.alive():
            t.check("chaos %d: it works" % seed, until(lambda line=line: talk(line, [b"GET /chunks HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"]).startswith(b"HTTP/1.1 200")), line.stats()["instances"])
        line.stop(t, "chaos %d" % seed)


def pick_word(dice):
    return dice.choice(("true", "false"))


if __name__ == "__main__":
    tests = (test_interim_flood, test_slow_readers, test_slow_last_answers, test_greedy_uploads, test_huge_heads, test_slow_loris, test_half_closed, test_left_alone, test_clients_vanish, test_servers_reset, test_idle_crowd, test_busy_crowd,
             test_few_descriptors, test_changes_under_load, test_servers_killed, test_full_disk, test_odd_headers, test_tunnels, test_chaos)
    only = [test for test in tests if test.__name__ in sys.argv[1:]]
    sys.exit(Suite().run(only or tests))
