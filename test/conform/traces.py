#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""traces - a chain of services behind traced lines, under faults: is each lost, doubled and damaged message explained?

    client -front(http)-> desk -stock(http)-> store -ledger(u32)-> book -audit(lines)-> archive

An order is {"id": "o-17", ...} on every hop. The program is $FAULTLINE (default build/release/faultline). The last line is
"N passed, N failed, N skipped"; exit 1 when something failed.
"""
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from api_lib import PROGRAM, ROOT, WAIT, Daemon, Server, Suite, dial, until

DIR = tempfile.TemporaryDirectory(prefix="faultline-traces-")
FRAME = 64              # bytes of a frame on the ledger: so a piece of that size is a message


def path(name):
    return os.path.join(DIR.name, name)


def run(*argv):
    done = subprocess.run([PROGRAM, *argv], capture_output=True, text=True, timeout=WAIT * 4, check=False)
    return done.returncode, done.stdout, done.stderr


def trace(*argv):
    code, out, err = run("trace", *argv, "--json")
    return code, json.loads(out) if out.startswith("{") else err


class Web(http.server.ThreadingHTTPServer):
    """An HTTP service: act(body, headers) is called for each POST."""
    daemon_threads = True

    def __init__(self, act):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = act(body, self.headers)
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.at = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def post(address, body, headers):
    host, port = address.rsplit(":", 1)
    c = http.client.HTTPConnection(host, int(port), timeout=WAIT)
    try:
        c.request("POST", "/order", body, headers)
        answer = c.getresponse()
        return answer.status, answer.read()
    finally:
        c.close()


def take_frames(connection, fn):
    data = b""
    while True:
        more = connection.recv(65536)
        if not more:
            return
        data += more
        while len(data) >= 4:
            n, = struct.unpack(">I", data[:4])
            if n > 1 << 20:
                return
            if len(data) < 4 + n:
                break
            fn(data[4:4 + n])
            data = data[4 + n:]


def frame(order):
    text = json.dumps(order).encode()
    return struct.pack(">I", FRAME - 4) + text.ljust(FRAME - 4)


class Chain:
    """The services, a daemon with the lines between them, orders through it."""

    def __init__(self, name, faults=(), file=None):
        self.file = file or path(name + ".bin")
        self.got, self.changed = [], threading.Condition()
        self.out_lock = threading.Lock()
        self.over = {"book": threading.Event(), "archive": threading.Event()}
        self.archive = Server(lambda c: self.until_over("archive", self.run_archive, c))
        self.book = Server(lambda c: self.until_over("book", lambda k: take_frames(k, lambda m: self.run_book(m)), c))
        self.store = Web(self.run_store)
        self.desk = Web(self.run_desk)
        lines = {
            "front": ("http", self.desk.at, "{id: {field: id}, from: client, to: desk}"),
            "stock": ("http", self.store.at, "{id: {field: id}, from: desk, to: store}"),
            "ledger": ("tcp", self.book.address, "{frames: u32, id: {field: id}, from: store, to: book}"),
            "audit": ("tcp", self.archive.address, "{frames: lines, id: {field: id}, from: book, to: archive}"),
        }
        with open(path(name + ".yaml"), "w", encoding="utf-8") as f:
            f.write("seed: 7\ntrace: %s\nlines:\n" % self.file)
            for line, (protocol, upstream, said) in lines.items():
                f.write("  %s:\n    protocol: %s\n    listen: 127.0.0.1:0\n    upstream: %s\n    trace: %s\n" % (line, protocol, upstream, said))
                if protocol == "http":
                    f.write("    policies: {retry: false}\n")
                for on, fault in faults:
                    if on == line:
                        f.write("    faults: [%s]\n" % fault)
        self.daemon = Daemon("-c", path(name + ".yaml"))
        self.listen = {x["name"]: x["listen"] for x in self.daemon.get("/v1/lines").json}
        self.to_book = dial(self.listen["ledger"])
        self.to_archive = dial(self.listen["audit"])

    def until_over(self, name, serve, connection):
        try:
            serve(connection)
        finally:
            self.over[name].set()

    def run_desk(self, body, headers):
        return post(self.listen["stock"], body, {"traceparent": headers["traceparent"]})

    def run_store(self, body, _headers):
        with self.out_lock:
            self.to_book.sendall(frame(json.loads(body)))
        return 200, b"taken"

    def run_book(self, text):
        try:
            order = json.loads(text)
            self.to_archive.sendall((json.dumps({"id": order["id"], "total": order["n"] * 2}) + "\n").encode())
        except (ValueError, KeyError, OSError):
            pass

    def run_archive(self, connection):
        for text in connection.makefile("rb"):
            with self.changed:
                self.got.append(text)
                self.changed.notify_all()

    def order(self, first, last):
        return [post(self.listen["front"], json.dumps({"id": "o-%d" % n, "n": n}), {})[0] for n in range(first, last + 1)]

    def wait(self, count):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.got) >= count, WAIT)

    def ids(self):
        found = []
        for text in self.got:
            try:
                found.append(json.loads(text)["id"])
            except (ValueError, KeyError):
                found.append(None)
        return found

    def settle(self):
        """All that was sent has come out, or is lost: the ends of the streams have arrived behind it."""
        for connection, name in ((self.to_book, "book"), (self.to_archive, "archive")):
            connection.shutdown(socket.SHUT_WR)
            if not self.over[name].wait(WAIT):
                raise RuntimeError("the end did not come to the " + name)

    def stop(self):
        self.to_book.close()
        self.to_archive.close()
        self.daemon.stop()
        for server in (self.archive, self.book):
            server.close()
        for server in (self.store, self.desk):
            server.shutdown()
            server.server_close()


def by_line(tree):
    return {m["line"]: m for m in tree["messages"]}


def test_clean(t):
    chain = Chain("clean")
    t.equal("all are taken", set(chain.order(1, 20)), {200})
    t.check("all arrive", chain.wait(20), len(chain.got))
    reply = chain.daemon.get("/v1/trace")
    t.check("the daemon tells", reply.status == 200 and reply.body.startswith(b"fltrace1"), reply.body[:20])
    code, out, err = run("trace", "why", "o-7", "--url", "http://127.0.0.1:%d" % chain.daemon.port)
    t.check("why, of the daemon", code == 0 and "nothing is wrong" in out, (code, out, err))
    until(lambda: chain.daemon.get("/v1/status").json["traced"] >= 120)
    status = chain.daemon.get("/v1/status").json
    t.check("lines say so", all(x["traced"] for x in chain.daemon.get("/v1/lines").json), chain.daemon.get("/v1/lines").text)
    t.check("status counts", status["traced"] >= 120 and status["traced_lost"] == 0, status)
    chain.stop()
    code, why = trace("why", "o-7", chain.file)
    t.check("nothing is wrong", code == 0 and len(why["trees"]) == 1 and why["trees"][0]["findings"] == [], why)
    messages = why["trees"][0]["messages"]
    t.equal("through which lines", [m["line"] for m in messages], ["front", "stock", "ledger", "audit"])
    t.equal("how that is known", [m["link"] for m in messages], ["root", "context", "id", "id"])
    t.equal("through which services", [(m["from"], m["to"]) for m in messages],
            [("client", "desk"), ("desk", "store"), ("store", "book"), ("book", "archive")])
    t.check("the instance", messages[1]["instance"] == chain.store.at, messages[1])
    t.equal("what became of it", [m.get("fate") for m in messages], [None, None, "whole", "whole"])
    for name in (messages[2]["message"], messages[2]["hash"], messages[0]["trace"], messages[0]["span"]):
        code, same = trace("why", name, chain.file)
        t.check("the same by " + name, code == 0 and same["trees"] == why["trees"], same)
    code, shown = trace("show", "ledger/1/7", chain.file)
    t.check("show", code == 0 and shown["id"] == "o-7" and shown["bytes"] == FRAME - 4 and shown["offset"] == 6 * FRAME, shown)
    code, listed = trace("list", "--line", "audit", "--limit", "5", chain.file)
    t.check("list", code == 0 and listed["count"] == 20 and len(listed["messages"]) == 5, listed)
    code, out, _ = run("trace", "why", "o-999", chain.file)
    t.check("one that was never seen", code == 4 and "no message is called o-999" in out, out)
    t.check("drawn", run("trace", "why", "o-7", chain.file, "--svg", path("why.svg"))[0] == 0)
    with open(path("why.svg"), encoding="utf-8") as f:
        svg = f.read()
    t.check("a space-time diagram", all(">%s</text>" % s in svg for s in ("client", "desk", "store", "book", "archive")), svg[:500])


def test_lost(t):
    chain = Chain("lost", [("ledger", "{name: hole, type: drop_chunk, stream: upstream, attributes: {rate: 0.2, size: %d}}" % FRAME)])
    chain.order(1, 60)
    chain.settle()
    chain.stop()
    missing = sorted(set("o-%d" % n for n in range(1, 61)) - set(chain.ids()))
    t.check("the fault landed", 2 <= len(missing) <= 40, missing)
    for order in missing[:5]:
        code, why = trace("why", order, chain.file)
        wrong = [f for f in why["trees"][0]["findings"] if f["wrong"]]
        t.check(order + " is lost on the ledger", code == 1 and [(f["what"], f["line"]) for f in wrong] == [("lost", "ledger")], why)
        t.check("by the fault, at its byte", "fault hole: drop of %d bytes" % FRAME in wrong[0]["say"] and "from store to book" in wrong[0]["say"],
                wrong[0]["say"])
        t.check("nothing came of it", "audit" not in by_line(why["trees"][0]), why)
    code, listed = trace("list", "--wrong", "--limit", "100", chain.file)
    t.equal("and only those", sorted(m["id"] for m in listed["messages"]), missing)
    code, listed = trace("list", "--fault", "hole", "--limit", "100", chain.file)
    t.equal("hit by it", sorted(m["id"] for m in listed["messages"]), missing)


def test_doubled(t):
    chain = Chain("doubled", [("ledger", "{name: echo, type: duplicate_chunk, stream: upstream, attributes: {rate: 0.2, size: %d}}" % FRAME)])
    chain.order(1, 60)
    chain.settle()
    chain.stop()
    ids = chain.ids()
    twice = sorted({i for i in ids if ids.count(i) > 1})
    t.check("the fault landed", len(twice) >= 2 and set(ids) == {"o-%d" % n for n in range(1, 61)}, ids)
    for order in twice[:5]:
        code, why = trace("why", order, chain.file)
        wrong = {f["what"]: f for f in why["trees"][0]["findings"] if f["wrong"]}
        t.check(order + " went out more than once", code == 1 and set(wrong) == {"copied", "duplicate"}, why)
        t.check("by the fault", wrong["copied"]["line"] == "ledger" and "fault echo: duplicate of" in wrong["copied"]["say"], wrong)
        t.check("so the result is double", wrong["duplicate"]["line"] == "audit" and "because what it came of went out more than once" in
                wrong["duplicate"]["say"], wrong)


def test_damaged(t):
    chain = Chain("damaged", [("audit", "{name: rot, type: corrupt, stream: upstream, attributes: {rate: 0.01}}")])
    chain.order(1, 60)
    chain.settle()
    chain.stop()
    good = {(json.dumps({"id": "o-%d" % n, "total": n * 2}) + "\n").encode() for n in range(1, 61)}
    seen = {x for x in chain.got if x in good}
    harmed = ["o-%d" % n for n in range(1, 61) if (json.dumps({"id": "o-%d" % n, "total": n * 2}) + "\n").encode() not in seen]
    t.check("the fault landed", 2 <= len(harmed) <= 50, harmed)
    for order in harmed[:5]:
        code, why = trace("why", order, chain.file)
        wrong = [f for f in why["trees"][0]["findings"] if f["wrong"]]
        t.check(order + " was changed on the way to the archive", code == 1 and wrong[0]["line"] == "audit" and
                wrong[0]["what"] in ("changed", "lost"), why)
        t.check("by the fault, which bits of which byte", "fault rot: flip of bits" in json.dumps(why["trees"]), wrong)
    unharmed = next("o-%d" % n for n in range(1, 61) if "o-%d" % n not in harmed)
    t.equal("others are not accused", trace("why", unharmed, chain.file)[0], 0)


def test_http(t):
    chain = Chain("http", [("stock", '{name: no-stock, type: http_abort, attributes: {status: 503}, toxicity: 0.3}')])
    codes = chain.order(1, 30)
    chain.settle()
    chain.stop()
    failed = [n + 1 for n, code in enumerate(codes) if code == 503]
    t.check("the fault landed", 2 <= len(failed) <= 25, codes)
    code, why = trace("why", "o-%d" % failed[0], chain.file)
    wrong = [f for f in why["trees"][0]["findings"] if f["wrong"]]
    t.check("where it went wrong first, and by what", code == 1 and wrong[0]["what"] == "broke" and wrong[0]["line"] == "stock" and
            "fault no-stock" in wrong[0]["say"], why)


def test_missing(t):
    """A service that swallows a message: no fault hit it, and nothing came of it."""
    chain = Chain("missing")
    swallow = chain.run_book
    chain.run_book = lambda text: None if b'"o-13"' in text else swallow(text)
    chain.order(1, 20)
    t.check("all but one arrive", chain.wait(19), len(chain.got))
    chain.settle()
    chain.stop()
    code, why = trace("why", "o-13", chain.file)
    wrong = [f for f in why["trees"][0]["findings"] if f["wrong"]]
    t.check("nothing came of it", code == 1 and [f["what"] for f in wrong] == ["missing"] and wrong[0]["missing_on"] == "audit" and
            "book had it and sent nothing on" in wrong[0]["say"], why)


def test_compare(t):
    fault = ("ledger", "{name: hole, type: drop_chunk, stream: upstream, attributes: {rate: 0.1, size: %d}}" % FRAME)
    chains = {}
    for name, faults in (("good", []), ("again", []), ("bad", [fault])):
        chains[name] = Chain(name, faults)
        chains[name].order(1, 40)
        chains[name].settle()
        chains[name].stop()
    code, same = trace("compare", chains["good"].file, chains["again"].file)
    t.check("two good runs are the same", code == 0 and same["same"] and same["equal"] == 40, same)
    code, parted = trace("compare", chains["good"].file, chains["bad"].file)
    lost = [n for n in range(1, 41) if "o-%d" % n not in chains["bad"].ids()]
    first = parted["differences"][0]
    t.check("the first divergence", code == 1 and first["second"]["id"] == "o-%d" % lost[0] and first["second"]["fate"] == "lost" and
            first["first"]["fate"] == "whole", first)
    t.check("as many as are lost", parted["parted"] == len(lost) and parted["equal"] == 40 - len(lost), parted)
    t.check("and why", [f["what"] for f in parted["second"]["findings"] if f["wrong"]] == ["lost"], parted["second"])
    code, out, _ = run("trace", "compare", chains["good"].file, chains["bad"].file)
    t.check("as text", code == 1 and out.startswith("first divergence") and "LOST" in out and "fault hole" in out, out)


def test_killed(t):
    chain = Chain("killed")
    chain.order(1, 30)
    t.check("all arrive", chain.wait(30), len(chain.got))
    deadline = time.monotonic() + WAIT
    while True:
        code, listed = trace("list", "--id", "o-30", chain.file)
        if code == 0 and len(listed["messages"]) == 4 and listed["blocks"] >= 2:
            break
        if not t.check("blocks go to disk by themselves", time.monotonic() < deadline, listed):
            return
        chain.order(31, 31)
        time.sleep(0.05)
    chain.daemon.stop(signal.SIGKILL)
    code, why = trace("why", "o-30", chain.file)
    t.check("it is all there", code == 0 and len(why["trees"][0]["messages"]) == 4, why)
    with open(chain.file, "rb") as f:
        whole = f.read()
    with open(path("cut.bin"), "wb") as f:
        f.write(whole[:-10])
    code, out, _ = run("trace", "list", path("cut.bin"))
    t.check("a cut file says so", code == 0 and "no whole block: the recorder was stopped" in out, out)
    with open(path("bad.bin"), "wb") as f:
        f.write(whole[:40] + b"\xff" + whole[41:])
    code, out, err = run("trace", "list", path("bad.bin"))
    t.check("a damaged one too", (code == 0 and "damaged" in out) or (code == 2 and "no whole block" in err), (code, out, err))
    code, _, err = run("trace", "list", os.path.join(DIR.name, "killed.yaml"))
    t.check("another file is refused", code == 2 and "is no trace" in err, err)


def full_disk(t, name, file):
    chain = Chain(name, file=file)
    t.check("traffic goes on", set(chain.order(1, 50)) == {200} and chain.wait(50), len(chain.got))
    deadline = time.monotonic() + WAIT
    while not any("the trace cannot be written" in e["message"] for e in chain.daemon.log):
        if not t.check("it is told", time.monotonic() < deadline, chain.daemon.log[-3:]):
            break
        chain.order(1, 1)
        time.sleep(0.05)
    t.check("and counted", until(lambda: chain.daemon.get("/v1/status").json["traced_lost"] > 0), chain.daemon.get("/v1/status").text)
    chain.stop()
    t.check("told once", sum("the trace cannot be written" in e["message"] for e in chain.daemon.log) == 1, chain.daemon.log)


def test_full_disk(t):
    full_disk(t, "full", "/dev/full")
    small = path("small")
    os.mkdir(small)
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", small], capture_output=True, check=False).returncode != 0:
        t.skip("a small file system", "it cannot be mounted here")
        return
    try:
        full_disk(t, "small-disk", os.path.join(small, "trace.bin"))
        code, listed = trace("list", os.path.join(small, "trace.bin"))
        t.check("what fitted is whole", code in (0, 2) and (code == 2 or listed["torn_bytes"] == 0), listed)
    finally:
        subprocess.run(["umount", small], check=False)


def test_many(t):
    """10,000 messages on one line with frames, one of each harm."""
    chain = Chain("many", [("ledger", "{name: hole, type: drop_chunk, stream: upstream, attributes: {rate: 0.001, size: %d}}" % FRAME)])
    for n in range(1, 10001):
        chain.to_book.sendall(frame({"id": "m-%d" % n, "n": n}))
    chain.settle()
    chain.stop()
    missing = sorted(set("m-%d" % n for n in range(1, 10001)) - set(chain.ids()))
    code, listed = trace("list", "--wrong", "--limit", "1000", chain.file)
    t.check("the fault landed", len(missing) > 0, missing)
    t.equal("all that is missing is explained", sorted(m["id"] for m in listed["messages"]), missing)
    code, listed = trace("list", "--line", "ledger", "--limit", "0", chain.file)
    t.check("all are there", listed["count"] == 10000 and listed["lost"] == 0, listed)


def test_run(t):
    """The shipped example, shortened: what the audit finds, the trace explains; runs of one seed are compared."""
    for name in ("chain.yaml", "hop.py"):
        shutil.copy(os.path.join(ROOT, "examples/trace", name), path(name))
    with open(path("chain.yaml"), encoding="utf-8") as f:
        text = f.read()
    for before, after in (('"600"', '"300"'), ("for: 9s", "for: 4s"), ("duration: 10s", "duration: 8s")):
        t.check("the example has " + before, before in text)
        text = text.replace(before, after)
    with open(path("chain.yaml"), "w", encoding="utf-8") as f:
        f.write(text)
    code, out, err = run("run", "--runs-dir", path("runs"), "--json", path("chain.yaml"))
    t.equal("a finding in one of two", code, 1) or print(out[:2000], err)
    runs = {v["name"]: v["run_dir"] for v in json.loads(out)["variants"]}
    with open(os.path.join(runs["bad"], "report.json"), encoding="utf-8") as f:
        report = json.load(f)
    with open(os.path.join(runs["bad"], "report.html"), encoding="utf-8") as f:
        page = f.read()
    t.check("the report links the trace, and draws the first message that went wrong", "trace.bin" in page and "went wrong on the lines" in page and
            ">shop</text>" in page, page[:300])
    t.check("for programs too", report["trace_wrong"] > 0 and "fault " in report["trace_text"] and "trace list" in report["trace"], report)
    defects = report["audits"][0]["document"]["defects"]
    lost = ["%d:%d" % (x["flow"], x["number"]) for x in defects["lost"]["examples"]]
    t.check("the faults landed", len(lost) > 0, defects)
    for name in lost[:4]:
        code, why = trace("why", name, runs["bad"])
        wrong = [f for f in why["trees"][0]["findings"] if f["wrong"]]
        t.check("what match misses is explained: " + name, code == 1 and (wrong[0]["what"], wrong[0]["line"]) in
                (("lost", "orders"), ("changed", "shipped"), ("lost", "shipped")) and "fault " in wrong[0]["say"], why)
    code, parted = trace("compare", runs["good"], runs["bad"])
    t.check("parted from the good run", code == 1 and parted["parted"] + parted["equal"] == 300 and
            (parted["differences"][0]["second"]["bad"] or parted["differences"][0]["second"]["copies"] > 0), parted)


def test_bad_input(t):
    for said, word in (("{frames: u33}", "u33"), ("{id: {column: 2}}", "content, stream"), ("{id: content, key: content}", "both id and key"),
                       ("sideways", "sideways"), ("{id: {word: 0}}", "1"), ("{from: \"\"}", "1 to 63"), ("[lines]", "how messages are framed")):
        with open(path("bad.yaml"), "w", encoding="utf-8") as f:
            f.write("lines:\n  a: {listen: 127.0.0.1:0, upstream: 127.0.0.1:1, trace: %s}\n" % said)
        code, out, err = run("lint", path("bad.yaml"))
        t.check(said + " is refused with its place", code == 2 and "bad.yaml:2:" in out + err and word in out + err, (code, out, err))
    for argv in (["why"], ["why", "x", "/nonexistent"], ["compare", "a"], ["list", "--limit", "-1", "x"], ["list", "--memory", "none", "x"], ["whi", "x"]):
        code, _, err = run("trace", *argv)
        t.check(" ".join(argv), code == 2 and err != "", (code, err))


if __name__ == "__main__":
    try:
        sys.exit(Suite().run([test_clean, test_lost, test_doubled, test_damaged, test_http, test_missing, test_compare, test_killed, test_full_disk,
                              test_many, test_run, test_bad_input]))
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(DIR.name, ignore_errors=True)
