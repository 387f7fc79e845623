#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""install_test - `make install` into a directory of its own, then as a user of the library: pkg-config, C11, C++, shared and static."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPP = """#include <faultline/faultline.h>
int main() {
	fl_breaker_opts o;
	fl_breaker_opts_init(&o);
	o.name = "c++";
	fl_breaker *b = nullptr;
	if (fl_breaker_new(&o, &b, nullptr) != 0)
		return 1;
	fl_permit p;
	int r = fl_breaker_admit(b, 0, 1, &p, nullptr);
	r += fl_breaker_record(b, 0, &p, FL_OK, 1, 2);
	fl_breaker_free(b);
	return r;
}
"""
passed, failed = 0, 0


def check(name, good, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("FAILED %s %s" % (name, detail))


def run(argv, **kw):
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600, **kw)


def main():
    # A make of our own: what the tests' make handed down is not for it.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VARIANT")}
    with tempfile.TemporaryDirectory() as d:
        made = run(["make", "-C", ROOT, "install", "DESTDIR=" + d, "PREFIX=/opt/fl"], env=env)
        check("make install", made.returncode == 0, made.stderr[-500:])
        usr = os.path.join(d, "opt/fl")
        for path in ("bin/faultline", "lib/libfaultline.so.0", "lib/libfaultline.a", "lib/pkgconfig/faultline.pc", "include/faultline/faultline.h",
                     "share/man/man1/faultline.1", "share/man/man3/fl_breaker.3", "share/bash-completion/completions/faultline",
                     "libexec/faultline/stream-nats"):
            check("installed " + path, os.path.exists(os.path.join(usr, path)))
        env["PKG_CONFIG_PATH"] = os.path.join(usr, "lib/pkgconfig")
        env["PKG_CONFIG_SYSROOT_DIR"] = d
        env["LD_LIBRARY_PATH"] = os.path.join(usr, "lib")
        flags = run(["pkg-config", "--cflags", "--libs", "faultline"], env=env).stdout.split()
        static = [os.path.join(usr, "lib/libfaultline.a")] + run(["pkg-config", "--libs", "libcurl"], env=dict(os.environ)).stdout.split() + ["-lm", "-pthread"]
        source = os.path.join(ROOT, "examples/library/breaker.c")
        warn = ["-Wall", "-Wextra", "-Werror", "-D_POSIX_C_SOURCE=200809L"]
        out = os.path.join(d, "a.out")
        built = run(["gcc", "-std=c11", *warn, source, "-o", out, *flags], env=env)
        check("C11, shared", built.returncode == 0, built.stderr)
        ran = run([out], env=env)
        check("runs, shared", ran.returncode == 0 and "closed -> open" in ran.stdout, ran.stdout + ran.stderr)
        built = run(["gcc", "-std=c11", *warn, "-I" + os.path.join(usr, "include"), source, "-o", out, *static])
        check("C11, static", built.returncode == 0, built.stderr)
        check("runs, static", run([out]).returncode == 0)
        built = run(["gcc", "-std=c11", *warn, os.path.join(ROOT, "examples/library/client.c"), "-o", out, *flags], env=env)
        check("the whole client", built.returncode == 0, built.stderr)
        text = os.path.join(d, "t.cc")
        with open(text, "w") as f:
            f.write(CPP)
        built = run(["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", text, "-o", out, *flags], env=env)
        check("C++11", built.returncode == 0, built.stderr)
        check("runs, C++", run([out], env=env).returncode == 0)
        names = run(["nm", "-D", "--defined-only", os.path.join(usr, "lib/libfaultline.so.0")]).stdout
        others = [x for x in re.findall(r" [A-Z] (\S+)", names) if not x.startswith("fl_") and not x.startswith("FAULTLINE_")]
        check("only fl_* is visible", "fl_call_next" in names and not others, " ".join(others))
        names = run(["nm", "-g", "--defined-only", os.path.join(usr, "lib/libfaultline.a")]).stdout
        others = [x for x in re.findall(r" [A-Z] (\S+)", names) if not x.startswith("fl_")]
        check("in the archive too", "fl_call_next" in names and not others, " ".join(others))
        said = set(re.findall(r"\b(fl_\w+)\(", "".join(open(os.path.join(ROOT, "include/faultline", h)).read()
                                                       for h in os.listdir(os.path.join(ROOT, "include/faultline")))))
        there = set(re.findall(r" T (fl_\w+)", names))
        check("what is there is declared", there <= said, " ".join(sorted(there - said)))
        man = run([os.path.join(ROOT, "tools/man3"), "--check"])
        check("manual pages are those of the headers", man.returncode == 0, man.stdout)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    sys.exit(1 if failed else 0)


main()
