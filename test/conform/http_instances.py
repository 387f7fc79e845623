#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_instances - instances of an HTTP line that die, come back, are added, drained and taken away while requests run: nginx and python.

    FAULTLINE=build/release/faultline test/conform/http_instances.py

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import collections
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from api_lib import WAIT, Daemon, Suite, free_port, until
from tls_lines import SBIN

NGINX = shutil.which("nginx", path=SBIN)
PYTHON = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one write: a server killed between the two has cut an answer short, as nobody can mend
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(sys.argv[1])))
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Instance:
    """A web server that answers with its port, in a process of its own."""

    def __init__(self, folder, kind):
        self.folder, self.kind, self.port = folder, kind, free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.process = None
        self.start()

    def start(self):
        if self.kind == "nginx":
            path = os.path.join(self.folder, "%d.conf" % self.port)
            with open(path, "w", encoding="utf-8") as f:
                f.write("daemon off; master_process off; pid %s/%d.pid; error_log %s/error;\nevents {}\nhttp { access_log off; client_body_temp_path %s;"
                        " server { listen %s; keepalive_requests 50; location / { return 200 '%d'; } } }\n"
                        % (self.folder, self.port, self.folder, self.folder, self.address, self.port))
            argv = [NGINX, "-p", self.folder, "-e", self.folder + "/error", "-c", path]
        else:
            argv = [sys.executable, "-c", PYTHON, str(self.port)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not until(self.answers):
            raise RuntimeError("%s does not start" % self.kind)

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(WAIT)


class Load:
    """Clients that ask, each on a connection of its own, until they are told to stop."""

    def __init__(self, address, clients=6, method="GET"):
        self.host, port = address.rsplit(":", 1)
        self.port, self.method = int(port), method
        self.over, self.lock = threading.Event(), threading.Lock()
        self.statuses, self.who, self.why = collections.Counter(), collections.Counter(), collections.Counter()
        self.done = [0] * clients
        self.threads = [threading.Thread(target=self.client, args=(k,)) for k in range(clients)]
        for thread in self.threads:
            thread.start()

    def client(self, k):
        c, n = None, 0
        while not self.over.is_set():
            try:
                if c is None:
                    c = http.client.HTTPConnection(self.host, self.port, timeout=WAIT)
                c.request(self.method, "/")
                answer = c.getresponse()
                body = answer.read().decode()
                status = answer.status
            except (OSError, http.client.HTTPException) as e:
                status, body, c = repr(e), "", None
            with self.lock:
                self.statuses[status] += 1
                (self.who if status == 200 else self.why)[body] += 1
                self.done[k] += 1
            n += 1
            if n % 20 == 0 and c is not None:
                c.close()
                c = None
        if c is not None:
            c.close()

    def count(self):
        with self.lock:
            return sum(self.statuses.values())

    def more(self, n=150):
        """Until so many more were answered; by whom, n of them at least. Before that each client ends what it was at: nothing of what is counted was
        asked before the call."""
        with self.lock:
            was = list(self.done)
        until(lambda: all(now > before for now, before in zip(self.done, was)))
        with self.lock:
            before, had = sum(self.statuses.values()), self.who.copy()
        until(lambda: self.count() >= before + n)
        with self.lock:
            return self.who - had

    def reaches(self, instances):
        """All of these and nobody else, however long one of them takes its time."""
        wanted, seen = {str(i.port) for i in instances}, set()
        until(lambda: seen.update(self.more(60)) or seen == wanted or seen - wanted)
        return seen == wanted or seen

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Bed:
    """Instances, a daemon with a line to them, and load on it."""

    def __init__(self, kind, count, **line):
        self.dir = tempfile.TemporaryDirectory(prefix="faultline-test-")
        self.instances = [Instance(self.dir.name, kind) for _ in range(count)]
        self.config = os.path.join(self.dir.name, "faultline.yaml")
        self.line = line
        self.listen = "127.0.0.1:%d" % free_port()
        self.write(self.instances)
        self.daemon = Daemon("-c", self.config)
        self.load = Load(self.listen)

    def write(self, instances, **more):
        line = {"protocol": "http", "listen": self.listen, "upstreams": [i.address for i in instances], **self.line, **more}
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump({"lines": {"web": line}}, f)

    def reload(self, instances, **more):
        self.write(instances, **more)
        return self.daemon.post("/v1/reload").status

    def state(self, instance):
        return next(i for i in self.daemon.get("/v1/lines/web").json["instances"] if i["address"] == instance.address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.load.stop()
        self.daemon.stop()
        for i in self.instances:
            i.kill()
        self.dir.cleanup()


def kinds(t):
    if NGINX is None:
        t.skip("nginx", "it is not installed")
    return ["python"] + (["nginx"] if NGINX is not None else [])


def test_killed(t):
    """One of three dies by SIGKILL and comes back, twice: whoever may be asked again is answered, with nothing but `retry`."""
    for kind in kinds(t):
        with Bed(kind, 3, policies={"retry": True}) as b:
            t.equal("%s: all are used" % kind, b.load.reaches(b.instances), True)
            for round_ in range(2):
                b.instances[1].kill()
                who = b.load.more()
                t.check("%s: not the dead one" % kind, str(b.instances[1].port) not in who, who)
                b.instances[1].start()
                b.load.more()
                t.check("%s: it is used again, round %d" % (kind, round_), until(lambda: str(b.instances[1].port) in b.load.more(60)))
            b.load.stop()
            t.equal("%s: all were answered" % kind, (set(b.load.statuses), b.load.why), ({200}, collections.Counter()))


def test_all_protections(t):
    """The same with a breaker, ejection and checks."""
    line = {"policies": {"retry": True, "breaker": True}, "outlier": True,
            "health": {"http": "/", "interval": "50ms", "timeout": "10s", "rise": 1, "fall": 1}}
    for kind in kinds(t):
        with Bed(kind, 3, **line) as b:
            b.load.more()
            b.instances[0].kill()
            t.check("%s: seen to be dead" % kind, until(lambda: b.state(b.instances[0])["health"] == "bad"))
            t.check("%s: not used" % kind, str(b.instances[0].port) not in b.load.more(), b.state(b.instances[0]))
            b.instances[0].start()
            t.check("%s: used again" % kind, until(lambda: str(b.instances[0].port) in b.load.more(60)))
            b.load.stop()
            t.equal("%s: all were answered" % kind, (set(b.load.statuses), b.load.why), ({200}, collections.Counter()))


def test_one_after_another(t):
    """Each of three is drained, stopped, replaced and put back, as in a deployment: no request fails, without any policy."""
    for kind in kinds(t):
        with Bed(kind, 3) as b:
            b.load.more()
            for i in b.instances:
                t.equal("%s: drains" % kind, b.daemon.post("/v1/lines/web/instances/%s/drain" % i.address).status, 200)
                t.check("%s: nothing is on it" % kind, until(lambda i=i: (b.state(i)["inflight"], b.state(i)["connections"]) == (0, 0)), b.state(i))
                i.kill()
                t.check("%s: not used" % kind, str(i.port) not in b.load.more(60))
                i.start()
                t.equal("%s: back" % kind, b.daemon.post("/v1/lines/web/instances/%s/undrain" % i.address).status, 200)
                t.check("%s: used" % kind, until(lambda i=i: str(i.port) in b.load.more(60)))
            b.load.stop()
            t.equal("%s: all were answered" % kind, (set(b.load.statuses), b.load.why), ({200}, collections.Counter()))


def test_reloads(t):
    """Instances are added and taken away by reloads."""
    for kind in kinds(t):
        with Bed(kind, 4) as b:
            for n in (1, 3, 2, 4, 1, 4):
                t.equal("%s: loaded" % kind, b.reload(b.instances[:n]), 200)
                b.load.more(60)
                t.equal("%s: %d of them" % (kind, n), b.load.reaches(b.instances[:n]), True)
            b.load.stop()
            t.equal("%s: all were answered" % kind, (set(b.load.statuses), b.load.why), ({200}, collections.Counter()))


def main():
    return Suite().run([test_killed, test_all_protections, test_one_after_another, test_reloads])


if __name__ == "__main__":
    sys.exit(main())
