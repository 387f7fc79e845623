#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run_variants.py - HTTP loads, counters and variants of faultline run from the outside, on servers of faultline answer.

    FAULTLINE=build/release/faultline test/conform/run_variants.py [NAME...]

Each check is a method of Variants; those named (or all) are run. The last line is `N passed, N failed, N skipped`.
"""
import concurrent.futures
import glob
import json
import os
import signal
import sys
import xml.etree.ElementTree

from run_experiments import Checks, check, left_running, read, run_check, until

HEAD = """
name: t
seed: 5
system:
  a:
    command: ["{faultline}", answer, --listen, "127.0.0.1:{port:a}", --name, a, --work, 1ms, --capacity, "8"]
    ready: {http: "http://127.0.0.1:{port:a}/health", within: 30s}
lines:
  front: {upstream: "127.0.0.1:{port:a}", key: client}
counters: {a: "http://127.0.0.1:{port:a}/stats"}
"""
LOAD = "load: {type: http, line: front, rate: 200, duration: 2s, timeout: 5s}\n"


class Variants(Checks):
    """The helpers of Checks, and other checks."""

    def start_group(self, text):
        """Run an experiment that has variants: (exit code, report, error output)."""
        code, out, err = self.call("run", "--runs-dir", self.runs, "--json", self.write(text))
        report = json.loads(out)
        check(report["exit_code"] == code, f"{code}\n{out[:2000]}\n{err}")
        for name in ("experiment.yaml", "run.json", "report.html", "report.json", "junit.xml"):
            check(os.path.exists(os.path.join(report["run_dir"], name)), f"no {name}")
        check(left_running(self.folder) == [], "left running")
        return code, report, err

    # One run

    def requests_are_counted_on_both_sides(self):
        report = self.run(HEAD + LOAD + "expect: {goodput: 100%, amplification: 1, operations: 200}\n", code=0)
        load, counter = report["load"], report["counters"][0]
        check(load["asked"] == load["ok"] == load["attempts"] == counter["increase"]["requests"], f"{load['asked']} {counter['increase']}")
        check(sum(b["asked"] for b in load["buckets"]) == load["asked"], "the buckets do not add up")
        check(report["metrics"]["amplification"] == 1 and report["metrics"]["heal"] is None, report["metrics"])
        lines = read(os.path.join(report["run_dir"], "requests.jsonl")).splitlines()
        check(len(lines) == load["asked"] and all(json.loads(x)["outcome"] == "ok" for x in lines), "requests.jsonl")

    def schedule_is_that_of_the_seed(self):
        text = HEAD + LOAD
        first, second = self.run(text, code=0), self.run(text, code=0)
        other = self.run(text, "--seed", "6", code=0)
        def due(report):
            """When its requests were due, in microseconds since its load started."""
            return [(json.loads(x)["due"] - report["load"]["start"]) // 1000
                    for x in read(os.path.join(report["run_dir"], "requests.jsonl")).splitlines()]
        check(due(first) == due(second), "the same seed, another schedule")
        check(due(first) != due(other), "another seed, the same schedule")

    def errors_have_names(self):
        report = self.run(HEAD + LOAD.replace("2s", "4s") + """
faults:
  - {at: 500ms, for: 500ms, down: front}
  - {at: 1500ms, for: 500ms, call: "http://127.0.0.1:{port:a}/control?fail_rate=1", undo: "http://127.0.0.1:{port:a}/control?fail_rate=0"}
expect: {heal: 1s, goodput_after: 100%}
""", code=0)
        errors = {e["error"] for e in report["load"]["errors"]}
        check("answered with status 500" in errors and "no connection: refused or not there in time" in errors, errors)
        check(all(f["landed"] for f in report["faults"]), report["faults"])
        check(report["metrics"]["healed"] is True, report["metrics"])

    def a_call_is_taken_back(self):
        """Also when the load ends first."""
        report = self.run(HEAD + LOAD + "faults: [{at: 1s, call: \"http://127.0.0.1:{port:a}/control?healthy=false\", "
                          "undo: \"http://127.0.0.1:{port:a}/control?healthy=true\"}]\n"
                          "probes: [{name: well, http: \"http://127.0.0.1:{port:a}/health\", when: after}]\n", code=0)
        check(report["faults"][0]["landed"], report["faults"])

    def what_cannot_be_told(self):
        report = self.run(HEAD.replace("counters:", "# ") + LOAD + "expect: {amplification: 2}\n", code=4)
        check("amplification cannot be told" in report["reasons"][0], report["reasons"])

    def a_guard_on_requests(self):
        report = self.run(HEAD + LOAD.replace("2s", "60s") + "faults: [{at: 500ms, down: front}]\nabort_if: [{errors: 90%, for: 1s}]\n", code=3)
        check("abort_if" in report["reasons"][0], report["reasons"])

    # Several

    VARIANTS = """
variants:
  bare: {}
  broken: {faults: [{at: 200ms, down: front}]}
