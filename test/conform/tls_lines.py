#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tls_lines - lines with TLS, PROXY headers and routes by name, against other programs: openssl, curl, python, HAProxy, nginx.

    FAULTLINE=build/release/faultline test/conform/tls_lines.py

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from api_lib import PROGRAM, WAIT, Daemon, Server, Suite, dial, free_port, read_all, until
from tls_lib import Authority, common_name, tls_dial

SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class Place:
    """A folder with certificates and a configuration, and the daemon that has it."""

    def __init__(self, lines, **more):
        self.dir = tempfile.TemporaryDirectory(prefix="faultline-tls-")
        self.ca = Authority(self.dir.name)
        self.ca.sign("a", "a", ["DNS:a.example", "DNS:localhost", "IP:127.0.0.1"])
        self.ca.sign("b", "b", ["DNS:b.example", "DNS:*.wild.example"])
        self.config = self.ca.path("faultline.yaml")
        self.write(lines, **more.get("config", {}))
        self.daemon = Daemon("-c", self.config, *more.get("flags", ()))
        self.listen = {name: p["listen"] for name, p in self.daemon.get("/proxies").json.items()}

    def write(self, lines, **rest):
        """lines: name -> keys; listen is added where it is missing."""
        with open(self.config, "w") as f:
            json.dump({**rest, "lines": {name: dict({"listen": "127.0.0.1:0"}, **keys) for name, keys in lines.items()}}, f)

    def reload(self):
        return self.daemon.post("/v1/reload")

    def closed(self, line, reason, count=1):
        return until(lambda: self.daemon.get("/v1/lines/" + line).json["closed"].get(reason, 0) >= count)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.code = self.daemon.stop() if self.daemon.alive() else self.daemon.process.returncode
        self.dir.cleanup()


def echoes(s, text=b"hello"):
    s.sendall(text)
    got = b""
    while len(got) < len(text):
        piece = s.recv(65536)
        if not piece:
            break
        got += piece
    return got == text


def s_client(address, *flags, text="Q\n", ca=None):
    """What openssl s_client says; -brief prints to stderr."""
    argv = ["openssl", "s_client", "-connect", address, "-verify_return_error", *flags]
    if ca is not None:
        argv += ["-CAfile", ca]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=WAIT, check=False)
    return done.returncode, done.stdout + done.stderr


def http_server(connection, greeting=b"plain"):
    """One answer to each request, whatever it asks."""
    data = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            return
        data += piece
        while b"\r\n\r\n" in data:
            data = data.split(b"\r\n\r\n", 1)[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(greeting), greeting))


# TLS ends here

