#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run_experiments.py - faultline run, replay and lint from the outside, against a real Redis.

    FAULTLINE=build/release/faultline test/conform/run_experiments.py [NAME...]

Each check is a method of Checks; those named (or all) are run, two at a time. What must be so after every run: the exit code, the
files of the run directory, and that no process is left. The last line is `N passed, N failed, N skipped`.
"""
import concurrent.futures
import glob
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.path.join(ROOT, os.environ.get("FAULTLINE", "build/release/faultline")))
WAIT_SECONDS = 60                       # for anything that is to happen soon: only a hang takes so long
FILES = ("experiment.yaml", "run.json", "events.jsonl", "report.html", "report.json", "junit.xml", "logs")

REDIS = """
  - name: redis
    command: [redis-server, --port, "{port:redis}", --bind, 127.0.0.1, --save, "", --appendonly, "no", --dir, "{dir}"]
    ready: {tcp: "127.0.0.1:{port:redis}", send: "PING\\r\\n", expect: "+PONG", within: 30s}
"""
HEAD = "name: t\nseed: 5\nsystem:" + REDIS + """
lines:
  - {name: front, upstream: "127.0.0.1:{port:redis}", key: client}
"""
LOAD = "load: {type: redis, line: front, clients: 4, rate: 50, duration: 3s}\naudit: {model: register}\n"


class Failed(Exception):
    pass


def check(condition, say):
    if not condition:
        raise Failed(say)


def left_running(folder):
    """Processes whose working directory is below the folder, also when that was deleted meanwhile."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cwd"):
        try:
            if os.readlink(path).startswith(os.path.realpath(folder) + "/"):
                found.append(int(path.split("/")[2]))
        except OSError:
            pass
    return found


def until(condition, say):
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        check(time.monotonic() < end, say)
        time.sleep(0.02)


