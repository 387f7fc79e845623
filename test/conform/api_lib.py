# SPDX-License-Identifier: MIT
"""api_lib - what the conformance suites of the API share: the daemon under test, requests, little servers to relay to."""
import http.client
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("FAULTLINE", os.path.join(ROOT, "build", "release", "faultline"))
WAIT = 20.0

# Tests have more connections than the 1,024 descriptors that many a shell allows; the limit behind it is higher.
SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(SOFT, min(HARD, 16384)), HARD))


def until(what, seconds=WAIT):
    """Wait for something to become true; its last value."""
    end = time.monotonic() + seconds
    value = what()
    while not value and time.monotonic() < end:
        time.sleep(0.005)       # between two looks
        value = what()
    return value


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


class Daemon:
    """faultline serve on a free port, or the program under another name."""

    def __init__(self, *flags, name=None, env=None, descriptors=None):
        self.dir = tempfile.TemporaryDirectory(prefix="faultline-test-")
        program = PROGRAM
        argv = [program, "serve", "--drain", "100ms"]
        if name is not None:
            program = os.path.join(self.dir.name, name)
            os.symlink(os.path.abspath(PROGRAM), program)
            argv = [program]
        environment = dict(os.environ, **(env or {}))
        for variable in ("FAULTLINE_TOKEN", "LOG_LEVEL", "FAULTLINE_URL", "TOXIPROXY_URL"):
            if env is None or variable not in env:
                environment.pop(variable, None)
        if descriptors is not None:
            argv = few_descriptors(descriptors) + argv
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv + ["--port", "0", *flags], stdout=subprocess.PIPE, stderr=self.errors, env=environment)
        self.log, self.port = [], None
        for line in self.process.stdout:
            entry = json.loads(line)
            self.log.append(entry)
            if entry["message"] == "starting the API":
                self.address = entry["address"]
                self.port = int(entry["address"].rsplit(":", 1)[1])
            if entry["message"] == "ready":
                break
        if self.port is None:
            raise RuntimeError("the daemon did not start: " + self.stderr())
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()

    def read_log(self):
        for line in self.process.stdout:
            self.log.append(json.loads(line))

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def alive(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        if self.alive():
            self.process.send_signal(number)
        code = self.process.wait(WAIT)
        self.reader.join(WAIT)
        return code

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), WAIT)

    def call(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, body)

    def raw(self, data, pieces=None):
        """Send bytes, end our side, return everything that comes back."""
        with self.connect() as s:
            for piece in pieces or [data]:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            return read_all(s)


def few_descriptors(n):
    """What to put before a command so that it cannot have more than n descriptors, even as root."""
    drop = ["setpriv", "--bounding-set", "-sys_resource"] if os.getuid() == 0 else []
    return drop + ["sh", "-c", 'ulimit -n %d && exec "$@"' % n, "sh"]


def read_all(s):
    s.settimeout(WAIT)
    out = b""
    while True:
        try:
            chunk = s.recv(65536)
        except ConnectionResetError:
            return out
        if not chunk:
            return out
        out += chunk


def shut(s):
    """End both ways; the socket stays. Only the thread that uses a socket may close it: another one's close() hands the next descriptor of that
    number to a call that was about to be made, so that a server's thread takes the connections of the server after it."""
    try:
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def stop_listening(listener, thread):
    """Whoever connects from now on is refused; the thread that accepts ends."""
    shut(listener)
    thread.join(WAIT)
    listener.close()


class Server:
    """A TCP server on 127.0.0.1: `serve` gets each connection on a thread of its own."""

    def __init__(self, serve=None, host="127.0.0.1"):
        self.listener = socket.create_server((host, 0), backlog=128)
        self.address = "%s:%d" % self.listener.getsockname()[:2]
        self.serve = serve or echo
        self.connections, self.lock = set(), threading.Lock()
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def close(self):
        stop_listening(self.listener, self.accepting)
        with self.lock:
            for connection in self.connections:
                shut(connection)


def echo(connection):
    while True:
        data = connection.recv(65536)
        if not data:
            return
        connection.sendall(data)


def dial(address):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host.strip("[]"), int(port)), WAIT)
    s.settimeout(WAIT)
    return s


PORTS_HELD = []         # abstract sockets: one with the port in its name, as long as this process lives


def free_port():
    """Below the range that the kernel picks from for connections and for port 0, so that nobody takes it meanwhile; and held by name against the
    other tests that run beside this one, and against the runner of experiments, which does the same."""
    while True:
        port = random.randrange(10000, 30000)
        hold = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            hold.bind("\0faultline-port-%d" % port)
            with socket.socket() as s:
                s.bind(("0.0.0.0", port))
        except OSError:
            hold.close()
            continue
        PORTS_HELD.append(hold)
        return port


class Suite:
    """Runs functions that are named test_*; counts; the last line is "N passed, N failed, N skipped"."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, ok, found=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED %s: found %s" % (name, found), flush=True)
        return ok

    def equal(self, name, found, expected):
        return self.check(name, found == expected, "%r, expected %r" % (found, expected))

    def skip(self, name, why):
        self.skipped += 1
        print("skip %s\n  %s" % (name, why))

    def run(self, tests):
        for test in tests:
            start = time.monotonic()
            try:
                test(self)
            except Exception as error:      # a test that cannot go on is a failed one
                import traceback
                traceback.print_exc()
                self.check(test.__name__, False, repr(error))
            if os.environ.get("TIMES"):
                print("%6.2f s  %s" % (time.monotonic() - start, test.__name__))
        return self.finish()

    def finish(self):
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
        sys.stdout.flush()
        return 1 if self.failed else 0