def test_terminate(t):
    server = Server()
    web = Server(http_server)
    lines = {"plain": {"upstream": server.address, "tls": {"cert": "a.pem", "key": "a.key"}},
             "two": {"upstream": server.address, "tls": {"certificates": [{"cert": "a.both"}, {"cert": "b.pem", "key": "b.key"}],
                                                         "alpn": ["http/1.1", "other"]}},
             "web": {"upstream": web.address, "tls": {"cert": "a.pem", "key": "a.key"}},
             "new": {"upstream": server.address, "tls": {"cert": "a.pem", "key": "a.key", "min_version": "1.3"}}}
    with Place(lines) as p:
        trusting = p.ca.trusting()
        with tls_dial(p.listen["plain"], trusting, "a.example") as s:
            t.check("bytes there and back", echoes(s) and echoes(s, b"x" * 500000))
            t.equal("version", s.version(), "TLSv1.3")
            s.unwrap()          # close_notify there and back
        t.check("finished", p.closed("plain", "finished"))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with tls_dial(p.listen["plain"], p.ca.trusting(minimum_version=version, maximum_version=version), "localhost") as s:
                t.check("with %s" % version.name, echoes(s))
        for name, expected in (("a.example", "a"), ("b.example", "b"), ("x.wild.example", "b")):
            with tls_dial(p.listen["two"], trusting, name) as s:
                t.equal("certificate for " + name, common_name(s), expected)
        context = p.ca.trusting()
        context.set_alpn_protocols(["other", "http/1.1"])
        with tls_dial(p.listen["two"], context, "a.example") as s:
            t.equal("protocol", s.selected_alpn_protocol(), "http/1.1")
        context.set_alpn_protocols(["h2"])
        try:
            tls_dial(p.listen["two"], context, "a.example").close()
            t.check("no protocol in common", False)
        except ssl.SSLError as e:
            t.check("no protocol in common", "no application protocol" in str(e).replace("_", " ").lower(), e)
        code, text = s_client(p.listen["plain"], "-brief", "-servername", "a.example", ca=p.ca.path("ca.pem"))
        t.check("openssl s_client", code == 0 and "Verification: OK" in text, text)
        code, text = s_client(p.listen["new"], "-tls1_2", ca=p.ca.path("ca.pem"))
        t.check("an old client where 1.3 is the least", code != 0 and "alert protocol version" in text, text)
        for flags in ((), ("-no_ticket",)):
            code, text = s_client(p.listen["plain"], "-tls1_2", "-reconnect", *flags, ca=p.ca.path("ca.pem"), text="")
            t.check("resumed five times with TLS 1.2 %s" % (flags,), text.count("Reused, TLSv1.2") == 5, text)
        with tls_dial(p.listen["plain"], trusting, "a.example") as s:
            echoes(s)
            session = s.session
        host, port = p.listen["plain"].rsplit(":", 1)
        with trusting.wrap_socket(socket.create_connection((host, int(port)), WAIT), server_hostname="a.example", session=session) as s:
            t.check("resumed with TLS 1.3", echoes(s) and s.session_reused and s.version() == "TLSv1.3")
        done = subprocess.run(["curl", "-sS", "--cacert", p.ca.path("ca.pem"), "https://%s/" % p.listen["web"], "https://%s/2" % p.listen["web"]],
                              capture_output=True, timeout=WAIT, check=False)
        t.equal("curl", done.stdout, b"plainplain")
        with dial(p.listen["plain"]) as s:
            s.sendall(b"not TLS at all, but long enough\r\n")
            t.equal("a client without TLS", read_all(s)[:1] in (b"", b"\x15"), True)
        t.check("is counted", p.closed("plain", "client_tls"))
        events = [json.loads(line) for line in p.daemon.get("/v1/events?line=plain").text.splitlines()]
        t.check("with the reason", any(e["what"] == "tls_failed" and e.get("text") for e in events), events)
        p.daemon.post("/proxies/plain/toxics", {"type": "latency", "attributes": {"latency": 100}})
        start = time.monotonic()
        with tls_dial(p.listen["plain"], trusting, "a.example") as s:
            t.check("faults work on it", echoes(s) and time.monotonic() - start >= 0.1)
    t.equal("ends well", p.code, 0)
    server.close()
    web.close()


def test_many(t):
    """Many clients at once, each with bytes of its own, both ways."""
    server = Server()
    with Place({"a": {"upstream": server.address, "tls": {"cert": "a.pem", "key": "a.key"}}}) as p:
        trusting = p.ca.trusting()
        good = []

        def one(n):
            # One thread reads and writes: python's TLS sockets do not stand two.
            blob, sent, got = bytes([n]) * 200000, 0, b""
            with tls_dial(p.listen["a"], trusting, "a.example") as s:
                s.setblocking(False)
                while len(got) < len(blob):
                    before = sent, len(got)
                    try:
                        sent += s.send(blob[sent:sent + 30000]) if sent < len(blob) else 0
                    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        pass
                    try:
                        got += s.recv(65536)
                    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        pass
                    if before == (sent, len(got)) and select.select([s], [s] if sent < len(blob) else [], [], WAIT) == ([], [], []):
                        return
            good.append(got == blob)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        t.equal("all of them", good, [True] * 32)
    server.close()


