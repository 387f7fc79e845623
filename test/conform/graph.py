#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""graph.py - `faultline graph` from outside: files in, questions out; kills, full disks, two writers; the daemon's map.

    FAULTLINE=build/release/faultline test/conform/graph.py [NAME...]

The last line is `N passed, N failed, N skipped`; exit 1 when something failed.
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("FAULTLINE", os.path.join(ROOT, "build/release/faultline")))
ESTATE = os.path.join(ROOT, "examples/estate")
ESTATE_FILES = ["faultline.yaml", "backups.jsonl", "spans.jsonl", "ss-apps.txt", "ss-data.txt", "ss-edge.txt"]
LIMIT_SECONDS = 60
# The estate was recorded on 2026-10-31 from 10:00 to 10:15.
THEN = "2026-10-31T10:15Z"


class Skip(Exception):
    pass


def check(ok, detail=""):
    if not ok:
        raise AssertionError(detail)


def span(trace, number, service, kind, parent=None, at=1790000000, error=False, **attributes):
    """One OTLP request of one span, as a collector's file has it."""
    s = {"traceId": "%032x" % trace, "spanId": "%016x" % number, "name": "x", "kind": kind, "startTimeUnixNano": str(at * 10**9),
         "endTimeUnixNano": str(at * 10**9 + 1000000), "status": {"code": 2} if error else {},
         "attributes": [{"key": k.replace("__", "."), "value": {"stringValue": v}} for k, v in attributes.items()]}
    if parent:
        s["parentSpanId"] = "%016x" % parent
    return json.dumps({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                                          "scopeSpans": [{"spans": [s]}]}]})


def call(trace, client, server, at=1790000000):
    """A call seen from both sides."""
    return [span(trace, trace * 10 + 1, client, 3, at=at), span(trace, trace * 10 + 2, server, 2, parent=trace * 10 + 1, at=at)]


