#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""daemon - `faultline serve` from the outside: starting wrong, reloading, draining, dying, files that cannot be written.

    FAULTLINE=build/release/faultline test/conform/daemon.py

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from api_lib import PROGRAM, WAIT, Daemon, Server, Suite, dial, few_descriptors, read_all, until


def fails(*flags, env=None, descriptors=None):
    """Start what should not start; its exit code and what it says on stderr."""
    environment = {k: v for k, v in os.environ.items() if k not in ("FAULTLINE_TOKEN", "LOG_LEVEL")}
    environment.update(env or {})
    argv = (few_descriptors(descriptors) if descriptors else []) + [PROGRAM, "serve", "--port", "0", *flags]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=WAIT)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def ping(s, data=b"ping"):
    s.sendall(data)
    return s.recv(len(data))


def test_wrong_starts(t):
    taken = Server()
    code, text = fails("--port", taken.address.rsplit(":", 1)[1])
    t.check("port in use", code == 1 and "the port is in use" in text and "--port" in text, (code, text))
    code, text = fails("--host", "0.0.0.0")
    t.check("open to others without a token", code == 1 and "--token" in text, (code, text))
    code, text = fails("--host", "no.such.host.invalid")
    t.check("a host that is none", code == 1 and "cannot listen" in text, (code, text))
    for flags, word in ((("--prot", "1"), "did you mean --port?"), (("--workers", "x"), "--workers"), (("--workers", "1000"), "from 1 to 64"),
                        (("--buffer", "huge"), "--buffer"), (("--drain", "5"), "--drain"), (("--log-level", "loud"), "trace, debug"),
                        (("--seed", "1.5"), "--seed"), (("word",), "flags only"), (("--config",), "needs a value")):
        code, text = fails(*flags)
        t.check("flags %s" % (flags,), code == 2 and word in text, (code, text[:200]))
    code, text = fails(env={"LOG_LEVEL": "loud"})
    t.check("LOG_LEVEL", code == 2 and "loud" in text, (code, text[:200]))
    code, text = fails("-c", "/nonexistent.yaml")
    t.check("no such configuration", code == 2 and "/nonexistent.yaml: No such file" in text, (code, text))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("lines:\n  a:\n    listne: localhost:1\n    upstream: u:1\n")
        f.flush()
        code, text = fails("-c", f.name)
        t.check("a wrong configuration: where and what", code == 2 and f.name + ":3:5: found the key \"listne\"" in text and
                'did you mean "listen"?' in text, (code, text))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("lines:\n  a: {listen: '%s', upstream: 'u:1'}\n" % taken.address)
        f.flush()
        code, text = fails("-c", f.name)
        t.check("a line that cannot listen", code == 1 and "failed a: listen tcp %s: bind: address already in use" % taken.address in text, (code, text))
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("{nonsense")
        f.flush()
        code, text = fails("--state", f.name)
        t.check("a state file that is none", code == 1 and f.name in text, (code, text))
    code, text = fails("--events", "/nonexistent/events")
    t.check("events that cannot be opened", code == 1 and "/nonexistent/events" in text, (code, text))
    taken.close()


def test_token(t):
    for flags, env in ((("--token", "s3cret"), None), ((), {"FAULTLINE_TOKEN": "s3cret"})):
        d = Daemon("--host", "127.0.0.1", *flags, env=env)
        for headers, status in (({}, 401), ({"Authorization": "Bearer s3cret"}, 200), ({"Authorization": "bearer  s3cret"}, 200),
                                ({"Authorization": "Bearer s3cre"}, 401), ({"Authorization": "Bearer s3crets3cret"}, 401), ({"Authorization": "s3cret"}, 401),
                                ({"Authorization": "Bearer "}, 401)):
            for path in ("/proxies", "/v1/lines", "/version"):
                r = d.call("GET", path, headers=headers)
                t.equal("%s %s" % (path, headers), r.status, status)
        d.stop()
    d = Daemon("--host", "0.0.0.0", "--token", "x")
    t.equal("with a token, open to others", d.call("GET", "/version", headers={"Authorization": "Bearer x"}).status, 200)
    d.stop()
    d = Daemon("-host=0.0.0.0", name="toxiproxy-server")
    t.equal("as toxiproxy-server, without", d.get("/version").status, 200)
    t.check("but with a warning", any(e["level"] == "warn" and "FAULTLINE_TOKEN" in e["message"] for e in d.log), d.log)
    d.stop()


