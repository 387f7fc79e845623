#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_history.py - faultline check from the outside: history -> verdict, exit code and evidence, and what is refused.

    FAULTLINE=build/release/faultline test/conform/check_history.py [NAME...]

The last line is `N passed, N failed, N skipped`.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.path.join(ROOT, os.environ.get("FAULTLINE", "build/release/faultline")))
SECONDS = 120                           # only a hang takes so long


class Failed(Exception):
    pass


def want(condition, say):
    if not condition:
        raise Failed(say)


def event(process, kind, f, value=None, key="k", **more):
    return {"process": process, "type": kind, "f": f, "key": key, "value": value, "time": more.pop("time", 0), **more}


def both(process, f, value=None, key="k", outcome="ok", asked=None, **more):
    """Call and answer at once. A read asks for nothing and gets value."""
    return [event(process, "invoke", f, asked if f == "read" else value, key), event(process, outcome, f, value, key, **more)]


def check(events, *flags, model="cas-register", text=None):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as f:
        f.write(text if text is not None else "".join(json.dumps(e) + "\n" for e in events))
    try:
        return subprocess.run([PROGRAM, "check", f.name, "--model", model, *flags], capture_output=True, text=True, timeout=SECONDS,
                              stdin=subprocess.DEVNULL, check=False)
    finally:
        os.unlink(f.name)


def judge(events, verdict, **how):
    """The verdict as JSON and as text, with the exit code that belongs to it. returns the document."""
    code = {"valid": 0, "invalid": 1, "unknown": 4}[verdict]
    run = check(events, "--json", **how)
    want(run.returncode == code, f"exit code {run.returncode}, wanted {code}: {run.stdout}{run.stderr}")
    said = json.loads(run.stdout)
    want(said["verdict"] == verdict and said["reason"], f"said {said}")
    want(bool(said["evidence"]) == (verdict == "invalid"), f"evidence {said['evidence']}")
    plain = check(events, **how)
    want(plain.returncode == code and plain.stdout.startswith(verdict.upper()), f"text: {plain.stdout}")
    return said


