#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stream_brokers - feed and collect through the adapters, with real brokers: NATS JetStream and RabbitMQ, which are killed on the way.

The program is $FAULTLINE (default build/release/faultline). The last line is "N passed, N failed, N skipped"; exit 1 when something
failed. What is not installed is skipped.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from api_lib import PROGRAM, WAIT, Suite, free_port

DIR = tempfile.TemporaryDirectory(prefix="faultline-brokers-")
TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools")
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def path(name):
    return os.path.join(DIR.name, name)


def run(*argv):
    done = subprocess.run([PROGRAM, *argv], capture_output=True, text=True, timeout=WAIT * 6, check=False)
    try:
        return done.returncode, json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return done.returncode, done.stderr


def await_port(port, process, seconds=WAIT * 6):
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)            # between two looks
    return False


class Nats:
    def __init__(self):
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", path("nats")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert await_port(self.port, self.process), "nats-server does not listen"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def adapter(self, what, *more):
        return " ".join(["exec:" + os.path.join(TOOLS, "stream-nats"), what, "127.0.0.1:%d" % self.port, "orders", *more])


class RabbitMQ:
    def __init__(self):
        self.port, epmd = free_port(), free_port()
        home = path("rabbit")
        os.makedirs(home)
        env = dict(os.environ, HOME=home, RABBITMQ_NODENAME="faultline%d@localhost" % self.port, RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
                   RABBITMQ_NODE_PORT=str(self.port), RABBITMQ_DIST_PORT=str(free_port()), RABBITMQ_MNESIA_BASE=home + "/m",
                   RABBITMQ_LOG_BASE=home + "/l", RABBITMQ_ENABLED_PLUGINS_FILE=home + "/plugins", RABBITMQ_PID_FILE=home + "/pid",
                   ERL_EPMD_PORT=str(epmd), ERL_EPMD_ADDRESS="127.0.0.1")
        self.epmd = subprocess.Popen(["epmd", "-port", str(epmd), "-address", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen([RABBITMQ], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.up = await_port(self.port, self.process)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)             # a shell and what it started
        self.process.wait()
        self.epmd.kill()
        self.epmd.wait()

    def adapter(self, what, *more):
        return " ".join(["exec:" + os.path.join(TOOLS, "stream-amqp"), what, "127.0.0.1:%d" % self.port, "orders", *more])


def through(t, broker, name):
    code, sent = run("feed", broker.adapter("publish"), "--log", path(name + ".sent"), "--count", "5000", "--rate", "20000", "-q", "--json")
    t.check(name + ": confirmed", code == 0 and sent["acknowledged"] == 5000, sent)
    code, got = run("collect", broker.adapter("consume"), "--log", path(name + ".got"), "--count", "5000", "--for", "60s", "-q", "--json")
    t.check(name + ": consumed", code == 0 and got["received"] == 5000, got)
    code, answer = run("match", path(name + ".sent"), path(name + ".got"), "--order", "total", "--json")
    t.check(name + ": what was confirmed arrived, once and in order", code == 0, answer)


def test_nats(t):
    if shutil.which("nats-server") is None:
        t.skip("nats", "nats-server is not installed")
        return
    broker = Nats()
    try:
        through(t, broker, "nats")
    finally:
        broker.kill()


def test_nats_killed(t):
    """The server is killed under the sender's hands: what it sends again the server has twice, but for those with an id."""
    if shutil.which("nats-server") is None:
        t.skip("nats killed", "nats-server is not installed")
        return
    for flags, defects in ((("--storage", "file"), {"duplicate"}), (("--storage", "file", "--id"), set())):
        shutil.rmtree(path("nats"), ignore_errors=True)
        broker = Nats()
        try:
            log = path("killed.sent")
            if os.path.exists(log):
                os.unlink(log)
            feeder = subprocess.Popen([PROGRAM, "feed", broker.adapter("publish", *flags), "--log", log, "--count", "20000", "--rate", "6000",
                                       "--attempts", "0", "--drain", "60s", "-q", "--json"], stdout=subprocess.PIPE, text=True)
            while not os.path.exists(log) or os.path.getsize(log) < 100000:
                time.sleep(0.01)        # between two looks
            broker.kill()
            broker.start()
            sent = json.loads(feeder.communicate(timeout=WAIT * 8)[0])
            t.check("all are confirmed in the end", sent["acknowledged"] == 20000 and sent["broken"] > 0, sent)
            run("collect", broker.adapter("consume"), "--log", path("killed.got"), "--quiet-for", "5s", "--for", "90s", "-q", "--json")
            code, answer = run("match", log, path("killed.got"), "--delivery", "at-least-once", "--order", "none", "--json")
            t.check("at least once", code == 0 and answer["received_different"] == 20000, answer)
            found = {name for name in ("lost", "duplicate") if answer["defects"][name]["count"] > 0}
            t.check("twice is what was sent twice%s" % (", but for the id" if "--id" in flags else ""), found <= defects, answer["defects"])
        finally:
            broker.kill()


def test_rabbitmq(t):
    if not os.path.exists(RABBITMQ):
        t.skip("rabbitmq", "rabbitmq-server is not installed")
        return
    broker = RabbitMQ()
    try:
        t.check("rabbitmq: up", broker.up)
        through(t, broker, "rabbitmq")
    finally:
        broker.kill()


if __name__ == "__main__":
    sys.exit(Suite().run([test_nats, test_nats_killed, test_rabbitmq]))
