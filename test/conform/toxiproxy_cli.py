#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""toxiproxy_cli - a link named toxiproxy-cli against a live daemon: command lines, output to the byte, exit codes.

    test/conform/toxiproxy_cli.py [-v]

The program is $FAULTLINE (default build/release/faultline). Each clause is one check; the last line sums them up, exit code 1
when one failed.
"""
import http.server
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading

from api_lib import free_port

PROGRAM = os.path.abspath(os.environ.get("FAULTLINE", "build/release/faultline"))
VERBOSE = "-v" in sys.argv[1:]
LIMIT_SECONDS = 60
results = {"passed": 0, "failed": 0, "skipped": 0}


def check(what, ok, detail=""):
    results["passed" if ok else "failed"] += 1
    if not ok or VERBOSE:
        print(("ok    " if ok else "FAILED ") + what + ("" if ok else f"\n       {detail}"))


def skip(what, why):
    results["skipped"] += 1
    print(f"skip  {what}: {why}")


class Daemon:
    """faultline serve on a free port; its log tells which."""

    def __init__(self, directory, *flags):
        self.log = open(os.path.join(directory, "serve.log"), "w+b")
        self.process = subprocess.Popen([PROGRAM, "serve", "--host", "127.0.0.1", "--port", "0", *flags], stdout=subprocess.PIPE,
                                        stderr=self.log)
        self.port = None
        for line in self.process.stdout:
            found = re.search(rb'127\.0\.0\.1:(\d+)', line)
            if found:
                self.port = int(found.group(1))
                break
        if self.port is None:
            self.log.seek(0)
            raise SystemExit("faultline serve did not say where it listens: " + self.log.read().decode(errors="replace"))
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        return self.process.wait(LIMIT_SECONDS)


class Cli:
    def __init__(self, directory, url):
        self.path = os.path.join(directory, "toxiproxy-cli")
        os.symlink(PROGRAM, self.path)
        self.url = url

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("FAULTLINE", "TOXIPROXY"))}
        return {**env, "TOXIPROXY_URL": self.url, **more}

    def run(self, *words, **more):
        """(exit code, stdout, stderr)"""
        r = subprocess.run([self.path, *words], capture_output=True, env=self.environment(**more), timeout=LIMIT_SECONDS, check=False)
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def terminal(self, *words):
        """(exit code, what a terminal was sent)"""
        main, other = pty.openpty()
        p = subprocess.Popen([self.path, *words], stdin=other, stdout=other, stderr=subprocess.DEVNULL, env=self.environment())
        os.close(other)
        out = b""
        while True:
            try:
                ready, _, _ = select.select([main], [], [], LIMIT_SECONDS)
                piece = os.read(main, 65536) if ready else b""
            except OSError:         # the other end is closed
                piece = b""
            if not piece:
                break
            out += piece
        os.close(main)
        return p.wait(LIMIT_SECONDS), out.decode().replace("\r\n", "\n")


def is_(what, got, code, out="", err=""):
    check(what, got == (code, out, err), f"got {got!r}\n       expected {(code, out, err)!r}")


def help_page(cli, *words):
    return cli.run(*words, "--help")[1]


def proxies(cli, a, b):
    is_("list of nothing", cli.run("list"), 0)
    is_("create", cli.run("create", "-l", f"localhost:{a}", "-u", f"localhost:{b}", "redis"), 0, "Created new proxy redis\n")
    row = f"redis\t127.0.0.1:{a}\tlocalhost:{b}\tenabled\t0\n"
    for word in ("list", "l", "li", "ls"):
        is_(f"{word}", cli.run(word), 0, row)
    is_("create what is there", cli.run("c", "-l", f"localhost:{a}", "-u", "x:1", "redis"), 1, "",
        "Failed to create proxy: create: HTTP 409: proxy already exists\n\n")
    is_("create where somebody listens", cli.run("new", "-l", f"127.0.0.1:{a}", "-u", "x:1", "other"), 1, "",
        f"Failed to create proxy: create: HTTP 500: listen tcp 127.0.0.1:{a}: bind: address already in use\n\n")
    is_("toggle off", cli.run("toggle", "redis"), 0, "Proxy redis is now disabled\n")
    is_("list shows it", cli.run("list"), 0, row.replace("enabled", "disabled"))
    is_("toggle on", cli.run("tog", "redis"), 0, "Proxy redis is now enabled\n")
    is_("inspect without toxics", cli.run("inspect", "redis"), 0)
    is_("sorted by name", (cli.run("create", "-l", "127.0.0.1:0", "-u", "u:1", "a")[0], cli.run("list")[1].split("\n")[0].split("\t")[0],
                           cli.run("delete", "a")[1]), 0, "a", "Deleted proxy a\n")
    for word in ("toggle", "inspect", "delete"):
        is_(f"{word} of what is not there", cli.run(word, "nope"), 1, "",
            "Failed to retrieve proxy nope: HTTP 404: proxy not found\n\n")
    is_("a name with odd characters", cli.run("create", "-l", "127.0.0.1:0", "-u", "u:1", "a b?%2f&"), 0, "Created new proxy a b?%2f&\n")
    is_("is found again", cli.run("delete", "a b?%2f&"), 0, "Deleted proxy a b?%2f&\n")


def missing(cli):
    for words, text in ((["inspect"], "Proxy name is required as the first argument."),
                        (["toggle"], "Proxy name is required as the first argument."),
                        (["delete"], "Proxy name is required as the first argument."),
                        (["create", "-l", "a", "-u", "b"], "Proxy name is required as the first argument."),
                        (["create", "redis"], "Required argument 'listen' was empty."),
                        (["create", "redis", "-l", "a", "-u", "b"], "Required argument 'listen' was empty."),
                        (["create", "-l", "a", "redis"], "Required argument 'upstream' was empty."),
                        (["toxic", "add", "-t", "latency"], "Proxy name is missing."),
                        (["toxic", "add", "redis"], "Required argument 'type' was empty."),
                        (["toxic", "add", "redis", "-t", "latency"], "Required argument 'type' was empty."),
                        (["toxic", "update"], "Proxy name is missing."),
                        (["toxic", "update", "redis"], "Required argument 'toxicName' was empty."),
                        (["toxic", "remove", "redis"], "Required argument 'toxicName' was empty.")):
        code, out, err = cli.run(*words)
        check(f"{' '.join(words)}: what is missing", (code, err) == (1, text + "\n\n"), (code, err))
        name = "toxiproxy-cli " + " ".join(words[:2 if words[0] == "toxic" else 1])
        check(f"{' '.join(words)}: help on stdout", out.startswith(f"NAME:\n   {name} - ") and "COMMANDS:\n   help, h  Shows" in out, out)


def toxics(cli):
    add = ("toxic", "add")
    is_("toxic add, long flags", cli.run(*add, "--downstream", "--type=latency", "--toxicName=latency_downstream", "--attribute=latency=1000",
                                         "--attribute=jitter=50", "--toxicity=0.99", "redis"), 0,
        "Added downstream latency toxic 'latency_downstream' on proxy 'redis'\n")
    is_("inspect", cli.run("inspect", "redis"), 0,
        "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=0.99\tattributes=[\tjitter=50\tlatency=1000\t]\n")
    is_("toxic update", cli.run("toxic", "update", "--toxicName=latency_downstream", "--attribute=jitter=20", "--toxicity=0.7", "redis"), 0,
        "Updated toxic 'latency_downstream' on proxy 'redis'\n")
    is_("toxic update without --toxicity leaves it", cli.run("t", "u", "-n", "latency_downstream", "-a", "latency=5", "redis"), 0,
        "Updated toxic 'latency_downstream' on proxy 'redis'\n")
    is_("i", cli.run("i", "redis"), 0,
        "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=0.70\tattributes=[\tjitter=20\tlatency=5\t]\n")
    is_("upstream, short flags, default name", cli.run("t", "a", "-u", "-t", "bandwidth", "-a", "rate=1000000", "redis"), 0,
        "Added upstream bandwidth toxic 'bandwidth_upstream' on proxy 'redis'\n")
    is_("several attributes in one flag", cli.run(*add, "-t", "slicer", "-n", "s", "-a", "average_size=64, size_variation=32,delay=10",
                                                  "redis"), 0, "Added downstream slicer toxic 's' on proxy 'redis'\n")
    is_("ins: upstream first", cli.run("ins", "redis"), 0,
        "bandwidth_upstream\ttype=bandwidth\tstream=upstream\ttoxicity=1.00\tattributes=[\trate=1e+06\t]\n"
        "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=0.70\tattributes=[\tjitter=20\tlatency=5\t]\n"
        "s\ttype=slicer\tstream=downstream\ttoxicity=1.00\tattributes=[\taverage_size=64\tdelay=10\tsize_variation=32\t]\n")
    check("list counts them", cli.run("list")[1].endswith("\tenabled\t3\n"))
    is_("both streams", cli.run(*add, "-t", "noop", "-u", "-d", "redis"), 1, "",
        "Only one should be specified: upstream or downstream.\n\n")
    for value in ("2", "-0.1", "much", "NaN"):
        is_(f"toxicity {value}", cli.run(*add, "-t", "noop", "--tox", value, "redis"), 1, "",
            "toxicity should be a float between 0 and 1.\n\n")
    is_("unknown type", cli.run(*add, "-t", "nonsense", "redis"), 1, "",
        "Failed to add toxic: failed to add toxic to proxy redis: AddToxic: HTTP 400: invalid toxic type\n\n")
    is_("name that is taken", cli.run(*add, "-t", "noop", "-n", "s", "redis"), 1, "",
        "Failed to add toxic: failed to add toxic to proxy redis: AddToxic: HTTP 409: toxic already exists\n\n")
    code, out, err = cli.run(*add, "-t", "latency", "-n", "bad", "-a", "latency=soon", "redis")
    check("attribute of a wrong type", code == 1 and out == "" and "HTTP 400: bad request body" in err, (code, out, err))
    for verb, word in (("add", "add"), ("update", "update"), ("remove", "remove")):
        is_(f"toxic {verb} on an unknown proxy", cli.run("toxic", verb, "-n", "x", *(["-t", "noop"] if verb == "add" else []), "nope"), 1, "",
            f"Failed to {word} toxic: failed to retrieve proxy with name `nope`: HTTP 404: proxy not found\n\n")
    is_("update of an unknown toxic", cli.run("toxic", "update", "-n", "x", "redis"), 1, "",
        "Failed to update toxic: failed to update toxic 'x' of proxy 'redis': HTTP 404: toxic not found\n\n")
    is_("removal of an unknown toxic", cli.run("toxic", "remove", "-n", "x", "redis"), 1, "",
        "Failed to remove toxic: failed to remove toxic 'x' from proxy 'redis': HTTP 404: toxic not found\n\n")
    is_("an attribute without =", cli.run(*add, "-t", "bandwidth", "-n", "b", "-a", "rate", "redis"), 0,
        "Added downstream bandwidth toxic 'b' on proxy 'redis'\n", "toxiproxy-cli: ignored the attribute \"rate\": expected key=value\n")
    for word, name in (("remove", "b"), ("r", "s"), ("delete", "bandwidth_upstream"), ("d", "latency_downstream")):
        is_(f"toxic {word}", cli.run("toxic", word, "-n", name, "redis"), 0, f"Removed toxic '{name}' on proxy 'redis'\n")


def usage(cli):
    for words, topic in ((["nonsense"], "nonsense"), (["toxic", "nonsense"], "nonsense"), (["help", "nonsense"], "nonsense")):
        is_(f"{' '.join(words)}: exit code 3", cli.run(*words), 3, "", f"No help topic for '{topic}'\n")
    code, out, err = cli.run("--nonsense")
    check("unknown flag", out.startswith("Incorrect Usage: flag provided but not defined: -nonsense\n\nNAME:\n   toxiproxy-cli - "), out)
    check("unknown flag: exit code 1", (code, err) == (1, ""), (code, err))
    check("flags behind the command's name are the command's", cli.run("list", "-h", "x")[1].startswith(
        "Incorrect Usage: flag provided but not defined: -h\n\nNAME:\n   toxiproxy-cli list - "))
    is_("version", cli.run("--version"), 0, "toxiproxy-cli version 2.12.0\n")
    is_("-v", cli.run("-v"), 0, "toxiproxy-cli version 2.12.0\n")
    page = cli.run()
    check("no words: the help", page[0] == 0 and page[1].startswith("NAME:\n   toxiproxy-cli - Simulate network and system conditions\n"), page)
    for words in (["help"], ["h"], ["--help"]):
        check(f"{words[0]}: the same", cli.run(*words) == page)
    rows = [line for line in page[1].split("\n") if re.match(r"   \w+, ", line)]
    check("its commands", [r.split("  ")[1].strip() for r in rows] == [
        "list, l, li, ls", "inspect, i, ins", "create, c, new", "toggle, tog", "delete, d", "toxic, t", "help, h"], rows)
    check("help of a command", help_page(cli, "list").startswith("NAME:\n   toxiproxy-cli list - list all proxies\n"))
    check("help of a command, other ways", cli.run("help", "list") == cli.run("list", "help") == cli.run("list", "--help"))
    check("toxic alone: its help", cli.run("toxic")[1] == help_page(cli, "toxic") and "remove, r, delete, d  remove" in cli.run("toxic")[1])


def terminal(cli, a, b):
    green, blue, yellow, purple, red, none = "\x1b[32m", "\x1b[34m", "\x1b[33m", "\x1b[35m", "\x1b[31m", "\x1b[0m"
    head = (f"{green}Name\t\t\t{blue}Listen\t\t{yellow}Upstream\t\t{purple}Enabled\t\t{red}Toxics\n{none}"
            f"{none}======================================================================================\n")
    code, out = cli.terminal("list")
    check("list on a terminal", (code, out) == (0, head + f"{green}redis{none}\t\t\t{blue}127.0.0.1:{a}{none}\t{yellow}localhost:{b}{none}\t\t"
                                                f"{purple}enabled{none}\t\t{red}None{none}\n"
                                                f"\n{none}Hint: inspect toxics with `toxiproxy-cli inspect <proxyName>`\n"), repr(out))
    code, out = cli.terminal("inspect", "redis")
    top = (f"{purple}Name: {none}redis\t{blue}Listen: {none}127.0.0.1:{a}\t{yellow}Upstream: {none}localhost:{b}\n"
           f"{none}======================================================================\n")
    hint = f"\n{none}Hint: add a toxic with `toxiproxy-cli toxic add`\n"
    check("inspect on a terminal", (code, out) == (0, top + f"{red}Proxy has no toxics enabled.\n{none}" + hint), repr(out))
    cli.run("toxic", "add", "-t", "latency", "-a", "latency=5", "redis")
    code, out = cli.terminal("inspect", "redis")
    check("inspect with a toxic on a terminal", (code, out) == (0, top + f"{green}Upstream toxics:\n{none}"
          f"{red}Proxy has no Upstream toxics enabled.\n{none}\n{green}Downstream toxics:\n{none}{blue}latency_downstream:{none}\ttype=latency\t"
          f"stream=downstream\ttoxicity=1.00\tattributes=[\tjitter=0\tlatency=5\t]\n" + hint), repr(out))
    cli.run("toxic", "remove", "-n", "latency_downstream", "redis")
    code, out = cli.terminal("toggle", "redis")
    check("toggle on a terminal", (code, out) == (0, f"Proxy {red}redis{none} is now {red}disabled{none}\n"), repr(out))
    cli.run("toggle", "redis")
    is_("delete", cli.run("d", "redis"), 0, "Deleted proxy redis\n")
    code, out = cli.terminal("list")
    check("list of nothing on a terminal", (code, out) == (0, head + f"{red}no proxies\n{none}\n{none}"
          "Hint: create a proxy with `toxiproxy-cli create`\n"), repr(out))


def hosts(cli):
    for flag in ("--host", "-h", "-host"):
        is_(f"{flag}", cli.run(flag, cli.url, "list", TOXIPROXY_URL="http://127.0.0.1:1"), 0)
    is_("without http://", cli.run("list", TOXIPROXY_URL=cli.url[len("http://"):]), 0)
    port = free_port()
    is_("nobody there", cli.run("-h", f"http://127.0.0.1:{port}", "list"), 1, "",
        f"Failed to retrieve proxies: fail to request: Get \"http://127.0.0.1:{port}/proxies\": "
        f"dial tcp 127.0.0.1:{port}: connect: connection refused\n")


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers as a daemon would, remembers what it was asked."""
    asked, answer = [], (200, "application/json", b"{}")

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Recorder.asked.append((self.command, self.path, self.headers.get("User-Agent"), self.headers.get("Content-Type"), body))
        status, kind, text = Recorder.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = do_any

    def log_message(self, *_):
        pass


