#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""node_client - toxiproxy-node-client, the client that most users of Node have, against `faultline serve`.

The package is fetched once with npm into build/node_client. Skipped, with the reason, where node or npm is missing or npm
cannot reach its registry. The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import os
import shutil
import subprocess
import sys

from api_lib import ROOT, Daemon

PACKAGE = "toxiproxy-node-client@4.1.0"
PLACE = os.path.join(ROOT, "build", "node_client")
HERE = os.path.dirname(os.path.abspath(__file__))
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT")


def skip(reason):
    print("skip node_client")
    print("  " + reason)
    print("0 passed, 0 failed, 1 skipped")
    return 0


def fetch():
    """None, or why it cannot be had."""
    if os.path.exists(os.path.join(PLACE, "node_modules", "toxiproxy-node-client", "package.json")):
        return None
    os.makedirs(PLACE, exist_ok=True)
    with open(os.path.join(PLACE, "package.json"), "w") as f:
        f.write('{"private": true}\n')
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", PACKAGE], cwd=PLACE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def main():
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return skip("no %s here (apt install nodejs npm)" % program)
    why = fetch()
    if why is not None and any(word in why for word in UNREACHABLE):
        return skip("npm cannot reach its registry")
    if why is not None:
        print("FAILED npm install:\n" + why)
        print("0 passed, 1 failed, 0 skipped")
        return 1
    d = Daemon()
    environment = dict(os.environ, NODE_PATH=os.path.join(PLACE, "node_modules"))
    done = subprocess.run(["node", os.path.join(HERE, "node_client.js"), "http://127.0.0.1:%d" % d.port], env=environment, stdout=subprocess.PIPE,
                          timeout=120)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    for line in lines:
        if line.startswith("FAILED"):
            print(line)
    counts = lines[-1].split() if done.returncode == 0 and lines else ["0", "1"]
    passed, failed = int(counts[0]), int(counts[1]) + (d.stop() != 0)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
