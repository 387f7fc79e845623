#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""faultline_cli - `faultline line`, `toxic` and `status` against a live daemon.

The program is $FAULTLINE (default build/release/faultline). The last line is "N passed, N failed, N skipped"; exit 1 when
something failed.
"""
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from toxiproxy_cli import LIMIT_SECONDS, PROGRAM, Daemon, check, results, skip


class Faultline:
    def __init__(self, url):
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("FAULTLINE", "TOXIPROXY"))}
        self.env["FAULTLINE_URL"] = url

    def run(self, line, **more):
        """(exit code, stdout, stderr) of words with spaces between"""
        r = subprocess.run([PROGRAM, *line.split()], capture_output=True, env={**self.env, **more}, timeout=LIMIT_SECONDS, check=False)
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def json(self, line):
        code, out, err = self.run(line + " --json")
        if code != 0:
            raise SystemExit(f"FAILED {line} --json: {code} {out}{err}")
        return json.loads(out)


class Echo:
    """A server that sends back what it gets."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            conn, _ = self.listener.accept()
            threading.Thread(target=self.echo, args=(conn,), daemon=True).start()

    @staticmethod
    def echo(conn):
        try:
            while piece := conn.recv(65536):
                conn.sendall(piece)
        except OSError:
            pass
        conn.close()


def says(f, line, code, out="", err=""):
    got = f.run(line)
    check(line, got[0] == code and out in got[1] and err in got[2] and (out or not got[1]) and (err or not got[2]), got)


def lines(f, echo):
    says(f, "line list", 0)
    check("no lines as JSON", f.json("line list") == [])
    says(f, f"line create a --upstream 127.0.0.1:{echo.port}", 0, "created line a: 127.0.0.1:")
    listen = f.json("line inspect a")["listen"]
    says(f, f"line create b --listen {listen} -u x:1", 2, "", "address already in use")
    says(f, "line create a -u x:1", 2, "", "proxy already exists")
    says(f, "line create b", 2, "", "expected --upstream")
    says(f, "line create b -u x:1 --half-close perhaps", 2, "", "expected true or false")
    says(f, "line create b -u x:1 --key name", 2, "", "expected ordinal or client")
    says(f, "line create b -u x:1 --connect-timeout soon", 2, "", "such as 5s")
    says(f, "line create b -u x:1 --half-close on --key client --connect-timeout 3s --disabled -l 127.0.0.1:0", 0, "created line b: ")
    b = f.json("line inspect b")
    check("what was asked for is so", (b["enabled"], b["half_close"], b["key"], b["connect_timeout"]) == (False, True, "client", 3000), b)
    check("list, one row a line", [r.split("\t")[0:4:3] for r in f.run("line ls")[1].splitlines()] == [["a", "enabled"], ["b", "disabled"]],
          f.run("line ls"))
    says(f, "line enable b", 0, "line b is enabled")
    says(f, "line toggle a b", 0, "line a is disabled\nline b is disabled\n")
    check("two with --json are one document", [x["enabled"] for x in f.json("line enable a b")] == [True, True])
    says(f, "line disable b nope", 2, "line b is disabled\n", "proxy not found")
    says(f, "line delete b", 0, "deleted line b")
    says(f, "line inspect b", 2, "", "line not found")
    check("it is said in JSON too", json.loads(f.run("line inspect b --json")[1]) == {"error": "line not found", "status": 404})
    says(f, "line inspekt a", 2, "", "did you mean inspect?")


def connections(f):
    host, port = f.json("line inspect a")["listen"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS) as conn:
        f.run("toxic add a -t latency -a latency=1 -n slow")
        conn.sendall(b"hello")
        check("bytes come back", conn.recv(5) == b"hello")
        c = f.json("line connections a")
        check("one connection", c["count"] == 1 and c["connections"][0]["upstream"]["sent_bytes"] == 5, c)
        row = f.run("line connections a")[1].split("\t")
        check("its row", row[3] == "relaying" and row[5] == "5 B" and row[8].startswith("slow"), row)
        check("inspect counts it", f.json("line inspect a")["connections"] == 1)
        says(f, "line cut a", 0, "cut 1 connections of line a")
        try:
            end = conn.recv(1)
        except ConnectionResetError:
            end = b""
        check("it is cut", end == b"")
    check("cut as JSON", f.json("line cut a --reset") == {"closed": 0})
    f.run("toxic remove a slow")