def test_killed(t):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "state.json")
        upstream = Server()
        d = Daemon("--state", path)
        listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address, "half_close": True}).json["listen"]
        d.post("/proxies/a/toxics", {"type": "latency", "attributes": {"latency": 1}, "scope": {"every": 2}, "ttl": "1h"})
        d.post("/proxies", {"name": "b", "listen": "localhost:1", "upstream": "u:1", "enabled": False})
        seed = d.get("/v1/status").json["seed"]
        before = d.get("/proxies").json
        stop = threading.Event()

        def load():
            while not stop.is_set():
                try:
                    s = dial(listen)
                    ping(s)
                    s.close()
                except OSError:
                    pass

        threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        t.check("the file is written", until(lambda: os.path.exists(path) and [l["enabled"] for l in json.load(open(path))["lines"]] == [True, False]))
        t.equal("killed under load", d.stop(signal.SIGKILL), -signal.SIGKILL)
        d = Daemon("--state", path)
        t.equal("all comes back", d.get("/proxies").json, before)
        t.equal("the seed too", d.get("/v1/status").json["seed"], seed)
        s = dial(listen)
        t.equal("and relays", ping(s), b"ping")
        s.close()
        stop.set()
        for thread in threads:
            thread.join(WAIT)
        left = [x for x in d.get("/v1/lines/a").json["toxics"]][0]["lease_left_ms"]
        t.check("the lease goes on", 0 < left <= 3600000, left)
        d.call("DELETE", "/proxies/a")
        t.equal("ends well", d.stop(), 0)
        t.equal("a clean end writes the last change", [l["name"] for l in json.load(open(path))["lines"]], ["b"])
        d = Daemon("--state", path)
        os.rename(place, place + ".gone")       # whatever is being written there now
        d.post("/proxies", {"name": "c", "listen": "localhost:0", "upstream": upstream.address})
        t.check("a state that cannot be written is logged", until(lambda: any("cannot be written" in e["message"] for e in d.log)), d.log)
        t.equal("and harms nothing", d.get("/proxies/c").status, 200)
        os.mkdir(place)
        t.check("it is tried again", until(lambda: os.path.exists(path)))
        t.equal("ends well again", d.stop(), 0)
        shutil.rmtree(place + ".gone")
        upstream.close()


def test_reload(t):
    upstream = Server()
    with tempfile.NamedTemporaryFile("w+", suffix=".yaml") as f:
        def write(text):
            f.seek(0)
            f.truncate()
            f.write(text.replace("{U}", upstream.address))
            f.flush()

        write("lines:\n  a: {listen: 'localhost:0', upstream: '{U}'}\n  b: {listen: 'localhost:0', upstream: '{U}'}\n")
        d = Daemon("-c", f.name)
        listen = {n: d.get("/proxies/" + n).json["listen"] for n in "ab"}
        kept, cut = dial(listen["a"]), dial(listen["b"])
        ping(kept)
        ping(cut)
        d.post("/proxies", {"name": "api", "listen": "localhost:0", "upstream": upstream.address})
        write("lines:\n  a: {listen: 'localhost:0', upstream: '{U}', faults: [{type: latency, attributes: {latency: 100ms}}]}\n"
              "  c: {listen: 'localhost:0', upstream: '{U}'}\n")
        d.process.send_signal(signal.SIGHUP)
        t.check("SIGHUP", until(lambda: d.get("/proxies/c").status == 200))
        start = time.monotonic()
        t.equal("connections of a changed line live on", ping(kept), b"ping")
        t.check("with the new fault", time.monotonic() - start >= 0.099, time.monotonic() - start)
        t.equal("those of a line that is gone do not", read_all(cut), b"")
        t.equal("lines now", sorted(d.get("/proxies").json), ["a", "api", "c"])
        t.equal("the same port", d.get("/proxies/a").json["listen"], listen["a"])
        write("lines: {a: {}}\n")
        r = d.post("/v1/reload")
        t.check("a wrong file is refused", r.status == 400 and "without listen" in r.json["error"], r.text)
        t.equal("and the old lines stay", sorted(d.get("/proxies").json), ["a", "api", "c"])
        write("lines:\n  a: {listen: 'localhost:0', upstream: '{U}'}\n")
        r = d.post("/v1/reload")
        t.check("the API reloads too", r.status == 200 and "changed a" in r.json["report"] and "deleted c" in r.json["report"], r.text)
        t.equal("still the same connection", ping(kept), b"ping")
        kept.close()
        t.equal("ends well", d.stop(), 0)
    d = Daemon()
    t.equal("nothing to reload", d.post("/v1/reload").status, 400)
    d.stop()
    upstream.close()


