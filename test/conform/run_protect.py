#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run_protect.py - the experiments of examples/protect: all are right, and two of them, shortened, show what they are there to show.

    FAULTLINE=build/release/faultline test/conform/run_protect.py [NAME...]

One after the other: they are about load. The last line is `N passed, N failed, N skipped`.
"""
import glob
import json
import os
import sys

from run_experiments import ROOT, check, run_check
from run_variants import Variants

EXAMPLES = os.path.join(ROOT, "examples/protect")


class Protect(Variants):
    def shortened(self, name, *changes):
        """The report of an example with some of its text changed."""
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes:
            check(old in text, f"{name} has no \"{old}\"")
            text = text.replace(old, new)
        code, report, err = self.start_group(text)
        check(code == 0, f"exit code {code}: {report['reasons']}\n{json.dumps([v.get('metrics') for v in report['variants']])}\n{err}")
        return {v["name"]: v["metrics"] for v in report["variants"]}

    def all_are_right(self):
        files = sorted(glob.glob(EXAMPLES + "/*.yaml"))
        check(len(files) == 5, files)
        for path in files:
            code, out, err = self.call("lint", path)
            check(code == 0 and out.endswith(": ok\n"), f"{code} {out} {err}")

    def retry_storm(self):
        m = self.shortened("retry-storm.yaml", ("duration: 18s", "duration: 8s"), ("at: 4s, for: 2s", "at: 2s, for: 1500ms"),
                           ("pause=2s", "pause=1500ms"))
        check(m["bare"]["healed"] is False and m["protected"]["healed"] is True, m)
        check(m["bare"]["wasted"] > 0.5, m["bare"])

    def dead_instance(self):
        m = self.shortened("dead-instance.yaml", ("duration: 14s", "duration: 7s"), ("{at: 4s, kill: b, for: 5s}", "{at: 2s, kill: b, for: 2s}"))
        check(m["bare"]["goodput_during"] < 0.9 < m["protected"]["goodput_during"], m)

    def replayed(self):
        """The whole group again, from its directory."""
        path = self.write(open(os.path.join(EXAMPLES, "flapping-instance.yaml"), encoding="utf-8").read()
                          .replace("duration: 16s", "duration: 4s").replace("at: 3s", "at: 1s").replace("times: 5", "times: 1"))
        code, out, err = self.call("run", "--runs-dir", self.runs, "--json", path)
        check(code == 0, f"{code} {out[:2000]} {err}")
        code, out, err = self.call("replay", "--runs-dir", self.runs, "--json", json.loads(out)["run_dir"])
        check(code == 0 and json.loads(out)["recurred"] is True, f"{code} {out[:2000]} {err}")


def main():
    names = sys.argv[1:] or ["all_are_right", "retry_storm", "dead_instance", "replayed"]
    failed = 0
    for name in names:
        why = run_check(Protect, name)
        print(f"ok {name}" if why is None else f"FAIL {name}\n     " + why.replace("\n", "\n     "), flush=True)
        failed += why is not None
    print(f"{len(names) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
