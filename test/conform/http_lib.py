# SPDX-License-Identifier: MIT
"""http_lib - what the hostile suites of HTTP lines share: a daemon with one line, servers behind it that do as they are told, and a
second opinion: what a stream of requests means to a reader that takes nothing but what RFC 9112 and 9110 allow.
"""
import re
import socket
import tempfile
import threading

from api_lib import WAIT, Daemon, free_port, stop_listening
from http_torture import Reader, Torn

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Backend:
    """A server on 127.0.0.1: `serve(backend, socket, reader, number)` gets each connection; without it every request is noted and answered."""

    def __init__(self, serve=None, port=0):
        self.lock = threading.Lock()
        self.serve = serve or Backend.obey
        self.requests, self.faults, self.count = [], [], 0
        self.answer = None
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.count += 1
                number = self.count
                self.open.add(s)
            threading.Thread(target=self.run, args=(s, number), daemon=True).start()

    def run(self, s, number):
        try:
            self.serve(self, s, Reader(s), number)
        except (Torn, OSError):
            pass
        except ValueError as e:
            with self.lock:
                self.faults.append(str(e))
        finally:
            with self.lock:
                self.open.discard(s)
                s.close()

    def request(self, reader):
        """The next request, noted."""
        first, fields = reader.head()
        body = reader.body(fields, False)
        with self.lock:
            self.requests.append((first, fields, body))
        return first, fields, body

    def obey(self, s, reader, _number):
        while True:
            first, _, _ = self.request(reader)
            answer = self.answer
            s.sendall(answer or (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if first.startswith(b"HEAD") else OK))
            if answer:
                return

    def taken(self):
        with self.lock:
            out = self.requests, self.faults
            self.requests, self.faults = [], []
        return out

    def reset_all(self):
        """What a machine does that dies and comes back."""
        with self.lock:
            for s in self.open:
                reset(s)

    def close(self):
        stop_listening(self.listener, self.accepting)
        self.reset_all()


