# SPDX-License-Identifier: MIT
"""The programs that are compared: how each is configured, started on one CPU with one worker, and stopped.

Every peer offers three lines: `echo`, `sink` and `source`, to the backend's ports of these names. Nothing runs as a service,
nothing is left behind: a peer dies with the process that started it, and stop() ends it by its own pid.
"""
import ctypes
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LINES = ("echo", "sink", "source")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
NGINX_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A peer or a load program could not do its part; says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def files_max():
    """Descriptors a process of ours may have; raised as far as our rights go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for want in (65536, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (want, max(hard, want)))
            return want
        except (ValueError, OSError):
            continue
    return soft


def spawn(argv, cpu, log=None, **kw):
    libc = ctypes.CDLL(None)

    def before_exec():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.sched_setaffinity(0, {cpu})

    if log is not None:
        kw.setdefault("stdout", log)
        kw.setdefault("stderr", log)
    return subprocess.Popen(argv, preexec_fn=before_exec, **kw)


def wait_for_port(port, process, log, limit=10):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if process.poll() is not None:
            log.seek(0)
            raise Failed("ended at start: " + log.read().decode(errors="replace")[-500:].strip())
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed("does not listen on port %d after %d s" % (port, limit))


class Peer:
    """One proxy process (and its children) with its three lines."""

    name = ""

    def __init__(self, backend, cpu, conns):
        self.backend, self.cpu, self.conns = backend, cpu, conns
        self.process, self.ports = None, {}
        self.dir = tempfile.mkdtemp(prefix="bench-")
        self.log = open(os.path.join(self.dir, "log"), "w+b")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc):
        self.stop()

    def addr(self, line):
        return "127.0.0.1:%d" % self.ports[line]

    def pids(self):
        """Of the process and all its children, as 12,13."""
        found = [self.process.pid]
        for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
            try:
                with open("/proc/%d/stat" % pid) as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent in found and pid not in found:
                found.append(pid)
        return ",".join(map(str, found))

    def launch(self, argv):
        argv[0] = shutil.which(argv[0], path=PATH)
        self.process = spawn(argv, self.cpu, self.log, stdin=subprocess.DEVNULL)
        for port in self.ports.values():
            wait_for_port(port, self.process, self.log)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path


def certificate(peer):
    """An RSA certificate with its key, in one file: what most servers have."""
    path = os.path.join(peer.dir, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench", "-keyout", path + ".key",
                    "-out", path], check=True, capture_output=True)
    with open(path, "a") as out, open(path + ".key") as key:
        out.write(key.read())
    return path


class Direct(Peer):
    """No proxy: what the generator and the backend do by themselves."""

    name = "direct"

    def start(self):
        self.ports = dict(self.backend)

    def pids(self):
        return ""


class HAProxy(Peer):
    name, bufsize = "haproxy", 16384

    def start(self):
        self.ports = {line: free_port() for line in LINES}
        text = "global\n nbthread 1\n maxconn %d\n tune.bufsize %d\n" % (self.conns + 100, self.bufsize)
        text += "defaults\n mode tcp\n timeout connect 5s\n timeout client 10m\n timeout server 10m\n"
        bind = self.bind()
        for line, port in self.ports.items():
            text += "listen %s\n bind 127.0.0.1:%d backlog 4096%s\n maxconn %d\n server s 127.0.0.1:%d\n" % (
                line, port, bind, self.conns + 100, self.backend[line])
        self.launch(["haproxy", "-db", "-f", self.write("haproxy.cfg", text)])

    def bind(self):
        return ""

    @staticmethod
    def version():
        out = subprocess.run([shutil.which("haproxy", path=PATH), "-v"], capture_output=True, text=True, check=True).stdout
        return "HAProxy " + out.split()[2]


class HAProxyTls(HAProxy):
    """TLS ends here, as in the other two. nbthread 1 and buffers of 16 KB are its defaults for TLS."""

    name = "haproxy_tls"

    def bind(self):
        return " ssl crt " + certificate(self)


class HAProxy64(HAProxy):
    name, bufsize = "haproxy64", 65536


class Nginx(Peer):
    name, bufsize = "nginx", 16384

    def start(self):
        self.ports = {line: free_port() for line in LINES}
        text = "load_module %s;\ndaemon off;\nworker_processes 1;\nworker_rlimit_nofile %d;\n" % (NGINX_MODULE, files_max())
        text += "pid %s/pid;\nerror_log %s/error crit;\nevents { worker_connections %d; }\nstream {\naccess_log off;\n" % (
            self.dir, self.dir, 2 * self.conns + 200)
        text += "proxy_buffer_size %d;\nproxy_half_close on;\nproxy_timeout 10m;\n" % self.bufsize
        flag, more = self.listen()
        for line, port in self.ports.items():
            text += "server { listen 127.0.0.1:%d%s backlog=4096; %sproxy_pass 127.0.0.1:%d; }\n" % (port, flag, more, self.backend[line])
        self.launch(["nginx", "-p", self.dir, "-e", self.dir + "/error", "-c", self.write("nginx.conf", text + "}\n")])

    def listen(self):
        return "", ""

    @staticmethod
    def version():
        out = subprocess.run([shutil.which("nginx", path=PATH), "-v"], capture_output=True, text=True, check=True).stderr
        return "nginx " + out.strip().split("/")[-1]


class NginxTls(Nginx):
    name = "nginx_tls"

    def listen(self):
        path = certificate(self)
        return " ssl", "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s; ssl_certificate_key %s; ssl_session_cache shared:b:4m; " % (path, path)


class Nginx64(Nginx):
    name, bufsize = "nginx64", 65536


class Faultline(Peer):
    name = "faultline"
    program = "build/faultline"

    def start(self):
        self.api_port = free_port()
        self.process = spawn([self.program, "serve", "--port", str(self.api_port), "--workers", "1"], self.cpu, self.log,
                             stdin=subprocess.DEVNULL)
        wait_for_port(self.api_port, self.process, self.log)
        for line in LINES:
            made = self.call("POST", "/proxies", {"name": line, "listen": "127.0.0.1:0", "half_close": True,
                                                  "upstream": "127.0.0.1:%d" % self.backend[line]}, 201)
            self.ports[line] = int(made["listen"].rsplit(":", 1)[1])

    def call(self, method, path, body=None, expect=200):
        c = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=10)
        try:
            c.request(method, path, None if body is None else json.dumps(body), {"User-Agent": "bench"})
            reply = c.getresponse()
            text = reply.read()
        finally:
            c.close()
        if reply.status != expect:
            raise Failed("%s %s: %d %s" % (method, path, reply.status, text.decode(errors="replace")))
        return json.loads(text) if text else None

    def toxic(self, line, kind, **attributes):
        """Put one fault on a line; the earlier ones go."""
        for old in self.call("GET", "/proxies/%s/toxics" % line):
            self.call("DELETE", "/proxies/%s/toxics/%s" % (line, old["name"]), None, 204)
        if kind is not None:
            self.call("POST", "/proxies/%s/toxics" % line, {"type": kind, "attributes": attributes})

    @classmethod
    def version(cls):
        out = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout
        return "Faultline " + (out.strip() or "(no git)")


class FaultlineTls(Faultline):
    name = "faultline_tls"

    def start(self):
        self.api_port = free_port()
        self.ports = {line: free_port() for line in LINES}
        path = certificate(self)
        lines = {line: {"listen": "127.0.0.1:%d" % port, "upstream": "127.0.0.1:%d" % self.backend[line], "tls": {"cert": path}}
                 for line, port in self.ports.items()}
        config = self.write("faultline.yaml", json.dumps({"lines": lines}))
        self.process = spawn([self.program, "serve", "--port", str(self.api_port), "--workers", "1", "-c", config], self.cpu, self.log,
                             stdin=subprocess.DEVNULL)
        for port in self.ports.values():
            wait_for_port(port, self.process, self.log)


class FaultlineHttp(Faultline):
    """Everything on: time limits, retries with a budget, breaker, bulkhead, rate limit, traces, metrics and records."""

    name = "faultline_http"

    def start(self):
        self.api_port = free_port()
        self.ports = {"http": free_port()}
        policies = {"retry": {"attempts": 2, "on": ["connect", "reset"]}, "breaker": {}, "bulkhead": {"max": 20000, "queue": 100},
                    "rate_limit": {"rate": "1000000/s", "burst": 10000}}
        line = {"protocol": "http", "listen": "127.0.0.1:%d" % self.ports["http"], "upstream": "127.0.0.1:%d" % self.backend["http"],
                "policies": policies}
        config = self.write("faultline.yaml", json.dumps({"lines": {"http": line}}))
        self.process = spawn([self.program, "serve", "--port", str(self.api_port), "--workers", "1", "-c", config], self.cpu, self.log,
                             stdin=subprocess.DEVNULL)
        for port in self.ports.values():
            wait_for_port(port, self.process, self.log)


class HAProxyHttp(HAProxy):
    name = "haproxy_http"

    def start(self):
        self.ports = {"http": free_port()}
        text = "global\n nbthread 1\n maxconn %d\ndefaults\n mode http\n http-reuse always\n" % (self.conns + 100)
        text += " timeout connect 5s\n timeout client 10m\n timeout server 10m\n"
        text += "listen http\n bind 127.0.0.1:%d backlog 4096\n maxconn %d\n server s 127.0.0.1:%d\n" % (
            self.ports["http"], self.conns + 100, self.backend["http"])
        self.launch(["haproxy", "-db", "-f", self.write("haproxy.cfg", text)])


class NginxHttp(Nginx):
    name = "nginx_http"

    def start(self):
        self.ports = {"http": free_port()}
        text = "daemon off;\nworker_processes 1;\nworker_rlimit_nofile %d;\npid %s/pid;\nerror_log %s/error crit;\n" % (
            files_max(), self.dir, self.dir)
        text += "events { worker_connections %d; }\nhttp {\naccess_log off; keepalive_timeout 10m; keepalive_requests 1000000000;\n" % (
            2 * self.conns + 200)
        text += "upstream b { server 127.0.0.1:%d; keepalive 256; keepalive_requests 1000000000; }\n" % self.backend["http"]
        text += "server { listen 127.0.0.1:%d backlog=4096; location / { proxy_http_version 1.1; proxy_set_header Connection \"\"; " % self.ports["http"]
        text += "proxy_pass http://b; } }\n}\n"
        self.launch(["nginx", "-p", self.dir, "-e", self.dir + "/error", "-c", self.write("nginx.conf", text)])


ALL = {c.name: c for c in (Direct, Faultline, FaultlineTls, FaultlineHttp, HAProxyHttp, NginxHttp, HAProxy, HAProxy64, HAProxyTls, Nginx, Nginx64, NginxTls)}


def graph(peer, edges, layout):
    """The same question asked of a library for graphs, from Debian; None when it is not installed."""
    argv = ["/usr/bin/python3", "bench/graph_peers.py", peer, edges, "--rounds", "3"] + (["--layout"] if layout else [])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def missing():
    """Names of peers that are not installed."""
    gone = []
    if shutil.which("haproxy", path=PATH) is None:
        gone += ["haproxy", "haproxy64", "haproxy_tls", "haproxy_http"]
    if shutil.which("nginx", path=PATH) is None or not os.path.exists(NGINX_MODULE):
        gone += ["nginx", "nginx64", "nginx_tls", "nginx_http"]
    return gone
