#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_tls - HTTP lines with TLS on either side and PROXY headers, against other programs: curl, openssl, python, HAProxy, nginx.

    FAULTLINE=build/release/faultline test/conform/http_tls.py

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from api_lib import WAIT, Daemon, Server, Suite, dial, free_port, read_all, until
from tls_lib import Authority, common_name, tls_dial
from tls_lines import SIGNATURE, Place, refused, s_client, spawn_peer


class Web(Server):
    """A web server of HTTP/1.1: each answer is a JSON map of what was asked. context: with TLS. header: connections begin with PROXY."""

    def __init__(self, context=None, proxy=False, **more):
        self.context, self.proxy, self.headers, self.served, self.handshakes = context, proxy, [], 0, 0
        super().__init__(self.each, **more)

    def each(self, connection):
        connection.settimeout(WAIT)
        if self.proxy:
            self.headers.append(self.read_header(connection))
        if self.context is None:
            self.talk(connection, None)
            return
        with self.context.wrap_socket(connection, server_side=True) as s:
            self.handshakes += 1
            self.talk(s, s)

    @staticmethod
    def read_header(connection):
        got = connection.recv(8, socket.MSG_WAITALL)
        if got == SIGNATURE[:8]:
            got += connection.recv(8, socket.MSG_WAITALL)
            return got + connection.recv(int.from_bytes(got[14:16], "big"), socket.MSG_WAITALL)
        while got and not got.endswith(b"\n"):
            got += connection.recv(1)
        return got

    def talk(self, s, tls):
        f = s.makefile("rb")
        while True:
            line = f.readline()
            if not line:
                return
            method, path, _ = line.decode().split(" ", 2)
            fields = {}
            while True:
                field = f.readline().rstrip(b"\r\n").decode("latin-1")
                if not field:
                    break
                name, value = field.split(":", 1)
                fields[name.lower()] = value.strip()
            body = f.read(int(fields.get("content-length", 0)))
            self.served += 1
            said = {"method": method, "path": path, "fields": fields, "bytes": len(body), "sha": hashlib.sha256(body).hexdigest()}
            if tls is not None:
                peer = tls.getpeercert()
                said.update(alpn=tls.selected_alpn_protocol(), resumed=tls.session_reused, version=tls.version(),
                            client=dict(x[0] for x in peer["subject"])["commonName"] if peer else None)
            answer = json.dumps(said).encode()
            if path.startswith("/big"):
                answer = b"x" * int(path[4:])
            if path == "/until-close":
                s.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + answer)
                return
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


def http_line(upstream, **more):
    return {"protocol": "http", **({"upstreams": upstream} if isinstance(upstream, list) else {"upstream": upstream}), **more}


def ask(s, path="/", method="GET", body=b"", extra=""):
    """A request on a connection, and the answer's status, fields and body."""
    s.sendall(("%s %s HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n%s\r\n" % (method, path, len(body), extra)).encode() + body)
    answer = http.client.HTTPResponse(s, method=method)
    answer.begin()
    return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()


def said(reply):
    return json.loads(reply[2])


def get(address, path="/", **more):
    with dial(address) as s:
        return ask(s, path, **more)


