#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""doc_test - what the documents say of the source is so: functions, files, links, and the figures in README.md."""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = ["README.md"] + sorted(glob.glob("doc/*.md", root_dir=ROOT))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def defines(source, function):
    """Is the function defined there, with its name at the start of a line as our style has it?"""
    return re.search(r"^%s\(" % re.escape(function), source, re.M) is not None


def check_tour(text):
    """Headings `### 1. `f()` in FILE` and remarks `f()` in FILE: f is defined in FILE."""
    wrong, found = [], 0
    for function, path in re.findall(r"`(\w+)\(\)` in (src/[\w/]+\.c)", text):
        found += 1
        if not os.path.exists(os.path.join(ROOT, path)):
            wrong.append("%s does not exist" % path)
        elif not defines(read(path), function):
            wrong.append("%s() is not in %s" % (function, path))
    return wrong + ([] if found >= 10 else ["only %d functions are named" % found])


def check_paths(text):
    """Every path of the repository that a document names exists. build/ and runs/ are made, not kept."""
    named = set(re.findall(r"(?<![\w/.])((?:src|test|bench|doc|tools|examples|include)/[\w./-]*[\w])", text))
    return ["%s does not exist" % p for p in sorted(named) if not os.path.exists(os.path.join(ROOT, p))]


# What pieces of code in documents may take for granted.
CODE = """#include <err.h>
#include <faultline/faultline.h>
void piece(struct fl_budget *budget, struct fl_breaker *breaker, struct fl_bulkhead *bulkhead);
void piece(struct fl_budget *budget, struct fl_breaker *breaker, struct fl_bulkhead *bulkhead) {
(void)budget; (void)breaker; (void)bulkhead;
%s
}
"""


def check_code(text):
    """Pieces of C compile with the public headers."""
    wrong = []
    for piece in re.findall(r"^```c\n(.*?)^```", text, re.M | re.S):
        r = subprocess.run(["gcc", "-std=c11", "-Wall", "-Wno-unused", "-Werror", "-fsyntax-only", "-Iinclude", "-xc", "-"], cwd=ROOT,
                           input=CODE % piece, capture_output=True, text=True, check=False)
        if r.returncode != 0:
            wrong.append("code does not compile: " + r.stderr.strip().split("\n")[-1])
    return wrong


def check_links(doc, text):
    wrong = []
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target) and not os.path.exists(os.path.join(ROOT, os.path.dirname(doc), target)):
            wrong.append("link to %s: no such file" % target)
    return wrong


def check_figures(readme):
    """The rows between the marks are those that bench/run wrote."""
    part = re.search(r"<!-- from bench/RESULTS.md -->\n(.*?)<!-- end -->", readme, re.S)
    if part is None:
        return ["the figures of bench/RESULTS.md are not marked"]
    if not os.path.exists(os.path.join(ROOT, "bench/RESULTS.md")):
        return ["bench/RESULTS.md is missing: run bench/run"]
    results = read("bench/RESULTS.md").splitlines()
    return ["not in bench/RESULTS.md: " + line for line in part.group(1).splitlines() if line.startswith("|") and line not in results]


def main():
    failed = passed = 0
    for doc in DOCS:
        text = read(doc)
        wrong = check_paths(text) + check_links(doc, text) + check_code(text)
        wrong += check_tour(text) if doc == "doc/tour.md" else []
        wrong += check_figures(text) if doc == "README.md" else []
        for w in wrong:
            print("%s: %s" % (doc, w))
        failed, passed = failed + bool(wrong), passed + (not wrong)
    # A checker that finds nothing wrong in nonsense is no checker.
    canary = [check_tour("### 1. `no_such_function()` in src/io/io_epoll.c"), check_paths("see src/no/such.c"),
              check_links("README.md", "[x](no/such.md)"), check_code("```c\nno such;\n```"), check_figures("<!-- from bench/RESULTS.md -->\n| 1 |\n<!-- end -->")]
    if not all(canary):
        print("canary: a mistake was not noticed")
    failed, passed = failed + (not all(canary)), passed + all(canary)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