"""

    def side_by_side(self):
        code, report, _ = self.start_group(HEAD + LOAD + self.VARIANTS +
                                           "compare: [bare.goodput >= 2 * broken.goodput, broken.errors > 50%, bare.amplification <= 1.0]\n")
        check(code == 0 and report["verdict"] == "held", report)
        check([v["name"] for v in report["variants"]] == ["bare", "broken"], report["variants"])
        for v in report["variants"]:
            check(v["run_dir"] == os.path.join(report["run_dir"], v["name"]), v["run_dir"])
            self.judge_dir(v["run_dir"])
            check(json.loads(read(os.path.join(v["run_dir"], "report.json")))["variant"] == v["name"], "variant")
        check(all(c["held"] and c["known"] for c in report["compare"]), report["compare"])
        suite = xml.etree.ElementTree.parse(os.path.join(report["run_dir"], "junit.xml")).getroot()
        check(suite.get("tests") == "5" and suite.get("failures") == "0", suite.attrib)
        asked = [json.loads(read(os.path.join(v["run_dir"], "report.json")))["load"]["asked"] for v in report["variants"]]
        check(asked[0] == asked[1], f"not the same load: {asked}")

    def a_comparison_that_does_not_hold(self):
        code, report, _ = self.start_group(HEAD + LOAD + self.VARIANTS + "compare: [broken.goodput > bare.goodput]\n")
        check(code == 1 and "broken.goodput > bare.goodput does not hold" in report["reasons"][0], report["reasons"])

    def a_variant_that_does_not_hold(self):
        code, report, _ = self.start_group(HEAD + LOAD + self.VARIANTS + "expect: {goodput: 90%}\n")
        check(code == 1 and report["reasons"][0].startswith("broken: the load's goodput"), report["reasons"])
        check([v["verdict"] for v in report["variants"]] == ["held", "finding"], report["variants"])

    def a_variant_that_cannot_start(self):
        code, report, _ = self.start_group(HEAD + LOAD + "variants: {bare: {}, gone: {system: {a: {command: [no-such-program]}}}}\n")
        check(code == 4 and "no-such-program" in report["reasons"][0], report["reasons"])

    def one_of_them(self):
        report = self.run(HEAD + LOAD + self.VARIANTS, "--variant", "bare", code=0)
        check(report["variant"] == "bare", report["variant"])
        code, _, err = self.call("run", "--variant", "bear", self.write(HEAD + LOAD + self.VARIANTS))
        check(code == 2 and "did you mean \"bare\"?" in err, err)
        code, _, err = self.call("run", "--variant", "bare", self.write(HEAD + LOAD))
        check(code == 2 and "has no variants" in err, err)
        code, out, err = self.call("replay", "--runs-dir", self.runs, "--json", report["run_dir"])
        check(code == 0 and json.loads(out)["recurred"] is True, f"{out} {err}")

    def replayed(self):
        faults = "faults: [{at: 0s, on: front, type: latency, attributes: {latency: 2ms, jitter: 1ms}}]\n"
        _, first, _ = self.start_group(HEAD + LOAD + faults + "variants: {x: {}, y: {load: {rate: 100}}}\n")
        code, out, err = self.call("replay", "--runs-dir", self.runs, "--json", first["run_dir"])
        again = json.loads(out)
        check(code == 0 and again["recurred"] is True, f"{code} {out} {err}")
        check(again["decisions"]["equal"] > 0 and again["decisions"]["different"] == 0, again["decisions"])
        check({f["line"] for f in again["decisions"]["faults"]} == {"x/front", "y/front"}, again["decisions"])
        code, out, err = self.call("replay", "--runs-dir", self.runs, "--json", os.path.join(first["run_dir"], "y"))
        check(code == 0 and json.loads(out)["recurred"] is True, f"{code} {out} {err}")

    def interrupted(self):
        p = self.start("run", "--runs-dir", self.runs, "--json", self.write(HEAD + LOAD.replace("2s", "10m") + self.VARIANTS))
        until(lambda: any('"what":"load"' in read(f) for f in glob.glob(self.runs + "/*/bare/events.jsonl")), "the load does not start")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
        report = json.loads(out)
        check(p.returncode == 3 and report["verdict"] == "aborted", f"{p.returncode} {out} {err}")
        check("broken: it did not run" in report["reasons"], report["reasons"])
        check(left_running(self.folder) == [], "left running")

    def wrong_files(self):
        code, _, err = self.call("run", self.write(HEAD + LOAD + "variants: {a: {load: {rat: 5}}}\ncompare: [b.goodput > 1%]\n"))
        check(code == 2 and "did you mean \"rate\"?" in err, err)
        code, out, err = self.call("lint", self.write(HEAD + LOAD + self.VARIANTS))
        check(code == 1 and "(bare): it can never find anything" in out, f"{code} {out} {err}")
        code, out, err = self.call("lint", self.write(HEAD + LOAD + self.VARIANTS.replace("bare: {}", "bare: {faults: [{at: 1s, cut: front}]}") +
                                                      "compare: [bare.goodput > broken.goodput]\n"))
        check(code == 0, f"{code} {out} {err}")


def main():
    names = sys.argv[1:] or [n for n, f in vars(Variants).items() if callable(f) and not n.startswith("_") and n != "start_group"]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for name, why in zip(names, pool.map(lambda n: run_check(Variants, n), names)):
            print(f"ok {name}" if why is None else f"FAIL {name}\n     " + why.replace("\n", "\n     "), flush=True)
            failed += why is not None
    print(f"{len(names) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