def requests(cli):
    """What goes over the wire, seen by a server of our own."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"

    def asked(*words):
        Recorder.asked.clear()
        r = cli.run("-h", url, *words)
        return r, [(m, p, json.loads(b) if b else None) for m, p, _, _, b in Recorder.asked]

    _, q = asked("toxic", "add", "-t", "latency", "-a", "latency=1e3", "-a", "word=x", "-a", "half=0.5", "-a", "list=1", "p q")
    check("toxic add asks for the proxy, then posts numbers as numbers", [(m, p) for m, p, _ in q] ==
          [("GET", "/proxies/p%20q"), ("POST", "/proxies/p%20q/toxics")] and q[1][2] == {
              "name": "", "type": "latency", "stream": "downstream", "attributes": {"latency": 1000, "word": "x", "half": 0.5, "list": 1}}, q)
    check("integers have no point", b'"latency":1000,' in Recorder.asked[1][4], Recorder.asked[1][4])
    check("user agent", Recorder.asked[0][2] == "toxiproxy-cli/2.12.0 (linux/amd64)", Recorder.asked[0][2])
    check("content type", Recorder.asked[1][3] == "application/json", Recorder.asked[1][3])
    _, q = asked("toxic", "update", "-n", "t", "-a", "a=1", "p")
    check("toxic update is a PATCH without toxicity", q[1:] == [("PATCH", "/proxies/p/toxics/t", {"attributes": {"a": 1}})], q)
    _, q = asked("toxic", "update", "-n", "t", "--toxicity", "0.25", "p")
    check("toxic update with toxicity", q[1:] == [("PATCH", "/proxies/p/toxics/t", {"attributes": {}, "toxicity": 0.25})], q)
    _, q = asked("toggle", "p")
    check("toggle posts enabled", q[1:] == [("POST", "/proxies/p", {"enabled": True})], q)

    Recorder.answer = (404, "text/plain", b"404 page not found\n")
    is_("an error that is no JSON", asked("list")[0], 1, "", "Failed to retrieve proxies: HTTP 404: Unexpected response code 404\n")
    Recorder.answer = (200, "text/html", b"<html>")
    r = asked("list")[0]
    check("an answer that is no JSON", r[0] == 1 and r[1] == "" and "invalid character '<'" in r[2], r)
    Recorder.answer = (200, "application/json", json.dumps({"x": {"name": "\x1b[31mx\x07", "toxics": 7, "listen": None}, "y": 5}).encode())
    code, out = cli.terminal("-h", url, "list")
    check("a name does not steer the terminal", code == 0 and "\x07" not in out and "?[31mx?" in out, repr(out))
    server.shutdown()


def token(directory):
    daemon = Daemon(directory, "--token", "secret")
    try:
        cli = Cli(tempfile.mkdtemp(dir=directory), daemon.url)
        code, out, err = cli.run("list")
        check("without the token", code == 1 and out == "" and "HTTP 401: " in err, (code, out, err))
        is_("with FAULTLINE_TOKEN", cli.run("list", FAULTLINE_TOKEN="secret"), 0)
    finally:
        daemon.stop()


def main():
    if not os.access(PROGRAM, os.X_OK):
        skip("everything", f"there is no program at {PROGRAM}")
    else:
        with tempfile.TemporaryDirectory() as directory:
            daemon = Daemon(directory)
            try:
                cli = Cli(directory, daemon.url)
                a, b = free_port(), free_port()
                proxies(cli, a, b)
                missing(cli)
                toxics(cli)
                usage(cli)
                terminal(cli, a, b)
                hosts(cli)
                requests(cli)
            finally:
                check("the daemon ends well", daemon.stop() == 0)
            token(directory)
    print(f"{results['passed']} passed, {results['failed']} failed, {results['skipped']} skipped")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