def toxics(f):
    says(f, "toxic add a -t latency -a latency=250ms -a jitter=1s -n x --every 3 --first 9 --ttl 1h --scope-client 10.0.0.0/8 "
         "--window 1s..2s --duty 10ms/20ms --toxicity 0.5 -u", 0, "added upstream latency toxic x on line a")
    x = f.json("toxic list a")[0]
    check("all of it arrived", x["attributes"] == {"latency": 250, "jitter": 1000} and x["ttl"] == 3600000 and x["toxicity"] == 0.5 and
          x["stream"] == "upstream" and x["scope"] == {"client": "10.0.0.0/8", "every": 3, "first": 9, "window": {"from": 1000, "to": 2000},
                                                       "duty": {"period": 20, "on": 10}}, x)
    says(f, "toxic list a", 0, "x\tlatency\tupstream\t0.5\tjitter=1000 latency=250 client=10.0.0.0/8 every=3 first=9 window=1s..2s "
         "duty=10ms/20ms ttl=1h\n")
    says(f, "toxic update a x -a latency=2s", 0, "updated toxic x on line a")
    y = f.json("toxic list a")[0]
    check("an update changes what is given", y == {**x, "attributes": {"latency": 2000, "jitter": 1000}}, y)
    says(f, "toxic update a -n x --every 0 --ttl 0 --toxicity 1", 0, "updated toxic x on line a")
    z = f.json("toxic list a")[0]
    check("0 takes a condition away", "ttl" not in z and "every" not in z["scope"] and z["scope"]["first"] == 9 and z["toxicity"] == 1, z)
    says(f, "toxic add a -t latncy", 2, "", "did you mean latency?")
    says(f, "toxic add a -t latency -a latncy=1", 2, "", "did you mean")
    says(f, "toxic add a -t slicer -a delay=1ms", 2, "", "average_size")
    says(f, "toxic update a", 2, "", "toxic list a")
    says(f, "toxic update a nope -a latency=1", 2, "", "toxic not found")
    says(f, "toxic update a x -a nonsense=1", 2, "", "nonsense")
    says(f, "toxic remove a x", 0, "removed toxic x from line a")
    says(f, "toxic list a", 0)
    kinds = f.json("toxic types")
    check("types are those of the daemon", {k["type"] for k in kinds} >= {"latency", "stall", "connect_refuse"} and
          all(set(k) == {"type", "doc", "attributes"} for k in kinds))


def status(f):
    s = f.json("status")
    check("status as JSON", s["status"]["lines"] == 1 and s["lines"][0]["name"] == "a", s)
    check("status as rows", f.run("status")[1].startswith("a\t127.0.0.1:"), f.run("status"))
    says(f, "status --interval 1ms", 2, "", "100ms to 1d")
    says(f, "status --wach", 2, "", "did you mean --watch?")


class Watch:
    """faultline status --watch on a terminal of our own."""

    def __init__(self, f):
        self.main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self.out = b""
        self.process = subprocess.Popen([PROGRAM, "status", "--watch", "--interval", "100ms"], stdin=other, stdout=other,
                                        stderr=subprocess.DEVNULL, env=f.env)
        os.close(other)

    def until(self, text):
        end = time.monotonic() + LIMIT_SECONDS
        while text not in self.out:
            ready, _, _ = select.select([self.main], [], [], max(end - time.monotonic(), 0))
            if not ready:
                return False
            try:
                self.out += os.read(self.main, 65536)
            except OSError:
                return False
        return True


def watch(f, daemon):
    w = Watch(f)
    check("watch shows the lines", w.until(b"ERRORS") and w.until(b"\x1b[1ma\x1b[0m"), w.out)
    w.out = b""
    check("and again, with rates", w.until(b"B/s"), w.out)
    check("the daemon ends well", daemon.stop() == 0)
    check("watch says that nobody answers", w.until(b"asking again"), w.out)
    w.process.send_signal(signal.SIGINT)
    w.until(b"\x1b[?25h\x1b[?1049l")
    check("Ctrl-C ends it well", w.process.wait(LIMIT_SECONDS) == 0)
    check("and leaves the terminal as it was", w.out.endswith(b"\x1b[?25h\x1b[?1049l"), w.out[-100:])
    os.close(w.main)
    code, out, err = f.run("status --watch")
    check("no daemon, no watch", code == 4 and out == "" and "faultline serve" in err, (code, out, err))


def main():
    if not os.access(PROGRAM, os.X_OK):
        skip("everything", f"there is no program at {PROGRAM}")
    else:
        with tempfile.TemporaryDirectory() as directory:
            daemon = Daemon(directory, "--token", "secret")
            try:
                f, echo = Faultline(daemon.url), Echo()
                says(f, "line list", 2, "", "a token is needed")
                check("--token", f.run("line list --token secret") == (0, "", ""), f.run("line list --token secret"))
                check("--url and --token before the command", Faultline("http://127.0.0.1:1").run(
                    f"line --url={daemon.url} --token secret list") == (0, "", ""))
                f.env["FAULTLINE_TOKEN"] = "secret"
                lines(f, echo)
                connections(f)
                toxics(f)
                status(f)
                watch(f, daemon)
            finally:
                if daemon.process.poll() is None:
                    daemon.stop()
    print(f"{results['passed']} passed, {results['failed']} failed, {results['skipped']} skipped")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
