#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_peers - a real HTTP line between other people's programs: curl and http.client in front, nginx behind, HAProxy and nginx on either side.

    FAULTLINE=build/release/faultline test/conform/http_peers.py

Bodies of all sizes go down and up, with and without a length, and are compared by their hashes.
The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import hashlib
import http.client
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from api_lib import WAIT, Suite, free_port, until
from http_lib import Line

SIZES = (0, 1, 1000, 16384, 65536, 300001, 5 << 20, 40 << 20)

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
	access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
	client_max_body_size 0; keepalive_requests 100000; default_type text/plain;
	server {{
		listen 127.0.0.1:{origin}; root {dir}/www;
		location /gz/ {{ gzip on; gzip_types *; gzip_proxied any; alias {dir}/www/; }}
		location /up/ {{ dav_methods PUT DELETE; create_full_put_path on; min_delete_depth 1; root {dir}; }}
		location /old/ {{ keepalive_timeout 0; alias {dir}/www/; }}
	}}
	upstream line {{ server 127.0.0.1:{line}; keepalive 8; }}
	server {{
		listen 127.0.0.1:{front}; location / {{ proxy_pass http://line; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_request_buffering off; }}
		location /gz/ {{ proxy_pass http://line; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
	}}
	server {{ listen 127.0.0.1:{old_front}; location / {{ proxy_pass http://127.0.0.1:{line}; }} }}
}}
"""

HAPROXY = """
global
	maxconn 1000
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
listen behind
	bind 127.0.0.1:{behind}
	http-reuse always
	server a 127.0.0.1:{origin}
listen front
	bind 127.0.0.1:{front}
	http-reuse always
	server a 127.0.0.1:{line}
"""


def digest(data):
    return hashlib.sha256(data).hexdigest()


def open_port(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Peers:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="faultline-test-")
        self.port = {name: free_port() for name in ("origin", "nginx", "nginx10", "behind", "haproxy")}
        self.files, dice = {}, random.Random(1)
        os.makedirs(self.dir + "/www")
        os.makedirs(self.dir + "/up")
        os.chmod(self.dir, 0o755)
        for n in SIZES:
            data = dice.randbytes(n // 2).hex().encode() + b"x" * (n % 2)
            self.files[n] = digest(data)
            with open("%s/www/%d" % (self.dir, n), "wb") as f:
                f.write(data)
        self.line = Line(upstream="'127.0.0.1:%d'" % self.port["origin"], extra="    policies: {timeout: {total: 150s}}\n")
        self.to_haproxy = Line(upstream="'127.0.0.1:%d'" % self.port["behind"], extra="    policies: {retry: 2, timeout: {total: 150s}}\n    forwarded: true\n")
        self.to_line = Line(upstream="'127.0.0.1:%d'" % self.line.port, extra="    policies: {timeout: {total: 150s}}\n")
        self.programs = [self.start("nginx", NGINX.format(dir=self.dir, origin=self.port["origin"], front=self.port["nginx"], old_front=self.port["nginx10"], line=self.line.port), "-c", "-p", self.dir),
                         self.start("haproxy", HAPROXY.format(behind=self.port["behind"], front=self.port["haproxy"], origin=self.port["origin"], line=self.line.port), "-f")]
        for port in self.port.values():
            if not until(lambda port=port: open_port(port)):
                raise RuntimeError("a peer did not start: %s" % self.log())
        self.ways = {"line": self.line.port, "line, HAProxy": self.to_haproxy.port, "line, line": self.to_line.port, "HAProxy, line": self.port["haproxy"], "nginx, line": self.port["nginx"],
                     "nginx of 1.0, line": self.port["nginx10"]}

    def start(self, program, text, flag, *more):
        path = "%s/%s.conf" % (self.dir, program)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        out = open("%s/%s.log" % (self.dir, program), "wb")
        return subprocess.Popen([program, flag, path, *more], stdout=out, stderr=out)

    def log(self):
        return "".join(open(self.dir + "/" + n, encoding="utf-8", errors="replace").read()[-2000:] for n in os.listdir(self.dir) if n.endswith(".log"))

    def stop(self, t):
        for p in self.programs:
            p.terminate()
            p.wait(WAIT)
        for line in (self.to_line, self.to_haproxy, self.line):
            line.stop(t, "line")
        shutil.rmtree(self.dir)


def curl(*words, data=None):
    r = subprocess.run(["curl", "-sS", "--max-time", "60", *words], input=data, capture_output=True, check=False)
    return r.stdout if r.returncode == 0 else b"curl: %d %s" % (r.returncode, r.stderr)


def test_curl(t, peers):
    for way, port in peers.ways.items():
        url = "http://127.0.0.1:%d" % port
        for n, want in peers.files.items():
            for flags in ((), ("--http1.0",), ("-H", "Connection: close"), ("--compressed",)):
                if n <= 5 << 20 or not flags:
                    where = "/gz/" if "--compressed" in flags else "/"
                    t.equal("%s: %d down %s" % (way, n, flags), digest(curl(*flags, "%s%s%d" % (url, where, n))), want)
            with open("%s/www/%d" % (peers.dir, n), "rb") as f:
                data = f.read()
            for k, flags in enumerate((("-T", "-"), ("-T", "-", "-H", "Transfer-Encoding:", "-H", "Content-Length: %d" % n), ("-T", "-", "-H", "Expect: 100-continue"))):
                if n > 5 << 20 and k > 0:
                    continue
                name = "/up/%d-%d-%d" % (port, n, k)
                out = curl(*flags, "-w", "%{http_code}", url + name, data=data)
                with open(peers.dir + name, "rb") if os.path.exists(peers.dir + name) else tempfile.TemporaryFile() as f:
                    t.check("%s: %d up %s" % (way, n, flags), out in (b"201", b"204") and digest(f.read()) == want, out[-200:])
        t.equal("%s: many on one connection" % way, curl(*["%s/1000" % url] * 50, "-w", "%{num_connects}\n").count(b"\n"), 50)
        t.equal("%s: HEAD" % way, curl("-I", "-o", "/dev/null", "-w", "%{http_code} %header{content-length}", url + "/5242880"), b"200 5242880")
        t.equal("%s: a range" % way, len(curl("-r", "100-4099", url + "/65536")), 4000)
        tag = curl("-I", "-o", "/dev/null", "-w", "%header{etag}", url + "/1000").decode()
        t.equal("%s: not modified" % way, curl("-H", "If-None-Match: " + tag, "-o", "/dev/null", "-w", "%{http_code}", url + "/1000"), b"304")
        t.equal("%s: not there" % way, curl("-o", "/dev/null", "-w", "%{http_code}", url + "/none"), b"404")
        t.equal("%s: without keep-alive" % way, digest(curl(url + "/old/300001")), peers.files[300001])
        t.equal("%s: slowly" % way, digest(curl("--limit-rate", "200K", url + "/300001")), peers.files[300001])


def test_threads(t, peers):
    """http.client, many at once, mixed sizes."""
    for way, port in peers.ways.items():
        wrong, ended = [], []

        def client(k, port=port, wrong=wrong, ended=ended):
            dice = random.Random(k)
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            for _ in range(10):
                n = dice.choice(SIZES[:-1])
                if dice.random() < 0.3:
                    data = b"z" * n
                    name = "/up/t%d-%d" % (port, k)
                    c.request("PUT", name, body=iter([data[i:i + 7777] for i in range(0, n, 7777)]) if dice.random() < 0.5 else data, encode_chunked=False)
                    r = c.getresponse()
                    r.read()
                    with open(peers.dir + name, "rb") as f:
                        if r.status not in (201, 204) or f.read() != data:
                            wrong.append((name, r.status))
                else:
                    c.request("GET", "/%d" % n)
                    r = c.getresponse()
                    body = r.read()
                    if r.status != 200 or digest(body) != peers.files[n]:
                        wrong.append((n, r.status, len(body)))
            ended.append(k)
        threads = [threading.Thread(target=client, args=(k,)) for k in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        t.equal("%s: many at once" % way, (wrong, len(ended)), ([], len(threads)))


def test_pipelined(t, peers):
    """Requests on and on without waiting, as netcat would send them."""
    for way, port in peers.ways.items():
        if way.startswith("nginx of"):
            continue
        with socket.create_connection(("127.0.0.1", port), WAIT) as s:
            s.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: a%s\r\n\r\n" % (n, b"\r\nConnection: close" if k == 199 else b"") for k, n in enumerate((1000, 1) * 100)))
            out = b""
            while True:
                data = s.recv(65536)
                if not data:
                    break
                out += data
        t.equal("%s: pipelined" % way, (out.count(b"HTTP/1.1 200 OK"), out.count(b"Content-Length: 1000\r\n") + out.count(b"content-length: 1000\r\n")), (200, 100))


def test_wrk(t, peers):
    if shutil.which("wrk") is None:
        t.skip("wrk", "not installed")
        return
    for way, port in peers.ways.items():
        out = subprocess.run(["wrk", "-t1", "-c20", "-d1s", "--timeout", "60s", "http://127.0.0.1:%d/1000" % port], capture_output=True, text=True, check=False).stdout
        t.check("%s: wrk" % way, "Requests/sec" in out and "Non-2xx" not in out and "Socket errors" not in out, out)


def main():
    suite = Suite()
    for program in ("nginx", "haproxy", "curl"):
        if shutil.which(program) is None:
            suite.skip("peers", program + " is not installed")
            return suite.finish()
    peers = Peers()
    tests = [lambda t, test=test: test(t, peers) for test in (test_curl, test_threads, test_pipelined, test_wrk)]
    for wrapped, test in zip(tests, (test_curl, test_threads, test_pipelined, test_wrk)):
        wrapped.__name__ = test.__name__
    status = suite.run(tests + [stopper(peers)])
    return status


def stopper(peers):
    def test_end(t):
        peers.stop(t)
    return test_end


if __name__ == "__main__":
    sys.exit(main())
