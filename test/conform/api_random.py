#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""api_random - random calls, valid and hostile, against a daemon that relays traffic meanwhile.

    FAULTLINE=build/asan/faultline test/conform/api_random.py [CALLS [SEED]]

One seed draws everything, the same unless another is given: a clean checkout always asks for the same. The daemon must stay alive, answer every
call, keep its table consistent with itself, and relay faithfully at the end. The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import http.client
import json
import random
import socket
import sys
import threading
import time

from api_lib import WAIT, Daemon, Server, Suite, dial, echo, shut

NAMES = ["a", "b", "c", "d", "e", "with space", "ünï", "a/b", "%", "", "x" * 300, "<&>"]
KINDS = ["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop", "limit_time", "corrupt",
         "duplicate_chunk", "drop_chunk", "stall", "half_open", "connect_delay", "connect_refuse"]
ATTRIBUTES = ["latency", "jitter", "rate", "delay", "timeout", "average_size", "size_variation", "bytes", "time", "bits", "offset", "length",
              "size", "after", "duration", "reset", "shared", "distribution", "shape", "samples"]
ALLOWED = {200, 201, 202, 204, 301, 400, 403, 404, 405, 409, 413, 417, 431, 500, 501, 503, 505}


class Draw:
    """What to ask for next; a pure function of the seed."""

    def __init__(self, seed, upstreams):
        self.r = random.Random(seed)
        self.upstreams = upstreams

    def number(self):
        r = self.r
        return r.choice([0, 1, 2, 5, 10, 100, r.randrange(1000), r.randrange(-10, 10), -1, 2**31, 2**63 - 1, -2**63, 2**63, 2**70, 1.5, 1e300, -0.0])

    def junk(self, depth=0):
        r = self.r
        choice = r.randrange(8)
        if choice == 0 and depth < 4:
            return [self.junk(depth + 1) for _ in range(r.randrange(4))]
        if choice == 1 and depth < 4:
            return {self.text(): self.junk(depth + 1) for _ in range(r.randrange(4))}
        return r.choice([None, True, False, self.number(), self.text(), "", "1", "10ms"])

    def text(self):
        r = self.r
        return "".join(chr(r.choice([65, 0x20, 0x22, 0x5c, 0x2f, 0x3c, 0x7f, 0xe9, 0x20ac, 0x1f600, r.randrange(1, 0xd800)])) for _ in range(r.randrange(12)))

    def sometimes(self, value, share=0.05):
        return self.junk() if self.r.random() < share else value

    def toxic(self):
        r = self.r
        kind = r.choice(KINDS)
        sane = {"latency": {"latency": r.randrange(20), "jitter": r.randrange(5)}, "bandwidth": {"rate": r.randrange(10000)},
                "slow_close": {"delay": r.randrange(50)}, "timeout": {"timeout": r.randrange(50)}, "reset_peer": {"timeout": r.randrange(50)},
                "slicer": {"average_size": r.randrange(1, 1000), "delay": r.randrange(100)}, "limit_data": {"bytes": r.randrange(100000)},
                "limit_time": {"time": r.randrange(100)}, "corrupt": {"rate": r.random()}, "stall": {"after": r.randrange(1000), "duration": r.randrange(20)},
                "connect_delay": {"delay": r.randrange(20)}}.get(kind, {})
        if r.random() < 0.2:
            sane = dict(sane, **{r.choice(ATTRIBUTES): self.junk()})
        body = {"type": self.sometimes(kind), "attributes": self.sometimes(sane)}
        if r.random() < 0.7:
            body["name"] = self.sometimes("t%d" % r.randrange(6))
        if r.random() < 0.6:
            body["stream"] = self.sometimes(r.choice(["upstream", "downstream", "Upstream", "DOWNSTREAM"]))
        if r.random() < 0.4:
            body["toxicity"] = self.sometimes(r.choice([0, 0.5, 1, 7, -1]))
        if r.random() < 0.2:
            body["ttl"] = self.sometimes(r.choice([1, 20, "50ms", "1h", 0]))
        if r.random() < 0.2:
            body["scope"] = self.sometimes({"client": "127.0.0.0/8", "every": r.randrange(4), "first": r.randrange(4),
                                            "window": {"from": r.randrange(10), "to": r.randrange(1, 100)}, "duty": {"period": 20, "on": r.randrange(20)}}, 0.3)
        return body

    def proxy(self):
        r = self.r
        body = {"name": self.sometimes(r.choice(NAMES)), "upstream": self.sometimes(r.choice(self.upstreams)),
                "listen": self.sometimes(r.choice(["localhost:0", "127.0.0.1:0", "[::1]:0", "unix:@random-%d-%d" % (self.r.randrange(4), id(self)), "nonsense",
                                                   self.upstreams[0], "localhost:99999", ":"]))}
        if r.random() < 0.3:
            body["enabled"] = self.sometimes(r.random() < 0.5)
        if r.random() < 0.2:
            body["half_close"] = self.sometimes(r.random() < 0.5)
        if r.random() < 0.1:
            body["key"] = self.sometimes(r.choice(["client", "ordinal"]))
        if r.random() < 0.2:
            body["toxics"] = self.sometimes([self.toxic() for _ in range(r.randrange(3))])
        return {k: v for k, v in body.items() if r.random() > 0.05}

    def path(self):
        r = self.r
        name = "".join("%%%02X" % c for c in r.choice(NAMES[:11]).encode()) if r.random() < 0.5 else r.choice("abcde")
        return r.choice(["/proxies", "/proxies/" + name, "/proxies/%s/toxics" % name, "/proxies/%s/toxics/t%d" % (name, r.randrange(6)), "/v1/lines",
                         "/v1/lines/" + name, "/v1/lines/%s/connections" % name, "/v1/status", "/v1/events", "/v1/faults", "/version", "/metrics",
                         "/populate", "/" + "".join(r.choice("abc/%.?#2F") for _ in range(r.randrange(20)))])

    def call(self):
        r = self.r
        choice = r.randrange(20)
        line = "/proxies/" + r.choice("abcde")
        if choice < 3:
            return "POST", "/proxies", self.proxy()
        if choice < 7:
            return "POST", line + "/toxics", self.toxic()
        if choice < 10:
            return r.choice(["POST", "PATCH"]), line + "/toxics/t%d" % r.randrange(6), self.toxic()
        if choice < 12:
            return "DELETE", line + "/toxics/t%d" % r.randrange(6), None
        if choice == 12:
            return "DELETE", line, None
        if choice < 15:
            return r.choice(["POST", "PATCH"]), line, self.proxy()
        if choice == 15:
            return "POST", "/populate", [self.sometimes(self.proxy()) for _ in range(r.randrange(4))]
        if choice == 16 and r.random() < 0.2:
            return "POST", "/reset", None
        body = r.choice([None, self.junk(), self.proxy()])
        return r.choice(["GET", "GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "X"]), self.path(), body

    def hostile(self):
        """Bytes that are no request, or nearly one."""
        r = self.r
        method, path, body = self.call()
        data = bytearray(("%s %s HTTP/1.1\r\nHost: x\r\n" % (method, path)).encode("utf-8", "replace"))
        payload = json.dumps(body).encode()
        if r.random() < 0.5:
            data += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(payload) + payload + b"\r\n0\r\n\r\n"
        else:
            data += b"Content-Length: %d\r\n\r\n" % (len(payload) + r.choice([0, 0, -1, 1, 10**15])) + payload
        for _ in range(r.randrange(8)):
            data[r.randrange(len(data))] = r.randrange(256)
        return bytes(data[:r.randrange(1, len(data) + 1)])


def caller(d, draw, calls, bad):
    connection = http.client.HTTPConnection("127.0.0.1", d.port, timeout=WAIT)
    for i in range(calls):
        if draw.r.random() < 0.05:
            try:
                with d.connect() as s:
                    s.settimeout(WAIT)
                    s.sendall(draw.hostile())
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
            except ConnectionError:
                pass
            continue
        method, path, body = draw.call()
        text = None if body is None else json.dumps(body)
        if text is not None and draw.r.random() < 0.03:
            text = text[:draw.r.randrange(len(text) + 1)]
        try:
            connection.request(method, path, text, {})
            r = connection.getresponse()
            data = r.read()
            if r.status not in ALLOWED:
                bad.append((method, path, text, r.status))
            elif r.getheader("Content-Type") == "application/json" and data:
                json.loads(data)
        except (http.client.HTTPException, ConnectionError):
            connection.close()      # the server may end a connection after a bad request; it must take the next one
            connection = http.client.HTTPConnection("127.0.0.1", d.port, timeout=WAIT)
        except Exception as error:
            bad.append((method, path, text, repr(error)))
            connection.close()
            connection = http.client.HTTPConnection("127.0.0.1", d.port, timeout=WAIT)
    connection.close()


def traffic(d, stop, seed):
    """Connect to whatever listens, send, read a little, go."""
    r = random.Random(seed)
    while not stop.is_set():
        try:
            lines = [p for p in d.get("/proxies").json.values() if p["enabled"] and not p["listen"].startswith("unix")]
            if not lines:
                time.sleep(0.01)        # nothing listens: do not spin beside the callers
                continue
            s = dial(r.choice(lines)["listen"].replace("[::]", "127.0.0.1"))
            s.settimeout(0.2)
            s.sendall(b"x" * r.choice([1, 100, 10000, 200000]))
            s.recv(65536)
            if r.random() < 0.5:
                s.shutdown(socket.SHUT_WR)
            s.close()
        except (OSError, ValueError, http.client.HTTPException):
            pass


def check_table(t, d, when):
    table = d.get("/proxies").json
    ok = True
    for name, p in table.items():
        names = [x["name"] for x in p["toxics"]]
        streams = [x["stream"].lower() for x in p["toxics"]]
        ok = ok and p["name"] == name and len(set(names)) == len(names) and streams == sorted(streams, reverse=True)
    t.check(when + ": names are unique, upstream stands first", ok, table)
    lines = {l["name"]: l for l in d.get("/v1/lines").json}
    t.equal(when + ": both APIs tell the same lines", sorted(lines), sorted(table))
    return table


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    print("seed %d, %d calls" % (seed, calls))
    t = Suite()
    good = Server()
    upstreams = [good.address, "127.0.0.1:1", "192.0.2.1:9", "localhost:x", "nonsense", "unix:@nobody"]
    d = Daemon("--seed", str(seed & 0xffff), "--proxy-metrics", "--runtime-metrics")
    stop, bad = threading.Event(), []
    background = [threading.Thread(target=traffic, args=(d, stop, seed + i), daemon=True) for i in range(3)]
    callers = [threading.Thread(target=caller, args=(d, Draw(seed * 31 + i, upstreams), calls // 8, bad)) for i in range(8)]
    for thread in background + callers:
        thread.start()
    for thread in callers:
        thread.join()
    stop.set()
    for thread in background:
        thread.join(WAIT)
    t.check("every call has a proper answer", not bad, bad[:5])
    t.check("alive", d.alive(), d.stderr()[-2000:])
    if d.alive():
        check_table(t, d, "after the calls")
        for name in check_table(t, d, "again"):
            path = "/proxies/" + "".join("%%%02X" % c for c in name.encode())
            t.equal("delete " + name, d.call("DELETE", path).status, 204)
        t.equal("nothing is left", d.get("/proxies").text, "{}")
        listen = d.post("/proxies", {"name": "end", "listen": "localhost:0", "upstream": good.address}).json["listen"]
        s = dial(listen)
        data, got = bytes(range(256)) * 400, b""
        sender = threading.Thread(target=lambda: s.sendall(data), daemon=True)
        sender.start()
        while len(got) < len(data):
            chunk = s.recv(65536)
            if not chunk:
                break
            got += chunk
        t.check("relays faithfully", got == data, len(got))
        shut(s)
        sender.join(WAIT)
        s.close()
        t.equal("ends well", d.stop(), 0)
        errors = d.stderr()
        t.check("nothing on stderr", errors == "", errors[-2000:])
    return t.finish()


if __name__ == "__main__":
    sys.exit(main())