class Case:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="graph.")
        self.db = os.path.join(self.dir, "map.db")
        self.children = []

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.kill()
            p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, *words, db=None, stdin=None):
        r = subprocess.run([PROGRAM, "graph", *words, "--store", db or self.db], capture_output=True, timeout=LIMIT_SECONDS, check=False,
                           cwd=ROOT, input=stdin)
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def json(self, *words, code=None, db=None):
        got, out, err = self.run(*words, "--json", db=db)
        check(got == code if code is not None else got in (0, 1), f"{words}: exit code {got}: {err}")
        return json.loads(out)

    def estate(self):
        code, _, err = self.run("import", *[os.path.join("examples/estate", f) for f in ESTATE_FILES])
        check(code == 0, err)

    def lines(self, *words, db=None):
        return {(x["from"], x["to"]) for x in self.json("show", *words, db=db)["lines"]}

    # ---- runs ----

    EXPERIMENT = """
name: tried
seed: 5
system:
  a:
    command: ["{faultline}", answer, --listen, "127.0.0.1:{port:a}", --name, a, --work, 1ms, --capacity, "8"]
    ready: {http: "http://127.0.0.1:{port:a}/health", within: 30s}
lines:
  front: {upstream: "127.0.0.1:{port:a}", key: client, trace: {frames: lines, from: web, to: cart}}
load: {type: http, line: front, rate: 100, duration: 2s, timeout: 5s}
faults:
  - {at: 500ms, for: 500ms, name: gone, down: front}
"""

    def faulted(self, *words, text=None):
        r = subprocess.run([PROGRAM, "run", "-q", "--json", "--runs-dir", os.path.join(self.dir, "runs"), *words,
                            self.write("tried.yaml", text or self.EXPERIMENT)], capture_output=True, timeout=LIMIT_SECONDS, check=False)
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def cells(self, db=None):
        return [(x["from"], x["to"], x["kind"], x["outcome"]) for x in self.json("coverage", db=db)["cells"]]

    def runs_fill_the_coverage(self):
        broken = self.EXPERIMENT + "expect: {goodput: 100%}\n"
        code, out, err = self.faulted("--graph", self.db, text=broken)
        check(code == 1, f"{code} {out[:500]} {err}")
        first = json.loads(out)
        check(first["lines"][0]["from"] == "web" and first["lines"][0]["to"] == "cart", first["lines"])
        check(self.cells() == [("web", "cart", "down", "broke")], self.cells())
        check(self.json("coverage", code=1)["cells"][0]["where"] == first["run_dir"], "another where")
        # The report alone says the same, and counts once.
        other, report = os.path.join(self.dir, "other.db"), os.path.join(first["run_dir"], "report.json")
        got = self.json("import", report, code=0, db=other)
        check(got["files"][0]["format"] == "run" and self.cells(other) == self.cells(), got)
        check(self.json("import", report, code=0, db=other)["files"][0].get("again"), "taken twice")
        # A later run that held counts, and an older report that comes late does not.
        later = dict(first, verdict="held", started="2026-01-01T00:00:00Z")
        self.json("import", self.write("older.json", json.dumps(later)), code=0)
        check(self.cells() == [("web", "cart", "down", "broke")], self.cells())
        # Of variants each tells its own; without --graph nothing is told.
        varied = self.EXPERIMENT + "variants:\n  a: {}\n  b: {load: {rate: 50}}\n"
        third = os.path.join(self.dir, "third.db")
        code, out, err = self.faulted("--graph", third, text=varied)
        check(code == 0, f"{code} {out[:500]} {err}")
        group = json.loads(out)
        reports = [os.path.join(v["run_dir"], "report.json") for v in group["variants"]]
        got = self.json("import", *reports, code=0, db=third)
        check([f.get("again") for f in got["files"]] == [True, True], got)
        code, _, err = self.run("import", os.path.join(group["run_dir"], "report.json"))
        check(code == 2 and "several variants" in err, f"{code} {err}")
        # A map that cannot be: said before anything is started.
        code, _, err = self.faulted("--graph", os.path.join(self.dir, "tried.yaml", "map.db"))
        check(code == 2 and "--graph" in err, f"{code} {err}")

    # ---- the estate, and the questions of doc/graph.md ----

    def estate_questions(self):
        self.estate()
        drift = self.json("drift")
        check([(x["from"], x["to"]) for x in drift["forbidden"]] == [("reports", "orders-db")], drift["forbidden"])
        check([(x["from"], x["to"]) for x in drift["undeclared"]] == [("fraud", "scores.example.net")], drift["undeclared"])
        check(("gift-cards", "tax") in [(x["from"], x["to"]) for x in drift["stale"]], drift["stale"])
        lint = self.json("lint", "--now", THEN)
        found = {(f["rule"], f.get("service", f.get("function"))) for f in lint["findings"]}
        check(("backup-failed", "stock-db") in found and ("restore-untested", "users-db") in found, found)
        check(("rto-inversion", "orders") in found, found)
        impact = self.json("impact", "orders-db")
        check("checkout" in [x["name"] for x in impact["down"]], impact["down"])
        check(all(x["because"] for x in impact["down"]), impact["down"])
        plan = self.json("plan")
        check(plan["stuck"] == 0 and plan["deadlocks"] == [], plan["deadlocks"])
        order = [s["name"] for s in plan["steps"]]
        check(order.index("orders-db") < order.index("orders") and order.index("config") < order.index("checkout"), order)
        check("user" not in order, "users are started")
        order = [s["name"] for s in self.json("plan", "--serving")["steps"]]
        check(order.index("orders-db") < order.index("orders") < order.index("checkout") < order.index("edge-lb"), order)
        blame = self.json("blame", "reports -> orders-db")
        check({e["source"] for e in blame["episodes"]} == {"otlp", "sockets"}, blame["episodes"])
        check(self.json("query", "stateful=true and not backup.last<24h")["services"] != [], "no store without a backup of today")
        names = {s["name"] for s in self.json("query", "from cart downstream hard depth 3")["services"]}
        check({"cart-cache", "prices", "catalog-db"} <= names, names)

    def applications(self):
        """Several services as one: what if all of it fails, how it comes back, and the map of applications."""
        self.estate()
        parts = {"auth", "users", "sessions", "users-db", "session-cache"}
        for words in (("app=identity",), ("--down", "app=identity")):
            down = self.json("impact", *words)["down"]
            check({d["name"] for d in down if d["hop"] == 0} == parts, down)
            check({"web", "mobile-api"} <= {d["name"] for d in down if d["hop"] == 1}, down)
        steps = {s["name"] for s in self.json("plan", "app=identity")["steps"]}
        check(parts <= steps and "orders-db" not in steps, steps)
        check(parts <= {s["name"] for s in self.json("show", "app=identity")["services"]})
        code, out, err = self.run("export", "--apps", "--csv")
        rolled = {tuple(row.split(",")[:2]) for row in out.split("\n")[1:] if row}
        shown = {(line["from"], line["to"]) for line in self.json("show", "--apps")["lines"]}
        check(code == 0 and rolled == shown and ("front", "identity") in rolled and not any(a == b for a, b in rolled), (rolled ^ shown, err))
        check("an application: app=identity" in self.run("impact", "identity")[2])
        check("no application" in self.run("impact", "app=nobody")[2])

    def doc_commands(self):
        """Every command of doc/graph.md that begins with `faultline graph` runs, on the estate."""
        self.estate()
        with open(os.path.join(ROOT, "doc/graph.md"), encoding="utf-8") as f:
            text = f.read()
        commands = [m.strip() for m in re.findall(r"^    faultline graph (.*)$", text, re.M)]
        check(len(commands) >= 15, commands)
        for command in commands:
            if command.startswith(("watch", "import")) or "--run" in command:
                continue
            command = re.sub(r" > \S+$", "", command)
            r = subprocess.run(["sh", "-c", f"\"$0\" graph {command} --store \"$1\"", PROGRAM, self.db], capture_output=True,
                               timeout=LIMIT_SECONDS, check=False, cwd=ROOT)
            check(r.returncode in (0, 1), f"{command}: {r.returncode} {r.stderr.decode()}")

    def prints_for_people(self):
        self.estate()
        for words in (["show"], ["impact", "orders-db"], ["impact", "--spof"], ["impact", "--shared"], ["plan"], ["plan", "--shutdown"], ["lint"],
                      ["drift"], ["alerts"], ["coverage"], ["plan", "--markdown"], ["plan", "--html"], ["show", "--apps"], ["fact"], ["ack"]):
            code, out, err = self.run(*words)
            check(code in (0, 1) and out != "" and err == "", f"{words}: {code} {err}")

    # ---- what comes twice, late, or broken ----

    def twice_counts_once(self):
        path = self.write("a.jsonl", "\n".join(call(1, "web", "cart") + call(2, "web", "cart")))
        self.run("import", path)
        first = self.json("show")
        again = self.json("import", path)
        check(again["files"][0]["again"] is True and again["sightings"] == 0, again)
        check(self.json("show") == first and first["lines"][0]["count"] == 2, first)

    def order_of_files(self):
        files = [self.write(f"f{i}.jsonl", "\n".join(call(i, "a", "bcdef"[i % 5], at=1790000000 + i * 7000))) for i in range(12)]
        maps = []
        for k, order in enumerate((files, files[::-1], files[1::2] + files[::2])):
            db = os.path.join(self.dir, f"o{k}.db")
            for f in order:
                check(self.run("import", f, db=db)[0] == 0)
            shown = self.json("show", db=db)
            maps.append((sorted(map(json.dumps, shown["lines"])), sorted(s["name"] for s in shown["services"])))
        check(maps[0] == maps[1] == maps[2], maps)

    def halves_of_a_call(self):
        """Named together they make a line; apart the first waits for the second, whichever that is."""
        a, b = (self.write(f"half-{i}.json", text) for i, text in enumerate(call(1, "web", "cart")))
        for i, files in enumerate(([a, b], [b, a])):
            db = os.path.join(self.dir, f"apart-{i}.db")
            code, out, err = self.run("import", files[0], db=db)
            check(code == 0 and "1 of 1 spans came without the other side" in out and "1 wait now" in out, f"{code} {out} {err}")
            check(("web", "cart") not in self.lines(db=db), self.lines(db=db))
            code, out, err = self.run("import", files[1], db=db)
            check(code == 0 and "1 calls have both sides now" in out, f"{code} {out} {err}")
            check(self.counts(db) == [("web", "cart", 1)], self.counts(db))
        both = os.path.join(self.dir, "both.db")
        code, out, err = self.run("import", a, b, db=both)
        check(code == 0 and "wait" not in out, f"{code} {out} {err}")
        check(self.counts(both) == [("web", "cart", 1)], self.counts(both))

    def counts(self, db):
        return sorted((x["from"], x["to"], x["count"]) for x in self.json("show", db=db)["lines"])

    def spans_of_the_estate_apart(self):
        """Dealt out at random over several imports they say what they say in one."""
        with open(os.path.join(ESTATE, "spans.jsonl"), encoding="utf-8") as f:
            requests = [json.loads(line) for line in f if line.strip()]
        spans = [json.dumps({"resourceSpans": [{"resource": r["resource"], "scopeSpans": [{"spans": [s]}]}]})
                 for q in requests for r in q["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]]
        whole = os.path.join(self.dir, "whole.db")
        self.run("import", self.write("whole.jsonl", "\n".join(spans)), db=whole)
        deal = random.Random(5)
        for turn in range(2):
            parts, db = [[] for _ in range(3 + turn)], os.path.join(self.dir, f"dealt-{turn}.db")
            for s in spans:
                deal.choice(parts).append(s)
            for part in parts:
                code, _, err = self.run("import", self.write("part.jsonl", "\n".join(part)), db=db)
                check(code == 0, err)
            check(self.counts(db) == self.counts(whole), set(self.counts(db)) ^ set(self.counts(whole)))

    def bad_files_change_nothing(self):
        good = self.write("good.jsonl", "\n".join(call(1, "web", "cart")))
        for name, text in (("broken.yaml", "services:\n  a: {needs: [b]}\n  c: {tier: [}\n"), ("unknown.yaml", "services:\n  a: {teir: 1}\n"),
                           ("cut.json", span(1, 1, "a", 3)[:-20]), ("noise.bin", "\x01\x02 what is this \x03")):
            code, out, err = self.run("import", good, self.write(name, text))
            check(code == 2 and name in err and out == "", f"{name}: {code} {out} {err}")
            check(not os.path.exists(self.db) or self.json("show")["lines"] == [], name)
        code, _, err = self.run("import", os.path.join(self.dir, "no-such-file"))
        check(code == 2 and "no-such-file" in err, err)

    def declared_and_withdrawn(self):
        path = self.write("f.yaml", "services:\n  a: {needs: [b, c]}\n")
        self.run("import", path)
        check(self.lines() == {("a", "b"), ("a", "c")}, self.lines())
        self.write("f.yaml", "services:\n  a: {needs: [b]}\n")
        self.run("import", path)
        check(self.lines() == {("a", "b")}, self.lines())
        blame = self.json("diff", "-1h", "--recorded")
        check([(x["from"], x["to"]) for x in blame["lines"]["added"]] == [("a", "b")], blame)

    # ---- groups ----

    def cluster_dumps(self, members, uses):
        """Dumps of the hosts of an etcd cluster, each of which gossips with the next, and of a client that uses some of them."""
        files = []
        for i in members:
            peer = members[(members.index(i) + 1) % len(members)]
            files.append(self.write(f"etcd-{i}.ss",
                f"LISTEN 0 1 10.2.0.{i}:2379 0.0.0.0:* users:((\"etcd\",pid=1,fd=3))\n"
                f"LISTEN 0 1 10.2.0.{i}:2380 0.0.0.0:* users:((\"etcd\",pid=1,fd=4))\n"
                f"ESTAB 0 0 10.2.0.{i}:4{len(members)}00{i} 10.2.0.{peer}:2380 users:((\"etcd\",pid=1,fd=5))\n"))
        files.append(self.write("api.ss", "LISTEN 0 1 10.2.0.9:80 0.0.0.0:* users:((\"api\",pid=1,fd=3))\n" + "".join(
            f"ESTAB 0 0 10.2.0.9:5000{i} 10.2.0.{i}:2379 users:((\"api\",pid=1,fd=4))\n" for i in uses)))
        return files

    def group_of(self, *words):
        services = {s["name"]: s for s in self.json("show", *words)["services"]}
        return [(g["need"], len(g["of"])) for s in services.values() if s["name"].endswith("api") for g in s.get("groups", [])]

    def groups_have_a_past(self):
        """A cluster of three becomes one of five: each time has its own answer."""
        self.json("import", *self.cluster_dumps([1, 2, 3], [1, 2, 3]), "--time", "2026-03-01T12:00Z", code=0)
        self.json("import", *self.cluster_dumps([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), "--time", "2026-03-05T12:00Z", code=0)
        check(self.group_of("--at", "2026-03-01T13:00Z") == [(2, 3)], self.group_of("--at", "2026-03-01T13:00Z"))
        check(self.group_of("--at", "2026-03-03T13:00Z") == [], "a group between its episodes")
        check(self.group_of("--at", "2026-03-05T13:00Z") == [(3, 5)], self.group_of("--at", "2026-03-05T13:00Z"))
        check(self.group_of() == [(3, 5)], self.group_of())
        names = [s["name"] for s in self.json("show")["services"]]
        one, two, three = (next(n for n in names if n.endswith(f"etcd-{i}")) for i in (1, 2, 3))
        api = next(n for n in names if n.endswith("api"))
        hit = lambda *words: [x["name"] for x in self.json("impact", one, two, *words)["down"] if x["name"] == api]
        check(hit("--at", "2026-03-01T13:00Z") == [api] and hit("--at", "2026-03-05T13:00Z") == [], "impact does not ask the group of its time")
        risks = [x["name"] for x in self.json("impact", one, "--at", "2026-03-01T13:00Z")["at_risk"]]
        check(api in risks, risks)
        diff = self.json("diff", "2026-03-01T13:00Z", "2026-03-05T13:00Z")["groups"]
        check([(g["need"], len(g["of"]), g["before"]["need"], len(g["before"]["of"])) for g in diff["changed"]] == [(3, 5, 2, 3)], diff)
        check(diff["added"] == [] and diff["removed"] == [], diff)
        told = self.json("blame", f"{api} -> {three}")["episodes"]
        check([(e["need"], e["of"]) for e in told if "need" in e] == [(2, 3), (3, 5)], told)
        for words in (["diff", "2026-03-01T13:00Z", "2026-03-05T13:00Z"], ["show"]):
            _, out, _ = self.run(*words)
            check(f"{api} needs 3 of" in out, out)

    WATCHED = """
import socket, sys, time
me, listen, peers = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
open_sockets = []
for port in listen:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((me, int(port)))
    s.listen()
    open_sockets.append(s)
while peers:
    host, port = peers[0].split(":")
    try:
        open_sockets.append(socket.create_connection((host, int(port)), 1))
        peers.pop(0)
    except OSError:
        time.sleep(0.1)
time.sleep(600)
"""

    def watch_tells_groups(self):
        """Three hosts of an etcd and one that uses it, each a network namespace of this machine: watch sees who needs how many."""
        for name in ("etcd", "api"):
            shutil.copy(os.path.realpath(sys.executable), os.path.join(self.dir, name))
        peer = self.write("peer.py", self.WATCHED)
        script = ("mount -t tmpfs none /run && mkdir -p /run/netns && ip link add br0 type bridge && ip link set br0 up && ip link set lo up || exit 77; "
                  "for i in 1 2 3 9; do ip netns add n$i && ip link add v$i type veth peer name e0 netns n$i && ip link set v$i master br0 up && "
                  "ip -n n$i addr add 10.77.0.$i/24 dev e0 && ip -n n$i link set e0 up && ip -n n$i link set lo up || exit 77; done; ")
        for i in (1, 2, 3):
            script += f"ip netns exec n{i} {self.dir}/etcd {peer} 10.77.0.{i} 2379,2380 10.77.0.{i % 3 + 1}:2380 & "
        script += f"ip netns exec n9 {self.dir}/api {peer} 10.77.0.9 80 10.77.0.1:2379,10.77.0.2:2379,10.77.0.3:2379 & "
        script += (f"{PROGRAM} graph watch --store {self.db} --every 1s >/dev/null 2>&1 & "
                   f"for i in $(seq 100); do sleep 0.3; {PROGRAM} graph show --json --store {self.db} 2>/dev/null | grep -q '\"need\":2' && break; done; "
                   "exit 0")         # the others end with the first process of their namespace
        r = subprocess.run(["unshare", "-rmnp", "--fork", "--mount-proc", "sh", "-c", script], capture_output=True, timeout=LIMIT_SECONDS, check=False)
        if r.returncode == 77 or b"unshare" in r.stderr:
            raise Skip(f"no network of our own can be made here: {r.stderr.decode()[:200]}")
        shown = self.json("show")
        groups = [(s["name"], g["need"], len(g["of"]), g["source"]) for s in shown["services"] for g in s.get("groups", [])]
        check(groups == [("n9", 2, 3, "sockets")], (groups, r.stderr.decode()[:500]))
        gossip = {x["strength"] for x in shown["lines"] if x["from"] != "n9"}
        check(gossip == {"soft"}, "a member that fails takes others down")

    # ---- two phases with one new line ----

    def two_phases(self):
        """Eleven days of the same calls; on the last day one more."""
        start, hour = 1790000000 // 3600 * 3600, 3600
        known = [("web", "cart"), ("web", "search"), ("cart", "redis-proxy"), ("search", "index")]
        spans, n = [], 0
        for h in range(0, 24 * 10, 2):
            for client, server in known:
                n += 1
                spans += call(n, client, server, at=start + h * hour)
        self.run("import", self.write("one.jsonl", "\n".join(spans)))
        spans = []
        for h in range(24 * 10, 24 * 11, 2):
            for client, server in known + [("cart", "bank")]:
                n += 1
                spans += call(n, client, server, at=start + h * hour)
        self.run("import", self.write("two.jsonl", "\n".join(spans)))
        end = "@%d" % (start + 24 * 11 * hour)
        alerts = self.json("alerts", "--at", end, code=1)
        check([(a["kind"], a["from"], a["to"]) for a in alerts["alerts"]] == [("new_line", "cart", "bank")], alerts)
        check(alerts["learning"]["complete"] and alerts["learning"]["unseen_mass"] < 0.01, alerts["learning"])
        diff = self.json("diff", "@%d" % (start + 24 * 10 * hour - 1), end)
        check([(x["from"], x["to"]) for x in diff["lines"]["added"]] == [("cart", "bank")], diff["lines"])
        check(diff["lines"]["removed"] == [] and diff["services"] == {"added": ["bank"], "removed": []}, diff)
        check(self.json("alerts", "--at", "@%d" % (start + 24 * 10 * hour - hour), code=0)["alerts"] == [], "an alert before there was anything new")
        self.run("ack", "cart -> bank", "--for", "9d", "--why", "on trial")
        alerts = self.json("alerts", "--at", end, code=0)
        check(alerts["alerts"] == [] and len(alerts["acknowledged"]) == 1, alerts)
        self.run("ack", "cart -> bank", "--drop")
        check(len(self.json("alerts", "--at", end, code=1)["alerts"]) == 1, "a dropped acknowledgement silences still")
        # As it was before the second import nobody knew of it.
        check(("cart", "bank") in self.lines() and ("cart", "bank") not in self.lines("--known", "-1d"), "known before it was told")

    def learning_and_baseline(self):
        """Too little was seen to call anything new; a baseline ends that."""
        self.run("import", self.write("one.jsonl", "\n".join(call(1, "web", "cart"))))
        check(self.json("alerts", code=0)["learning"]["complete"] is False, "learned from one call")
        self.run("ack", "--baseline", "now")
        self.run("import", self.write("two.jsonl", "\n".join(call(2, "web", "cart") + call(3, "cart", "bank"))))
        alerts = self.json("alerts", code=1)["alerts"]
        check([(a["from"], a["to"]) for a in alerts] == [("cart", "bank")], alerts)

    def vanished_line(self):
        start, hour = 1790000000 // 3600 * 3600, 3600
        spans, n = [], 0
        for h in range(0, 24 * 12):
            for client, server, until in (("web", "cart", 24 * 12), ("web", "old", 24 * 10)):
                n += 1
                spans += call(n, client, server, at=start + h * hour) if h < until else []
        self.run("import", self.write("a.jsonl", "\n".join(spans)))
        alerts = self.json("alerts", "--at", "@%d" % (start + 24 * 12 * hour), code=1)["alerts"]
        check([(a["kind"], a["from"], a["to"]) for a in alerts] == [("vanished_line", "web", "old")], alerts)

    def alerts_are_told_once(self):
        """To a command: what it read on its input is kept."""
        self.estate()
        told = os.path.join(self.dir, "told")
        target = f"command=cat >> {told}"
        for _ in range(2):
            subprocess.run([PROGRAM, "graph", "watch", "--store", self.db, "--for", "1s", "--every", "1s", "--alert", target],
                           capture_output=True, timeout=LIMIT_SECONDS, check=False)
        with open(told, encoding="utf-8") as f:
            text = f.read()
        check(text.count("forbidden_line") >= 1 and text.count('"from":"reports"') == 1, text)

    # ---- the store ----

    def killed_while_importing(self):
        """However early or late the kill comes: all of the batch is there, or nothing of it."""
        path = self.write("a.jsonl", "\n".join(s for i in range(1, 4000) for s in call(i, f"c{i % 97}", f"s{i % 89}")))
        whole = None
        for turn in range(12):
            db = os.path.join(self.dir, f"k{turn}.db")
            p = subprocess.Popen([PROGRAM, "graph", "import", path, "--store", db], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.children.append(p)
            try:
                p.wait(0.004 * 1.7 ** turn)
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
                p.wait()
            if not os.path.exists(db) or self.run("show", db=db)[0] != 0:
                continue
            n = len(self.lines(db=db))
            check(self.run("import", path, db=db)[0] == 0)
            whole = whole or len(self.lines(db=db))
            check(n in (0, whole) and len(self.lines(db=db)) == whole, (n, whole))

    def killed_fifty_times(self):
        """Halves of calls, import by import, each killed at some moment and then made whole: at last it is as if nobody had been killed."""
        calls = [call(i, f"c{i % 7}", f"s{i % 5}") for i in range(1, 401)]
        deal, files = random.Random(11), []
        halves = [h for c in calls for h in c]
        deal.shuffle(halves)
        for k in range(50):
            files.append(self.write(f"part-{k}.jsonl", "\n".join(halves[k::50])))
        killed = 0
        for k, path in enumerate(files):
            p = subprocess.Popen([PROGRAM, "graph", "import", path, "--store", self.db], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.children.append(p)
            try:
                p.wait(deal.uniform(0.001, 0.06))
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
                killed += p.wait() == -signal.SIGKILL
            code, _, err = self.run("import", path)
            check(code == 0, err)
        check(killed > 0, "nobody was killed")
        whole = os.path.join(self.dir, "whole.db")
        self.run("import", *files, db=whole)
        check(self.counts(self.db) == self.counts(whole), (self.counts(self.db), self.counts(whole)))
        check(sum(c for _, _, c in self.counts(self.db)) == 400, "calls were lost, or count twice")

    def small_disk(self, size, script):
        mount = os.path.join(self.dir, "small")
        os.mkdir(mount)
        head = f"mount -t tmpfs -o size={size} none {mount} || exit 77; export STORE={mount}/m.db SMALL={mount}; "
        r = subprocess.run(["unshare", "-rm", "sh", "-c", head + script], capture_output=True, timeout=LIMIT_SECONDS, check=False)
        if r.returncode == 77 or b"unshare" in r.stderr:
            raise Skip("no file system of our own can be mounted here")
        return r

    def read_only_medium(self):
        """A map where nothing can be written is read; what would write is refused with the reason, and says nothing else."""
        one, two = (self.write(f"{i}.jsonl", "\n".join(call(i, "web", f"s{i}"))) for i in (1, 2))
        r = self.small_disk("8m", f"{PROGRAM} graph import {one} --store $STORE >/dev/null || exit 1; mount -o remount,ro $SMALL; "
                            f"{PROGRAM} graph show --json --store $STORE >{self.dir}/shown.json || exit 2; "
                            f"{PROGRAM} graph import {two} --store $STORE 2>{self.dir}/err && exit 3; "
                            f"{PROGRAM} graph import {two} --store $SMALL/new.db 2>>{self.dir}/err && exit 4; "
                            f"{PROGRAM} graph show --store $SMALL/none.db 2>>{self.dir}/err && exit 5; exit 0")
        check(r.returncode == 0, f"{r.returncode} {r.stderr.decode()}")
        with open(f"{self.dir}/shown.json", encoding="utf-8") as f:
            check([(x["from"], x["to"]) for x in json.load(f)["lines"]] == [("web", "s1")], "the map on it is not read")
        with open(f"{self.dir}/err", encoding="utf-8") as f:
            told = f.read().strip().split("\n")
        check(len(told) == 3 and "m.db" in told[0] and "writ" in told[0] and "new.db" in told[1] and "no map" in told[2], told)

    def watch_on_a_full_disk(self):
        """A receiver on 2 MB: it refuses when that is full, what was there is whole, and it goes on when there is room."""
        text = "\n".join(s for k in range(3000) for s in call(k + 1, f"client-{k}", f"server-{k}"))
        feed = self.write("feed.py", f"""
import json, re, subprocess, sys, urllib.request, urllib.error
p = subprocess.Popen([{PROGRAM!r}, "graph", "watch", "--no-sockets", "--otlp-port", "0", "--store", sys.argv[1]], stderr=subprocess.PIPE, text=True)
port = None
for line in p.stderr:
    found = re.match(r"OTLP on 127.0.0.1:(\\d+)", line)
    if found:
        port = int(found.group(1))
        break
def post(n):
    spans = [json.loads(s)["resourceSpans"][0] for s in calls[2 * n:2 * n + 2 * 100]]
    q = urllib.request.Request(f"http://127.0.0.1:{{port}}/v1/traces", data=json.dumps({{"resourceSpans": spans}}).encode(),
                               headers={{"Content-Type": "application/json"}})
    try:
        return urllib.request.urlopen(q, timeout=20).status
    except urllib.error.HTTPError as e:
        return e.code
calls = open(sys.argv[2]).read().split("\\n")
codes, at = [], 0
while at < 3000:
    codes.append(post(at))
    if codes[-1] == 200:
        at += 100
    elif codes.count(503) == 1:
        shown = subprocess.run([{PROGRAM!r}, "graph", "show", "--json", "--store", sys.argv[1]], capture_output=True)
        full = len(json.loads(shown.stdout)["lines"]) if shown.returncode == 0 else -1
        subprocess.run(["mount", "-o", "remount,size=200m", sys.argv[3]], check=True)
p.terminate()
p.wait(20)
print(json.dumps({{"codes": sorted(set(codes)), "full": full, "acknowledged": codes.index(503) * 100}}))
""")
        feed_in = self.write("feed.jsonl", text)
        r = self.small_disk("2m", f"python3 {feed} $STORE {feed_in} $SMALL >{self.dir}/told.json || exit 1; "
                            f"{PROGRAM} graph show --json --store $STORE >{self.dir}/shown.json || exit 2")
        check(r.returncode == 0, f"{r.returncode} {r.stderr.decode()}")
        with open(f"{self.dir}/told.json", encoding="utf-8") as f:
            told = json.load(f)
        check(told["codes"] == [200, 503] and told["full"] == told["acknowledged"] > 0, told)
        with open(f"{self.dir}/shown.json", encoding="utf-8") as f:
            lines = json.load(f)["lines"]
        check(len(lines) == 3000 and all(x["count"] == 1 for x in lines), len(lines))

    def full_disk(self):
        """In a small file system of its own: refused, told, nothing broken; and it goes on when there is room."""
        mount = os.path.join(self.dir, "small")
        os.mkdir(mount)
        first, more = [self.write(f"{i}.jsonl", "\n".join(s for k in range(n) for s in call(i * 100000 + k + 1, f"client-{i}-{k}", f"server-{k}")))
                       for i, n in ((1, 20), (2, 6000))]
        script = (f"mount -t tmpfs -o size=1500k none {mount} || exit 77; "
                  f"{PROGRAM} graph import {first} --store {mount}/m.db >/dev/null || exit 1; "
                  f"{PROGRAM} graph import {more} --store {mount}/m.db 2>{self.dir}/err; echo $? >{self.dir}/code; "
                  f"{PROGRAM} graph show --json --store {mount}/m.db >{self.dir}/after.json || exit 2; "
                  f"mount -o remount,size=200m {mount}; "
                  f"{PROGRAM} graph import {more} --store {mount}/m.db >/dev/null || exit 3; "
                  f"{PROGRAM} graph show --json --store {mount}/m.db >{self.dir}/later.json || exit 4")
        r = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, timeout=LIMIT_SECONDS, check=False)
        if r.returncode == 77 or b"unshare" in r.stderr:
            raise Skip("no file system of our own can be mounted here")
        check(r.returncode == 0, f"{r.returncode} {r.stderr.decode()}")
        with open(f"{self.dir}/code", encoding="utf-8") as f, open(f"{self.dir}/err", encoding="utf-8") as e:
            check(f.read().strip() == "2" and "full" in e.read(), "a full disk was not told")
        with open(f"{self.dir}/after.json", encoding="utf-8") as f:
            check(len(json.load(f)["lines"]) == 20, "what was there before is not")
        with open(f"{self.dir}/later.json", encoding="utf-8") as f:
            check(len(json.load(f)["lines"]) == 6020, "it did not go on")

    def two_writers(self):
        files = [self.write(f"{i}.jsonl", "\n".join(s for k in range(200) for s in call(i * 1000 + k + 1, f"c{i}", f"s{k}"))) for i in range(1, 9)]
        for f in files:
            self.children.append(subprocess.Popen([PROGRAM, "graph", "import", f, "--store", self.db], stdout=subprocess.DEVNULL))
        check(all(p.wait(LIMIT_SECONDS) == 0 for p in self.children), "a writer gave up")
        check(len(self.lines()) == 1600, len(self.lines()))

    def two_writers_and_a_reader(self):
        """The reader sees whole batches, and never less than before; both halves of each call come from different writers."""
        writers, reads = [], []
        for side in (0, 1):
            files = [self.write(f"w{side}-{i}.jsonl", "\n".join(call(i * 100 + k + 1, f"c{i}", f"s{k}")[side] for k in range(20))) for i in range(10)]
            script = "".join(f"{PROGRAM} graph import {f} --store {self.db} >/dev/null || exit 1; " for f in files)
            writers.append(subprocess.Popen(["sh", "-c", script]))
        self.children += writers
        while any(p.poll() is None for p in writers):
            code, out, err = self.run("show", "--json")
            check(code == 0 or "no map" in err, f"{code} {err}")
            if code == 0:
                reads.append(sum(1 for x in json.loads(out)["lines"] if x["to"].startswith("s")))
        check([p.wait() for p in writers] == [0, 0], "a writer gave up")
        check(reads == sorted(reads) and all(n % 20 == 0 for n in reads), reads)
        got = self.counts(self.db)
        check(len(got) == 200 and all(c == 1 for _, _, c in got), (len(got), got[:5]))

    # ---- the runbook ----

    def runbook(self):
        done = os.path.join(self.dir, "done")
        path = self.write("f.yaml", f"services:\n  db: {{recover.command: \"echo db >> {done}\"}}\n"
                          f"  app: {{needs: [db], recover.command: \"test -f {done}.ok && echo app >> {done}\"}}\n"
                          f"  web: {{needs: [app], recover.command: \"echo web >> {done}\"}}\n")
        self.run("import", path)
        journal = os.path.join(self.dir, "journal")
        code, _, err = self.run("plan", "--run", "--journal", journal)
        check(code == 1 and "app" in err, f"{code} {err}")
        check(self.run("plan", "--run", "--journal", journal)[0] == 2, "a journal was begun anew")
        self.write("done.ok", "")
        code, _, err = self.run("plan", "--run", "--resume", journal, "--drill")
        check(code == 0, f"{code} {err}")
        with open(done, encoding="utf-8") as f:
            check(f.read().split() == ["db", "app", "web"], "steps in another order, or twice")
        steps = {s["name"]: s["takes_from"] for s in self.json("plan")["steps"]}
        check(steps["app"] == "drill" and steps["web"] == "drill", steps)

    # ---- questions and their mistakes ----

    def mistakes_have_a_caret(self):
        self.estate()
        for question, word in (("tier=1 adn kind=datastore", "adn"), ("teir=1", "teir"), ("from no-such-thing downstream", "no-such-thing"),
                               ("tier=", "="), ("(tier=1", "(")):
            code, out, err = self.run("query", question)
            check(code == 2 and out == "" and "^" in err, f"{question}: {code} {err}")
            line, caret = err.rstrip("\n").split("\n")[-2:]
            if word not in "=(":
                check(line[caret.index("^"):].startswith(word), err)
        code, _, err = self.run("impact", "order")
        check(code == 2 and "did you mean \"orders\"" in err, err)
        check(self.run("diff", "tomorrow-ish")[0] == 2, "a time that is none")
        check(self.run("show", "--at", "2026-02-30")[0] == 2, "a day that is none")

    def facts_by_hand(self):
        self.estate()
        check(self.run("fact", "register", "pci", "boolean", "handles card data")[0] == 0)
        check(self.json("query", "pci")["services"] == [], "a fact out of nothing")
        check(self.run("fact", "set", "payment", "pci=perhaps")[0] == 2, "a value of another type")
        self.run("fact", "set", "payment", "pci=true", "note=by hand")
        check([s["name"] for s in self.json("query", "pci")["services"]] == ["payment"], "the fact is not there")
        self.run("fact", "set", "payment", "pci=")
        check(self.json("query", "pci")["services"] == [], "a dropped fact holds")

    # ---- the daemon ----

    def daemon(self):
        log = open(os.path.join(self.dir, "log"), "wb")
        p = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--graph", self.db, "--otlp-port", "0", "--zipkin-port", "-1"], stdout=subprocess.PIPE,
                             stderr=log)
        self.children.append(p)
        address = port = None
        for raw in p.stdout:
            line = json.loads(raw)
            address, port = line.get("address", address), line.get("otlp_port", port)
            if line["message"] == "ready":
                break
        def ask(method, path, body=None, to=None, kind="application/json"):
            q = urllib.request.Request(f"http://{to or address}{path}", data=body, method=method, headers={"Content-Type": kind})
            try:
                with urllib.request.urlopen(q, timeout=LIMIT_SECONDS) as a:
                    return a.status, a.read()
            except urllib.error.HTTPError as e:
                return e.code, e.read()
        status, _ = ask("POST", "/v1/traces", call(1, "web", "cart")[0].encode(), f"127.0.0.1:{port}")
        check(status == 200, status)
        status, _ = ask("POST", "/v1/traces", call(1, "web", "cart")[1].encode(), f"127.0.0.1:{port}")
        check(status == 200, status)
        with open(os.path.join(ESTATE, "faultline.yaml"), "rb") as f:
            status, body = ask("POST", "/v1/graph/import?name=estate.yaml", f.read())
        check(status == 200 and json.loads(body)["services"] >= 40, body)
        status, body = ask("GET", "/v1/graph/impact/orders-db")
        check(status == 200 and any(x["name"] == "checkout" for x in json.loads(body)["down"]), body)
        status, body = ask("GET", "/v1/graph/query?" + urllib.parse.urlencode({"q": "tier=1 and kind=datastore"}))
        check(status == 200 and len(json.loads(body)["services"]) >= 3, body)
        check(ask("GET", "/v1/graph/query?q=teir%3D1")[0] == 400)
        check(ask("GET", "/v1/graph/impact/nobody")[0] == 404)
        check(ask("GET", "/v1/graph/nonsense")[0] == 404)
        check(ask("POST", "/v1/graph/import/etc/passwd", b"x")[0] == 400, "a file of the daemon's machine was read")
        check(ask("POST", "/v1/graph/fact/set/orders/team%3Dx")[0] == 200)
        check(json.loads(ask("GET", "/v1/graph/query?q=team%3Dx")[1])["services"][0]["name"] == "orders")
        status, body = ask("GET", "/metrics")
        have = dict(x.rsplit(" ", 1) for x in body.decode().splitlines() if not x.startswith("#"))
        check(status == 200 and have.get("faultline_spans_taken_total") == "2", body)
        check(have.get('faultline_span_batches_total{result="acknowledged"}') == "2", body)
        check(have.get("faultline_map_sightings_dropped_total") == "0", body)
        check(json.loads(ask("GET", "/v1/status")[1])["map"]["dropped"] == 0, "drops")
        p.terminate()
        check(p.wait(LIMIT_SECONDS) == 0, "the daemon did not end well")
        log.close()
        check(("web", "cart") in self.lines(), self.lines())


def main():
    names = sys.argv[1:] or [n for n, f in vars(Case).items() if callable(f) and not n.startswith("_") and
                             n not in ("close", "write", "run", "json", "estate", "lines", "faulted", "cells", "cluster_dumps", "group_of", "counts", "small_disk")]
    passed, failed, skipped = 0, 0, 0
    for name in names:
        case = Case()
        try:
            getattr(case, name)()
            passed += 1
        except Skip as e:
            skipped += 1
            print(f"skip {name}: {e}")
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc(limit=4)}")
        finally:
            case.close()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
