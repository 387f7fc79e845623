#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tidy_test.py - each rule of tools/tidy against a small tree that breaks it and one that does not.

Every row adds files to a clean tree and names the one finding that must come of it, with its place.
"""
import os
import subprocess
import sys
import tempfile

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/tidy")
SPDX = "/* SPDX-License-Identifier: MIT */\n"


def c_file(name, body, includes=""):
    return f"{SPDX}/* {name} - a file for a test. */\n{includes}{body}"


def c_function(name, lines, static=""):
    return f"{static}int\n{name}(void)\n{{\n" + "\tx();\n" * (lines - 3) + "}\n"


CLEAN = {
    "src/base/text.h": c_file("text.h", "int text_len(const char *s);\ntypedef int text_fn(struct text *t, int n);\n"),
    "src/base/text.c": c_file("text.c", """
static const char *const words[] = { "a", "b" };
static const int (*const table[2])(void) = { 0 };
struct text { int n; };
enum { ONE = 1 };
static text_fn text_first, text_second;

static int
helper(const char *s)
{
	static const int small = 3;
	struct { int (*read)(int); } io = { 0 };

	io.read(small);                 /* a member is no system call */
	if (s == 0)
		goto done;
done:
	return 'x' == '"' ? 1 : small;  // "strcpy(" in a string: 'strcpy('
}

int
text_len(const char *s)
{
	return helper(s);
}
""", '#include "base/text.h"\n\n#include <string.h>\n'),
    "src/proto/http.c": c_file("http.c", """
int
http_parse(const char *s)
{
	return text_len(s);
}
""", '#include "base/text.h"\n'),
    "src/io/io.h": c_file("io.h", "int io_now(void);\n"),
    "src/io/io_epoll.c": c_file("io_epoll.c", """
static int turns;

