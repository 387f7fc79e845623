#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run_audits.py - audits in experiments: the examples of examples/audit find what they are there to find, and what is wrong is told.

    FAULTLINE=build/release/faultline test/conform/run_audits.py [NAME...]

The last line is `N passed, N failed, N skipped`.
"""
import glob
import json
import os
import sys
import tempfile

from run_experiments import ROOT, check, read, run_check
from run_variants import Variants

EXAMPLES = os.path.join(ROOT, "examples/audit")
SINK = """
name: t
seed: 5
duration: 1s
system:
  sink:
    command: ["{faultline}", collect, "tcp://127.0.0.1:{port:sink}", --log, "{run}/received.log", -q]
    ready: {tcp: "127.0.0.1:{port:sink}"}
lines:
  orders: {upstream: "127.0.0.1:{port:sink}"}
"""
FEED = """
load:
  type: program
  command: ["{faultline}", feed, "tcp://{line:orders}", --log, "{run}/sent.log", --count, "400", --rate, "2000", -q]
  duration: 20s
"""
MATCH = "audit: {match: {sent: \"{run}/sent.log\", received: \"{run}/received.log\"%s}}\n"


class Audits(Variants):
    def example(self, name, *flags):
        """Both variants of an example: (their reports by name, the report of both)."""
        code, out, err = self.call("run", "--runs-dir", self.runs, "--json", *flags, os.path.join(EXAMPLES, name))
        check(code == 1, f"exit code {code}\n{out[:3000]}\n{err}")
        report = json.loads(out)
        parts = {v["name"]: json.loads(read(os.path.join(v["run_dir"], "report.json"))) for v in report["variants"]}
        return parts, report

    def all_are_right(self):
        files = sorted(glob.glob(EXAMPLES + "/*.yaml"))
        check(len(files) == 4, files)
        for path in files:
            code, out, err = self.call("lint", path)
            check(code == 0 and out.endswith(": ok\n"), f"{code} {out} {err}")

    def queue_that_duplicates(self):
        parts, _ = self.example("queue.yaml")
        bad, good = parts["repeats"], parts["once"]
        check(bad["verdict"] == "finding" and good["verdict"] == "held", (bad["reasons"], good["reasons"]))
        audit = bad["audits"][0]
        check(audit["document"]["findings"] == ["duplicate"] and audit["document"]["defects"]["lost"]["count"] == 0, audit["document"]["findings"])
        evidence = audit["evidence"][0]
        check(evidence["what"] == "duplicate" and "flow 1 key" in evidence["operations"][0] and "on line delivery" in evidence["faults"], evidence)
        check("delivery" in audit["lines"] and audit["command"].startswith("faultline match sent.log received.log"), audit)
        page = read(os.path.join(bad["run_dir"], "report.html"))
        check("arrived again" in page and "Faults that were active then" in page and bad["replay"] in page, "the page does not tell")
        # The command of the report says the same again.
        logs = [os.path.join(bad["run_dir"], name) for name in ("sent.log", "received.log")]
        code, out, _ = self.call("match", *logs, "--order", "none", "--json")
        check(code == 1 and json.loads(out)["findings"] == ["duplicate"], out[:500])

    def window_that_miscounts(self):
        parts, _ = self.example("window.yaml")
        bad, good = parts["forgets"], parts["mended"]
        check(bad["verdict"] == "finding" and good["verdict"] == "held", (bad["reasons"], good["reasons"]))
        document = bad["audits"][0]["document"]
        check(document["findings"] == ["wrong-value"] and document["sent"] == 2500, document["findings"])
        evidence = bad["audits"][0]["evidence"][0]
        check("expected" in evidence["operations"][0] and "kill window" in evidence["faults"], evidence)

    def recovery_compared(self):
        _, report = self.example("recovery.yaml")
        claim = report["compare"][0]
        check("results.txt" in json.dumps(claim) and "missing" in json.dumps(claim), claim)
        with open(os.path.join(EXAMPLES, "recovery.yaml"), encoding="utf-8") as f:
            text = f.read().replace("--recover, wrong", "--recover, right").replace("{here}", EXAMPLES)
        code, report, err = self.start_group(text)
        check(code == 0 and [v["name"] for v in report["variants"]] == ["calm", "faulted"], f"{code} {report['reasons']} {err}")

    def bank_that_loses_money(self):
        with tempfile.TemporaryDirectory(prefix="faultline-bank-") as runs:
            os.chmod(runs, 0o755)       # the user postgres must reach its data
            self.judge_bank(*self.example("bank.yaml", "--runs-dir", runs))

    def judge_bank(self, parts, _):
        bad, good = parts["read-committed"], parts["serializable"]
        check([a["verdict"] for a in bad["audits"]] == ["finding", "finding"], bad["reasons"])
        check([a["verdict"] for a in good["audits"]] == ["held", "held"], good["reasons"])
        check("different totals" in bad["audits"][0]["evidence"][0]["say"], bad["audits"][0])
        page = read(os.path.join(bad["run_dir"], "report.html"))
        check(page.count("<details><summary class=small>Drawing") == 2, "no drawings")

    def held_and_not(self):
        report = self.run(SINK + FEED + MATCH % "" + "expect: {operations: 400, errors: 0%}\n", code=0)
        check(report["audits"][0]["verdict"] == "held" and report["load"]["ok"] == 400, report["audits"])
        report = self.run(SINK + FEED + MATCH % ", expect: nomatch", code=1)
        check("detector did not fire" in report["audits"][0]["reason"], report["audits"])
        report = self.run(SINK + FEED + "audit: {model: queue, history: \"{run}/nothing.jsonl\"}\n", code=4)
        check("nothing.jsonl" in report["audits"][0]["reason"], report["audits"])

    def several_of_a_redis_load(self):
        text = """
