#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""toxiproxy_api - the HTTP API of Toxiproxy 2.12, clause by clause, against `faultline serve`.

    FAULTLINE=build/release/faultline test/conform/toxiproxy_api.py

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import json
import os
import re
import select
import socket
import sys
import tempfile
import threading
import time

from api_lib import PROGRAM, WAIT, Daemon, Reply, Server, Suite, dial, free_port, read_all, until

TEXT = "text/plain; charset=utf-8"


def error(text, status):
    return '{"error":%s,"status":%d}\n' % (json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"), status)


# ---- one request, one answer ----
# name, method, path, body, status, what the body is (None: not looked at; a str exactly; a regex)
# {P}: the upstream's address. The proxy "p" stands at /proxies/p with a latency toxic "slow" on it, "q" is disabled.
CLAUSES = [
    ("version", "GET", "/version", None, 200, '{"version": "2.12.0"}\n'),
    ("index", "GET", "/proxies", None, 200, re.compile(r'\{"p":\{.*\},"q":\{.*\}\}$')),
    ("show", "GET", "/proxies/p", None, 200, re.compile(
        r'\{"name":"p","listen":"127\.0\.0\.1:\d+","upstream":"\{P\}","enabled":true,"toxics":\[\{"attributes":\{"latency":1,"jitter":0\},'
        r'"name":"slow","type":"latency","stream":"downstream","toxicity":1\}\]\}$')),
    ("show disabled", "GET", "/proxies/q", None, 200, '{"name":"q","listen":"localhost:1","upstream":"u:1","enabled":false,"toxics":[]}'),
    ("show unknown", "GET", "/proxies/x", None, 404, error("proxy not found", 404)),
    ("delete unknown", "DELETE", "/proxies/x", None, 404, error("proxy not found", 404)),
    ("update unknown", "POST", "/proxies/x", "{}", 404, error("proxy not found", 404)),
    ("patch unknown", "PATCH", "/proxies/x", "nonsense", 404, error("proxy not found", 404)),
    ("toxics of unknown", "GET", "/proxies/x/toxics", None, 404, error("proxy not found", 404)),
    ("toxic unknown", "GET", "/proxies/p/toxics/x", None, 404, error("toxic not found", 404)),
    ("toxic update unknown", "PATCH", "/proxies/p/toxics/x", "{}", 404, error("toxic not found", 404)),
    ("toxic delete unknown", "DELETE", "/proxies/p/toxics/x", None, 404, error("toxic not found", 404)),
    ("toxics", "GET", "/proxies/p/toxics", None, 200,
     '[{"attributes":{"latency":1,"jitter":0},"name":"slow","type":"latency","stream":"downstream","toxicity":1}]'),
    ("toxics none", "GET", "/proxies/q/toxics", None, 200, "[]"),
    ("toxic", "GET", "/proxies/p/toxics/slow", None, 200,
     '{"attributes":{"latency":1,"jitter":0},"name":"slow","type":"latency","stream":"downstream","toxicity":1}'),
    # paths and verbs
    ("unknown path", "GET", "/nothing", None, 404, "404 page not found\n"),
    ("trailing slash", "GET", "/proxies/", None, 404, "404 page not found\n"),
    ("root", "GET", "/", None, 404, "404 page not found\n"),
    ("too deep", "GET", "/proxies/p/toxics/slow/x", None, 404, "404 page not found\n"),
    ("metrics off", "GET", "/metrics", None, 404, "404 page not found\n"),
    ("put", "PUT", "/proxies", "{}", 405, ""),
    ("head", "HEAD", "/proxies", None, 405, ""),
    ("options", "OPTIONS", "/proxies/p", None, 405, ""),
    ("get reset", "GET", "/reset", None, 405, ""),
    ("get populate", "GET", "/populate", None, 405, ""),
    ("post version", "POST", "/version", None, 405, ""),
    ("lower-case method", "get", "/version", None, 405, ""),
    ("double slash", "GET", "//proxies", None, 301, ""),
    ("dots", "GET", "/a/../version", None, 301, ""),
    ("query ignored", "GET", "/version?x=%zz", None, 200, '{"version": "2.12.0"}\n'),
    ("escaped path", "GET", "/%70roxies/%70/toxics", None, 200, None),
    ("bad escape", "GET", "/proxies/%zz", None, 400, None),
    # bodies of POST /proxies
    ("create empty body", "POST", "/proxies", "", 400, error("bad request body: EOF", 400)),
    ("create cut off", "POST", "/proxies", '{"name":', 400, error("bad request body: unexpected EOF", 400)),
    ("create no json", "POST", "/proxies", "nonsense", 400, error("bad request body: invalid character 'o' in literal null (expecting 'u')", 400)),
    ("create array", "POST", "/proxies", "[]", 400, error("bad request body: json: cannot unmarshal array into Go value of type toxiproxy.Proxy", 400)),
    ("create string", "POST", "/proxies", '"x"', 400, error("bad request body: json: cannot unmarshal string into Go value of type toxiproxy.Proxy", 400)),
    ("create null", "POST", "/proxies", "null", 400, error("missing required field: name", 400)),
    ("create no name", "POST", "/proxies", "{}", 400, error("missing required field: name", 400)),
    ("create empty name", "POST", "/proxies", '{"name":"","upstream":"u:1"}', 400, error("missing required field: name", 400)),
    ("create no upstream", "POST", "/proxies", '{"name":"n"}', 400, error("missing required field: upstream", 400)),
    ("create name number", "POST", "/proxies", '{"name":5,"upstream":"u:1"}', 400,
     error("bad request body: json: cannot unmarshal number into Go struct field Proxy.name of type string", 400)),
    ("create enabled text", "POST", "/proxies", '{"name":"n","upstream":"u:1","enabled":"yes"}', 400,
     error("bad request body: json: cannot unmarshal string into Go struct field Proxy.enabled of type bool", 400)),
    ("create listen object", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":{}}', 400,
     error("bad request body: json: cannot unmarshal object into Go struct field Proxy.listen of type string", 400)),
    ("create duplicate", "POST", "/proxies", '{"name":"p","upstream":"u:1","listen":"localhost:0"}', 409, error("proxy already exists", 409)),
    ("create trailing comma", "POST", "/proxies", '{"name":"n",}', 400,
     error("bad request body: invalid character '}' looking for beginning of object key string", 400)),
    ("create port in use", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"{P}"}', 500,
     error("listen tcp {P}: bind: address already in use", 500)),
    ("create no such address", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"192.0.2.1:1"}', 500,
     error("listen tcp 192.0.2.1:1: bind: cannot assign requested address", 500)),
    ("create missing port", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"nonsense"}', 500,
     error("listen tcp: address nonsense: missing port in address", 500)),
    ("create port too large", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"localhost:99999"}', 500,
     error("listen tcp: address 99999: invalid port", 500)),
    ("create too many colons", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"1:2:3"}', 500,
     error("listen tcp: address 1:2:3: too many colons in address", 500)),
    ("create unknown service", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"localhost:nosuchservice"}', 500,
     error("listen tcp: lookup tcp/nosuchservice: unknown port", 500)),
    ("create name too long", "POST", "/proxies", '{"name":"' + "n" * 300 + '","upstream":"u:1"}', 400, None),
    ("create bad toxic", "POST", "/proxies", '{"name":"n","upstream":"u:1","listen":"localhost:0","toxics":[{"type":"nope"}]}', 400,
     error("invalid toxic type", 400)),
    ("nothing came of these", "GET", "/proxies/n", None, 404, None),
    # bodies of POST /proxies/p/toxics
    ("toxic empty body", "POST", "/proxies/p/toxics", "", 400, error("bad request body: EOF", 400)),
    ("toxic no type", "POST", "/proxies/p/toxics", "{}", 400, error("invalid toxic type", 400)),
    ("toxic bad type", "POST", "/proxies/p/toxics", '{"type":"Latency"}', 400, error("invalid toxic type", 400)),
    ("toxic bad stream", "POST", "/proxies/p/toxics", '{"type":"nope","stream":"sideways"}', 400,
     error("stream was invalid, can be either upstream or downstream", 400)),
    ("toxic duplicate", "POST", "/proxies/p/toxics", '{"type":"timeout","name":"slow","stream":"upstream","attributes":{"timeout":"x"}}', 409,
     error("toxic already exists", 409)),
    ("toxic attribute text", "POST", "/proxies/p/toxics", '{"type":"bandwidth","attributes":{"rate":"12"}}', 400,
     error("bad request body: json: cannot unmarshal string into Go struct field BandwidthToxic.attributes.rate of type int64", 400)),
    ("toxic attribute float", "POST", "/proxies/p/toxics", '{"type":"latency","attributes":{"latency":12.0}}', 400,
     error("bad request body: json: cannot unmarshal number 12.0 into Go struct field LatencyToxic.attributes.latency of type int64", 400)),
    ("toxic attribute exponent", "POST", "/proxies/p/toxics", '{"type":"latency","attributes":{"latency":1e3}}', 400,
     error("bad request body: json: cannot unmarshal number 1e3 into Go struct field LatencyToxic.attributes.latency of type int64", 400)),
    ("toxic attribute too large", "POST", "/proxies/p/toxics", '{"type":"limit_data","attributes":{"bytes":9223372036854775808}}', 400,
     error("bad request body: json: cannot unmarshal number 9223372036854775808 into Go struct field LimitDataToxic.attributes.bytes of type int64", 400)),
    ("toxic attributes text", "POST", "/proxies/p/toxics", '{"type":"latency","attributes":"x"}', 400,
     error("bad request body: json: cannot unmarshal string into Go struct field ToxicWrapper.attributes of type toxics.NoopToxic", 400)),
    ("toxic toxicity text", "POST", "/proxies/p/toxics", '{"type":"latency","toxicity":"x"}', 400,
     error("bad request body: json: cannot unmarshal string into Go struct field ToxicWrapper.toxicity of type float32", 400)),
    ("toxic array", "POST", "/proxies/p/toxics", "[]", 400,
     error("bad request body: json: cannot unmarshal array into Go value of type toxics.ToxicWrapper", 400)),
    # what crashes the genuine server is refused
    ("slicer without size", "POST", "/proxies/p/toxics", '{"type":"slicer"}', 400, None),
    ("slicer variation over size", "POST", "/proxies/p/toxics", '{"type":"slicer","attributes":{"average_size":5,"size_variation":6}}', 400, None),
    ("slicer variation negative", "POST", "/proxies/p/toxics", '{"type":"slicer","attributes":{"average_size":5,"size_variation":-1}}', 400, None),
    ("bandwidth negative", "POST", "/proxies/p/toxics", '{"type":"bandwidth","attributes":{"rate":-1}}', 400, None),
    ("jitter huge", "POST", "/proxies/p/toxics", '{"type":"latency","attributes":{"jitter":9223372036854775807}}', 400, None),
    ("scope misspelt", "POST", "/proxies/p/toxics", '{"type":"latency","scope":{"clint":"10.0.0.0/8"}}', 400, re.compile('.*did you mean.*client')),
    ("scope subnet", "POST", "/proxies/p/toxics", '{"type":"latency","scope":{"client":"10.0.0.0/40"}}', 400, None),
    ("ttl text", "POST", "/proxies/p/toxics", '{"type":"latency","ttl":"soon"}', 400, None),
    ("nesting", "POST", "/proxies/p/toxics", "[" * 5000, 400, error("bad request body: exceeded max depth", 400)),
    ("still one toxic", "GET", "/proxies/p/toxics", None, 200, re.compile(r'\[\{[^[]*\}\]$')),
    # populate
    ("populate object", "POST", "/populate", "{}", 400, re.compile(
        r'\{"error":"bad request body: json: cannot unmarshal object into Go value of type \[\]struct .*","status":400,"proxies":null\}$')),
    ("populate empty list", "POST", "/populate", "[]", 201, '{"proxies":null}'),
    ("populate null", "POST", "/populate", "null", 201, '{"proxies":null}'),
    ("populate empty body", "POST", "/populate", "", 400, '{"error":"bad request body: EOF","status":400,"proxies":null}'),
    ("populate no name", "POST", "/populate", '[{"name":"n","upstream":"u:1","listen":"localhost:0"},{"upstream":"u:1"}]', 400,
     '{"error":"missing required field: name at proxy 2","status":400,"proxies":null}'),
    ("populate no upstream", "POST", "/populate", '[{"name":"n"}]', 400,
     '{"error":"missing required field: upstream at proxy 1","status":400,"proxies":null}'),
    ("populate wrong type", "POST", "/populate", '[{"name":7}]', 400,
     '{"error":"bad request body: json: cannot unmarshal number into Go struct field .name of type string","status":400,"proxies":null}'),
    ("nothing came of populate", "GET", "/proxies/n", None, 404, None),
]