int
io_now(void)
{
	return turns + time(0);
}
""", '#include "io/io.h"\n#include <time.h>\n'),
    "src/cmd/main.c": c_file("main.c", "\nint\nmain(void)\n{\n\treturn io_now();\n}\n", '#include "io/io.h"\n'),
    "test/unit/test_text.c": c_file("test_text.c", "\nint\nmain(void)\n{\n\treturn text_len(\"\");\n}\n"),
    "test/fuzz/corpus/text/one": "any bytes,  /ho" "me/x TO" "DO \n",
    "doc/tour.md": "# The tour\n",
    "README.md": "text\n",
}

RING = "\nint\n{0}_a(void)\n{{\n\treturn {1}_a();\n}}\n"

# What is broken, the files that break it, and the finding that says so.
ROWS = [
    ("upward include", {"src/proto/up.c": c_file("up.c", "", '#include "io/io.h"\n')},
     "src/proto/up.c:3:1: proto may not include from io (io/io.h)"),
    ("base includes an engine", {"src/base/up.c": c_file("up.c", "", '#include "proto/a.h"\n'), "src/proto/a.h": c_file("a.h", "")},
     "src/base/up.c:3:1: base may not include from proto (proto/a.h)"),
    ("neighbour include", {"src/proxy/a.c": c_file("a.c", "", '#include "store/b.h"\n'), "src/store/b.h": c_file("b.h", "")},
     "src/proxy/a.c:3:1: proxy may not include from store (store/b.h)"),
    ("folder without a place", {"src/misc/a.c": c_file("a.c", "")}, "src/misc/a.c:1:1: src/misc has no place in the order"),
    ("include of what is not there", {"src/io/a.c": c_file("a.c", "", '#include "base/none.h"\n')},
     "src/io/a.c:3:1: there is no src/base/none.h"),
    ("public header reaches inside", {"include/faultline/a.h": c_file("a.h", "", '#include "base/text.h"\n')},
     "include/faultline/a.h:3:1: a public header may not include base/text.h"),
    ("clock header in a pure folder", {"src/fault/a.c": c_file("a.c", "", "#include <time.h>\n")},
     "src/fault/a.c:3:1: fault is pure: no <time.h>"),
    ("sockets in a pure folder", {"src/audit/a.c": c_file("a.c", "", "#include <sys/socket.h>\n")},
     "src/audit/a.c:3:1: audit is pure: no <sys/socket.h>"),
    ("file in a pure folder", {"src/audit/a.c": c_file("a.c", "\nstatic int\nread_all(FILE *f)\n{\n\treturn f != 0;\n}\n")},
     "src/audit/a.c:5:10: FILE: a pure engine has no files"),
    ("log in a pure folder", {"src/tcp/a.c": c_file("a.c", "\nstatic void\nlog_it(void)\n{\n\tprintf(\"x\");\n}\n")},
     "src/tcp/a.c:7:2: printf: a pure engine has no files and no log"),
    ("system call hidden in a macro", {"src/tcp/a.c": c_file("a.c", "#define SAY(x) \\\n\tputs(x)\n")},
     "src/tcp/a.c:4:2: puts: a pure engine has no files and no log"),
    ("malloc in a pure folder", {"src/graph/a.c": c_file("a.c", "\nstatic void *\ntake(void)\n{\n\treturn malloc(1);\n}\n")},
     "src/graph/a.c:7:9: malloc: memory comes from the caller here"),
    ("banned call", {"src/io/a.c": c_file("a.c", "\nstatic void\ncopy(char *a, const char *b)\n{\n\tstrcpy(a, b);\n}\n")},
     "src/io/a.c:7:2: strcpy is banned: use memcpy"),
    ("banned call in a test", {"test/sim/a.c": c_file("a.c", "\nstatic int\nnumber(const char *b)\n{\n\treturn atoi(b);\n}\n")},
     "test/sim/a.c:7:9: atoi is banned: use strtol"),
    ("sleep in a test", {"test/e2e/a.c": c_file("a.c", "\nstatic void\nnap(void)\n{\n\tusleep(5);\n}\n")},
     "test/e2e/a.c:7:2: usleep in a test"),
    ("include cycle", {"src/io/a.h": c_file("a.h", "", '#include "io/b.h"\n'), "src/io/b.h": c_file("b.h", "", '#include "io/a.h"\n')},
     "src/io/a.h:3:1: include cycle: src/io/a.h -> src/io/b.h -> src/io/a.h"),
    ("call cycle of two", {"src/io/a.c": c_file("a.c", RING.format("a", "b")), "src/io/b.c": c_file("b.c", RING.format("b", "a"))},
     "src/io/a.c:7:9: call cycle: src/io/a.c uses b_a of src/io/b.c, src/io/b.c uses a_a of src/io/a.c"),
    ("call cycle of three by a table and a macro", {
        "src/io/a.c": c_file("a.c", "#define NEXT b_a\n\nint\na_a(void)\n{\n\treturn 0;\n}\n"),
        "src/io/b.c": c_file("b.c", "\nstatic int (*const all[])(void) = { c_a };\n\nint\nb_a(void)\n{\n\treturn all[0]();\n}\n"),
        "src/io/c.c": c_file("c.c", RING.format("c", "a"))},
     "src/io/a.c:3:14: call cycle: src/io/a.c uses b_a of src/io/b.c, src/io/b.c uses c_a of src/io/c.c, "
     "src/io/c.c uses a_a of src/io/a.c"),
    ("call cycle through an inline function", {
        "src/io/a.h": c_file("a.h", "\nstatic inline int\na_inline(void)\n{\n\treturn b_a();\n}\n"),
        "src/io/a.c": c_file("a.c", "\nint\na_a(void)\n{\n\treturn 0;\n}\n"),
        "src/io/b.c": c_file("b.c", RING.format("b", "a"))},
     "src/io/a.h:7:9: call cycle: src/io/a.c uses b_a of src/io/b.c"),
    ("exported variable", {"src/io/a.c": c_file("a.c", "int a_count;\n")},
     "src/io/a.c:3:5: a_count is an exported variable that can change"),
    ("exported pointer to constant", {"src/io/a.c": c_file("a.c", "const char *a_name = \"x\";\n")},
     "src/io/a.c:3:13: a_name is an exported variable that can change"),
    ("extern variable", {"src/io/a.h": c_file("a.h", "extern struct a a_one;\n")},
     "src/io/a.h:3:17: a_one is an exported variable that can change"),
    ("exported function pointer", {"src/io/a.c": c_file("a.c", "int (*a_hook)(void);\n")},
     "src/io/a.c:3:7: a_hook is an exported variable that can change"),
    ("too many statics", {"src/io/a.c": c_file("a.c", "static int one;\n\nint\na_a(void)\n{\n\tstatic int two;\n\n\treturn ++two;\n}\n")},
     "src/io/a.c:8:13: two is a static variable that can change (3, at most 1 in all)"),
    ("long file", {"src/io/a.c": c_file("a.c", "/* more */\n" * 999)}, "src/io/a.c:1001:1: file of 1001 lines (at most 1000)"),
    ("long function", {"src/io/a.c": c_file("a.c", c_function("a_a", 71))}, "src/io/a.c:4:1: a_a has 71 lines (at most 70)"),
    ("long line", {"src/io/a.c": c_file("a.c", "/*\t" + "x" * 141 + "*/\n")}, "src/io/a.c:3:151: line of 151 columns"),
    ("no SPDX line", {"src/io/a.c": "/* a.c - a file. */\n"}, "src/io/a.c:1:1: the first line must be the SPDX line"),
    ("no head comment", {"src/io/a.c": SPDX + "static const int a;\n/* a.c - too late */\n"},
     "src/io/a.c:2:1: no comment at the head of the file: a.c"),
    ("head comment of another file", {"src/io/a.c": SPDX + "/* b.c - copied. */\n"},
     "src/io/a.c:2:1: the comment at the head must begin with \"a.c - \""),
    ("foreign prefix", {"src/io/a.c": c_file("a.c", c_function("b_a", 5))}, "src/io/a.c:4:1: b_a is exported: its name must begin with a_"),
    ("foreign prefix in cmd", {"src/cmd/a.c": c_file("a.c", c_function("a_run", 5))},
     "src/cmd/a.c:4:1: a_run is exported: its name must begin with cmd_"),
    ("typedef of a struct", {"src/io/a.h": c_file("a.h", "typedef struct a { int x; } a_t;\n")}, "src/io/a.h:3:1: typedef of a struct"),
    ("numbered label", {"src/io/a.c": c_file("a.c", "\nint\na_a(void)\n{\n\tgoto err1;\nerr1:\n\treturn 1;\n}\n")},
     "src/io/a.c:7:7: label err1: name what is undone there"),
    ("goto backward", {"src/io/a.c": c_file("a.c", "\nint\na_a(void)\n{\nagain:\n\tgoto again;\n}\n")},
     "src/io/a.c:8:7: goto again jumps backward"),
    ("space at the end", {"doc/a.md": "one \n"}, "doc/a.md:1:4: space at the end of the line"),
    ("unfinished", {"src/io/a.c": c_file("a.c", "/* TO" "DO: all of it */\n")}, "src/io/a.c:3:4: TO" "DO: finish it"),
    ("machine path", {"tools/run.sh": "cd /ho" "me/me\n"}, "tools/run.sh:1:4: /ho" "me/ is a place on one machine"),
    ("one name twice", {"src/proto/io_epoll.c": c_file("io_epoll.c", "")}, "src/proto/io_epoll.c:1:1: there is a src/io/io_epoll.c already"),
    ("allow without a reason", {"tools/tidy.allow": "long src/io/a.c:a_a\n"}, "tools/tidy.allow:1:1: an entry is RULE"),
    ("allow of no rule", {"tools/tidy.allow": "taste src/io/a.c it is nice\n"}, "tools/tidy.allow:1:1: there is no rule taste"),
    ("allow that excuses nothing", {"tools/tidy.allow": "# why\n\nlong src/io/a.c:a_a it is a table\n"},
     "tools/tidy.allow:3:1: long src/io/a.c:a_a excuses nothing"),
    ("median of functions", {"src/io/a.c": c_file("a.c", "".join(c_function(f"a_{i}", 19) for i in range(9)))},
     "  function lines median                    19   MISSED: at most 18"),
    ("share of long functions", {"src/io/a.c": c_file("a.c", c_function("a_a", 71)), "tools/tidy.allow": "long src/io/a.c:a_a a table\n"},
     "  functions over 70 lines %              16.7   MISSED: at most 3"),
]

# Trees that are fine: each only bends what a rule might take for a break.
FINE = [
    ("the clean tree", {}),
    ("exceptions with reasons", {
        "src/fault/a.c": c_file("a.c", "\nstatic void *\ntake(void)\n{\n\treturn malloc(1);\n}\n"),
        "tools/tidy.allow": "malloc src/fault/a.c its table, once\n"}),
    ("the largest that is allowed", {
        "src/io/a.c": c_file("a.c", "/*" + "x" * 126 + "*/\n" + c_function("a_a", 70) + "".join(c_function(f"a_{i}", 9) for i in range(40)) +
                             "/* more */\n" * 526),
        **{f"src/io/f{i}.h": c_file(f"f{i}.h", "") for i in range(40)}}),
    ("sleep outside of tests", {"src/io/a.c": c_file("a.c", "\nint\na_a(void)\n{\n\treturn usleep(5);\n}\n")}),
    ("a call chain without a ring", {
        "src/io/a.c": c_file("a.c", RING.format("a", "b")), "src/io/b.c": c_file("b.c", RING.format("b", "io_now() + b"))}),
    ("libfaultline's prefix", {"src/fault/a.c": c_file("a.c", c_function("fl_a_go", 5))}),
    ("words that only look alike", {"doc/a.md": "the TODOs of /workers, s3:/" "/x/homes and ~/ho" "me\n"}),
]


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)


def run_tidy(files):
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, {**CLEAN, **files})
        r = subprocess.run([sys.executable, TIDY, "--root", root], capture_output=True, text=True, timeout=60, check=False)
        return r.returncode, r.stdout.splitlines(), r.stderr


def judge(files, wanted):
    """None, or what is wrong. A tree that is fine has no finding, a broken one its own; only figures may be missed besides."""
    status, lines, complaint = run_tidy(files)
    if complaint:
        return complaint
    bad = [line for line in lines if (not line.startswith("  ") and ": " in line) or "MISSED" in line]
    if wanted is None:
        return None if status == 0 and not bad else f"exit {status}: {bad}"
    if status != 1:
        return f"exit {status}"
    if not any(line.startswith(wanted) for line in bad):
        return f"not found: {wanted}\nbut: {bad}"
    others = [line for line in bad if not line.startswith(wanted) and "MISSED" not in line and "(3, at most 1 in all)" not in line]
    if others:
        return f"more than the one finding: {others}"
    return None


def main():
    passed = failed = 0
    for name, files, wanted in ROWS + [(name, files, None) for name, files in FINE]:
        wrong = judge(files, wanted)
        if wrong is None:
            passed += 1
        else:
            failed += 1
            print(f"FAILED {name}: {wrong}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