def test_drain(t):
    upstream = Server()
    d = Daemon("--drain", "60s")
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    s = dial(listen)
    ping(s)
    d.process.send_signal(signal.SIGTERM)
    t.check("draining", until(lambda: d.get("/v1/status").json["draining"]))
    t.equal("the open connection goes on", ping(s), b"ping")
    try:
        new = dial(listen)
        t.check("no new ones", read_all(new) == b"", "relayed")
    except OSError:
        t.check("no new ones", True)
    t.equal("no new lines", d.post("/proxies", {"name": "b", "listen": "localhost:0", "upstream": "u:1"}).status, 503)
    s.close()
    t.equal("it ends with the last connection", d.process.wait(WAIT), 0)
    d = Daemon("--drain", "60s")
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    s = dial(listen)
    ping(s)
    d.process.send_signal(signal.SIGTERM)
    until(lambda: d.get("/v1/status").json["draining"])
    d.process.send_signal(signal.SIGINT)
    t.equal("a second signal ends it at once", d.process.wait(WAIT), 0)
    t.equal("and its connections", read_all(s), b"")
    d = Daemon("--drain", "60s")
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    s = dial(listen)
    ping(s)
    r = d.post("/v1/drain?limit=50ms")
    t.check("drain by the API", r.status == 202 and r.json["connections"] == 1, r.text)
    t.equal("with a limit", d.process.wait(WAIT), 0)
    t.equal("what is left is closed", read_all(s), b"")
    upstream.close()


def test_events(t):
    upstream = Server()
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "events.jsonl")
        d = Daemon("--events", path, "--seed", "5")
        listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address,
                                     "toxics": [{"type": "limit_data", "name": "cut", "attributes": {"bytes": 10}}]}).json["listen"]
        s = dial(listen)
        s.sendall(b"0123456789abcdef")
        read_all(s)

        def events():
            """Those that are written whole."""
            if not os.path.exists(path):
                return []
            with open(path, encoding="utf-8") as f:
                return [json.loads(line) for line in f.read().split("\n")[:-1]]

        t.check("they arrive", until(lambda: any(e["what"] == "close" for e in events())), events())
        mine = [e for e in events() if e["line"] == "a" and e["conn"] == 1]
        t.check("opened first, closed last", mine[0]["what"] == "open" and mine[-1]["what"] == "close", mine)
        t.check("the fault's doing", any(e.get("fault") == "cut" and e["dir"] == "s2c" for e in mine), mine)
        r = d.get("/v1/events")
        t.equal("the API has them as well", [json.loads(line) for line in r.text.splitlines()], events())
        t.equal("from a number on", len(d.get("/v1/events?from=%d" % (len(events()) - 1)).text.splitlines()), 1)
        t.equal("the latest", len(d.get("/v1/events?max=2").text.splitlines()), 2)
        t.equal("of a line", d.get("/v1/events?line=other").text, "")
        t.equal("ends well", d.stop(), 0)
    d = Daemon("--events", "/dev/full")
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    s = dial(listen)
    t.equal("a full disk does not stop the line", ping(s), b"ping")
    s.close()
    t.check("it is logged", until(lambda: any("events file" in e["message"] for e in d.log)), d.log)
    t.check("and counted", until(lambda: d.get("/v1/status").json["events_lost"] > 0))
    t.equal("ends well with a full disk", d.stop(), 0)
    upstream.close()