def test_clients_show_certificates(t):
    server = Server()
    lines = {word: {"upstream": server.address, "tls": {"cert": "a.pem", "key": "a.key", "client_ca": "clients.pem", "client_cert": word}}
             for word in ("require", "request")}
    with tempfile.TemporaryDirectory() as folder:
        clients = Authority(folder, "clients")
        clients.sign("me", "me")
        with Place({}) as p:
            shutil.copy(clients.path("clients.pem"), p.ca.path("clients.pem"))
            p.write(lines)
            t.equal("loaded", p.reload().status, 200)
            p.listen = {name: x["listen"] for name, x in p.daemon.get("/proxies").json.items()}
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
                            served = echoes(s)
                    except OSError:
                        served = False
                    t.equal("%s where certificates are: %s" % (who, line), served, good)
    server.close()


def test_handshakes_are_bounded(t):
    server = Server()
    with Place({"a": {"upstream": server.address, "tls": {"cert": "a.both"}}}, config={"workers": 1, "limits": {"handshakes": 3}}) as p:
        silent = []
        for _ in range(5):
            try:
                silent.append(dial(p.listen["a"]))
            except ConnectionResetError:
                pass  # refused so soon that connect() saw it
        t.check("more than three at once are refused", p.closed("a", "full", 2))
        for s in silent:
            s.close()
        t.check("when they are gone", p.closed("a", "client_tls", 3))
        with tls_dial(p.listen["a"], p.ca.trusting(), "a.example") as s:
            t.check("others are served", echoes(s))
    server.close()


def test_renegotiation(t):
    """Refused, and key updates are not."""
    server = Server()
    with Place({"a": {"upstream": server.address, "tls": {"cert": "a.both"}}}) as p:
        code, text = s_client(p.listen["a"], "-tls1_2", ca=p.ca.path("ca.pem"), text="R\nx\n")
        t.check("renegotiation", code != 0 and "no renegotiation" in text.lower(), text)
    server.close()


# TLS to the upstream

def test_originate(t):
    with Place({}) as p:
        context = p.ca.serving("a")

        def serve(connection):
            with context.wrap_socket(connection, server_side=True) as s:
                while True:
                    data = s.recv(65536)
                    if not data:
                        s.unwrap()
                        return
                    s.sendall(data)

        server = Server(serve)
        host, port = server.address.rsplit(":", 1)
        p.write({"good": {"upstream": server.address, "upstream_tls": {"ca": "ca.pem"}},
                 "name": {"upstream": "localhost:" + port, "upstream_tls": {"ca": "ca.pem"}},
                 "said": {"upstream": server.address, "upstream_tls": {"ca": "ca.pem", "name": "a.example"}},
                 "wrong": {"upstream": server.address, "upstream_tls": {"ca": "ca.pem", "name": "b.example"}},
                 "system": {"upstream": server.address, "upstream_tls": {}},
                 "blind": {"upstream": server.address, "upstream_tls": {"verify": False}},
                 "both": {"upstream": server.address, "upstream_tls": {"ca": "ca.pem"}, "tls": {"cert": "b.both"}}})
        t.equal("loaded", p.reload().status, 200)
        listen = {name: x["listen"] for name, x in p.daemon.get("/proxies").json.items()}
        for line in ("good", "name", "said", "blind"):
            with dial(listen[line]) as s:
                t.check("to the upstream: " + line, echoes(s) and echoes(s, b"y" * 300000))
                s.shutdown(socket.SHUT_WR)
                t.equal("and its end: " + line, read_all(s), b"")
        for line in ("wrong", "system"):
            with dial(listen[line]) as s:
                t.equal("refused: " + line, read_all(s), b"")
            t.check("and counted: " + line, p.closed(line, "server_tls"))
        with tls_dial(listen["both"], p.ca.trusting(), "b.example") as s:
            t.check("TLS on both sides", echoes(s) and echoes(s, b"z" * 300000))
        server.close()


