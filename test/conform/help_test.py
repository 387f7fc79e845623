#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""help_test - what the program says of itself, its manual pages and its completion agree, and the pages render cleanly.

The program is $FAULTLINE (default build/release/faultline). The last line is "N passed, N failed, N skipped"; exit 1 when
something failed.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("FAULTLINE", os.path.join(ROOT, "build/release/faultline")))
COMPLETION = os.path.join(ROOT, "tools/completion.bash")
LIMIT_SECONDS = 60
results = {"passed": 0, "failed": 0, "skipped": 0}


def check(what, ok, detail=""):
    results["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAILED {what}\n       {detail}")


def skip(what, why):
    results["skipped"] += 1
    print(f"skip {what}: {why}")


def run(*words):
    """(exit code, stdout, stderr) of the program, which finds no daemon."""
    env = {**os.environ, "FAULTLINE_URL": "http://127.0.0.1:1"}
    r = subprocess.run([PROGRAM, *words], capture_output=True, timeout=LIMIT_SECONDS, env=env, check=False)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def commands():
    return re.findall(r"^  ([a-z]+) +\S", run("help")[1].split("\n\n")[1], re.M)


def verbs(command):
    found = re.search(r"^commands:\n((?:  .*\n)+)", run(command, "--help")[1], re.M)
    return re.findall(r"^  ([a-z]+)", found.group(1), re.M) if found else []


def options(*words):
    """The options that stand in a help page, not those in its examples."""
    page = run(*words, "--help")[1]
    return sorted({o for line in page.split("\n") if re.match(r" +-", line) for o in re.findall(r"(?:^|[ ,])(--?[a-z][a-z-]*)", line)})


def help_pages():
    names = commands()
    check("help lists commands", {"serve", "line", "toxic", "status", "doctor"} <= set(names), names)
    for name in names:
        code, out, err = run(name, "--help")
        check(f"{name} --help", code == 0 and f"faultline {name}" in out and err == "", (code, err))
        check(f"help {name} is the same", run("help", name) == (code, out, err))
        check(f"{name} refuses an unknown option", run(name, "--no-such-option")[0] == 2, run(name, "--no-such-option"))
    for group in ("line", "toxic"):
        check(f"{group} has verbs", len(verbs(group)) >= 5, verbs(group))
        for verb in verbs(group):
            code, out, err = run(group, verb, "--help")
            check(f"{group} {verb} --help", (code, err) == (0, "") and f"usage: faultline {group} {verb}" in out, (code, out, err))
    for words in (["line", "list"], ["line", "cut", "x"], ["toxic", "list", "x"], ["status"]):
        code, out, err = run(*words)
        check(f"{' '.join(words)} without a daemon: exit code 4", code == 4 and out == "" and "faultline serve" in err, (code, out, err))
        code, out, _ = run(*words, "--json")
        check(f"{' '.join(words)} --json without a daemon", code == 4 and json.loads(out)["status"] == 0, out)


def rendered(page):
    text = subprocess.run(["groff", "-man", "-Tutf8", "-P-c"], stdin=open(page, "rb"), capture_output=True, check=False).stdout.decode()
    text = re.sub(".\b", "", text)
    return re.sub(r"\u2010\n *|-\n +", "-", text).replace("\u2010", "-").replace("\u2212", "-")


def manual_pages():
    pages = sorted(glob.glob(os.path.join(ROOT, "doc/man/*.1")))
    check("there are manual pages", len(pages) >= 5, pages)
    if shutil.which("groff") is None:
        skip("manual pages", "groff is not installed")
        return
    for page in pages:
        name = os.path.basename(page)[:-2]
        r = subprocess.run(["groff", "-ww", "-man", "-Tutf8"], stdin=open(page, "rb"), capture_output=True, check=False)
        check(f"{name}.1 renders without warnings", r.returncode == 0 and r.stderr == b"", r.stderr.decode())
        command = name.split("-", 1)[1:]
        if not command:
            text = rendered(page)
            check(f"{name}.1 names every command", all(re.search(rf"\b{c}\b", text) for c in commands()), commands())
            continue
        text = rendered(page)
        for words in [command] + [command + [v] for v in verbs(command[0])]:
            missing = [o for o in options(*words) if re.search(rf"(?<![\w-]){o}(?![\w-])", text) is None]
            check(f"{name}.1 has the options of {' '.join(words)}", not missing, missing)
        for verb in verbs(command[0]):
            check(f"{name}.1 has {verb}", re.search(rf"\b{verb}\b", text) is not None)
        for other in re.findall(r"(faultline(?:-[a-z]+)?)\(1\)", text.split("SEE ALSO")[-1]):
            check(f"{name}.1 points to a page there is: {other}", os.path.exists(os.path.join(ROOT, f"doc/man/{other}.1")))


def complete(*words):
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _faultline; printf "%s\\n" "${COMPREPLY[@]}"'
    env = {**os.environ, "FAULTLINE_URL": "http://127.0.0.1:1"}
    r = subprocess.run(["bash", "-c", script, "bash", COMPLETION, PROGRAM, *words], capture_output=True, timeout=LIMIT_SECONDS, env=env, check=False)
    return r.stdout.decode().split(), r.stderr.decode()


def completion():
    if shutil.which("bash") is None:
        skip("completion", "bash is not installed")
        return
    for words, expected in (([""], commands() + ["help"]), (["to"], ["toxic"]), (["line", ""], verbs("line")), (["trace", ""], verbs("trace")), (["trace", "c"], ["compare"]),
                            (["line", "cr"], ["create"]),
                            (["help", "do"], ["doctor"]), (["toxic", "types", "slo"], ["slow_close"]),
                            (["toxic", "add", "l", "-t", "limit"], ["limit_data", "limit_time"]),
                            (["toxic", "add", "l", "--type", "slicer", "-a", ""], ["average_size=", "size_variation=", "delay="]),
                            (["line", "--url", "http", ":", "//h", ":", "1", "tog"], ["toggle"]),
                            (["line", "create", "--li"], ["--listen"]), (["line", "inspect", ""], []), (["line", "create", ""], [])):
        got, err = complete(*words)
        check(f"completion of {words}", sorted(got) == sorted(expected) and err == "", (got, err))
    for words in (["serve"], ["status"], ["line", "create"], ["toxic", "add"], ["trace", "list"]):
        got, err = complete(*words, "--")
        check(f"completion of the options of {words}", sorted(got) == [o for o in options(*words) if o.startswith("--")], (got, err))


def main():
    if not os.access(PROGRAM, os.X_OK):
        skip("everything", f"there is no program at {PROGRAM}")
    else:
        help_pages()
        manual_pages()
        completion()
    print(f"{results['passed']} passed, {results['failed']} failed, {results['skipped']} skipped")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