def reset(s):
    """Make it end in a reset, whatever is unread or unsent."""
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Line:
    """A daemon with the line "l" in front of servers."""

    def __init__(self, *backends, extra="", upstream=None, flags=(), descriptors=None):
        self.backends = backends
        where = upstream or ", ".join("'127.0.0.1:%d'" % b.port for b in backends)
        self.file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.text = "lines:\n  l:\n    protocol: http\n    listen: '127.0.0.1:%d'\n    upstreams: [" + where + "]\n" + extra
        self.port = free_port()         # nobody else's while the line is off
        self.write(self.port)
        self.daemon = Daemon("-c", self.file.name, *flags, descriptors=descriptors)

    def write(self, port, text=None):
        self.file.seek(0)
        self.file.truncate()
        self.file.write((text or self.text) % port)
        self.file.flush()

    def connect(self, receive_bytes=None):
        s = socket.socket()
        if receive_bytes:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        s.settimeout(WAIT)
        s.connect(("127.0.0.1", self.port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def rss(self):
        with open("/proc/%d/smaps_rollup" % self.daemon.process.pid, encoding="ascii") as f:
            return int(re.search(r"^Rss:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024

    def stats(self):
        return self.daemon.get("/v1/lines/l").json

    def stop(self, t, name):
        """It must have lived, and must leave nothing behind: under a sanitizer its exit tells of leaks."""
        t.check(name + ": still there", self.daemon.alive(), self.daemon.stderr()[-3000:])
        code = self.daemon.stop()
        t.check(name + ": its end", code == 0, "%s %s" % (code, self.daemon.stderr()[-6000:]))
        for b in self.backends:
            b.close()
        self.file.close()


# ---- a second opinion ----

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!$-;=?-\[\]-~]+) HTTP/1\.([0-9])\Z")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*(|[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)[ \t]*\Z")
HOST = re.compile(rb"(?:\[[0-9a-fA-F:.]+\]|(?:[0-9A-Za-z._~-]|%[0-9a-fA-F]{2})+)(?::([0-9]*))?\Z")
QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,15})((?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + QUOTED + rb"))?)*)\Z")
NOT_IN_TRAILERS = {
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings", b"content-length",
    b"content-encoding", b"content-type", b"content-range", b"content_length", b"transfer_encoding", b"host", b"expect", b"max-forwards",
    b"range", b"cache-control", b"pragma", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range",
    b"authorization", b"proxy-authorization", b"proxy-authenticate", b"www-authenticate", b"cookie", b"set-cookie", b"age", b"expires", b"date",
    b"location", b"retry-after", b"vary", b"warning", b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto",
    b"x-real-ip", b"via", b"traceparent", b"tracestate", b"x-faultline"}


class Bad(Exception):
    """No reader may accept it."""


class Short(Exception):
    """It ends within a message."""


def line(data, at):
    """The line from `at` to its CRLF, and where the next begins. A CR or LF elsewhere is wrong as soon as it is there."""
    end = data.find(b"\r\n", at)
    text = data[at:] if end < 0 else data[at:end]
    if end < 0 and text.endswith(b"\r"):
        text = text[:-1]
    if re.search(rb"[\0-\x08\x0a-\x1f\x7f]", text):
        raise Bad("control byte")
    if end < 0:
        raise Short
    return text, end + 2


def fields_from(data, at):
    fields = []
    while True:
        text, at = line(data, at)
        if not text:
            return fields, at
        m = FIELD.match(text)
        if not m:
            raise Bad("field line %r" % text)
        fields.append((m.group(1).lower(), m.group(2)))


def all_of(fields, name):
    return [v for n, v in fields if n == name]


def options_of(fields, name):
    return [m.strip(b" \t").lower() for v in all_of(fields, name) for m in v.split(b",") if m.strip(b" \t")]


def good_host(text):
    m = HOST.match(text)
    return m and int(m.group(1) or 0) <= 65535


def check_target(method, target):
    """The host in it, or None."""
    if method == b"CONNECT":
        if not re.search(rb":[0-9]+\Z", target) or not good_host(target):
            raise Bad("authority")
        return target
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return None
    m = re.match(rb"https?://([^/?]*)", target, re.I)
    if not m or not good_host(m.group(1)):
        raise Bad("target")
    return m.group(1)


def framing_of(minor, fields):
    """None, a number of bytes, or "chunked"."""
    lengths, codings = all_of(fields, b"content-length"), all_of(fields, b"transfer-encoding")
    if any(re.match(rb"(content_length|transfer_encoding)\Z", n) for n, _ in fields):
        raise Bad("disguise")
    if len(lengths) + len(codings) > 1 or (codings and minor == 0):
        raise Bad("framed in more than one way")
    if codings:
        if codings[0].lower() != b"chunked":
            raise Bad("coding")
        return "chunked"
    if lengths:
        if not re.match(rb"[0-9]{1,19}\Z", lengths[0]) or int(lengths[0]) >= 1 << 63:
            raise Bad("length")
        return int(lengths[0])
    return None


def chunks_from(data, at):
    out = b""
    while True:
        text, at = line(data, at)
        m = CHUNK_LINE.match(text)
        if not m or len(text) > 1000:
            raise Bad("chunk line %r" % text[:40])
        n = int(m.group(1), 16)
        if n == 0:
            break
        out += data[at:at + n]
        end = data[at + n:at + n + 2]
        if not b"\r\n".startswith(end):
            raise Bad("chunk end")
        if len(end) < 2:
            raise Short
        at += n + 2
    fields, at = fields_from(data, at)
    if any(n in NOT_IN_TRAILERS for n, _ in fields):
        raise Bad("trailer")
    return out, at


def request_from(data, at):
    """((method, target, host, content), where the next begins, may there be a next)."""
    empty = 0
    while data[at:at + 2] == b"\r\n":
        at, empty = at + 2, empty + 1
    if empty > 4:
        raise Bad("empty lines")
    if at == len(data):
        raise Short
    text, at = line(data, at)
    m = REQUEST_LINE.match(text)
    if not m or b"#" in m.group(2) or len(m.group(1)) > 32 or len(m.group(2)) > 16384:
        raise Bad("request line %r" % text)
    method, target, minor = m.group(1), m.group(2), int(m.group(3))
    host = check_target(method, target)
    fields, at = fields_from(data, at)
    hosts, options = all_of(fields, b"host"), options_of(fields, b"connection")
    if len(hosts) > 1 or (not hosts and minor > 0) or (hosts and not good_host(hosts[0])):
        raise Bad("host")
    if any(not re.match(TOKEN + rb"\Z", o) or o in (b"host", b"content-length") for o in options) or len(options) > 32:
        raise Bad("connection")
    framing = framing_of(minor, fields)
    if framing and method in (b"CONNECT", b"TRACE"):
        raise Bad("a body where none may be")
    if minor > 0 and any(v.lower() != b"100-continue" for v in all_of(fields, b"expect")):
        raise Bad("expectation")
    content = b""
    if framing == "chunked":
        content, at = chunks_from(data, at)
    elif framing:
        content = data[at:at + framing]
        if len(content) < framing:
            raise Short
        at += framing
    keeps = b"close" not in options and (minor > 0 or b"keep-alive" in options) and method != b"CONNECT"
    return (method, target, host or (hosts[0] if hosts else b""), content), at, keeps


def meaning(data):
    """([what each request asks for], how it ends: "", "bad", "short" or "closed")."""
    at, out = 0, []
    while at < len(data):
        try:
            request, at, keeps = request_from(data, at)
        except Bad:
            return out, "bad"
        except Short:
            return out, "short" if data[at:].strip(b"\r\n") else ""
        out.append(request)
        if not keeps:
            return out, "closed"
    return out, ""


def seen(request):
    """What a server was asked for, in the same form."""
    first, fields, body = request
    method, target, version = first.split(b" ")
    hosts = all_of(fields, b"host")
    if version != b"HTTP/1.1" or len(hosts) != 1:
        raise ValueError("%r %r" % (first, hosts))
    return method, target, hosts[0], body


def asked(request):
    """What the next hop must see of it: absolute-form becomes origin-form."""
    method, target, host, content = request
    m = re.match(rb"https?://[^/?]*", target, re.I)
    if m:
        target = target[m.end():]
        if not target.startswith(b"/"):
            target = b"*" if method == b"OPTIONS" and not target else b"/" + target
    return method, target, host, content