def fill(text, upstream):
    return text.replace("{P}", upstream) if isinstance(text, str) else text


def test_clauses(t):
    upstream = Server()
    d = Daemon()
    d.post("/proxies", {"name": "p", "listen": "localhost:0", "upstream": upstream.address})
    d.post("/proxies/p/toxics", {"name": "slow", "type": "latency", "attributes": {"latency": 1}})
    d.post("/proxies", {"name": "q", "listen": "localhost:1", "upstream": "u:1", "enabled": False})
    for name, method, path, body, status, expected in CLAUSES:
        r = d.call(method, path, fill(body, upstream.address))
        ok = r.status == status
        if isinstance(expected, str):
            ok = ok and r.text == fill(expected, upstream.address)
        elif expected is not None:
            ok = ok and re.match(expected.pattern.replace(r"\{P\}", re.escape(upstream.address)), r.text) is not None
        t.check(name, ok, "%d %r" % (r.status, r.text))
        if status in (400, 404, 409, 500) and r.text.startswith('{"error"') and path != "/populate":
            t.check(name + ": headers", r.header("Content-Type") == TEXT and r.header("X-Content-Type-Options") == "nosniff", r.headers)
    t.check("alive", d.alive())
    t.equal("ends well", d.stop(), 0)


def test_headers(t):
    d = Daemon()
    r = d.get("/version")
    t.equal("version type", r.header("Content-Type"), "application/json;charset=utf-8")
    t.check("request id", re.fullmatch("[0-9a-v]{20}", r.header("X-Toxiproxy-Request-Id") or "") is not None, r.headers)
    ids = {d.get("/version").header("X-Toxiproxy-Request-Id") for _ in range(20)}
    t.equal("request ids differ", len(ids), 20)
    t.equal("index type", d.get("/proxies").header("Content-Type"), "application/json")
    r = d.post("/proxies", {"name": "p", "upstream": "u:1", "listen": "localhost:0"})
    t.equal("create type", r.header("Content-Type"), "application/json")
    t.equal("create status", r.status, 201)
    r = d.call("DELETE", "/proxies/p")
    t.check("delete is 204 and empty", r.status == 204 and r.body == b"" and r.header("Content-Type") is None, (r.status, r.headers))
    r = d.get("/x")
    t.check("no request id on 404", r.header("X-Toxiproxy-Request-Id") is None, r.headers)
    r = d.call("PUT", "/proxies")
    t.check("405 says nothing", r.body == b"" and r.header("Allow") is None, r.headers)
    t.equal("redirection", d.get("//proxies?x=1").header("Location"), "/proxies?x=1")
    t.check("no CORS", all(not k.lower().startswith("access-control") for k, _ in d.get("/version").headers))
    for path in ("/version", "/proxies", "/x"):
        r = d.call("GET", path, headers={"User-Agent": "Mozilla/5.0"})
        t.check("browsers are turned away: " + path, r.status == 403 and r.text == "User agent not allowed\n", (r.status, r.text))
    t.equal("lower-case mozilla passes", d.call("GET", "/version", headers={"User-Agent": "mozilla/5.0"}).status, 200)
    t.equal("mozilla inside passes", d.call("GET", "/version", headers={"User-Agent": "x Mozilla/5.0"}).status, 200)
    d.stop()