class Checks:
    def __init__(self, folder):
        self.folder = folder
        self.runs = os.path.join(folder, "runs")

    def write(self, text, name="x.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start(self, *argv, **options):
        return subprocess.Popen([PROGRAM, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=self.folder, **options)

    def call(self, *argv, **options):
        """(exit code, standard output, standard error)"""
        p = self.start(*argv, **options)
        try:
            out, err = p.communicate(timeout=4 * WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            p.kill()
            raise Failed("it hangs")
        check(p.returncode != -signal.SIGABRT, "it aborted: " + err)
        return p.returncode, out, err

    def run(self, text, *flags, code, **options):
        """Run an experiment to its end; the run directory and the report."""
        got, out, err = self.call("run", "--runs-dir", self.runs, "--json", *flags, self.write(text), **options)
        check(got == code, f"exit code {got}, expected {code}\n{out[:3000]}\n{err}")
        report = json.loads(out)
        check(report["exit_code"] == code, f"the report says {report['exit_code']}")
        self.judge_dir(report["run_dir"])
        return report

    def judge_dir(self, run_dir):
        for name in FILES:
            check(os.path.exists(os.path.join(run_dir, name)), f"no {name}")
        check(not os.path.exists(os.path.join(run_dir, "data")), "data is left")
        for line in open(os.path.join(run_dir, "events.jsonl"), encoding="utf-8"):
            json.loads(line)
        xml.etree.ElementTree.parse(os.path.join(run_dir, "junit.xml"))
        with open(os.path.join(run_dir, "report.json"), encoding="utf-8") as f:
            check(json.load(f)["run_dir"] == run_dir, "report.json is of another run")
        check(left_running(self.folder) == [], f"left running: {left_running(self.folder)}")

    def only_dir(self):
        dirs = glob.glob(self.runs + "/*")
        check(len(dirs) == 1, f"{len(dirs)} run directories")
        return dirs[0]

    def start_and_await_load(self, text, **options):
        """A run under load: the program, its run directory."""
        p = self.start("run", "--runs-dir", self.runs, self.write(text), **options)
        try:
            until(lambda: any('"what":"load"' in read(f) for f in glob.glob(self.runs + "/*/events.jsonl")) or p.poll() is not None,
                  "the load does not start")
            check(p.poll() is None, "it ended: " + (p.stderr.read() if p.poll() is not None else ""))
        except Failed:
            p.kill()
            p.communicate()
            raise
        return p, self.only_dir()

    # The shipped examples

    def example_held(self):
        code, out, err = self.call("run", "--runs-dir", self.runs, "--json", os.path.join(ROOT, "examples/redis-held.yaml"))
        check(code == 0, f"exit code {code}\n{out[:3000]}\n{err}")
        report = json.loads(out)
        check(report["verdict"] == "held" and report["audit"]["verdict"] == "valid", "verdict")
        self.judge_dir(report["run_dir"])
        check(os.path.getsize(os.path.join(report["run_dir"], "history.jsonl")) > 10000, "no history")
        check(all(f["landed"] for f in report["faults"]), "a fault did nothing")
        check(len(report["faults"]) == 7, "not all faults are told")

    def example_lost_writes(self):
        code, out, err = self.call("run", "--runs-dir", self.runs, "--json", os.path.join(ROOT, "examples/redis-lost-writes.yaml"))
        check(code == 1, f"exit code {code}\n{out[:3000]}\n{err}")
        report = json.loads(out)
        check(report["verdict"] == "finding" and report["audit"]["verdict"] == "invalid", "verdict")
        self.judge_dir(report["run_dir"])
        evidence = report["audit"]["evidence"]
        check(len(evidence) > 0 and len(evidence[0]["operations"]) >= 2, "no operations as evidence")
        page = read(os.path.join(report["run_dir"], "report.html"))
        check("acknowledged" in page, "the page does not tell of the lost write")

    def with_append_only_file_it_holds(self):
        """What the comment in redis-lost-writes.yaml says."""
        text = read(os.path.join(ROOT, "examples/redis-lost-writes.yaml")).replace(
            '--appendonly, "no"', '--appendonly, "yes", --appendfsync, always').replace("duration: 8s", "duration: 6s")
        check(self.run(text, code=0)["audit"]["verdict"] == "valid", "audit")

    # Endings

    def interrupted(self):
        p, run_dir = self.start_and_await_load(HEAD + LOAD.replace("3s", "1h") + "faults: [{at: 0s, on: front, type: latency}]\n")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=WAIT_SECONDS)
        check(p.returncode == 3, f"exit code {p.returncode}\n{out}\n{err}")
        self.judge_dir(run_dir)
        report = json.loads(read(os.path.join(run_dir, "report.json")))
        check(report["verdict"] == "aborted" and "SIGINT" in json.dumps(report["reasons"]), "the reason is not told")

    def interrupted_twice(self):
        """A process that ignores SIGTERM has a grace of a minute; the second Ctrl-C ends that."""
        p, run_dir = self.start_and_await_load(
            "name: t\nduration: 1h\nsystem:\n  - {name: a, command: 'trap \"\" TERM; while :; do sleep 1; done', stop: {grace: 60s}}\n")
        p.send_signal(signal.SIGTERM)
        until(lambda: '"name":"stop"' in read(os.path.join(run_dir, "events.jsonl")), "it does not begin to stop")
        p.send_signal(signal.SIGTERM)
        out, err = p.communicate(timeout=WAIT_SECONDS / 2)
        check(p.returncode == 3, f"exit code {p.returncode}\n{out}\n{err}")
        self.judge_dir(run_dir)

    def killed(self):
        """SIGKILL of the runner alone: its supervisor kills the rest, what fled into another session too."""
        text = HEAD.replace("lines:", "  - {name: b, command: 'setsid sleep 1000 & sleep 1000'}\nlines:") + LOAD.replace("3s", "1h")
        p, run_dir = self.start_and_await_load(text)
        check(len(left_running(self.folder)) >= 4, "redis and the sleepers do not run")
        p.kill()
        p.communicate(timeout=WAIT_SECONDS)
        until(lambda: left_running(self.folder) == [], f"left running: {left_running(self.folder)}")

    def supervisor_killed(self):
        p, run_dir = self.start_and_await_load(HEAD + LOAD.replace("3s", "1h"))
        with open(f"/proc/{p.pid}/task/{p.pid}/stat", encoding="utf-8"):
            keepers = [pid for pid in children(p.pid) if read(f"/proc/{pid}/comm").startswith("faultline-keep")]
        check(len(keepers) == 1, f"{len(keepers)} supervisors")
        os.kill(keepers[0], signal.SIGKILL)
        out, err = p.communicate(timeout=WAIT_SECONDS)
        check(p.returncode == 4, f"exit code {p.returncode}\n{out}\n{err}")
        self.judge_dir(run_dir)

    def disk_full(self):
        """No more than 64 KB a file, which a full disk is to a writer."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        text = HEAD + LOAD + "faults: [{at: 0s, on: front, type: latency, attributes: {latency: 1ms}}]\n"
        code, out, err = self.call("run", "--runs-dir", self.runs, self.write(text.replace("rate: 50", "rate: 500")), preexec_fn=limit)
        check(code == 4, f"exit code {code}\n{out}\n{err}")
        check(re.search(r"faultline run: /.*events\.jsonl cannot be written: File too large", err) is not None, err)
        check(left_running(self.folder) == [], "left running")

    def no_place_for_runs(self):
        code, out, err = self.call("run", "--runs-dir", self.write("", "file") + "/runs", self.write(HEAD + LOAD))
        check(code == 4 and "the run directory cannot be made there: Not a directory" in err and out == "", f"{code} {err}")
        code, out, err = self.call("run", "--json", "--runs-dir", self.write("", "file") + "/runs", self.write(HEAD + LOAD))
        check(code == 4 and json.loads(out)["exit_code"] == 4 and "Not a directory" in json.loads(out)["error"], f"{code} {out} {err}")

    # Files that are wrong: nothing is started

    def wrong_files(self):
        for text, want in (
            (HEAD + LOAD + "faults:\n  - {at: 1s, cutt: front}\n", r"^x\.yaml:13:14: found the key \"cutt\".*did you mean \"cut\"\?$"),
            (HEAD + LOAD + "faults:\n  - {at: 1s, cut: frnt}\n", r"^x\.yaml:13:19: found \"frnt\", expected one of front"),
            (HEAD, r"^x\.yaml:1:1: found neither a load nor a duration"),
            ("name: [", r"^x\.yaml:\d+:\d+: found "),
        ):
            code, out, err = self.call("run", "--runs-dir", self.runs, os.path.basename(self.write(text)))
            check(code == 2 and out == "", f"exit code {code}, {out}")
            check(re.search(want, err, re.M) is not None, f"{err} is not {want}")
            check(not os.path.exists(self.runs), "a run directory was made")
        code, out, err = self.call("run", "--json", os.path.basename(self.write("name: [")))
        document = json.loads(out)
        check(document["exit_code"] == 2 and document["run_dir"] is None and document["error"].startswith("x.yaml:"), out)
        code, out, err = self.call("run", "none.yaml")
        check(code == 2 and err == "none.yaml: cannot be read: No such file or directory\n", f"{code} {err}")

    def usage(self):
        for argv, want in ((["run"], "no experiment given"), (["run", "a", "b"], "more than one file"), (["run", "--seed", "x", "a"], "--seed"),
                           (["run", "--sed", "1", "a"], "faultline run --help"), (["replay"], "no run directory"), (["lint"], "no file")):
            code, out, err = self.call(*argv)
            check(code == 2 and want in err and out == "", f"{argv}: {code} {err}")
        for command in ("run", "replay", "lint"):
            code, out, err = self.call(command, "--help")
            check(code == 0 and out.startswith(f"usage: faultline {command}") and err == "", f"{command}: {code} {err}")

    # Judgements

    def cannot_start(self):
        report = self.run(HEAD.replace("redis-server", "no-such-redis") + LOAD, code=4)
        check("redis cannot be started: no-such-redis: exec: No such file or directory" in json.dumps(report["reasons"]), report["reasons"])

    def never_ready(self):
        report = self.run("name: t\nduration: 1s\nsystem:\n  - {name: a, command: sleep 1000, ready: {tcp: '127.0.0.1:{port:a}', within: 300ms}}\n",
                          code=4)
        check("a was not ready within 300 ms; see logs/a.log" in json.dumps(report["reasons"]), report["reasons"])

    def ends_before_ready(self):
        report = self.run("name: t\nduration: 1s\nsystem:\n  - {name: a, command: 'echo why; exit 3', ready: {tcp: '127.0.0.1:{port:a}'}}\n", code=4)
        check("a ended by itself" in json.dumps(report["reasons"]) and "exited with 3" in json.dumps(report["reasons"]), report["reasons"])
        check(read(os.path.join(report["run_dir"], "logs/a.log")) == "why\n", "the log was not kept")

    def not_steady_before(self):
        report = self.run(HEAD + LOAD + "probes:\n  - {name: up, http: 'http://{line:front}/'}\n", code=4)
        check("not in its steady state before any fault" in json.dumps(report["reasons"]), report["reasons"])

    def ends_by_itself(self):
        report = self.run("name: t\nduration: 2s\nsystem:\n  - {name: a, command: 'sleep 1; exit 7'}\n", code=1)
        check("a ended by itself" in json.dumps(report["reasons"]), report["reasons"])

    def guard_trips(self):
        report = self.run(HEAD + LOAD.replace("3s", "1m") + "faults: [{at: 500ms, down: front}]\nabort_if: [{errors: 90%, for: 1s}]\n", code=3)
        check("abort_if: " in json.dumps(report["reasons"]), report["reasons"])

    def guard_on_exit(self):
        report = self.run("name: t\nduration: 1m\nsystem:\n  - {name: a, command: 'sleep 1'}\nabort_if: [{exit: a}]\n", code=3)
        check("abort_if: a ended, and no fault made it" in json.dumps(report["reasons"]), report["reasons"])

    def not_healed(self):
        report = self.run(HEAD + LOAD.replace("3s", "1s") +
                          "heal_within: 1s\nprobes:\n  - {name: other, tcp: '127.0.0.1:{port:none}', when: after}\n", code=1)
        check("not healed" in json.dumps(report["reasons"]), report["reasons"])

    def expectation_not_met(self):
        report = self.run(HEAD + LOAD.replace("3s", "1s") + "expect: {operations: 1000000}\n", code=1)
        check("at least 1000000 that succeed" in json.dumps(report), report["reasons"])

    def fails_during(self):
        report = self.run(HEAD + LOAD + "faults: [{at: 500ms, for: 2s, pause: redis}]\n"
                          "probes:\n  - {name: up, tcp: '127.0.0.1:{port:redis}', send: \"PING\\r\\n\", expect: PONG, timeout: 200ms,\n"
                          "     every: 200ms, tolerance: 90%}\n", code=1)
        check("during the faults" in json.dumps(report["reasons"]), report["reasons"])

    def tolerated_during(self):
        self.run(HEAD + LOAD + "faults: [{at: 500ms, for: 1s, pause: redis}]\n"
                 "probes:\n  - {name: up, tcp: '127.0.0.1:{port:redis}', send: \"PING\\r\\n\", expect: PONG, timeout: 200ms,\n"
                 "     every: 100ms, tolerance: 10%}\n", code=0)

    def wrong_answers_are_found(self):
        """Bytes that are flipped on the line become answers that nobody can have got."""
        report = self.run(HEAD + LOAD.replace("rate: 50", "rate: 200") +
                          "faults: [{at: 500ms, on: front, type: corrupt, attributes: {rate: 0.02}}]\n", code=1)
        check(report["audit"]["verdict"] == "invalid", report["audit"])

    def restart_and_cut(self):
        report = self.run(HEAD + LOAD.replace("model: register", "model: register, name: keys").replace("audit", "heal_within: 5s\naudit")
                          .replace("audit: {model: register, name: keys}\n", "") + """
faults:
  - {at: 500ms, restart: redis}
  - {at: 1500ms, cut: front, reset: false, repeat: {every: 500ms, times: 2}}
""", code=0)
        check([f["landed"] for f in report["faults"]] == [True, True, True], report["faults"])

    # Replay, lint

    def replayed(self):
        faults = """
faults:
  - {at: 0s, for: 2s, on: front, type: latency, toxicity: 0.6, attributes: {latency: 5ms, jitter: 4ms}}
  - {at: 500ms, for: 1s, on: front, type: slicer, stream: upstream, attributes: {average_size: 12, size_variation: 6}}
"""
        first = self.run(HEAD + LOAD + faults, code=0)
        code, out, err = self.call("replay", "--runs-dir", self.runs, "--json", first["run_dir"])
        check(code == 0, f"exit code {code}\n{out}\n{err}")
        replay = json.loads(out)
        check(replay["recurred"] is True and replay["verdict"] == "held" and replay["exit_code"] == 0, out)
        d = replay["decisions"]
        check(d["equal"] > 100 and d["different"] == 0, out)
        check(replay["run_dir"] != first["run_dir"], "the same directory")
        self.judge_dir(replay["run_dir"])
        with open(os.path.join(replay["run_dir"], "run.json"), encoding="utf-8") as f:
            check(json.load(f)["seed"] == 5, "another seed")
        code, out, err = self.call("replay", self.folder)
        check(code == 2 and "expected the directory of a run" in err and out == "", f"{code} {err}")
        code, out, err = self.call("replay", "--json", self.folder)
        check(code == 2 and json.loads(out)["exit_code"] == 2 and "run.json" in json.loads(out)["error"], f"{code} {out}")

    def seed_and_samples(self):
        """A file beside the experiment is found again by the replay; a random seed is kept."""
        self.write("1\n2.5\n900us\n", "samples.txt")
        text = (HEAD.replace("seed: 5\n", "") + LOAD.replace("3s", "1s") +
                "faults: [{at: 0s, on: front, type: latency, attributes: {distribution: samples, samples: samples.txt}}]\n")
        first = self.run(text, code=0)
        code, out, err = self.call("replay", "--runs-dir", self.runs, "--json", first["run_dir"], env=dict(os.environ, HOME="/"))
        check(code == 0 and json.loads(out)["decisions"]["different"] == 0, f"{code} {out} {err}")
        check(json.loads(read(os.path.join(first["run_dir"], "run.json")))["seed"] == first["seed"], "seed")
        check(self.run(text, "--seed", "77", code=0)["seed"] == 77, "--seed")

    def linted(self):
        for name in ("redis-held.yaml", "redis-lost-writes.yaml"):
            code, out, err = self.call("lint", os.path.join(ROOT, "examples", name))
            check(code == 0 and out.endswith(": ok\n"), f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write(HEAD + "duration: 1s\n"))
        check(code == 1 and "can never find anything" in out, f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write("name: 5\ndurration: 1s\n"))
        check(code == 2 and "did you mean \"duration\"?" in err, f"{code} {out} {err}")
        code, out, err = self.call("lint", "--json", self.write(HEAD + "duration: 1s\n"), self.write("nme: x", "y.yaml"))
        files = json.loads(out)["files"]
        check(code == 2 and [f["verdict"] for f in files] == ["doubtful", "wrong"] and "y.yaml:1:1: " in files[1]["complaints"][0], out)
        code, out, err = self.call("lint", self.write("lines: {a: {listen: '127.0.0.1:0', upstream: 'h:1'}}\n"))
        check(code == 0 and out.endswith(": ok\n"), f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write("api: {prot: 1}\nlines: {}\n"))
        check(code == 2 and "x.yaml:1:7: " in err, f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write('[{"name": "a", "listen": "127.0.0.1:0", "upstream": "h:1"}]\n'))
        check(code == 0 and out.endswith(": ok\n"), f"{code} {out} {err}")

    def kept(self):
        code, out, err = self.call("run", "--runs-dir", self.runs, "--keep", self.write(
            "name: t\nduration: 500ms\nsystem:\n  - {name: a, command: 'echo x > {dir}/file; sleep 1000'}\n"))
        check(code == 0, f"{code} {out} {err}")
        check(read(os.path.join(self.only_dir(), "data/file")) == "x\n", "the file is gone")
        check(left_running(self.folder) == [], "left running")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def children(pid):
    """Pids whose parent is pid."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        stat = read(path).rsplit(")", 1)
        if len(stat) == 2 and int(stat[1].split()[1]) == pid:
            found.append(int(path.split("/")[2]))
    return found


def run_check(checks, name):
    """Why the check of this name failed; None: it did not. What it left running is killed."""
    folder = tempfile.mkdtemp(prefix=f"fl-{name}-")
    try:
        getattr(checks(folder), name)()
        return None
    except Failed as e:
        return str(e)
    except Exception:                   # a check that breaks is a failed one
        return traceback.format_exc()
    finally:
        for pid in left_running(folder):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    names = sys.argv[1:] or [n for n in vars(Checks) if not n.startswith("_") and n not in
                             ("write", "start", "call", "run", "judge_dir", "only_dir", "start_and_await_load")]
    if shutil.which("redis-server") is None:
        for name in names:
            print(f"skip {name} redis-server is not installed")
        print(f"0 passed, 0 failed, {len(names)} skipped")
        return 0
    failed, lock = 0, threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for name, why in zip(names, pool.map(lambda n: run_check(Checks, n), names)):
            with lock:
                print(f"ok {name}" if why is None else f"FAIL {name}\n     " + why.replace("\n", "\n     "), flush=True)
            failed += why is not None
    print(f"{len(names) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