class Checks:
    def lost_write(self):
        said = judge(both(1, "write", 17) + both(2, "read", None), "invalid", model="register")
        evidence = said["evidence"][0]
        want(said["model"] == "register" and evidence["key"] == "k" and "lost" in evidence["say"], evidence["say"])
        want([o["f"] for o in evidence["operations"]] == ["write", "read"], str(evidence["operations"]))
        want([o["culprit"] for o in evidence["operations"]] == [False, True], str(evidence["operations"]))
        want([o["index"] for o in evidence["operations"]] == [0, 1], str(evidence["operations"]))

    def valid(self):
        judge(both(1, "write", 1) + both(2, "read", 1) + both(2, "cas", [1, 2]) + both(1, "read", 2), "valid")
        judge([], "valid")
        judge(both(1, "write", "text") + both(2, "read", "text"), "valid")

    def other_values(self):
        """A database hands objects back with their members in another order; what is said of values has no marks of ours."""
        judge(both(1, "write", {"a": 1, "b": {"x": 2, "y": []}}) + both(2, "read", {"b": {"y": [], "x": 2}, "a": 1}), "valid", model="register")
        judge(both(1, "write", {"a": 1, "b": 2}) + both(2, "read", {"a": 2, "b": 1}), "invalid", model="register")
        for value, shown in ((True, "read true at"), (2.5, "read 2.5 at"), ([1, 2], "read [1 2] at"), ({"a": None}, 'read {"a" nil} at'),
                             ("x" * 300, 'read "' + "x" * 60 + '..." at')):
            said = judge(both(1, "write", 1) + both(2, "read", value), "invalid", model="register")
            want(shown in said["reason"], said["reason"])

    def begin_as_zero(self):
        """Registers may begin as 0; what then makes no sense is refuted as ever, and called by its name."""
        seen = both(1, "read", 0) + both(2, "read", 0)
        for model in ("register", "cas-register"):
            said = judge(seen + both(1, "write", 5) + both(2, "read", 5), "valid", model=model)
            want(said["initial"] == 0, str(said))
            judge(seen + both(1, "write", 0) + both(2, "read", 0), "valid", model=model)
            judge(both(1, "read", 0, key="a") + both(1, "read", 0) + both(1, "write", 0), "valid", model=model)
            said = judge(seen + both(1, "write", 5) + both(2, "read", 0), "invalid", model=model)
            want("read 0 at" in said["reason"] and "lost" in said["reason"], said["reason"])
            want([end["state"] for end in said["evidence"][0]["ends"]] == ["5"], str(said["evidence"]))
            judge(both(1, "write", 0, outcome="fail") + seen, "invalid", model=model)   # they saw what was aborted
            judge(both(1, "read", None) + seen, "invalid", model=model)
            judge(both(1, "read", None, key="a") + seen, "invalid", model=model)
            judge(both(1, "read", 0), "invalid", model=model)                           # rather damage
            judge(both(1, "read", 1) + both(2, "read", 1), "invalid", model=model)
            want(check(seen, "--initial", "nil", model=model).returncode == 1, "nil was asked for")
            want(check(both(1, "read", 0), "--initial", "0", model=model).returncode == 0, "0 was asked for")
        judge(both(1, "cas", [0, 5]) + both(2, "cas", [5, 0]) + both(1, "read", 0, key="a"), "valid")
        judge(both(1, "cas", [0, 5]) + both(2, "cas", [0, 6]), "invalid")
        judge(seen + both(2, "cas", [0, 6], outcome="fail"), "valid")
        for order in ("sequential", "causal", "staleness"):
            run = check(seen + both(1, "write", 5) + both(2, "read", 5), "--consistency", order, model="register")
            want(run.returncode == 0, run.stdout)

        def txn(process, *micros):
            asked = [[f, k, None if f == "r" else v] for f, k, v in micros]
            return [{"process": process, "type": "invoke", "f": "txn", "value": asked},
                    {"process": process, "type": "ok", "f": "txn", "value": list(micros)}]
        start = txn(1, ["r", "x", 0], ["r", "y", 0]) + txn(2, ["r", "y", 0]) + txn(1, ["w", "x", 0], ["w", "y", 2])
        judge(start + txn(2, ["r", "x", 0], ["r", "y", 2]), "valid", model="multi-register")
        judge(start + txn(2, ["r", "x", 0], ["r", "y", 0]), "invalid", model="multi-register")
        judge(start + txn(2, ["r", "z", None]), "invalid", model="multi-register")

    def unknown_outcomes(self):
        maybe = both(1, "write", 5, outcome="info")
        judge(maybe + both(2, "read", None) + both(2, "read", 5), "valid")
        judge(maybe + both(2, "write", 6) + both(2, "read", 5) + both(2, "read", 6), "invalid")
        judge([event(1, "invoke", "write", 5)] + both(2, "read", None) + both(2, "read", 5), "valid")
        judge(both(1, "write", 5, outcome="fail") + both(2, "read", 5), "invalid")

    def refused_cas(self):
        start = both(1, "write", 1)
        judge(start + both(2, "cas", [1, 2], outcome="fail"), "valid")
        judge(start + both(2, "cas", [1, 2], outcome="fail", error="cas-mismatch"), "invalid")
        judge(start + both(2, "cas", [3, 2], outcome="fail", error="cas-mismatch"), "valid")

    def keys_apart(self):
        events = []
        for key in ("a", "b", 7):
            events += both(1, "write", 1, key=key) + both(2, "read", 1 if key != "b" else None, key=key)
        said = judge(events, "invalid")
        want((said["keys"], said["keys_invalid"]) == (3, 1) and said["evidence"][0]["key"] == "b", str(said))

    def concurrent(self):
        """Two clients at once may be in either order; a third that comes later may not."""
        start = [event(1, "invoke", "write", 1), event(2, "invoke", "write", 2), event(1, "ok", "write", 1), event(2, "ok", "write", 2)]
        for value in (1, 2):
            judge(start + both(3, "read", value), "valid")
            judge(start + both(3, "read", value) + both(4, "read", 3 - value), "invalid")

    def budget(self):
        dice = random.Random(3)
        events, waiting = [], {}
        for _ in range(4000):           # few values, many at once, answers that fit: every read is of a value being written
            process = dice.randrange(30)
            if process in waiting:
                events.append(waiting.pop(process))
            elif dice.randrange(2):
                value = dice.randrange(3)
                events.append(event(process, "invoke", "write", value))
                waiting[process] = event(process, "ok", "write", value)
            else:
                events.append(event(process, "invoke", "cas", [0, 1]))
                waiting[process] = event(process, "info", "cas", [0, 1])
        for value in (0, 1, 2):
            events += both(100 + value, "write", value)
        events += both(200, "read", 2)
        judge(events, "valid")
        run = check(events, "--json", "--configs", "5")
        want(run.returncode == 4 and json.loads(run.stdout)["verdict"] == "unknown", run.stdout + run.stderr)

    def cut_recorder(self):
        lines = "".join(json.dumps(e) + "\n" for e in both(1, "write", 17) + both(2, "read", None))
        run = check(None, text=lines + '{"process":3,"type":"invo', model="register")
        want(run.returncode == 1 and "the last line is cut off" in run.stderr, run.stderr)

    def bad_input(self):
        one = json.dumps(both(1, "write", 1)[0]) + "\n"
        for text, words in (("nonsense\n", ":1:1: expected an event"), (one + one, ":2:1: process 1 invokes"),
                            ('{"process":1,"type":"invoke","f":"enqueue"}\n', ":1: the model cas-register has no operation \"enqueue\"; it has: read"), ("\0" * 10, ":1:1:")):
            run = check(None, "--json", text=text)
            want(run.returncode == 2 and words in run.stderr and run.stdout == "", f"{text!r}: {run.returncode} {run.stderr}")

    def bad_usage(self):
        for argv, words in (((), "no history given"), (("x",), "--model is missing"), (("x", "--model", "regster"), "did you mean \"register\"?"),
                            (("x", "--model", "quue"), "models: register, cas-register"), (("/nonexistent", "--model", "register"), "cannot be read"),
                            (("/", "--model", "register"), "cannot be read"), (("x", "--model", "register", "--initial", "7"), "expected nil or 0"), (("x", "y", "--model", "register"), "one history at a time"),
                            (("x", "--model", "register", "--configs", "-1"), "positive number"), (("x", "--modle", "register"), "--model")):
            run = subprocess.run([PROGRAM, "check", *argv], capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
            want(run.returncode == 2 and words in run.stderr, f"{argv}: {run.returncode} {run.stderr}")
        run = subprocess.run([PROGRAM, "check", "--help"], capture_output=True, text=True, timeout=SECONDS, check=False)
        want(run.returncode == 0 and "exit code" in run.stdout, run.stdout)
        run = check(both(1, "cas", [None, 1]), model="register")
        want(run.returncode == 2 and "use --model cas-register" in run.stderr, run.stderr)

    def examples(self):
        """Every history of examples/audit breaks its model, as doc/audit.md says, and can be drawn."""
        names = sorted(f[:-6] for f in os.listdir(os.path.join(ROOT, "examples/audit")) if f.endswith(".jsonl"))
        want(len(names) >= 24, str(names))
        for name in names:
            model, consistency = {"sequential": ("register", "sequential"), "causal": ("register", "causal"), "unknown": ("register", "linearizable"),
                                  "convergence": ("register", "causal-convergence"), "staleness": ("register", "staleness"),
                                  "exactly-once": ("total-queue-exactly-once", "linearizable")}.get(name, (name, "linearizable"))
            with tempfile.TemporaryDirectory() as d:
                argv = [PROGRAM, "check", "examples/audit/%s.jsonl" % name, "--model", model, "--consistency", consistency, "--json",
                        "--svg", d + "/x.svg"]
                run = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, cwd=ROOT, check=False)
                want(run.returncode == (0 if name == "staleness" else 1), f"{name}: {run.returncode} {run.stdout}{run.stderr}")
                said = json.loads(run.stdout)
                want(name == "staleness" and said["staleness"] == 3 or said["evidence"][0]["minimal"], str(said))
                with open(d + "/x.svg") as f:
                    want(f.read().startswith("<svg"), name)

    def consistency(self):
        """What is weaker holds where what is stronger does not."""
        late = both(0, "write", 1) + both(0, "write", 2) + both(1, "read", 1) + both(1, "read", 2)
        judge(late, "invalid", model="register")
        for weaker in ("sequential", "causal", "causal-convergence", "staleness"):
            run = check(late, "--consistency", weaker, "--json", model="register")
            want(run.returncode == 0, weaker + run.stdout + run.stderr)
        crossed = both(0, "write", 1, key="x") + both(1, "write", 1, key="y") + both(0, "read", None, key="y") + both(1, "read", None, key="x")
        for weaker, code in (("sequential", 1), ("causal", 0), ("causal-convergence", 0)):
            want(check(crossed, "--consistency", weaker, model="register").returncode == code, weaker)
        twice = both(0, "write", 1) + both(1, "write", 1) + both(2, "read", 1) + both(2, "read", None)
        run = check(twice, "--consistency", "causal", model="register")
        want(run.returncode == 4 and "more than once" in run.stdout, run.stdout)
        for argv, words in ((["--consistency", "strict"], "expected linearizable"), (["--consistency", "causal"], "of registers")):
            run = check(both(0, "enqueue", 1), *argv, model="queue")
            want(run.returncode == 2 and words in run.stderr, run.stderr)

    def whole(self):
        for value, code in ((2, 0), (1, 1)):
            events = both(1, "write", 1, key="a") + both(1, "write", 2, key="a") + both(1, "write", 7, key="b") + both(2, "read", value, key="a")
            want(check(events, "--whole", model="register").returncode == code, str(value))

    def own_models(self):
        """A table of transitions and a plugin in C, as doc/audit.md shows them."""
        door = os.path.join(ROOT, "examples/model/door.yaml")
        run = subprocess.run([PROGRAM, "check", os.path.join(ROOT, "examples/model/door.jsonl"), "--model", door], capture_output=True, text=True,
                             timeout=SECONDS, check=False)
        want(run.returncode == 1 and "no door" in run.stdout and "it is open" in run.stdout, run.stdout + run.stderr)
        with tempfile.TemporaryDirectory() as d:
            subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-I", os.path.join(ROOT, "include"), "-o", d + "/m.so",
                            os.path.join(ROOT, "examples/model/max_register.c")], check=True)
            writes = both(0, "write", 3) + both(1, "write", 9) + both(0, "write", 5)
            for value, code in ((9, 0), (5, 1)):
                run = check(writes + both(2, "read", value), model=d + "/m.so")
                want(run.returncode == code, run.stdout + run.stderr)
            want("the greatest is 9" in run.stdout, run.stdout)
            run = check(both(0, "kick", 1), model=d + "/m.so")
            want(run.returncode == 2 and "not kick" in run.stderr, run.stderr)
            for name, text, words in (("none.so", None, "cannot be loaded"), ("bad.so", "x", "cannot be loaded"),
                                      ("bad.yaml", "start: a\n", "needs start and transitions"), ("none.yaml", None, "cannot be read")):
                if text is not None:
                    with open(d + "/" + name, "w") as f:
                        f.write(text)
                run = check(writes, model=d + "/" + name)
                want(run.returncode == 2 and words in run.stderr and run.stdout == "", f"{name}: {run.returncode} {run.stderr}")
                want(run.stderr.endswith("\n"), "the line has no end")

    def many_unknown(self):
        """A client in fifty never hears of its operation again; 3,000 operations later there is still an answer."""
        for model in ("cas-register", "queue"):
            dice, events, waiting, value, line, process = random.Random(5), [], {}, None, [], 10
            clients = {c: c for c in range(10)}
            for step in range(9000):
                c = dice.randrange(10)
                if c not in waiting:
                    f = dice.choice(("read", "write", "cas") if model == "cas-register" else ("enqueue", "dequeue"))
                    asked = {"write": dice.randrange(5), "cas": [dice.randrange(5), dice.randrange(5)], "enqueue": step}.get(f)
                    waiting[c] = [f, asked, False, None]
                    events.append(event(clients[c], "invoke", f, asked))
                elif not waiting[c][2]:
                    f, asked = waiting[c][:2]
                    got, done = asked, True
                    if f == "read":
                        got = value
                    elif f == "write":
                        value = asked
                    elif f == "cas":
                        done = value == asked[0]
                        value = asked[1] if done else value
                    elif f == "enqueue":
                        line.append(asked)
                    else:
                        got = line.pop(0) if line else None
                    waiting[c][2:] = ["ok" if done else "fail", got]
                else:
                    f, asked, outcome, got = waiting.pop(c)
                    if dice.randrange(50) == 0:
                        events.append(event(clients[c], "info", f, asked))
                        clients[c] = process = process + 1
                    else:
                        events.append(event(clients[c], outcome, f, got))
            said = judge(events, "valid", model=model)
            want(said["configurations"] < 50e6, str(said))

    def standard_input(self):
        lines = "".join(json.dumps(e) + "\n" for e in both(1, "write", 17) + both(2, "read", 17))
        run = subprocess.run([PROGRAM, "check", "-", "--model=register"], input=lines, capture_output=True, text=True, timeout=SECONDS, check=False)
        want(run.returncode == 0 and run.stdout.startswith("VALID"), run.stdout + run.stderr)

    def large(self):
        """50,000 operations on five keys, sixteen clients; the last answer is wrong."""
        dice, events, values, waiting, fresh = random.Random(7), [], {}, {}, 0
        for step in range(100000):
            process = dice.randrange(16)
            if process in waiting:
                f, key, value = waiting.pop(process)
                if f == "write":
                    values[key] = value         # takes effect as it is acknowledged
                events.append(event(process, "ok", f, values.get(key) if f == "read" else value, key, time=step))
            else:
                key, fresh = f"k{dice.randrange(5)}", fresh + 1
                f = dice.choice(("read", "write"))
                waiting[process] = (f, key, fresh)
                events.append(event(process, "invoke", f, fresh if f == "write" else None, key, time=step))
        judge(events, "valid")
        said = judge(events + both(99, "read", 1, key="k2"), "invalid")
        want(len(said["evidence"]) == 1 and len(said["evidence"][0]["operations"]) <= 3, str(said["evidence"])[:500])


def main():
    names = sys.argv[1:] or [n for n in vars(Checks) if not n.startswith("_")]
    failed = 0
    for name in names:
        try:
            getattr(Checks(), name)()
            print(f"ok {name}", flush=True)
        except Exception as e:          # a check that breaks is a failed one
            failed += 1
            why = str(e) if isinstance(e, Failed) else traceback.format_exc()
            print(f"FAIL {name}\n     " + why.replace("\n", "\n     "), flush=True)
    print(f"{len(names) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