name: t
seed: 5
system:
  redis:
    command: [redis-server, --port, "{port:redis}", --save, "", --dir, "{dir}"]
    ready: {tcp: "127.0.0.1:{port:redis}", send: "PING\\r\\n", expect: "+PONG"}
lines: {redis: {upstream: "127.0.0.1:{port:redis}"}}
load: {type: redis, line: redis, clients: 4, rate: 50, duration: 2s}
audit:
  - {model: register}
  - {model: cas-register, name: again}
  - {model: cas-register, consistency: sequential, name: weaker}
"""
        report = self.run(text, code=0)
        check(report["audit"]["verdict"] == "valid" and [a["verdict"] for a in report["audits"]] == ["held", "held"], report["audits"])
        check(report["audits"][0]["document"]["operations"] > 100, report["audits"][0])

    def program_as_load(self):
        report = self.run(SINK + "load: {type: program, command: [sh, -c, exit 3], duration: 5s}\n", code=4)
        check("the load ended early: exited with 3" in report["reasons"][0], report["reasons"])
        report = self.run(SINK + "load: {type: program, command: [sleep, '1000'], duration: 300ms}\n", code=0)
        check([p["fate"] for p in report["processes"] if p["name"] == "load"] == ["stopped by us at the end"], report["processes"])
        report = self.run(SINK + "load: {type: program, command: 'test $FAULTLINE_EPOCH_NS -gt 0', duration: 5s}\n", code=0)

    def mistakes(self):
        head = SINK + FEED
        for audit, words in (("audit: {model: que, history: x}", 'found "que"'), ("audit: {match: {sent: x}}", "without sent or received"),
                             ("audit: {match: {sent: x, received: y, allow: lots}}", 'defect "lots"'), ("audit: {txn: strong, history: x}", 'found "strong"'),
                             ("audit: {model: queue}", "without history"), ("audit: {same: /etc/passwd}", "run directory"),
                             ("audit: {match: {sent: x, received: y, function: mean}}", "last:N"), ("audit: []", "found 0 audits")):
            code, _, err = self.call("lint", self.write(head + audit + "\n"))
            check(code == 2 and words in err, f"{audit}: {code} {err}")
        code, out, err = self.call("lint", self.write(head + "faults: [{at: 0s, cut: orders}]\naudit: {model: queue, history: \"{run}/h.jsonl\"}\n"))
        check(code == 1 and "nobody is told to write {run}/h.jsonl" in out + err, f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write(head + "faults: [{at: 0s, cut: orders}]\nexpect: {p99: 1s}\nabort_if: [{errors: 50%}]\n"))
        check(code == 1 and "p99 can never be told" in out + err and "can never come true" in out + err, f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write(head + "audit: {model: queue, history: \"{run}/h.jsonl\"}\n"))
        check(code == 1 and "nobody is told to write {run}/h.jsonl" in out + err, f"{code} {out} {err}")


def main():
    names = sys.argv[1:] or ["all_are_right", "mistakes", "held_and_not", "program_as_load", "several_of_a_redis_load", "queue_that_duplicates",
                             "window_that_miscounts", "recovery_compared", "bank_that_loses_money"]
    skipped = [n for n in names if n == "bank_that_loses_money" and not glob.glob("/usr/lib/postgresql/*/bin/postgres")]
    failed = 0
    for name in skipped:
        print(f"skip {name} PostgreSQL is not installed")
    for name in (n for n in names if n not in skipped):
        why = run_check(Audits, name)
        print(f"ok {name}" if why is None else f"FAIL {name}\n     " + why.replace("\n", "\n     "), flush=True)
        failed += why is not None
    print(f"{len(names) - failed - len(skipped)} passed, {failed} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
