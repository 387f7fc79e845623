#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""streams - feed, a line with faults, collect, and match: a clean line is held to be clean, and what a fault does is found.

The program is $FAULTLINE (default build/release/faultline). The last line is "N passed, N failed, N skipped"; exit 1 when something
failed.
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

from api_lib import PROGRAM, WAIT, Daemon, Suite, free_port, until

DIR = tempfile.TemporaryDirectory(prefix="faultline-streams-")
MESSAGE = 63            # bytes, and a newline: so a piece of 64 bytes is a message


def path(name):
    return os.path.join(DIR.name, name)


def run(*argv, text=None):
    done = subprocess.run([PROGRAM, *argv], input=text, capture_output=True, text=True, timeout=WAIT * 4, check=False)
    return done.returncode, done.stdout, done.stderr


class Collect:
    """faultline collect on a free port; stop() ends it and gives what it said."""

    def __init__(self, place, log, *flags):
        self.process = subprocess.Popen([PROGRAM, "collect", place, "--log", path(log), "-q", "--json", *flags], stdout=subprocess.PIPE, text=True)
        self.address = json.loads(self.process.stdout.readline())["listening"] if "exec:" not in place and "redis:" not in place else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self):
        """What it said when it ended."""
        out = self.process.communicate(timeout=WAIT * 3)[0]
        return json.loads(out.strip().splitlines()[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()


def feed(place, log, *flags):
    code, out, err = run("feed", place, "--log", path(log), "-q", "--json", *flags)
    return code, json.loads(out) if out else err


def match(sent, received, *flags):
    code, out, err = run("match", path(sent), path(received), "--json", "-q", *flags)
    return code, json.loads(out) if out else err


def through_line(name, toxics, feed_flags, collect_flags=()):
    """A stream through a line with these toxics, towards the receiver or (stream downstream) back."""
    collect = Collect("tcp://127.0.0.1:0", name + ".received", *collect_flags)
    daemon = Daemon("--seed", "7")
    try:
        line = daemon.post("/proxies", {"name": "orders", "listen": "127.0.0.1:0", "upstream": collect.address}).json
        for toxic in toxics:
            reply = daemon.post("/proxies/orders/toxics", toxic)
            assert reply.status == 200, reply.text
        sent = feed("tcp://" + line["listen"], name + ".sent", "--size", str(MESSAGE), *feed_flags)
        until(lambda: daemon.get("/v1/lines/orders").json["connections"] == 0)      # what nobody answers may be on its way still
    finally:
        daemon.stop()
        got = collect.stop()
    return sent, got


def count(answer, defect):
    return answer["defects"][defect]["count"]


def test_clean(t):
    (code, sent), got = through_line("clean", [], ["--count", "20000", "--rate", "40000"])
    t.check("feed", code == 0 and sent["sent"] == sent["acknowledged"] == 20000 and sent["broken"] == 0, sent)
    t.check("collect", got["received"] == 20000 and got["corrupt"] == 0, got)
    code, answer = match("clean.sent", "clean.received", "--order", "total")
    t.check("a clean line is held", code == 0 and answer["verdict"] == "held" and answer["findings"] == [], answer)
    t.check("all promises hold", all(answer["promises"].values()), answer["promises"])
    t.check("latencies", answer["latency_max_ns"] > 0 and answer["clocks_comparable"], answer)
    code, answer = match("clean.sent", "clean.received", "--expect", "nomatch")
    t.check("a detector that does not fire is a finding", code == 1 and answer["verdict"] == "finding", answer)
    code, answer = match("clean.sent", "clean.received", "--late", "1ns")
    t.check("late", code == 1 and answer["findings"] == ["late"], answer)
    code, text, _ = run("match", path("clean.sent"), path("clean.received"))
    t.check("text", code == 0 and text.startswith("HELD"), text)


def test_dropped(t):
    toxic = {"name": "drop", "type": "drop_chunk", "stream": "upstream", "attributes": {"rate": 0.05, "size": 64}}
    (_, sent), got = through_line("drop", [toxic], ["--count", "2000", "--rate", "2000", "--no-acks"])
    missing = 2000 - got["received"]
    t.check("the fault landed", 20 < missing < 400 and got["corrupt"] == 0, (sent, got))
    code, answer = match("drop.sent", "drop.received")
    t.check("what was dropped is lost", code == 1 and answer["findings"] == ["lost"] and count(answer, "lost") == missing, answer)
    t.check("they are named", all(set(x) >= {"flow", "key", "number"} for x in answer["defects"]["lost"]["examples"]), answer)
    code, answer = match("drop.sent", "drop.received", "--expect", "lost")
    t.check("expected to be lost", code == 0, answer)
    code, answer = match("drop.sent", "drop.received", "--expect", "lost,duplicate")
    t.check("expected what is not there", code == 1, answer)
    code, answer = match("drop.sent", "drop.received", "--delivery", "at-most-once")
    t.check("at most once", code == 0, answer)


def test_dropped_and_sent_again(t):
    toxic = {"name": "drop", "type": "drop_chunk", "stream": "upstream", "attributes": {"rate": 0.01, "size": 64}}
    (_, sent), _ = through_line("resend", [toxic], ["--count", "300", "--rate", "1000", "--timeout", "100ms", "--attempts", "0", "--drain", "30s"])
    t.check("the sender sent again", sent["sent_again"] > 0 and sent["acknowledged"] == 300, sent)
    code, answer = match("resend.sent", "resend.received", "--delivery", "at-least-once", "--order", "none")
    t.check("nothing is lost", code == 0 and count(answer, "lost") == 0, answer)


def test_duplicated(t):
    toxic = {"name": "twice", "type": "duplicate_chunk", "stream": "upstream", "attributes": {"rate": 0.1, "size": 64}}
    (_, sent), got = through_line("twice", [toxic], ["--count", "2000", "--rate", "2000"])
    more = got["received"] - 2000
    t.check("the fault landed", 50 < more < 500, got)
    t.check("answers to nothing", sent["odd_answers"] == more, sent)
    code, answer = match("twice.sent", "twice.received")
    t.check("duplicates are found", code == 1 and answer["findings"] == ["duplicate"] and count(answer, "duplicate") == more, answer)
    code, answer = match("twice.sent", "twice.received", "--delivery", "at-least-once")
    t.check("at least once", code == 0, answer)


def test_answers_lost(t):
    """A client that does not hear that its messages were taken sends them again: no loss, but duplicates."""
    toxic = {"name": "deaf", "type": "limit_data", "stream": "downstream", "attributes": {"bytes": 1000}}
    (_, sent), got = through_line("deaf", [toxic], ["--count", "500", "--rate", "2000", "--attempts", "0", "--window", "50"])
    t.check("the sender sent again", sent["broken"] > 3 and sent["sent_again"] > 0 and sent["acknowledged"] == 500, sent)
    code, answer = match("deaf.sent", "deaf.received")
    t.check("exactly once is broken", code == 1 and "duplicate" in answer["findings"], answer)
    t.check("what arrived twice was sent twice", answer["repeated_different"] > 0 and count(answer, "lost") == 0 and got["received"] > 500, answer)
    code, answer = match("deaf.sent", "deaf.received", "--delivery", "at-least-once")
    t.check("at least once holds", code == 0, answer)


def test_corrupted(t):
    toxic = {"name": "flip", "type": "corrupt", "stream": "upstream", "attributes": {"rate": 0.0005, "bits": 1}}
    (_, _), got = through_line("flip", [toxic], ["--count", "3000", "--rate", "6000", "--no-acks"])
    t.check("the fault landed", got["corrupt"] > 10, got)
    code, answer = match("flip.sent", "flip.received")
    t.check("damage is found", code == 1 and "corrupt" in answer["findings"] and count(answer, "corrupt") == got["corrupt"], answer)
    t.check("nothing damaged passes for whole", count(answer, "changed") == 0 and count(answer, "phantom") == 0, answer)


def test_framings(t):
    for scheme, place, flags, collect_flags in (
            ("tcp", "tcp://127.0.0.1:0", ["--frame", "length", "--size", "500"], ["--frame", "length"]),
            ("http", "http://127.0.0.1:0", ["--connections", "4"], []), ("syslog", "syslog://127.0.0.1:0", [], ["--count", "2000"])):
        collect = Collect(place, scheme + ".received", *collect_flags)
        code, sent = feed("%s://%s" % (scheme, collect.address), scheme + ".sent", "--count", "2000", "--rate", "8000", *flags)
        collect.end() if scheme == "syslog" else collect.stop()        # nobody has answered that all arrived
        code_match, answer = match(scheme + ".sent", scheme + ".received")
        t.check(scheme, code == 0 and code_match == 0 and answer["received"] == 2000, (sent, answer))
        t.check(scheme + ": acknowledgements", sent["acknowledged"] == (0 if scheme == "syslog" else 2000), sent)


def test_program(t):
    code, sent = feed("exec:cat > " + path("lines.txt"), "program.sent", "--count", "300", "--rate", "0", "--no-acks")
    t.check("feed to a program", code == 0 and sent["sent"] == 300, sent)
    code, out, err = run("collect", "exec:cat " + path("lines.txt"), "--log", path("program.received"), "--json", "-q")
    t.check("collect from a program", code == 0 and json.loads(out)["received"] == 300, (out, err))
    code, answer = match("program.sent", "program.received")
    t.check("all arrived", code == 0, answer)
    code, answer = match("program.sent", "lines.txt")
    t.check("the lines themselves", code == 0, answer)


def test_redis(t):
    if shutil.which("redis-server") is None:
        t.skip("redis", "redis-server is not installed")
        return
    port = free_port()
    server = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", DIR.name], stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if server.poll() is not None:
                    raise
                time.sleep(0.01)        # between two looks
        place = "redis://127.0.0.1:%d/orders" % port
        code, sent = feed(place, "redis.sent", "--count", "3000", "--rate", "20000")
        t.check("XADD", code == 0 and sent["acknowledged"] == 3000, sent)
        code, out, err = run("collect", place, "--log", path("redis.received"), "--count", "3000", "--json", "-q")
        t.check("XREAD", code == 0 and json.loads(out)["received"] == 3000, (out, err))
        code, answer = match("redis.sent", "redis.received")
        t.check("a stream of Redis", code == 0, answer)
    finally:
        server.kill()
        server.wait()


def test_repeatable(t):
    """The same seed makes the same messages."""
    texts = []
    for seed in ("5", "5", "6"):
        feed("exec:cat > " + path("again.txt"), "again.sent", "--count", "200", "--rate", "0", "--no-acks", "--seed", seed, "--spread", "random",
             "--values", "random", "--size", "100")
        with open(path("again.txt"), encoding="ascii") as f:
            texts.append(f.read())
    t.check("same seed", texts[0] == texts[1] and texts[0].count("\n") == 200, texts[0][:200])
    t.check("other seed", texts[0] != texts[2])


def test_killed(t):
    """A receiver that is killed has written down all it answered; a sender that is killed, all it sent."""
    collect = Collect("tcp://127.0.0.1:0", "killed.received")
    place = "tcp://" + collect.address
    feeder = subprocess.Popen([PROGRAM, "feed", place, "--log", path("killed.sent"), "-q", "--for", "60s", "--rate", "20000"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(path("killed.received")) or os.path.getsize(path("killed.received")) < 200000:
        time.sleep(0.01)                # between two looks
    collect.kill()
    feeder.kill()
    feeder.wait()
    code, answer = match("killed.sent", "killed.received")
    t.check("both logs are cut", answer["sent_cut"] and answer["received_cut"], answer)
    t.check("what was answered was written down", count(answer, "lost") == 0 and answer["acknowledged"] > 1000, answer)
    t.check("what arrived was written down before", count(answer, "phantom") == 0 and answer["beyond_cut_log"] == 0, answer)
    t.check("held, as far as it goes", code == 0, answer)
    with open(path("killed.received"), "rb") as f:
        whole = f.read()
    with open(path("half.received"), "wb") as f:
        f.write(whole[:len(whole) * 2 // 3])
    code, answer = match("killed.sent", "half.received")
    t.check("half a log: cannot be judged", code == 4 and answer["verdict"] == "unknown" and "cut off" in answer["reason"], answer)
    with open(path("killed.sent"), "rb") as f:
        start = f.read(100)
    with open(path("start.sent"), "wb") as f:
        f.write(start)
    code, answer = match("start.sent", "killed.received")
    t.check("a log without a whole block: no phantoms, and nothing to judge", code == 4 and answer["sent_cut"] and count(answer, "phantom") == 0 and
            answer["beyond_cut_log"] == answer["received"], answer)
    with open(path("bad.received"), "wb") as f:
        f.write(whole[:5000] + b"\0" * 100 + whole[5100:])
    code, _, err = run("match", path("killed.sent"), path("bad.received"))
    t.check("a damaged log is refused", code == 2 and "damaged" in err, err)


def test_bad_input(t):
    for argv, word in ((["match"], "no logs"), (["match", "x"], "no log of a receiver"), (["match", "/nonexistent", "x"], "/nonexistent"),
                       (["match", "a", "b", "--delivery", "once"], "exactly-once"), (["match", "a", "b", "--expect", "los"], "los"),
                       (["match", "a", "b", "--memory", "1"], "16MiB"), (["match", "-", "-"], "standard input"),
                       (["feed", "tcp://x"], "--log"), (["feed", "udp://x:1", "--log", path("x")], "tcp://"),
                       (["feed", "tcp://x", "--log", path("x")], "HOST:PORT"), (["feed", "tcp://127.0.0.1:1", "--log", path("x"), "--rate", "fast"], "--rate"),
                       (["collect", "tcp://127.0.0.1:0", "--log", "/nonexistent/x"], "/nonexistent/x"), (["collect", "redis://h:1", "--log", "x"], "STREAM")):
        code, _, err = run(*argv)
        t.check(" ".join(argv), code == 2 and word in err, (code, err))
    code, _, err = run("match", path("clean.received"), path("clean.received"))
    t.check("the wrong side", code == 2 and "sender" in err, err)
    code, _, err = run("match", "-", path("clean.received"), text='{"type":"sent","n":1}\n{"type":"sent","n":}\n')
    t.check("a bad line: where", code == 2 and "-:2:" in err, err)
    code, out, _ = run("feed", "tcp://127.0.0.1:%d" % free_port(), "--log", path("none.sent"), "--count", "1", "--drain", "200ms", "-q")
    t.check("nobody there", code == 4, out)


def test_lines(t):
    def lines(name, text):
        with open(path(name), "w", encoding="utf-8") as f:
            f.write(text)

    lines("l.sent", "a\nb\nc\nb\n\nd\n")
    for text, code_wanted, found in (("a\nb\nc\nb\n\nd\n", 0, []), ("a\r\nb\r\nc\r\nb\r\n\r\nd", 0, []), ("a\nb\nc\n\nd\n", 1, ["lost"]),
                                     ("a\nb\nc\nb\n\nd\nb\n", 1, ["duplicate"]), ("a\nc\nb\nb\n\nd\n", 1, ["reordered"]),
                                     ("a\nb\nc\nb\n\nx\n", 1, ["lost", "phantom"]), ("", 1, ["lost"])):
        lines("l.received", text)
        code, answer = match("l.sent", "l.received", "--lines")
        t.check("lines %r" % text, code == code_wanted and answer["findings"] == found, answer)
    lines("l.sent", "".join("%d\n" % n for n in range(200000)))
    lines("l.received", "".join("%d\n" % n for n in range(200000) if n != 77777))
    code, answer = match("l.sent", "l.received", "--lines", "--memory", "64MiB")
    t.check("many lines", code == 1 and answer["defects"]["lost"]["examples"][0]["number"] == 77778, answer)
    code, _, err = run("match", path("l.sent"), path("l.received"), "--lines", "--memory", "16MiB")
    t.check("too many lines", code == 2 and "--memory" in err, err)


def test_goes_on(t):
    """A receiver that is killed and started again with --append keeps what it had; one without forgets it."""
    for flags, found in ((["--append"], []), ([], ["lost"])):
        collect = Collect("tcp://127.0.0.1:0", "on.received", *flags)
        place, log = "tcp://" + collect.address, path("on.received")
        feeder = subprocess.Popen([PROGRAM, "feed", place, "--log", path("on.sent"), "--count", "20000", "--rate", "20000", "--attempts", "0", "-q"],
                                  stdout=subprocess.DEVNULL)
        while os.path.getsize(log) < 60000:
            time.sleep(0.01)            # between two looks
        collect.kill()
        again = Collect(place, "on.received", *flags)
        t.check("all are taken", feeder.wait(WAIT * 2) == 0)
        again.stop()
        _, answer = match("on.sent", "on.received", "--delivery", "at-least-once", "--order", "none")
        t.check("%s: %s" % (flags, found), answer["findings"] == found and not answer["received_cut"], answer)
        os.unlink(log)
    code, _, err = run("collect", "tcp://127.0.0.1:0", "--log", path("on.sent"), "--append", "-q")
    t.check("the log of another side is refused", code == 2 and "Invalid" in err, err)


def test_disk_full(t):
    """A log that cannot be written any more ends the sender and the receiver; what stands in it is good."""
    code, _, err = run("feed", "exec:cat", "--log", "/dev/full", "-q")
    t.check("no room at all: feed", code == 2 and "No space left" in err, err)
    code, _, err = run("collect", "tcp://127.0.0.1:0", "--log", "/dev/full", "-q")
    t.check("no room at all: collect", code == 2 and "No space left" in err, err)
    small = path("small")
    os.makedirs(small)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, check=False).returncode != 0:
        t.skip("a small disk", "it cannot be mounted here")
        return
    try:
        code, sent = feed("exec:cat > " + path("full.txt"), "small/full.sent", "--count", "100000", "--rate", "0", "--no-acks")
        t.check("the disk is full on the way", code == 2, (code, sent))
        code, answer = match("small/full.sent", "full.txt", "--promised", "sent")
        t.check("what was sent stood in the log before", answer["sent_cut"] and answer["received"] > 500 and count(answer, "phantom") == 0, answer)
        t.check("what is missing may never have left", code == (4 if count(answer, "lost") > 0 else 0), answer)
        os.unlink(path("small/full.sent"))
        collect = Collect("tcp://127.0.0.1:0", "small/full.received")
        code, sent = feed("tcp://" + collect.address, "full2.sent", "--count", "50000", "--rate", "0", "--drain", "2s", "--window", "500")
        t.check("a sender that gets nowhere ends", code == 4 and sent["stalled"], sent)
        t.check("a receiver without room ends", collect.process.wait(WAIT) == 2, sent)
        collect.process.stdout.close()
        code, answer = match("full2.sent", "small/full.received", "--delivery", "at-least-once")
        t.check("what it answered stands in its log", count(answer, "lost") == 0 and answer["received_cut"] and answer["acknowledged"] > 100, answer)
    finally:
        subprocess.run(["umount", "-l", small], check=False)


def test_two_at_once(t):
    """Two writers of one log, two senders to one receiver, a log that is read while it is written."""
    collect = Collect("tcp://127.0.0.1:0", "two.received")
    code, _, err = run("collect", "tcp://127.0.0.1:0", "--log", path("two.received"), "-q")
    t.check("a log has one writer", code == 2 and "busy" in err, err)
    feeders = [subprocess.Popen([PROGRAM, "feed", "tcp://" + collect.address, "--log", path("two.%d" % flow), "--flow", str(flow), "--count", "5000",
                                 "--rate", "10000", "-q"], stdout=subprocess.DEVNULL) for flow in (1, 2)]
    codes = [f.wait(WAIT) for f in feeders]
    code, answer = match("two.1", "two.received", "--sent", path("two.2"))
    t.check("judged while it is written", code == 0 and answer["received_cut"] and answer["flows"] == 2 and answer["received"] == 10000, answer)
    got = collect.stop()
    t.check("two senders", codes == [0, 0] and got["received"] == 10000, got)
    feed("exec:cat >/dev/null", "two.3", "--flow", "1", "--seed", "9", "--count", "10", "--rate", "0", "--no-acks")
    code, _, err = run("match", path("two.1"), path("two.received"), "--sent", path("two.3"))
    t.check("two senders of one flow", code == 2 and "--flow" in err, err)
    code, answer = match("two.1", "two.received")
    t.check("a flow nobody knows is a phantom", code == 1 and count(answer, "phantom") == 5000, answer["findings"])


def test_values(t):
    """Results of a right service, and of one that forgets: by function and by a program as oracle."""
    code, _ = feed("exec:cat > " + path("in.txt"), "values.sent", "--count", "400", "--rate", "0", "--no-acks", "--keys", "4", "--values", "count")
    windows, right, wrong = {}, [], []
    for line in open(path("in.txt"), encoding="ascii"):
        _, _, key, number, value, *_ = line.split()
        window = windows.setdefault(key, [0, 0, 0, 0])
        window.append(int(value))
        del window[0]
        right.append("%s %s" % (key, ",".join(map(str, window))))
        wrong.append(right[-1] if int(number) < 200 else "%s 0,0,0,%s" % (key, value))
    for name, lines in (("right", right), ("wrong", wrong), ("short", right[:-3]), ("again", right + right[-3:])):
        with open(path(name), "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")
    program = "while read key number value flow; do echo $key $value; done"
    with open(path("last"), "w", encoding="ascii") as f:
        f.write("".join(line.split()[0] + " " + line.split(",")[-1] + "\n" for line in right))
    for received, flags, code_wanted, found in (("right", ["--function", "last:4"], 0, []), ("wrong", ["--function", "last:4"], 1, ["wrong-value"]),
                                                ("short", ["--function", "last:4"], 1, ["lost"]), ("again", ["--function", "last:4"], 1, ["duplicate"]),
                                                ("again", ["--function", "last:4", "--delivery", "at-least-once"], 0, []),
                                                ("last", ["--oracle", program], 0, []), ("right", ["--oracle", program], 1, ["wrong-value"]),
                                                ("wrong", ["--function", "last:4", "--expect", "nomatch"], 0, ["wrong-value"])):
        code, answer = match("values.sent", received, *flags)
        t.check("%s %s" % (received, " ".join(flags)), code == code_wanted and answer["findings"] == found, answer)
    for program in ("exit 3", "cat >/dev/null; exit 3", "echo nonsense", "while :; do echo 1 1; done"):
        code, answer = match("values.sent", "right", "--oracle", program, "--memory", "16MiB")
        t.check("an oracle that fails: " + program, code == 4 and "faultline match: " in answer, answer)


if __name__ == "__main__":
    sys.exit(Suite().run([test_clean, test_dropped, test_dropped_and_sent_again, test_duplicated, test_answers_lost, test_corrupted, test_framings,
                          test_program, test_redis, test_repeatable, test_killed, test_lines, test_goes_on, test_disk_full, test_two_at_once, test_values,
                          test_bad_input]))