def curl(*words):
    done = subprocess.run(["curl", "-sS", "--max-time", str(int(WAIT)), *words], capture_output=True, timeout=WAIT + 5, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def last_call(p, line):
    """The latest record of a line's calls; it comes a moment after the answer."""
    return until(lambda: next((r for r in reversed(p.daemon.get("/v1/requests?line=" + line).json["requests"]) if r["line"] == line), None))


def reload(t, p, lines):
    p.write(lines)
    r = p.reload()
    t.equal("loaded", r.status, 200)
    if r.status != 200:
        raise RuntimeError(r.text)
    p.listen = {name: x["listen"] for name, x in p.daemon.get("/proxies").json.items()}


# TLS ends here

def test_terminate(t):
    web = Web()
    lines = {"one": http_line(web.address, forwarded=True, tls={"cert": "a.pem", "key": "a.key"}),
             "two": http_line(web.address, tls={"certificates": [{"cert": "a.both"}, {"cert": "b.pem", "key": "b.key"}], "min_version": "1.3"}),
             "plain": http_line(web.address, forwarded=True)}
    with Place(lines) as p:
        trusting = p.ca.trusting()
        with tls_dial(p.listen["one"], trusting, "a.example") as s:
            t.equal("told of TLS", said(ask(s))["fields"]["x-forwarded-proto"], "https")
            t.equal("and again on the same connection", said(ask(s, "/2"))["path"], "/2")
            data = os.urandom(3 << 20)
            t.equal("3 MB there", said(ask(s, "/up", "POST", data))["sha"], hashlib.sha256(data).hexdigest())
            t.equal("3 MB back", len(ask(s, "/big3000000")[2]), 3000000)
            t.equal("to the end of the connection", said(ask(s, "/until-close"))["path"], "/until-close")
        t.equal("and without it", said(get(p.listen["plain"]))["fields"]["x-forwarded-proto"], "http")
        for name, expected in (("a.example", "a"), ("b.example", "b"), ("x.wild.example", "b"), ("nobody.example", "a")):
            context = p.ca.trusting(check_hostname=name != "nobody.example")
            with tls_dial(p.listen["two"], context, name) as s:
                t.equal("certificate for " + name, (common_name(s), ask(s)[0]), (expected, 200))
        for offer, expected in ((["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), ([], None), (["spdy/3", "http/1.1", "h2"], "http/1.1")):
            context = p.ca.trusting()
            if offer:
                context.set_alpn_protocols(offer)
            with tls_dial(p.listen["one"], context, "a.example") as s:
                t.equal("a client that offers %s" % offer, (s.selected_alpn_protocol(), ask(s)[0]), (expected, 200))
        context = p.ca.trusting()
        context.set_alpn_protocols(["h2"])
        try:
            tls_dial(p.listen["one"], context, "a.example").close()
            t.check("HTTP/2 alone is refused", False)
        except ssl.SSLError as e:
            t.check("HTTP/2 alone is refused", "no application protocol" in str(e).replace("_", " ").lower(), e)
        port = p.listen["one"].rsplit(":", 1)[1]
        code, out, err = curl("--cacert", p.ca.path("ca.pem"), "--resolve", "a.example:%s:127.0.0.1" % port, "-w", " %{http_version} %{num_connects}",
                              "https://a.example:%s/1" % port, "https://a.example:%s/2" % port)
        t.check("curl, two requests on one connection", code == 0 and out.count(b"} 1.1 ") == 2 and out.endswith(b" 1.1 0"), (code, out, err))
        code, text = s_client(p.listen["one"], "-brief", "-servername", "a.example", "-alpn", "h2,http/1.1", ca=p.ca.path("ca.pem"))
        t.check("openssl s_client", code == 0 and "Verification: OK" in text, text)
        code, text = s_client(p.listen["two"], "-tls1_2", ca=p.ca.path("ca.pem"))
        t.check("an old client where 1.3 is the least", code != 0 and "alert protocol version" in text, text)
        with dial(p.listen["one"]) as s:
            s.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            t.check("a client without TLS", not read_all(s).startswith(b"HTTP/"))
        t.check("is counted", p.closed("one", "client_tls"))
        events = [json.loads(line) for line in p.daemon.get("/v1/events?line=one").text.splitlines()]
        t.check("with the reason", any(e["what"] == "tls_failed" and e.get("text") for e in events), events)
        with tls_dial(p.listen["one"], trusting, "a.example") as s:
            ask(s)
            session = s.session
        host, port = p.listen["one"].rsplit(":", 1)
        with trusting.wrap_socket(socket.create_connection((host, int(port)), WAIT), server_hostname="a.example", session=session) as s:
            t.check("resumed", ask(s)[0] == 200 and s.session_reused)
    t.equal("ends well", p.code, 0)
    web.close()


def test_pipelined(t):
    """Requests behind one another within TLS records, cut anywhere: an answer each, in their order."""
    web = Web()
    with Place({"one": http_line(web.address, tls={"cert": "a.both"})}) as p:
        with tls_dial(p.listen["one"], p.ca.trusting(), "a.example") as s:
            data = b"".join(b"GET /%d HTTP/1.1\r\nhost: test\r\n\r\n" % i for i in range(40))
            for i in range(0, len(data), 7):
                s.sendall(data[i:i + 7])
            f, paths = s.makefile("rb"), []
            for _ in range(40):
                length = 0
                while (line := f.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                paths.append(json.loads(f.read(length))["path"])
            t.equal("all of them", paths, ["/%d" % i for i in range(40)])
    web.close()


def test_clients_show_certificates(t):
    web = Web()
    with tempfile.TemporaryDirectory() as folder, Place({}) as p:
        clients = Authority(folder, "clients")
        clients.sign("me", "me")
        shutil.copy(clients.path("clients.pem"), p.ca.path("clients.pem"))
        reload(t, p, {word: http_line(web.address, tls={"cert": "a.pem", "key": "a.key", "client_ca": "clients.pem", "client_cert": word})
                      for word in ("require", "request")})
        for who, expected in (("nobody", {"require": False, "request": True}), ("me", {"require": True, "request": True}),
                              ("stranger", {"require": False, "request": False})):
            for line, good in expected.items():
                context = p.ca.trusting()
                if who == "me":
                    context.load_cert_chain(clients.path("me.pem"), clients.path("me.key"))
                elif who == "stranger":
                    context.load_cert_chain(p.ca.path("b.pem"), p.ca.path("b.key"))
                try:
                    with tls_dial(p.listen[line], context, "a.example") as s:
                        served = ask(s)[0] == 200
                except (OSError, http.client.HTTPException):
                    served = False
                t.equal("%s where certificates are: %s" % (who, line), served, good)
    web.close()


def test_handshakes_are_bounded(t):
    web = Web()
    with Place({"one": http_line(web.address, tls={"cert": "a.both"})}, config={"workers": 1, "limits": {"handshakes": 3}}) as p:
        silent = []
        for _ in range(5):
            try:
                silent.append(dial(p.listen["one"]))
            except ConnectionResetError:        # refused before connect() has looked
                pass
        t.check("more than three at once are refused", p.closed("one", "full", 2))
        for s in silent:
            s.close()
        t.check("when they are gone", p.closed("one", "client_tls", 3))
        with tls_dial(p.listen["one"], p.ca.trusting(), "a.example") as s:
            t.equal("others are served", ask(s)[0], 200)
    web.close()


def test_reload(t):
    web = Web()
    lines = {"one": http_line(web.address, tls={"cert": "a.pem", "key": "a.key"}, policies={"breaker": True})}
    with Place(lines) as p:
        trusting = p.ca.trusting()
        old = tls_dial(p.listen["one"], trusting, "a.example")
        t.equal("before", ask(old)[0], 200)
        p.ca.sign("a", "renewed", ["DNS:a.example"])
        p.daemon.process.send_signal(signal.SIGHUP)

        def subject():
            with tls_dial(p.listen["one"], trusting, "a.example") as s:
                return common_name(s) if ask(s)[0] == 200 else None

        t.check("another certificate in the same file", until(lambda: subject() == "renewed"))
        t.equal("the connection that was kept alive goes on", ask(old, "/later")[0], 200)
        os.unlink(p.ca.path("a.key"))
        r = p.reload()
        t.check("a key that is gone is refused", r.status == 400 and "a.key" in r.json["error"], r.text)
        t.equal("and the old one stays", subject(), "renewed")
        t.equal("still the same connection", ask(old, "/last")[0], 200)
        old.close()
    web.close()


def test_reload_under_load(t):
    """Certificates and instances change while requests run on kept and on new connections: none fails."""
    webs = [Web() for _ in range(3)]
    tls = {"cert": "a.pem", "key": "a.key"}
    bad, count, over = [], [0], threading.Event()
    with Place({"one": http_line([webs[0].address], tls=tls)}) as p:
        trusting = p.ca.trusting()

        def caller():
            while not over.is_set():
                try:
                    with tls_dial(p.listen["one"], trusting, "a.example") as s:
                        for _ in range(10):
                            status = ask(s)[0]
                            count[0] += 1
                            if status != 200:
                                bad.append(status)
                except (OSError, http.client.HTTPException) as e:
                    bad.append(repr(e))

        threads = [threading.Thread(target=caller) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(6):
            before = count[0]
            p.ca.sign("a", "a%d" % i, ["DNS:a.example"])
            p.write({"one": http_line([w.address for w in webs[i % 3:]], tls=tls)})
            t.equal("reload %d" % i, p.reload().status, 200)
            until(lambda: count[0] >= before + 30)
        over.set()
        for thread in threads:
            thread.join()
        t.equal("none of %d requests failed" % count[0], bad, [])
        t.check("there were some", count[0] >= 180, count[0])
    for web in webs:
        web.close()


# TLS to instances

def test_originate(t):
    with Place({}) as p:
        p.ca.sign("host", "host", ["DNS:localhost"])
        p.ca.sign("ip", "ip", ["IP:127.0.0.1"])
        p.ca.sign("old", "old", ["IP:127.0.0.1"], days=-1)
        host, ip, old = Web(p.ca.serving("host")), Web(p.ca.serving("ip")), Web(p.ca.serving("old"))
        ip.context.set_alpn_protocols(["h2", "http/1.1"])
        plain = Server(lambda connection: connection.recv(65536) and connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        by_name = "localhost:" + host.address.rsplit(":", 1)[1]
        ca = {"ca": "ca.pem"}
        reload(t, p, {"ip": http_line(ip.address, upstream_tls=ca), "name": http_line(by_name, upstream_tls=ca),
                      "each": http_line([by_name, ip.address], balance="round_robin", upstream_tls=ca),
                      "said": http_line(ip.address, upstream_tls={"ca": "ca.pem", "name": "127.0.0.1"}),
                      "wrong": http_line(ip.address, upstream_tls={"ca": "ca.pem", "name": "b.example"}),
                      "other": http_line(host.address, upstream_tls=ca),
                      "system": http_line(ip.address, upstream_tls={}),
                      "old": http_line(old.address, upstream_tls=ca),
                      "plain": http_line(plain.address, upstream_tls=ca),
                      "blind": http_line(old.address, upstream_tls={"verify": False}),
                      "both": http_line(ip.address, upstream_tls=ca, tls={"cert": "a.both"})})
        for line in ("ip", "name", "said", "blind"):
            reply = get(p.listen[line])
            t.equal("to the instance: " + line, reply[0], 200)
        t.equal("it is HTTP/1.1 that is asked for", said(get(p.listen["ip"]))["alpn"], "http/1.1")
        with dial(p.listen["each"]) as s:
            t.equal("of each instance its own name is checked", [ask(s)[0] for _ in range(6)], [200] * 6)
        handshakes = ip.handshakes
        with dial(p.listen["ip"]) as s:
            t.equal("one connection for many requests", [ask(s)[0] for _ in range(10)], [200] * 10)
        t.check("shaken hands for but once", ip.handshakes <= handshakes + 1, (handshakes, ip.handshakes))
        for line, why in (("wrong", "hostname mismatch"), ("other", "IP address mismatch"), ("system", "unable to get local issuer"), ("old", "expired"),
                          ("plain", "wrong version number")):
            reply = get(p.listen[line])
            t.equal("refused: " + line, reply[0], 502)
            t.check("with the reason: " + line, why.lower().encode() in reply[2].lower(), reply[2])
            r = last_call(p, line)
            t.check("and recorded: " + line, r["failure"].startswith("TLS: ") and why.lower() in r["failure"].lower(), r)
        t.equal("no request came to who was not trusted", old.served, 1)
        with tls_dial(p.listen["both"], p.ca.trusting(), "a.example") as s:
            data = os.urandom(1 << 20)
            t.equal("TLS on both sides", said(ask(s, "/", "POST", data))["sha"], hashlib.sha256(data).hexdigest())
        for web in (host, ip, old, plain):
            web.close()


def test_originate_mutual(t):
    with tempfile.TemporaryDirectory() as folder, Place({}) as p:
        clients = Authority(folder, "clients")
        clients.sign("me", "me")
        for name in ("me.pem", "me.key"):
            shutil.copy(clients.path(name), p.ca.path(name))
        context = p.ca.serving("a")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.path("clients.pem"))
        web = Web(context)
        reload(t, p, {"me": http_line(web.address, upstream_tls={"ca": "ca.pem", "cert": "me.pem", "key": "me.key"}),
                      "nobody": http_line(web.address, upstream_tls={"ca": "ca.pem"})})
        t.equal("who we are", said(get(p.listen["me"]))["client"], "me")
        reply = get(p.listen["nobody"])
        t.equal("without a certificate", reply[0], 502)
        r = last_call(p, "nobody")
        t.check("the record says why", "TLS: " in r["failure"] or "ended" in r["failure"] or "reset" in r["failure"], r)
        web.close()


def test_silent_handshake(t):
    """An instance that takes the connection and does not shake hands: the limit of connecting ends it."""
    server = Server(lambda connection: connection.recv(1 << 20) and connection.recv(1 << 20))
    lines = {"one": http_line(server.address, upstream_tls={"verify": False}, policies={"timeout": {"connect": "100ms"}})}
    with Place(lines) as p:
        reply = get(p.listen["one"])
        t.check("in time", reply[0] == 504 and b"connect" in reply[2], reply)
        t.equal("which limit", last_call(p, "one")["limit"], "connect")
    server.close()


def test_checks(t):
    """Active checks go the way that calls go: with TLS, and with a PROXY header."""
    with Place({}) as p:
        good, strange, header = Web(p.ca.serving("a")), Web(p.ca.serving("b")), Web(p.ca.serving("a"), proxy=True)
        health = {"http": "/health", "interval": "20ms", "rise": 1, "fall": 1}
        reload(t, p, {"two": http_line([good.address, strange.address], upstream_tls={"ca": "ca.pem"}, health=health),
                      "told": http_line(header.address, upstream_tls={"ca": "ca.pem"}, health=health, send_proxy="v2")})

        def states(line):
            return {i["address"]: i["health"] for i in instances(p, line)}

        t.check("who has a wrong name is not well", until(lambda: states("two") == {good.address: "good", strange.address: "bad"}), states("two"))
        t.equal("and has no calls", [get(p.listen["two"])[0] for _ in range(4)], [200] * 4)
        t.check("through a PROXY header", until(lambda: states("told") == {header.address: "good"}), states("told"))
        t.check("which says that it is our own", header.headers[0] == SIGNATURE + b"\x20\0\0\0", header.headers[0])
        for web in (good, strange, header):
            web.close()


def instances(p, line):
    return p.daemon.get("/v1/lines/" + line).json["instances"]


# PROXY headers

def test_proxy_headers(t):
    web = Web(proxy=True)
    plain = Web()
    lines = {"v1": http_line(web.address, send_proxy="v1"), "v2": http_line(web.address, send_proxy="v2"),
             "take": http_line(plain.address, accept_proxy=True, forwarded=True, access_log="calls.log"),
             "shut": http_line(plain.address, accept_proxy=True, forwarded=True, tls={"cert": "a.both"}),
             "relay": http_line(web.address, accept_proxy=True, send_proxy="v1"),
             "relay2": http_line(web.address, accept_proxy=True, send_proxy="v2")}
    with Place(lines) as p:
        with dial(p.listen["v1"]) as s:
            ask(s)
            mine, line = s.getsockname(), p.listen["v1"].rsplit(":", 1)[1]
        t.equal("version 1: the ends of the client's connection", web.headers.pop(), b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %s\r\n" % (mine[1], line.encode()))
        with dial(p.listen["v2"]) as s:
            ask(s)
            mine, line = s.getsockname(), int(p.listen["v2"].rsplit(":", 1)[1])
        ends = b"\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01" + mine[1].to_bytes(2, "big") + line.to_bytes(2, "big")
        t.equal("version 2", web.headers.pop(), SIGNATURE + ends)
        first, second = dial(p.listen["v1"]), dial(p.listen["v1"])
        for s in (first, second, first):
            ask(s)
        ports = [int(h.split()[4]) for h in web.headers]
        t.equal("no connection is shared by clients", (ports[0], ports[1], set(ports)),
                (first.getsockname()[1], second.getsockname()[1], {first.getsockname()[1], second.getsockname()[1]}))
        first.close()
        second.close()
        del web.headers[:]
        for header in (b"PROXY TCP6 2001:db8::5 2001:db8::6 4711 443\r\n",
                       SIGNATURE + b"\x21\x21\0\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::5") + socket.inet_pton(socket.AF_INET6, "2001:db8::6")
                       + (4711).to_bytes(2, "big") + (443).to_bytes(2, "big")):
            with dial(p.listen["take"]) as s:
                for byte in header:
                    s.sendall(bytes([byte]))
                t.equal("whom the header names", said(ask(s))["fields"]["x-forwarded-for"].strip('[]"'), "2001:db8::5")
                t.equal("for every request", said(ask(s))["fields"]["x-forwarded-for"].strip('[]"'), "2001:db8::5")
        t.equal("in the record", last_call(p, "take")["client"], "[2001:db8::5]:4711")
        with dial(p.listen["take"]) as s:
            s.sendall(b"PROXY UNKNOWN\r\n")
            t.equal("one that does not say", said(ask(s))["fields"]["x-forwarded-for"], "127.0.0.1")
        with dial(p.listen["shut"]) as s:
            s.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.2 1 2\r\n")
            with p.ca.trusting().wrap_socket(s, server_hostname="a.example") as tls:
                fields = said(ask(tls))["fields"]
                t.equal("before TLS", (fields["x-forwarded-for"], fields["x-forwarded-proto"]), ("192.0.2.7", "https"))
        for line, header in (("relay", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
                             ("relay2", SIGNATURE + b"\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\1\0\2")):
            with dial(p.listen[line]) as s:
                s.sendall(header)
                ask(s)
            t.equal("passed on by " + line, web.headers.pop(), header)
        for junk in (b"GET / HTTP/1.1\r\nhost: test\r\n\r\n", b"PROXY TCP4 1.2.3.4\r\n", SIGNATURE + b"\x31\x11\0\0"):
            with dial(p.listen["take"]) as s:
                s.sendall(junk)
                t.equal("no header, no service", read_all(s), b"")
        t.check("and counted", p.closed("take", "bad_proxy_header", 3))
    t.equal("ends well", p.code, 0)
    web.close()
    plain.close()


def test_haproxy(t):
    """HAProxy before a line, with PROXY headers and TLS; and behind one."""
    web = Web()
    with Place({}) as p:
        ports = {name: free_port() for name in ("front", "back")}
        line, other = free_port(), free_port()
        text = ("global\n nbthread 1\ndefaults\n mode http\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
                "frontend front\n bind 127.0.0.1:%d\n default_backend line\n"
                "backend line\n server s 127.0.0.1:%d send-proxy-v2 ssl ca-file %s sni str(a.example) verifyhost a.example\n"
                "frontend back\n bind 127.0.0.1:%d ssl crt %s accept-proxy alpn h2,http/1.1\n http-request set-header x-saw %%[src]\n default_backend web\n"
                "backend web\n server s %s\n" % (ports["front"], line, p.ca.path("ca.pem"), ports["back"], p.ca.path("a.both"), web.address))
        with open(p.ca.path("haproxy.cfg"), "w", encoding="utf-8") as f:
            f.write(text)
        haproxy = spawn_peer(t, "haproxy", ["haproxy", "-db", "-f", p.ca.path("haproxy.cfg")], ports["front"])
        if haproxy is None:
            return
        reload(t, p, {"line": http_line(web.address, listen="127.0.0.1:%d" % line, accept_proxy=True, forwarded=True, tls={"cert": "a.both"}),
                      "other": http_line("127.0.0.1:%d" % ports["back"], listen="127.0.0.1:%d" % other, send_proxy="v2",
                                         upstream_tls={"ca": "ca.pem", "name": "a.example"})})
        code, out, err = curl("--interface", "127.0.0.5", "http://127.0.0.1:%d/x" % ports["front"])
        t.check("HAProxy says whose it is", code == 0 and json.loads(out)["fields"].get("x-forwarded-for") == "127.0.0.5", (out, err))
        code, out, err = curl("--interface", "127.0.0.6", "http://127.0.0.1:%d/x" % other)
        t.check("and is told", code == 0 and json.loads(out)["fields"].get("x-saw") == "127.0.0.6", (out, err))
        haproxy.terminate()
        haproxy.wait(WAIT)
    web.close()


def test_nginx(t):
    """nginx behind a line: TLS with clients' certificates and HTTP/2 beside, resumed sessions, PROXY headers."""
    with tempfile.TemporaryDirectory() as folder, Place({}) as p:
        clients = Authority(folder, "clients")
        clients.sign("me", "me")
        for name in ("me.pem", "me.key", "clients.pem"):
            shutil.copy(clients.path(name), p.ca.path(name))
        port = free_port()
        text = ("daemon off; master_process off; pid %s/pid; error_log %s/error;\nevents {}\nhttp { access_log off; client_body_temp_path %s;"
                " server { listen 127.0.0.1:%d ssl http2 proxy_protocol;\n ssl_certificate a.pem; ssl_certificate_key a.key; ssl_client_certificate clients.pem;"
                " ssl_verify_client on;\n location / { return 200 '$proxy_protocol_addr $ssl_client_s_dn $server_protocol $ssl_session_reused'; } } }\n"
                % (p.dir.name, p.dir.name, p.dir.name, port))
        with open(p.ca.path("nginx.conf"), "w", encoding="utf-8") as f:
            f.write(text)
        nginx = spawn_peer(t, "nginx", ["nginx", "-p", p.dir.name, "-e", p.dir.name + "/error", "-c", p.ca.path("nginx.conf")], port)
        if nginx is None:
            return
        reload(t, p, {"a": http_line("127.0.0.1:%d" % port, send_proxy="v1",
                                     upstream_tls={"ca": "ca.pem", "name": "a.example", "cert": "me.pem", "key": "me.key"})})
        answers = [curl("--interface", "127.0.0.5", "http://%s/" % p.listen["a"])[1] for _ in range(3)]
        t.equal("who, as whom, how", answers[0], b"127.0.0.5 CN=me HTTP/1.1 .")
        t.equal("sessions are resumed", answers[1:], [b"127.0.0.5 CN=me HTTP/1.1 r"] * 2)
        nginx.terminate()
        nginx.wait(WAIT)


# Configuration

def test_wrong_configurations(t):
    for name, text, expected in (
            ("HTTP/2", "    upstream: localhost:1\n    tls: {cert: a.both, alpn: [h2, http/1.1]}\n", "expected one of http/1.1"),
            ("HTTP/2 to the instance", "    upstream: localhost:1\n    upstream_tls: {alpn: [h2]}\n", "expected one of http/1.1"),
            ("names of a TCP line", "    upstream: localhost:1\n    sni: [{names: [a.example], upstream: 'b:1'}]\n", "found sni on an HTTP line"),
            ("nothing to verify", "    upstreams: [localhost:1, unix:/run/x]\n    upstream_tls: {ca: ca.pem}\n", "expected name: HOST"),
            ("nothing to verify, in a route", "    upstream: localhost:1\n    upstream_tls: {ca: ca.pem}\n    routes: [{name: r, upstream: unix:/run/x}]\n",
             "expected name: HOST")):
        refused(t, name, "    protocol: http\n" + text, expected)


def main():
    return Suite().run([test_terminate, test_pipelined, test_clients_show_certificates, test_handshakes_are_bounded, test_reload, test_reload_under_load, test_originate,
                        test_originate_mutual, test_silent_handshake, test_checks, test_proxy_headers, test_haproxy, test_nginx,
                        test_wrong_configurations])


if __name__ == "__main__":
    sys.exit(main())