def test_connections(t):
    upstream = Server()
    d = Daemon()
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address,
                                 "toxics": [{"type": "latency", "name": "slow", "attributes": {"latency": 1}},
                                            {"type": "noop", "name": "none", "toxicity": 0, "stream": "upstream"}]}).json["listen"]
    mine = [dial(listen) for _ in range(3)]
    for s in mine:
        ping(s, b"12345")
    r = d.get("/v1/lines/a/connections").json
    t.equal("all of them", (r["count"], len(r["connections"])), (3, 3))
    c = r["connections"][0]
    t.equal("ends", (c["client"], c["listener"], c["server"]), ("127.0.0.1:%d" % mine[0].getsockname()[1], listen, upstream.address))
    t.equal("bytes", (c["upstream"]["received_bytes"], c["downstream"]["sent_bytes"]), (5, 5))
    t.check("state and age", c["state"] == "relaying" and c["age_ms"] >= 0 and c["conn"] == 1, c)
    faults = {f["name"]: f for f in c["faults"]}
    t.check("which faults apply, and what they did", faults["slow"]["applies"] and faults["slow"]["hits"] >= 1 and
            not faults.get("none", {"applies": False})["applies"], c)
    line = d.get("/v1/lines/a").json
    t.check("the line's own counters", line["connections"] == 3 and line["accepted"] == 3 and line["upstream_traffic"]["sent_bytes"] == 15, line)
    t.equal("bounded", len(d.get("/v1/lines/a/connections?max=2").json["connections"]), 2)
    t.equal("unknown line", d.get("/v1/lines/x/connections").status, 404)
    t.equal("cut", d.call("DELETE", "/v1/lines/a/connections").json["closed"], 3)
    t.check("they end", all(read_all(s) == b"" for s in mine))
    t.check("and are counted", until(lambda: d.get("/v1/lines/a").json["connections"] == 0))
    kinds = {k["type"]: k for k in d.get("/v1/faults").json}
    t.check("kinds for other programs", kinds["latency"]["attributes"][0]["name"] == "latency" and kinds["connect_refuse"]["acts_on"] == "connect", kinds)
    version = d.get("/v1/version").json
    t.check("version", re.fullmatch(r"\d+\.\d+\.\d+", version["version"]) and version["api"] == 1 and version["toxiproxy"] == "2.12.0", version)
    t.equal("no such path", d.get("/v1/nothing").json["status"], 404)
    t.equal("wrong verb", d.post("/v1/version").status, 405)
    d.stop()
    upstream.close()


def test_few_descriptors(t):
    """When descriptors run out, the API still answers and the lines recover."""
    upstream = Server()
    code, text = fails("--conns-max", "1000", descriptors=500)
    t.check("more connections than descriptors", code == 1 and "1000 connections need" in text and "ulimit -n" in text, (code, text))
    d = Daemon("--workers", "1", descriptors=300)
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    mine = []
    for _ in range(400):
        try:
            mine.append(dial(listen))
        except ConnectionError:
            pass                # refused by a reset
    t.equal("the API answers", d.get("/version").status, 200)
    t.equal("a new line is made or refused, with a reason", d.post("/proxies", {"name": "b", "listen": "localhost:0", "upstream": "u:1"}).status in (
        201, 500, 503), True)
    for s in mine:
        s.close()

    def served():
        try:
            with dial(listen) as s:
                return ping(s) == b"ping"
        except OSError:
            return False

    t.check("and the line recovers", until(served))
    t.equal("ends well", d.stop(), 0)
    upstream.close()


def test_full(t):
    upstream = Server()
    d = Daemon("--conns-max", "10")
    listen = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    mine = [dial(listen) for _ in range(10)]
    t.check("ten are served", all(ping(s) == b"ping" for s in mine))
    try:
        more = dial(listen)
        more.sendall(b"x")
        t.equal("the eleventh is refused", read_all(more), b"")
    except ConnectionError:
        t.check("the eleventh is refused", True)
    t.check("and counted", until(lambda: d.get("/v1/lines/a").json["closed"].get("full", 0) >= 1))
    mine[0].close()

    def served():
        try:
            s = dial(listen)
            return ping(s) == b"ping"
        except OSError:
            return False

    t.check("when one goes another may come", until(served))
    t.equal("ends well", d.stop(), 0)
    upstream.close()


def test_log(t):
    d = Daemon("--log-level", "debug")
    d.get("/version")
    t.check("debug tells of requests", until(lambda: any(e["message"] == "API request" and e["url"] == "/version" for e in d.log)), d.log)
    t.check("every line has level, time and message", all({"level", "time", "message"} <= set(e) for e in d.log), d.log)
    d.stop()
    # Nobody reads the log: the daemon must not wait for it.
    process = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--log-level", "debug"], stdout=subprocess.PIPE)
    port = None
    for line in process.stdout:
        entry = json.loads(line)
        if entry["message"] == "starting the API":
            port = int(entry["address"].rsplit(":", 1)[1])
        if entry["message"] == "ready":
            break
    with socket.create_connection(("127.0.0.1", port), WAIT) as s:
        for _ in range(40):
            s.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            got = b""
            while got.count(b"2.12.0") < 100:
                got += s.recv(65536)
    t.check("answers go on while the log stands still", True)
    process.terminate()
    process.stdout.close()
    t.equal("and it ends", process.wait(WAIT), 0)


def main():
    return Suite().run([test_wrong_starts, test_token, test_killed, test_reload, test_drain, test_events, test_connections, test_few_descriptors,
                        test_full, test_log])


if __name__ == "__main__":
    sys.exit(main())