def spawn_peer(t, name, argv, port):
    if shutil.which(argv[0], path=SBIN) is None:
        t.skip(name, "%s is not installed" % argv[0])
        return None
    argv[0] = shutil.which(argv[0], path=SBIN)
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def up():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return process.poll() is not None

    until(up)
    t.check(name + " runs", process.poll() is None, process.stdout.read() if process.poll() is not None else "")
    return process


def test_haproxy(t):
    """HAProxy behind a line, with TLS, certificates of clients and PROXY headers; and before one."""
    web = Server(http_server)
    with Place({}) as p:
        ports = {name: free_port() for name in ("tls", "v1", "front", "front2")}
        front_line, front2_line = free_port(), free_port()
        text = "global\n nbthread 1\ndefaults\n mode http\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
        text += "frontend tls\n bind 127.0.0.1:%d ssl crt %s ca-file %s verify required accept-proxy\n http-response set-header x-src %%[src]\n" % (
            ports["tls"], p.ca.path("a.both"), p.ca.path("ca.pem"))
        text += " http-response set-header x-cn %{+Q}[ssl_c_s_dn(CN)]\n default_backend web\n"
        text += "frontend v1\n bind 127.0.0.1:%d accept-proxy\n http-response set-header x-src %%[src]\n default_backend web\n" % ports["v1"]
        text += "backend web\n server w %s\n" % web.address
        for port, line, version in ((ports["front"], front_line, "send-proxy-v2"), (ports["front2"], front2_line, "send-proxy")):
            text += "listen f%d\n bind 127.0.0.1:%d\n mode tcp\n server l 127.0.0.1:%d %s ssl verify required ca-file %s sni str(a.example) " \
                    "verifyhost a.example\n" % (port, port, line, version, p.ca.path("ca.pem"))
        with open(p.ca.path("haproxy.cfg"), "w") as f:
            f.write(text)
        p.write({"tls": {"upstream": "127.0.0.1:%d" % ports["tls"], "send_proxy": "v2",
                         "upstream_tls": {"ca": "ca.pem", "name": "a.example", "cert": "b.pem", "key": "b.key"}},
                 "v1": {"upstream": "127.0.0.1:%d" % ports["v1"], "send_proxy": "v1"},
                 "front": {"listen": "127.0.0.1:%d" % front_line, "accept_proxy": True, "upstream": web.address, "tls": {"cert": "a.both"}},
                 "front2": {"listen": "127.0.0.1:%d" % front2_line, "accept_proxy": True, "upstream": web.address, "tls": {"cert": "a.both"}}})
        t.equal("loaded", p.reload().status, 200)
        haproxy = spawn_peer(t, "haproxy", ["haproxy", "-db", "-f", p.ca.path("haproxy.cfg")], ports["v1"])
        if haproxy is None:
            return
        listen = {name: x["listen"] for name, x in p.daemon.get("/proxies").json.items()}

        def get(address, source=None):
            argv = ["curl", "-sSi", "http://%s/" % address] + (["--interface", source] if source else [])
            return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT, check=False).stdout

        answer = get(listen["tls"], "127.0.0.7")
        t.check("through TLS with our certificate", "200 OK" in answer and "x-cn: b" in answer, answer)
        t.check("it sees whose connection it is", "x-src: 127.0.0.7" in answer, answer)
        t.check("and with version 1", "x-src: 127.0.0.9" in get(listen["v1"], "127.0.0.9"))
        for port in (ports["front"], ports["front2"]):
            t.check("HAProxy before a line: header, TLS", "200 OK" in get("127.0.0.1:%d" % port))
        haproxy.terminate()
        haproxy.wait(WAIT)
    web.close()