def test_http(t):
    d = Daemon()
    one = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    t.equal("pipelining", d.raw(one * 50).count(b"HTTP/1.1 200 OK"), 50)
    t.check("HTTP/1.0 closes", d.raw(b"GET /version HTTP/1.0\r\n\r\n").endswith(b'{"version": "2.12.0"}\n'))
    out = d.raw(b"GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
    t.equal("HTTP/1.0 keep-alive", out.count(b"200 OK"), 2)
    out = d.raw(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + one)
    t.equal("Connection: close", out.count(b"200 OK"), 1)
    t.check("missing Host", d.raw(b"GET /version HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 "))
    t.check("no HTTP", d.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n").startswith(b"HTTP/1.1 400 "))
    t.check("HTTP/2 preface", d.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").startswith(b"HTTP/1.1 505 "))
    t.check("two lengths", d.raw(b"POST /reset HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").startswith(b"HTTP/1.1 400 "))
    t.check("huge head", d.raw(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200000).startswith(b"HTTP/1.1 431 "))
    t.check("huge body", d.raw(b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413 "))
    body = b'{"name":"chunky","upstream":"u:1","listen":"localhost:0"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
    request = b"POST /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: x\r\n\r\n"
    t.check("chunked", b"201 Created" in d.raw(request + one) and d.get("/proxies/chunky").status == 200)
    d.call("DELETE", "/proxies/chunky")
    out = d.raw(None, pieces=[request[i:i + 1] for i in range(len(request))])
    t.check("byte by byte", b"201 Created" in out, out)
    with d.connect() as s:
        s.sendall(b"POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        first = s.recv(1000)
        t.equal("100-continue", first, b"HTTP/1.1 100 Continue\r\n\r\n")
        s.sendall(b"[]")
        t.check("and then the answer", b"201 Created" in s.recv(1000))
    t.check("content type is not looked at", d.call("POST", "/populate", "[]", {"Content-Type": "image/png"}).status == 201)
    t.check("bytes behind the value are not looked at", d.post("/populate", "[] trailing {").status == 201)
    t.check("unix newlines", b"200 OK" in d.raw(b"GET /version HTTP/1.1\nHost: x\n\n"))
    t.check("absolute form", b"200 OK" in d.raw(b"GET http://h/version HTTP/1.1\r\nHost: x\r\n\r\n"))
    t.check("HEAD has no body", d.raw(b"HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\n"))
    d.stop()


def test_many_connections(t):
    d = Daemon()
    slow = [d.connect() for _ in range(1000)]
    for s in slow[:500]:
        s.sendall(b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")     # and never goes on
    t.equal("answered beside 1,000 idle and stuck connections", d.get("/version").status, 200)
    ended = select.poll()
    for s in slow:
        ended.register(s, select.POLLIN)
    t.equal("and not after the end of one of them", ended.poll(0), [])
    more = [d.connect() for _ in range(200)]
    t.equal("idle ones make room", d.get("/version").status, 200)
    never = d.connect()         # asks for much and reads nothing
    d.post("/populate", [{"name": "n%03d" % i, "upstream": "u:1", "enabled": False} for i in range(300)])
    try:
        never.settimeout(2)
        for _ in range(400):
            never.sendall(b"GET /proxies HTTP/1.1\r\nHost: x\r\n\r\n")
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass
    t.equal("answered beside one that never reads", d.get("/version").status, 200)
    for s in slow + more + [never]:
        s.close()
    t.equal("ends well", d.stop(), 0)


def test_proxy_create(t):
    d = Daemon()
    upstream = Server()
    r = d.post("/proxies", {"name": "a", "upstream": upstream.address})
    t.check("listen missing: all interfaces", re.fullmatch(r"\[::\]:\d+", r.json["listen"]) is not None, r.text)
    s = dial("127.0.0.1:" + r.json["listen"].rsplit(":", 1)[1])
    s.sendall(b"hello")
    t.equal("dual stack, IPv4", s.recv(5), b"hello")
    s.close()
    s = dial("[::1]:" + r.json["listen"].rsplit(":", 1)[1])
    s.sendall(b"hello")
    t.equal("dual stack, IPv6", s.recv(5), b"hello")
    s.close()
    for listen, pattern in ((":0", r"\[::\]:\d+"), ("0.0.0.0:0", r"\[::\]:\d+"), ("[::]:0", r"\[::\]:\d+"), ("localhost:0", r"127\.0\.0\.1:\d+"),
                            ("127.0.0.1:0", r"127\.0\.0\.1:\d+"), ("[::1]:0", r"\[::1\]:\d+"), ("localhost:", r"127\.0\.0\.1:\d+"),
                            ("unix:@faultline-%d" % os.getpid(), "unix:@faultline-%d" % os.getpid())):
        r = d.post("/proxies", {"name": "l", "upstream": "u:1", "listen": listen})
        t.check("listen " + listen, r.status == 201 and re.fullmatch(pattern, r.json["listen"]) is not None, r.text)
        d.call("DELETE", "/proxies/l")
    for name in ("with space", "ünï", "a+b", "a.b", "..x", "%41", "a?b", '"quoted"', "<&>", "a#b"):
        r = d.post("/proxies", {"name": name, "upstream": "u:1", "listen": "localhost:0"})
        path = "/proxies/" + "".join("%%%02X" % c for c in name.encode())
        t.check("name " + name, r.status == 201 and d.get(path).json.get("name") == name, r.text)
        t.equal("delete " + name, d.call("DELETE", path).status, 204)
    r = d.post("/proxies", '{"name":"<&>\\u2028","upstream":"u:1","enabled":false}')
    t.check("output escapes", r'"name":"\u003c\u0026\u003e\u2028"' in r.text, r.text)
    d.call("DELETE", "/proxies/" + "".join("%%%02X" % c for c in "<&>\u2028".encode()))
    r = d.post("/proxies", '{"NAME":"b","Upstream":"u:1","LISTEN":"localhost:0","name":"c","enabled":null,"unknown":[1,{}],"Logger":{}}')
    t.check("any case, last wins, null keeps, unknown passed over", r.status == 201 and r.json["name"] == "c" and r.json["enabled"] is True, r.text)
    r = d.post("/proxies", {"name": "off", "upstream": "u:1", "listen": "total nonsense", "enabled": False})
    t.check("disabled: listen is kept as it is", r.status == 201 and r.json["listen"] == "total nonsense" and r.json["enabled"] is False, r.text)
    r = d.call("PATCH", "/proxies/off", {"enabled": True})
    t.check("and found out when enabled", r.status == 500 and "missing port in address" in r.text, r.text)
    d.stop()


def test_proxy_update(t):
    d = Daemon()
    first, second = Server(), Server(lambda c: c.sendall(b"second"))
    p = d.post("/proxies", {"name": "p", "listen": "localhost:%d" % free_port(), "upstream": first.address}).json  # nobody else's while it is off
    d.post("/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 1}})
    s = dial(p["listen"])
    s.sendall(b"x")
    s.recv(1)
    for method in ("POST", "PATCH"):
        r = d.call(method, "/proxies/p", {"name": "ignored"})
        t.check(method + " of nothing changes nothing", r.status == 200 and r.json["name"] == "p" and r.json["listen"] == p["listen"], r.text)
    s.sendall(b"y")
    t.equal("connections go on", s.recv(1), b"y")
    r = d.call("PATCH", "/proxies/p", {"upstream": second.address})
    t.check("new upstream, same port, toxics stay", r.json["listen"] == p["listen"] and len(r.json["toxics"]) == 1, r.text)
    t.equal("a changed upstream closes connections", read_all(s), b"")
    t.equal("new connections go there", read_all(dial(p["listen"])), b"second")
    r = d.call("PATCH", "/proxies/p", {"enabled": False})
    t.check("disable", r.status == 200 and r.json["enabled"] is False and r.json["listen"] == p["listen"] and len(r.json["toxics"]) == 1, r.text)
    try:
        dial(p["listen"]).close()
        t.check("disabled refuses", False, "connected")
    except ConnectionRefusedError:
        t.check("disabled refuses", True)
    r = d.call("POST", "/proxies/p", {"enabled": True})
    t.check("enable: the same port", r.json["enabled"] is True and r.json["listen"] == p["listen"], r.text)
    other = free_port()
    r = d.call("PATCH", "/proxies/p", {"listen": "localhost:%d" % other})
    t.check("moved", r.status == 200 and r.json["listen"] == "127.0.0.1:%d" % other and len(r.json["toxics"]) == 1, r.text)
    r = d.call("PATCH", "/proxies/p", {"listen": "nonsense"})
    t.equal("bad syntax", r.text, error("address nonsense: missing port in address", 500))
    t.check("changes nothing", d.get("/proxies/p").json["listen"] == "127.0.0.1:%d" % other and d.get("/proxies/p").json["enabled"])
    r = d.call("PATCH", "/proxies/p", {"listen": first.address})
    t.equal("port in use", r.text, error("listen tcp %s: bind: address already in use" % first.address, 500))
    p = d.get("/proxies/p").json
    t.check("leaves it disabled with the new address", p["enabled"] is False and p["listen"] == first.address, p)
    r = d.call("PATCH", "/proxies/p", '{"enabled":"x"}')
    t.equal("wrong type", r.status, 400)
    t.equal("empty body", d.call("PATCH", "/proxies/p", "").text, error("bad request body: EOF", 400))
    d.stop()


def test_delete_and_reset(t):
    d = Daemon()
    upstream = Server()
    a = d.post("/proxies", {"name": "a", "listen": "localhost:0", "upstream": upstream.address}).json
    b = d.post("/proxies", {"name": "b", "listen": "localhost:0", "upstream": upstream.address}).json
    s = dial(a["listen"])
    s.sendall(b"x")
    s.recv(1)
    t.equal("delete", d.call("DELETE", "/proxies/a").status, 204)
    t.equal("closes connections", read_all(s), b"")
    t.equal("and forgets", d.get("/proxies/a").status, 404)
    s = dial(b["listen"])
    s.sendall(b"x")
    s.recv(1)
    d.post("/proxies/b/toxics", {"type": "latency", "attributes": {"latency": 1}})
    d.post("/proxies/b/toxics", {"type": "slicer", "attributes": {"average_size": 10}, "stream": "upstream"})
    d.post("/proxies", {"name": "c", "listen": "localhost:0", "upstream": upstream.address, "enabled": False})
    r = d.post("/reset")
    t.check("reset is 204", r.status == 204 and r.body == b"", r.text)
    everything = d.get("/proxies").json
    t.check("reset enables all and removes all toxics", all(p["enabled"] and not p["toxics"] for p in everything.values()), everything)
    s.sendall(b"y")
    t.equal("connections live through reset", s.recv(1), b"y")
    d.call("PATCH", "/proxies/c", {"enabled": False, "listen": upstream.address})
    r = d.post("/reset")
    t.check("reset fails on an address in use", r.status == 500 and "address already in use" in r.text, r.text)
    d.stop()


def test_toxics(t):
    d = Daemon()
    d.post("/proxies", {"name": "p", "listen": "localhost:0", "upstream": "u:1"})
    path = "/proxies/p/toxics"
    r = d.post(path, '{"type":"latency"}')
    t.equal("defaults", r.text, '{"attributes":{"latency":0,"jitter":0},"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":1}')
    t.equal("create is 200", r.status, 200)
    r = d.post(path, '{"type":"latency","stream":"Upstream","toxicity":0.123456789012345,"attributes":{"LATENCY":5,"extra":"x"}}')
    t.equal("stream as typed", r.text,
            '{"attributes":{"latency":5,"jitter":0},"name":"latency_Upstream","type":"latency","stream":"Upstream","toxicity":0.12345679}')
    for value, text in (("1e-7", "1e-7"), ("7", "7"), ("-1", "-1"), ("0.5", "0.5"), ("1.0", "1"), ("1E2", "100"), ("3.4e38", "3.4e+38")):
        r = d.call("PATCH", path + "/latency_Upstream", '{"toxicity":%s}' % value)
        t.check("toxicity " + value, r.text.endswith('"toxicity":%s}' % text), r.text)
    r = d.call("PATCH", path + "/latency_Upstream", '{"toxicity":1e40}')
    t.equal("toxicity out of range", r.status, 400)
    d.post(path, '{"type":"timeout","stream":"upstream"}')
    d.post(path, '{"type":"noop","name":"n"}')
    names = [x["name"] for x in d.get(path).json]
    t.equal("upstream first, then in order", names, ["latency_Upstream", "timeout_upstream", "latency_downstream", "n"])
    for kind, attributes in (("bandwidth", {"rate": 0}), ("slow_close", {"delay": 0}), ("timeout", {"timeout": 0}), ("reset_peer", {"timeout": 0}),
                             ("limit_data", {"bytes": 0}), ("noop", {})):
        r = d.post(path, {"type": kind, "name": "k"})
        t.check("type " + kind, r.status == 200 and r.json["attributes"] == attributes, r.text)
        d.call("DELETE", path + "/k")
    r = d.post(path, {"type": "slicer", "name": "k", "attributes": {"average_size": 10, "size_variation": 5, "delay": 7}})
    t.check("slicer, its keys in order", '{"average_size":10,"size_variation":5,"delay":7}' in r.text, r.text)
    for method in ("POST", "PATCH"):
        r = d.call(method, path + "/k", '{"name":"x","type":"noop","stream":"upstream","attributes":{"delay":9},"toxicity":null}')
        t.check(method + " merges attributes, ignores the rest", r.status == 200 and r.json["attributes"] == {
            "average_size": 10, "size_variation": 5, "delay": 9} and r.json["name"] == "k" and r.json["type"] == "slicer", r.text)
    r = d.call("PATCH", path + "/k", '{"attributes":{"delay":11,"size_variation":"x"}}')
    t.equal("wrong type in an update", r.status, 400)
    t.equal("changes nothing of it", d.get(path + "/k").json["attributes"]["delay"], 9)
    r = d.call("PATCH", path + "/k", '{"attributes":{"size_variation":11}}')
    t.check("and what does not fit together", r.status == 400 and d.get(path + "/k").json["attributes"]["size_variation"] == 5, r.text)
    r = d.call("PATCH", path + "/k", '{"toxicity":"x"}')
    t.equal("update toxicity text", r.text, error("bad request body: json: cannot unmarshal string into Go struct field .toxicity of type float32", 400))
    t.equal("delete", d.call("DELETE", path + "/k").status, 204)
    t.equal("gone", d.get(path + "/k").status, 404)
    r = d.post(path, '{"name":"a/b","type":"noop"}')
    t.equal("a name with a slash is found when escaped", d.get(path + "/a%2Fb").status, 200)
    d.stop()


def test_beyond(t):
    """What Toxiproxy does not know."""
    d = Daemon()
    upstream = Server()
    r = d.post("/proxies", {"name": "p", "listen": "localhost:0", "upstream": upstream.address, "half_close": True, "key": "client",
                            "connect_timeout": "3s", "toxics": [{"type": "latency", "attributes": {"latency": 2}}, {"type": "noop", "stream": "upstream"}]})
    p = r.json
    t.check("toxics in a proxy's body", [x["name"] for x in p["toxics"]] == ["noop_upstream", "latency_downstream"], r.text)
    t.check("other ways are shown", p["half_close"] is True and p["key"] == "client" and p["connect_timeout"] == 3000, r.text)
    r = d.post("/proxies/p", {"toxics": []})
    t.equal("POST passes toxics over, as clients send stale ones", len(r.json["toxics"]), 2)
    r = d.call("PATCH", "/proxies/p", {"toxics": [{"type": "latency", "attributes": {"latency": 3}}]})
    t.check("PATCH makes them so", [x["attributes"] for x in r.json["toxics"]] == [{"latency": 3, "jitter": 0}], r.text)
    r = d.call("PATCH", "/proxies/p", {"toxics": [{"type": "latency"}, {"type": "latency"}]})
    t.check("not twice the same", r.status == 409 and len(d.get("/proxies/p").json["toxics"]) == 1, r.text)
    scope = {"client": "10.0.0.0/8", "every": 3, "first": 10, "window": {"from": 1000, "to": "5s"}, "duty": {"period": 1000, "on": 200}}
    r = d.post("/proxies/p/toxics", {"type": "timeout", "scope": scope, "ttl": "30s"})
    t.check("scope and ttl", r.json.get("scope") == dict(scope, window={"from": 1000, "to": 5000}) and r.json.get("ttl") == 30000, r.text)
    r = d.call("PATCH", "/proxies/p/toxics/timeout_downstream", {"scope": {}})
    t.check("scope taken away, lease stays", "scope" not in r.json and r.json["ttl"] == 30000, r.text)
    r = d.post("/proxies/p/toxics", {"type": "noop", "name": "short", "ttl": 50})
    t.equal("lease of 50 ms", r.json["ttl"], 50)
    end = time.monotonic() + WAIT
    while d.get("/proxies/p/toxics/short").status == 200 and time.monotonic() < end:
        pass
    t.equal("it goes by itself", d.get("/proxies/p/toxics/short").status, 404)
    for kind, extra in (("corrupt", {"rate": 0.5}), ("duplicate_chunk", {}), ("drop_chunk", {}), ("stall", {"after": 10}), ("half_open", {}),
                        ("connect_delay", {"delay": 5}), ("connect_refuse", {"reset": True}), ("limit_time", {"time": 5}),
                        ("latency", {"distribution": "normal"}), ("bandwidth", {"rate": 5, "shared": True})):
        r = d.post("/proxies/p/toxics", {"type": kind, "name": "k", "attributes": extra})
        t.check("type " + kind, r.status == 200 and all(r.json["attributes"].get(k) == v for k, v in extra.items()), r.text)
        d.call("DELETE", "/proxies/p/toxics/k")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write("1.5\n200us # quick\n\n3\n")
        f.flush()
        r = d.post("/proxies/p/toxics", {"type": "latency", "name": "k", "attributes": {"distribution": "samples", "samples": f.name}})
        t.check("samples from a file", r.status == 200 and r.json["attributes"]["samples"] == f.name, r.text)
    r = d.post("/proxies/p/toxics", {"type": "latency", "name": "k2", "attributes": {"distribution": "samples", "samples": "/dev/zero"}})
    t.equal("a device is no file of samples", r.status, 400)
    r = d.post("/proxies/p/toxics", {"type": "latency", "name": "k2", "attributes": {"distribution": "samples", "samples": "/nonexistent"}})
    t.check("a missing file of samples", r.status == 400 and "No such file" in r.text, r.text)
    d.stop()


def test_populate(t):
    d = Daemon()
    upstream = Server()
    body = [{"name": "a", "listen": "localhost:%d" % free_port(), "upstream": upstream.address},
            {"name": "b", "listen": "0.0.0.0:%d" % free_port(), "upstream": upstream.address, "enabled": True},
            {"name": "c", "listen": "localhost:%d" % free_port(), "upstream": "u:1", "enabled": False}]
    r = d.post("/populate", body)
    t.check("makes them", r.status == 201 and [p["name"] for p in r.json["proxies"]] == ["a", "b", "c"], r.text)
    t.equal("keys", list(r.json), ["proxies"])
    connections = {}
    for name in ("a", "b"):
        listen = d.get("/proxies/" + name).json["listen"]
        d.post("/proxies/%s/toxics" % name, {"type": "noop"})
        connections[name] = s = dial("127.0.0.1:" + listen.rsplit(":", 1)[1])
        s.sendall(b"x")
        s.recv(1)
    d.post("/proxies/c/toxics", {"type": "noop"})
    r = d.post("/populate", [dict(p, enabled=not p.get("enabled", True)) for p in body])
    t.equal("again", r.status, 201)
    t.check("leaves the same alone, its flag too", [p["enabled"] for p in r.json["proxies"]] == [True, True, False], r.text)
    t.check("and their toxics, 0.0.0.0 and names too", all(len(p["toxics"]) == 1 for p in r.json["proxies"]), r.text)
    for name, s in connections.items():
        s.sendall(b"y")
        t.equal("connections of %s live on" % name, s.recv(1), b"y")
    body[0]["upstream"] = "other:1"
    r = d.post("/populate", body[:1])
    t.check("a changed one is made anew", r.json["proxies"][0]["toxics"] == [] and r.json["proxies"][0]["upstream"] == "other:1", r.text)
    t.equal("its connections are closed", read_all(connections["a"]), b"")
    t.equal("those not listed stay", sorted(d.get("/proxies").json), ["a", "b", "c"])
    r = d.post("/populate", [{"name": "d", "listen": "localhost:0", "upstream": "u:1"}, {"name": "e", "listen": upstream.address, "upstream": "u:1"},
                             {"name": "f", "listen": "localhost:0", "upstream": "u:1"}])
    t.check("the first failure stops", r.status == 500 and r.json["error"] == "listen tcp %s: bind: address already in use" % upstream.address and
            r.json["status"] == 500 and [p["name"] for p in r.json["proxies"]] == ["d"], r.text)
    t.equal("type of its errors", r.header("Content-Type"), "application/json")
    t.equal("earlier ones stay", sorted(d.get("/proxies").json), ["a", "b", "c", "d"])
    r = d.post("/populate", [{"name": "g", "listen": "localhost:0", "upstream": "u:1", "toxics": [{"type": "latency", "attributes": {"latency": 9}}]}])
    t.equal("toxics are honoured", r.json["proxies"][0]["toxics"][0]["attributes"]["latency"], 9)
    listen = r.json["proxies"][0]["listen"]
    r = d.post("/populate", [{"name": "g", "listen": listen, "upstream": "u:1", "toxics": []}])
    t.equal("an empty list of toxics leaves them", len(r.json["proxies"][0]["toxics"]), 1)
    d.stop()


def test_config(t):
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump([{"name": "a", "listen": "localhost:%d" % port, "upstream": "u:1", "toxics": [{"type": "latency", "attributes": {"latency": 5}}]},
                   {"name": "b", "listen": "localhost:1", "upstream": "u:2", "enabled": False}], f)
        f.flush()
        for flag in ("-config", "--config", "-c"):
            d = Daemon(flag, f.name)
            proxies = d.get("/proxies").json
            t.check(flag, proxies["a"]["listen"] == "127.0.0.1:%d" % port and proxies["a"]["toxics"][0]["attributes"]["latency"] == 5 and
                    proxies["b"]["enabled"] is False, proxies)
            d.stop()
    d = Daemon("-config", "/nonexistent", name="toxiproxy-server")
    t.equal("toxiproxy-server starts without its file", d.get("/proxies").text, "{}")
    d.stop()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        f.write("{nonsense")
        f.flush()
        d = Daemon("-config=" + f.name, "-host", "localhost", "-seed=-5", "-proxy-metrics", "-runtime-metrics", name="toxiproxy-server")
        t.equal("and with a wrong one", d.get("/proxies").text, "{}")
        t.equal("its exit code", d.stop(), 0)


def test_metrics(t):
    d = Daemon("--proxy-metrics", "--runtime-metrics")
    upstream = Server()
    listen = d.post("/proxies", {"name": 'p"q', "listen": "localhost:0", "upstream": upstream.address}).json["listen"]
    s = dial(listen)
    s.sendall(b"x" * 1000)
    got = b""
    while len(got) < 1000:
        got += s.recv(1000)
    labels = '{direction="%%s",listener="%s",proxy="p\\"q",upstream="%s"} 1000' % (listen, upstream.address)
    # What was sent is counted after it is sent.
    until(lambda: len(re.findall(r"^toxiproxy_proxy_\w+_bytes_total\{.*\} 1000$", d.get("/metrics").text, re.M)) == 4)
    r = d.get("/metrics")
    t.equal("type", r.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
    for counter in ("received", "sent"):
        for direction in ("upstream", "downstream"):
            line = "toxiproxy_proxy_%s_bytes_total%s" % (counter, labels % direction)
            t.check("live: " + line, line in r.text.splitlines(), r.text)
    t.check("process", re.search(r"^process_open_fds \d+$", r.text, re.M) is not None, r.text)
    t.check("build", 'faultline_build_info{version="' in r.text)
    t.check("no pretence", "go_info" not in r.text)
    t.equal("any verb", d.call("PUT", "/metrics").status, 200)
    s.close()
    d.call("PATCH", "/proxies/p%22q", {"enabled": False})
    t.check("counters outlive a pause", " 1000\n" in d.get("/metrics").text)
    d.stop()
    d = Daemon("-runtime-metrics", name="toxiproxy-server")
    text = d.get("/metrics").text
    t.check("under Toxiproxy's name: what its scripts look for", re.search("^go_info", text, re.M) and re.search("^go_goroutines", text, re.M), text)
    d.stop()


def test_data(t):
    """Toxiproxy's rules of the data path that its clients rely on."""
    d = Daemon()
    upstream = Server()

    def fresh(**more):
        d.call("DELETE", "/proxies/p")
        return d.post("/proxies", dict({"name": "p", "listen": "localhost:0", "upstream": upstream.address}, **more)).json["listen"]

    def ping(s, data=b"ping"):
        s.sendall(data)
        got = b""
        while len(got) < len(data):
            chunk = s.recv(65536)
            if not chunk:
                break
            got += chunk
        return got

    s = dial(fresh())
    t.equal("relays", ping(s), b"ping")
    d.post("/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 120}})
    start = time.monotonic()
    ping(s)
    t.check("latency on a live connection", time.monotonic() - start >= 0.118, time.monotonic() - start)
    d.call("PATCH", "/proxies/p/toxics/latency_downstream", {"toxicity": 0, "attributes": {"latency": 3600000}})
    t.equal("toxicity 0 spares it", ping(s), b"ping")
    d.call("DELETE", "/proxies/p/toxics/latency_downstream")
    d.post("/proxies/p/toxics", {"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}})
    s.sendall(b"swallowed")
    d.call("DELETE", "/proxies/p/toxics/timeout_upstream")
    t.equal("removing timeout closes", read_all(s), b"")
    s = dial(fresh(toxics=[{"type": "timeout", "attributes": {"timeout": 50}}]))
    t.equal("timeout closes", read_all(s), b"")
    s = dial(fresh(toxics=[{"type": "limit_data", "stream": "downstream", "attributes": {"bytes": 10}}]))
    s.sendall(b"0123456789abcdef")
    t.equal("limit_data", read_all(s), b"0123456789")
    s = dial(fresh(toxics=[{"type": "reset_peer", "stream": "upstream", "attributes": {"timeout": 0}}]))
    try:
        s.sendall(b"x")
        t.check("reset_peer", False, s.recv(1))
    except ConnectionResetError:
        t.check("reset_peer", True)
    s = dial(fresh(toxics=[{"type": "bandwidth", "attributes": {"rate": 100}}]))
    start = time.monotonic()
    ping(s, b"z" * 20000)
    t.check("bandwidth", 0.15 <= time.monotonic() - start < WAIT, time.monotonic() - start)
    s = dial(fresh(toxics=[{"type": "slicer", "attributes": {"average_size": 3, "size_variation": 1}}]))
    t.equal("slicer loses nothing", ping(s, b"0123456789" * 10), b"0123456789" * 10)
    s = dial(fresh())
    s.sendall(b"last words")
    s.shutdown(socket.SHUT_WR)
    t.check("no half-close, as in Toxiproxy", read_all(s) in (b"", b"last words"))
    s = dial(fresh(half_close=True))
    s.sendall(b"last words")
    s.shutdown(socket.SHUT_WR)
    t.equal("half-close when asked for", read_all(s), b"last words")
    fresh(upstream="127.0.0.1:%d" % free_port())
    t.equal("upstream refuses: closed", read_all(dial(d.get("/proxies/p").json["listen"])), b"")
    d.stop()


def test_never_blocked(t):
    """The genuine server hangs here: a peer that stops reading, an upstream that never answers."""
    def flood(connection):
        while True:
            connection.sendall(b"x" * 65536)

    d = Daemon()
    upstream = Server(flood)
    stalled = []
    for kind in ("latency", "slicer", "bandwidth", "noop", "slow_close", "limit_data"):
        attributes = {"slicer": {"average_size": 1000}, "bandwidth": {"rate": 1000000}, "limit_data": {"bytes": 1 << 40}}.get(kind, {})
        listen = d.post("/proxies", {"name": kind, "listen": "localhost:0", "upstream": upstream.address,
                                     "toxics": [{"type": kind, "attributes": attributes}]}).json["listen"]
        stalled.append(dial(listen))
    # An hour, as long as the others stand still: an answer that waited for one of them would not come.
    listen = d.post("/proxies", {"name": "dead", "listen": "localhost:0", "upstream": "192.0.2.1:9", "connect_timeout": "1h"}).json["listen"]
    waiting = [dial(listen) for _ in range(20)]
    for kind in ("latency", "slicer", "bandwidth", "noop", "slow_close", "limit_data", "dead"):
        for method, path, body in (("POST", "/toxics", {"type": "latency", "name": "x"}), ("PATCH", "/toxics/x", {"attributes": {"latency": 5}}),
                                   ("DELETE", "/toxics/x", None), ("PATCH", "", {"enabled": False}), ("PATCH", "", {"enabled": True}), ("DELETE", "", None)):
            r = d.call(method, "/proxies/" + kind + path, body)
            t.check("%s %s%s" % (method, kind, path), r.status in (200, 204), r.text)
    for s in stalled + waiting:
        s.close()
    upstream.close()
    t.equal("ends well", d.stop(), 0)


def test_concurrent(t):
    d = Daemon()
    bad = []

    def worker(i):
        name = "w%d" % i
        for _ in range(10):
            for method, path, body, want in (("POST", "/proxies", {"name": name, "listen": "localhost:0", "upstream": "u:1"}, 201),
                                             ("POST", "/proxies/%s/toxics" % name, {"type": "latency"}, 200), ("GET", "/proxies", None, 200),
                                             ("PATCH", "/proxies/" + name, {"enabled": False}, 200), ("DELETE", "/proxies/" + name, None, 204)):
                r = d.call(method, path, body)
                if r.status != want:
                    bad.append((method, path, r.status, r.text))

    threads = [threading.Thread(target=worker, args=(i,)) for i in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.check("100 clients at once", not bad, bad[:3])
    t.equal("nothing is left", d.get("/proxies").text, "{}")
    d.stop()


def main():
    if not os.path.exists(PROGRAM):
        print("no program at %s" % PROGRAM)
        print("0 passed, 1 failed, 0 skipped")
        return 1
    return Suite().run([test_clauses, test_headers, test_http, test_many_connections, test_proxy_create, test_proxy_update, test_delete_and_reset,
                        test_toxics, test_beyond, test_populate, test_config, test_metrics, test_data, test_never_blocked, test_concurrent])


if __name__ == "__main__":
    sys.exit(main())
