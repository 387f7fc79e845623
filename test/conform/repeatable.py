#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Same seed, same traffic: the same faults, byte for byte, whatever the workers and the load on the machine.

Twenty clients talk at the same time to an echo server through a line with every kind of damage, each kind with a share and a
scope. The run is repeated with one worker, with two, with two on a machine whose cores are all busy, and with writes cut
elsewhere. What each client received, and every decision in the events, must be the same; another seed must differ.
"""
import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from api_lib import free_port

FAULTLINE = os.environ.get("FAULTLINE", "build/release/faultline")
CLIENTS, ROUNDS, BYTES = 20, 3, 30000
TOXICS = [
    {"type": "corrupt", "name": "flip", "toxicity": 0.5, "attributes": {"rate": 0.01, "bits": 2}},
    {"type": "drop_chunk", "name": "drop", "toxicity": 0.4, "attributes": {"rate": 0.1, "size": 700}},
    {"type": "duplicate_chunk", "name": "twice", "stream": "upstream", "toxicity": 0.4, "attributes": {"rate": 0.1, "size": 300}},
    {"type": "slicer", "name": "cut", "stream": "upstream", "toxicity": 0.6, "attributes": {"average_size": 900, "size_variation": 400}},
    {"type": "limit_data", "name": "limit", "toxicity": 0.2, "attributes": {"bytes": 20001}},
    {"type": "latency", "name": "slow", "toxicity": 0.3, "attributes": {"latency": 2, "jitter": 1}},
]


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            pass


def talk(address, client, piece, got):
    """Each client has an address of its own, so its connections are told apart however they race. Reads until the end."""
    for r in range(ROUNDS):
        data = bytes((client * 31 + r * 7 + i * 13 + i // 251) % 256 for i in range(BYTES))
        s = socket.socket()
        s.bind(("127.0.3.%d" % (client + 1), 0))
        s.settimeout(20)
        received = b""
        try:
            s.connect(address)

            def send():
                try:
                    for at in range(0, BYTES, piece):
                        s.sendall(data[at:at + piece])
                    s.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            t = threading.Thread(target=send)
            t.start()
            try:
                while part := s.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
            t.join()
        finally:
            s.close()
        got[client, r] = received


def run(echo, seed, workers, piece=4096):
    """returns (what clients received, decisions)"""
    port, log = free_port(), tempfile.mkdtemp(prefix="fl-repeatable-")
    events = os.path.join(log, "events.jsonl")
    program = subprocess.Popen([FAULTLINE, "serve", "--port", str(port), "--seed", str(seed), "--workers", str(workers),
                                "--events", events, "--log-level", "error"], stdout=subprocess.DEVNULL)
    try:
        body = json.dumps({"name": "a", "listen": "127.0.0.1:0", "upstream": "%s:%d" % echo, "key": "client", "half_close": True,
                           "toxics": TOXICS}).encode()
        for _ in range(200):
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/proxies" % port, body, timeout=10) as r:
                    made = json.load(r)
                break
            except (ConnectionError, urllib.error.URLError):
                time.sleep(0.05)
        host, at = made["listen"].rsplit(":", 1)
        got, threads = {}, []
        for c in range(CLIENTS):
            threads.append(threading.Thread(target=talk, args=((host, int(at)), c, piece, got)))
            threads[-1].start()
        for t in threads:
            t.join()
    finally:
        program.terminate()
        program.wait(20)
    decisions = {}
    with open(events) as f:
        for line in f:
            e = json.loads(line)
            # A delay is drawn for the byte a chunk starts with, and where reads cut is not the proxy's choice.
            if e["what"] in ("open", "close", "delay"):
                continue
            # What is past the end of a limited connection was or was not still under way: not a decision.
            decisions.setdefault(e["key"], set()).add((e["dir"], e["fault"], e["what"], e["offset"], e["value"]))
    for name in os.listdir(log):
        os.unlink(os.path.join(log, name))
    os.rmdir(log)
    return got, decisions


def limited(decisions, key):
    """Connections that a fault ends early stop deciding at a moment that depends on timing."""
    return any(d[2] in ("limit", "close") for d in decisions.get(key, ()))


def compare(name, a, b, same=True):
    lost = [k for k in set(a[1]) | set(b[1]) if not limited(a[1], k) and a[1].get(k) != b[1].get(k)]
    wrong = [k for k in a[0] if a[0][k] != b[0].get(k)]
    equal = not lost and not wrong
    ok = equal == same
    print("%s %s: %d connections, %d decisions, %d received otherwise, %d decided otherwise"
          % ("ok  " if ok else "FAIL", name, len(a[0]), sum(map(len, a[1].values())), len(wrong), len(lost)))
    return ok


def main():
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.request_queue_size = 128
    socketserver.ThreadingTCPServer.daemon_threads = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    first = run(server.server_address, 7, 1)
    results = [compare("two workers", first, run(server.server_address, 7, 2)),
               compare("other cuts", first, run(server.server_address, 7, 2, piece=1777))]
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        results.append(compare("a busy machine", first, run(server.server_address, 7, 2)))
    finally:
        for b in burners:
            b.kill()
            b.wait()
    results.append(compare("another seed differs", first, run(server.server_address, 8, 2), same=False))
    print("%d passed, %d failed, 0 skipped" % (sum(results), len(results) - sum(results)))
    return 0 if all(results) else 1


sys.exit(main())