def test_nginx(t):
    with Place({}) as p:
        port = free_port()
        text = "daemon off;\npid %s/pid;\nerror_log %s/error crit;\nevents { worker_connections 64; }\nhttp { access_log off;\n" % (
            p.dir.name, p.dir.name)
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
            text += "%s_temp_path %s/%s;\n" % (kind, p.dir.name, kind)
        text += "server { listen 127.0.0.1:%d ssl proxy_protocol; ssl_certificate %s; ssl_certificate_key %s;\n" % (
            port, p.ca.path("a.pem"), p.ca.path("a.key"))
        text += "location / { return 200 \"$proxy_protocol_addr $ssl_server_name $ssl_session_reused\"; } } }\n"
        with open(p.ca.path("nginx.conf"), "w") as f:
            f.write(text)
        p.write({"a": {"upstream": "127.0.0.1:%d" % port, "send_proxy": "v2", "upstream_tls": {"ca": "ca.pem", "name": "a.example"}}})
        t.equal("loaded", p.reload().status, 200)
        nginx = spawn_peer(t, "nginx", ["nginx", "-p", p.dir.name, "-e", p.dir.name + "/error", "-c", p.ca.path("nginx.conf")], port)
        if nginx is None:
            return
        listen = p.daemon.get("/proxies/a").json["listen"]
        answers = [subprocess.run(["curl", "-sS", "--interface", "127.0.0.5", "http://%s/" % listen], capture_output=True, text=True,
                                  timeout=WAIT, check=False).stdout for _ in range(3)]
        t.equal("through TLS to nginx, then resumed", answers, ["127.0.0.5 a.example ."] + ["127.0.0.5 a.example r"] * 2)
        nginx.terminate()
        nginx.wait(WAIT)


# PROXY headers

