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

from run_experiments import ROOT, Failed, check, run_check
from run_variants import Variants

EXAMPLES = os.path.join(ROOT, "examples/protect")


class Protect(Variants):
    def shortened(self, name, *changes, holds=lambda metrics: True):
        """The metrics of an example with some of its text changed. What is compared was measured in real time: a machine that stood still at the
        wrong moment is given two more chances, which a policy that does not protect does not profit from."""
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes:
            check(old in text, f"{name} has no \"{old}\"")
            text = text.replace(old, new)
        for _ in range(3):
            code, report, err = self.start_group(text)
            metrics = {v["name"]: v.get("metrics") for v in report["variants"]}
            if code == 0 and holds(metrics):
                return
            check(code in (0, 1), f"exit code {code}: {report['reasons']}\n{err}")
        raise Failed(f"exit code {code}: {report['reasons']}\n{json.dumps(metrics)}\n{err}")

    def all_are_right(self):
        files = sorted(glob.glob(EXAMPLES + "/*.yaml"))
        check(len(files) == 5, files)
        for path in files:
            code, out, err = self.call("lint", path)
            check(code == 0 and out.endswith(": ok\n"), f"{code} {out} {err}")

    def retry_storm(self):
        self.shortened("retry-storm.yaml", ("duration: 18s", "duration: 8s"), ("at: 4s, for: 2s", "at: 2s, for: 1500ms"),
                       ("pause=2s", "pause=1500ms"), ("bare.amplification >= 1.5", "bare.amplification > 1.2 * protected.amplification"),
                       holds=lambda m: m["bare"]["healed"] is False and m["protected"]["healed"] is True and m["bare"]["wasted"] > 0.5)

    def dead_instance(self):
        self.shortened("dead-instance.yaml", ("duration: 14s", "duration: 7s"), ("{at: 4s, kill: b, for: 5s}", "{at: 2s, kill: b, for: 2s}"),
                       holds=lambda m: m["bare"]["goodput_during"] < 0.9 < m["protected"]["goodput_during"])

    def replayed(self):
        """The whole group again, from its directory."""
        path = self.write(open(os.path.join(EXAMPLES, "flapping-instance.yaml"), encoding="utf-8").read()
                          .replace("duration: 16s", "duration: 4s").replace("at: 3s", "at: 1s").replace("times: 5", "times: 1"))
        for _ in range(3):              # as above
            code, out, err = self.call("run", "--runs-dir", self.runs, "--json", path)
            if code != 1:
                break
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