def test_proxy_headers(t):
    heard = []

    def listener(connection):
        heard.append(connection.recv(65536))
        connection.sendall(b"ok")

    server, plain = Server(listener), Server()
    with Place({"v1": {"upstream": server.address, "send_proxy": "v1"}, "v2": {"upstream": server.address, "send_proxy": "v2"},
                "take": {"upstream": plain.address, "accept_proxy": True},
                "relay": {"upstream": server.address, "accept_proxy": True, "send_proxy": "v1"}}) as p:
        with dial(p.listen["v1"]) as s:
            t.equal("served", s.recv(2), b"ok")
            mine, line = s.getsockname(), p.listen["v1"].rsplit(":", 1)[1]
        t.equal("version 1", heard.pop(), b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %s\r\n" % (mine[1], line.encode()))
        with dial(p.listen["v2"]) as s:
            t.equal("served with version 2", s.recv(2), b"ok")
            mine, line = s.getsockname(), int(p.listen["v2"].rsplit(":", 1)[1])
        t.check("version 2 was heard", until(lambda: heard), p.daemon.get("/v1/lines/v2").json)
        t.equal("version 2", heard.pop() if heard else None,
                SIGNATURE + b"\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01" + mine[1].to_bytes(2, "big") + line.to_bytes(2, "big"))
        with dial(p.listen["take"]) as s:
            s.sendall(b"PROXY TCP6 2001:db8::5 2001:db8::6 4711 443\r\nfirst")
            t.equal("what follows the header", s.recv(5), b"first")
            c = p.daemon.get("/v1/lines/take/connections").json["connections"][0]
            t.equal("the client is whom the header names", c["client"], "[2001:db8::5]:4711")
            t.check("more", echoes(s))
        with dial(p.listen["relay"]) as s:
            s.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
            s.recv(2)
        t.equal("passed on", heard.pop(), b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        with dial(p.listen["take"]) as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            t.equal("no header, no service", read_all(s), b"")
        t.check("and counted", p.closed("take", "bad_proxy_header"))
    server.close()
    plain.close()


# Routes

def test_sni(t):
    with Place({}) as p:
        def serve(file):
            context = p.ca.serving(file)

            def each(connection):
                with context.wrap_socket(connection, server_side=True) as s:
                    while True:
                        data = s.recv(65536)
                        if not data:
                            return
                        s.sendall(data)
            return Server(each)

        a, b = serve("a"), serve("b")
        routes = [{"names": ["b.example", "*.wild.example"], "upstream": b.address}]
        p.write({"some": {"upstream": a.address, "sni": routes}, "only": {"sni": routes}})
        t.equal("loaded", p.reload().text and p.reload().status, 200)
        listen = {name: x["listen"] for name, x in p.daemon.get("/proxies").json.items()}
        trusting = p.ca.trusting()
        for name, expected in (("a.example", "a"), ("b.example", "b"), ("x.wild.example", "b")):
            with tls_dial(listen["some"], trusting, name) as s:
                t.equal("passed through for " + name, common_name(s), expected)
                t.check("bytes", echoes(s, b"x" * 100000))
        with tls_dial(listen["only"], trusting, "b.example") as s:
            t.equal("a route", common_name(s), "b")
        try:
            tls_dial(listen["only"], trusting, "a.example").close()
            t.check("no route", False)
        except OSError:
            t.check("no route", True)
        t.check("is counted", p.closed("only", "no_route"))
        a.close()
        b.close()


# Configuration

def refused(t, name, text, expected, files=()):
    with tempfile.TemporaryDirectory() as folder:
        ca = Authority(folder)
        ca.sign("a", "a", ["DNS:a.example"])
        ca.sign("b", "b")
        for file, content in files:
            with open(ca.path(file), "w") as f:
                f.write(content)
        path = ca.path("f.yaml")
        with open(path, "w") as f:
            f.write("lines:\n  a:\n    listen: localhost:0\n" + text)
        done = subprocess.run([PROGRAM, "serve", "--port", "0", "-c", path], capture_output=True, text=True, timeout=WAIT, check=False)
        t.check(name, done.returncode == 2 and "f.yaml:" in done.stderr and expected in done.stderr, (done.returncode, done.stderr))


def test_wrong_configurations(t):
    up = "    upstream: localhost:1\n"
    for name, text, expected in (
            ("no such file", up + "    tls:\n      cert: none.pem\n", "f.yaml:6:13: "),
            ("and which", up + "    tls:\n      cert: none.pem\n", "none.pem: No such file"),
            ("not a certificate", up + "    tls: {cert: junk}\n", "junk: no certificate in it"),
            ("no key", up + "    tls: {cert: a.pem}\n", "a.pem: no private key in it"),
            ("another's key", up + "    tls:\n      cert: a.pem\n      key: b.key\n", "f.yaml:7:12: b.key: the key does not belong to the certificate"),
            ("the second one's key", up + "    tls:\n      certificates:\n        - {cert: a.both}\n        - {cert: a.pem, key: b.key}\n", "f.yaml:8:30: b.key"),
            ("no certificate", up + "    tls: {}\n", "found no cert"),
            ("a word too many", up + "    tls: {cert: a.both, keys: 1}\n", 'did you mean "key"?'),
            ("both ways at once", up + "    tls: {cert: a.both, certificates: []}\n", "certificates beside cert"),
            ("clients without authority", up + "    tls: {cert: a.both, client_cert: require}\n", "without client_ca"),
            ("a version of old", up + '    tls: {cert: a.both, min_version: "1.1"}\n', "1.2"),
            ("protocols that are none", up + "    tls: {cert: a.both, alpn: h2}\n", "a list of protocols"),
            ("ca that is not used", up + "    upstream_tls: {ca: ca.pem, verify: false}\n", "ca beside verify: false"),
            ("nothing to verify", "    upstream: unix:/run/x\n    upstream_tls: {ca: ca.pem}\n", "expected name: HOST"),
            ("a third version", up + "    send_proxy: v3\n", "v1"),
            ("counted too early", up + "    key: client\n    accept_proxy: true\n", "key: client beside accept_proxy"),
            ("TLS in TLS", up + "    sni: [{names: a, upstream: 'b:1'}]\n    upstream_tls: {}\n", "beside sni without tls"),
            ("a route to nowhere", up + "    sni: [{names: [a.example]}]\n", "a route without upstream"),
            ("a name that is none", up + "    sni: [{names: ['*a'], upstream: 'b:1'}]\n", "f.yaml:5:21: found \"*a\""),
            ("no upstream at all", "    tls: {cert: a.both}\n", "without upstream"),
            ("no time", up + "    greeting_timeout: 0\n", "more than 0")):
        refused(t, name, text, expected, [("junk", "junk")])


def test_reload(t):
    server = Server()
    with Place({"a": {"upstream": server.address, "tls": {"cert": "a.pem", "key": "a.key"}}}, flags=["--seed", "1"]) as p:
        trusting = p.ca.trusting()
        old = tls_dial(p.listen["a"], trusting, "a.example")
        t.check("before", echoes(old))
        t.check("nothing has changed", "nothing has changed" in p.reload().json["report"])
        p.ca.sign("a", "renewed", ["DNS:a.example"])
        p.daemon.process.send_signal(signal.SIGHUP)

        def subject():
            with tls_dial(p.listen["a"], trusting, "a.example") as s:
                return common_name(s) if echoes(s) else None

        t.check("the same file with another certificate", until(lambda: subject() == "renewed"))
        t.check("the live connection is not touched", echoes(old))
        os.unlink(p.ca.path("a.key"))
        r = p.reload()
        t.check("a file that is gone is refused", r.status == 400 and "a.key" in r.json["error"], r.text)
        t.equal("and the old one stays", subject(), "renewed")
        p.ca.sign("a", "old", ["DNS:a.example"], days=-1)
        r = p.reload()
        t.equal("an expired one is taken", r.status, 200)
        t.check("with a warning", until(lambda: any(e["level"] == "warn" and "has expired on" in e.get("warning", "") for e in p.daemon.log)), p.daemon.log)
        t.check("still the same connection", echoes(old))
        t.equal("the API may switch it off", p.daemon.post("/proxies/a", {"enabled": False}).status, 200)
        t.equal("and on", p.daemon.post("/proxies/a", {"enabled": True}).status, 200)
        with tls_dial(p.daemon.get("/proxies/a").json["listen"], p.ca.trusting(check_hostname=False, verify_mode=ssl.CERT_NONE)) as s:
            t.check("and it has its TLS", echoes(s))
    server.close()


def test_state(t):
    """The state file holds no TLS: a line that had it never comes back without."""
    server = Server()
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "state.json")
        with Place({"a": {"upstream": server.address, "tls": {"cert": "a.pem", "key": "a.key"}},
                    "off": {"sni": [{"names": "x.example", "upstream": server.address}]}}, flags=["--state", state]) as p:
            p.daemon.post("/proxies/a/toxics", {"type": "noop", "name": "kept"})
            p.daemon.post("/proxies/off", {"enabled": False})
            t.equal("ends well", p.daemon.stop(), 0)
            d = Daemon("--state", state)
            t.equal("without the configuration it is off", d.get("/proxies/a").json["enabled"], False)
            r = d.post("/proxies/a", {"enabled": True})
            t.check("and stays off", r.status == 409 and not d.get("/proxies/a").json["enabled"], r.text)
            t.equal("reset does not switch it on", (d.post("/reset").status, d.get("/proxies/a").json["enabled"]), (204, False))
            t.equal("ends well again", d.stop(), 0)
            d = Daemon("--state", state, "-c", p.config)
            t.equal("with it, on", d.get("/proxies/a").json["enabled"], True)
            t.equal("what was off stays off", d.get("/proxies/off").json["enabled"], False)
            with tls_dial(d.get("/proxies/a").json["listen"], p.ca.trusting(), "a.example") as s:
                t.check("with its TLS", echoes(s))
            t.equal("ends well a third time", d.stop(), 0)
    server.close()


def main():
    return Suite().run([test_terminate, test_many, test_clients_show_certificates, test_handshakes_are_bounded,
                        test_renegotiation, test_originate, test_haproxy, test_nginx, test_proxy_headers,
                        test_sni, test_wrong_configurations, test_reload, test_state])


if __name__ == "__main__":
    sys.exit(main())
