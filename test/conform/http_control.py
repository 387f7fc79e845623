#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_control - HTTP lines as the control side has them: files, reload, the API, the state, Toxiproxy's view, policies in words,
and metrics as a real parser reads them.

    FAULTLINE=build/release/faultline test/conform/http_control.py

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

from api_lib import PROGRAM, ROOT, WAIT, Daemon, Server, Suite, until

# Debian's packages are not in the path of every python3.
sys.path.append("/usr/lib/python3/dist-packages")
OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"

LINE = """
lines:
  cart:
    protocol: http
    listen: 127.0.0.1:0
    upstreams: [127.0.0.1:1, {address: 127.0.0.1:2, backup: true}]
    policies: {timeout: {total: 3s, per_try: 900ms}, retry: 3, breaker: true, bulkhead: {max: 9, queue: 3}}
    routes:
      - {name: pay, match: {method: POST, path_prefix: /pay}, policies: {retry: false}}
"""


class File:
    """A configuration file that is written again and again."""

    def __init__(self, text):
        self.dir = tempfile.TemporaryDirectory(prefix="faultline-test-")
        self.path = os.path.join(self.dir.name, "faultline.yaml")
        self.write(text)

    def write(self, text):
        """Whole or not at all: the daemon may be about to read it."""
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(self.path + ".new", self.path)


def run(*words, url=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("FAULTLINE", "TOXIPROXY"))}
    if url:
        env["FAULTLINE_URL"] = url
    r = subprocess.run([PROGRAM, *words], capture_output=True, env=env, timeout=WAIT, check=False)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def test_file(t):
    f = File(LINE)
    d = Daemon("-c", f.path)
    line = d.get("/proxies/cart").json
    t.equal("as a proxy", (line["upstream"], line["enabled"], line["protocol"], line["toxics"]), ("127.0.0.1:1", True, "http", []))
    t.equal("nothing to do", d.post("/v1/reload").json["report"], "nothing has changed\n")
    f.write(LINE.replace("retry: 3", "retry: 2"))
    t.equal("changed", d.post("/v1/reload").json["report"], "changed cart\n")
    t.equal("where it listens stays", d.get("/proxies/cart").json["listen"], line["listen"])
    f.write(LINE.replace("retry: 3", "retry: {atempts: 3}").replace("900ms", "900"))
    r = d.post("/v1/reload")
    t.equal("wrong: refused", r.status, 400)
    for words in (f.path + ":7:60: found the key \"atempts\", expected one of attempts", 'did you mean "attempts"?',
                  f.path + ":7:46: found the number 900, expected a duration such as 250ms"):
        t.check("wrong: says " + words, words in r.json["error"], r.json["error"])
    d.process.send_signal(signal.SIGHUP)
    wrong = "the configuration is wrong, the old one stays"
    lines = 2 * len(r.json["error"].splitlines())      # each complaint is a line of the log, for the request and for the signal
    t.check("wrong: logged", until(lambda: sum(e["message"] == wrong for e in d.log) == lines), d.log[-3:])
    t.equal("wrong: the old one stays", d.get("/proxies/cart").json["listen"], line["listen"])
    f.write("lines:\n  cart: {listen: '127.0.0.1:0', upstream: '127.0.0.1:1'}\n")
    t.equal("a TCP line now", d.post("/v1/reload").json["report"], "changed cart\n")
    t.check("without protocol", "protocol" not in d.get("/proxies/cart").json)
    f.write(LINE)
    d.post("/v1/reload")
    t.equal("and back", d.get("/proxies/cart").json["protocol"], "http")
    f.write("lines: {}\n")
    t.equal("gone", d.post("/v1/reload").json["report"], "deleted cart\n")
    t.equal("its end", d.stop(), 0)


def test_api(t):
    d = Daemon()
    r = d.post("/v1/lines", {"name": "a", "protocol": "http", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "policies": {"retry": 2}})
    t.equal("made", (r.status, r.json["name"], r.json["protocol"]), (201, "a", "http"))
    listen = r.json["listen"]
    t.equal("once", d.post("/v1/lines", {"name": "a", "listen": "127.0.0.1:0", "upstream": "x:1"}).status, 409)
    r = d.post("/v1/lines", {"name": "b", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "connect_timeout": "1s"})
    t.equal("a TCP line", (r.status, "protocol" in r.json), (201, False))
    for what, body, words in (
            ("no name", {"listen": "127.0.0.1:0", "upstream": "x:1"}, "found no name"),
            ("no listen", {"name": "c", "protocol": "http", "upstream": "x:1"}, "found a line without listen"),
            ("no upstream", {"name": "c", "protocol": "http", "listen": ":0"}, "found no upstream"),
            ("a word misspelt", '{"name":"c","protocol":"http","listen":":0","upstream":"x:1",\n "policies":{"retyr":1}}', 'body:2:14: found the key "retyr"'),
            ("another protocol", {"name": "c", "protocol": "spdy", "listen": ":0", "upstream": "x:1"}, 'found "spdy", expected one of tcp, http'),
            ("a file", {"name": "c", "protocol": "http", "listen": ":0", "upstream": "x:1", "policies": {"fallback": {"file": "/etc/passwd"}}},
             "only the configuration file may name files"),
            ("where files would be looked for", {"name": "c", "protocol": "http", "listen": ":0", "upstream": "x:1", "source_file": "/etc/x",
                                                 "policies": {"fallback": {"file": "passwd"}}}, "only the configuration file may name files"),
            ("not an object", "[1]", "expected an object"), ("not JSON", "{", "unexpected EOF")):
        r = d.post("/v1/lines", body)
        t.check("refused: " + what, r.status == 400 and words in r.json["error"], (r.status, r.text))
    t.equal("nothing of it", sorted(d.get("/proxies").json), ["a", "b"])
    t.equal("a policy", d.call("PATCH", "/v1/lines/a/policies", {"retry": {"attempts": 4}, "rate_limit": "50/s"}).status, 200)
    t.check("is used", "50 a second" in d.get("/v1/lines/a/explain").text and "up to 4 attempts" in d.get("/v1/lines/a/explain").text)
    t.equal("none", d.call("PATCH", "/v1/lines/a/policies", {"rate_limit": None}).status, 200)
    t.check("is used", "a second are let in" not in d.get("/v1/lines/a/explain").text)
    r = d.call("PATCH", "/v1/lines/a/policies", {"retry": {"attempts": 99}})
    t.check("a wrong one", r.status == 400 and "expected a whole number from 1 to 8" in r.json["error"], r.text)
    t.equal("of a route that is not there", d.call("PATCH", "/v1/lines/a/policies?route=x", {}).status, 404)
    t.equal("routes", d.call("PATCH", "/v1/lines/a", {"routes": [{"name": "x", "match": {"path": "/x"}}]}).status, 200)
    t.equal("of a route", d.call("PATCH", "/v1/lines/a/policies?route=x", {"retry": False, "bulkhead": 7}).status, 200)
    t.check("is used there", "At most 7 calls" in d.get("/v1/lines/a/explain?route=x").text)
    t.check("and there alone", "At most 7 calls" not in d.get("/v1/lines/a/explain?route=default").text)
    t.equal("of the rest", d.call("PATCH", "/v1/lines/a/policies?route=default", {"retry": 2}).status, 200)
    t.equal("where it listens has not moved", d.get("/proxies/a").json["listen"], listen)
    t.equal("disabled", d.call("PATCH", "/v1/lines/a", {"enabled": False}).json["enabled"], False)
    t.equal("and enabled", d.call("PATCH", "/v1/lines/a", {"enabled": True}).json["enabled"], True)
    r = d.call("PATCH", "/v1/lines/a", {"listen": "nonsense"})
    t.check("a wrong address", r.status == 400 and "body:1:12" in r.json["error"], r.text)
    t.equal("TCP lines are changed elsewhere", d.call("PATCH", "/v1/lines/b", {}).status, 409)
    t.equal("and have no policies", (d.call("PATCH", "/v1/lines/b/policies", {}).status, d.get("/v1/lines/b/explain").status), (409, 409))
    t.equal("deleted", d.call("DELETE", "/v1/lines/a").status, 204)
    t.equal("gone", d.get("/v1/lines/a").status, 404)
    d.stop()


def test_toxiproxy(t):
    """A client of Toxiproxy sees an HTTP line as a proxy and can do with it what it does with proxies."""
    d = Daemon()
    d.post("/v1/lines", {"name": "a", "protocol": "http", "listen": "127.0.0.1:0", "upstreams": ["127.0.0.1:1", "127.0.0.1:2"], "policies": {"retry": 2}})
    proxy = d.get("/proxies/a").json
    t.equal("what it shows can be sent back", d.post("/proxies/a", proxy).json, proxy)
    t.equal("disable", d.post("/proxies/a", {"enabled": False}).json["enabled"], False)
    t.equal("enable", d.post("/proxies/a", {"enabled": True}).json, proxy)
    t.check("its policies are there still", "up to 2 attempts" in d.get("/v1/lines/a/explain").text)
    t.equal("populate what is there", d.post("/populate", [{"name": "a", "listen": proxy["listen"], "upstream": "127.0.0.1:1"}]).status, 201)
    t.equal("it is HTTP still", d.get("/proxies/a").json["protocol"], "http")
    t.equal("populate another", d.post("/populate", [{"name": "a", "listen": proxy["listen"], "upstream": "127.0.0.1:9"}]).status, 409)
    t.equal("another upstream", d.post("/proxies/a", {"upstream": "127.0.0.1:7"}).json["upstream"], "127.0.0.1:7")
    t.check("which is its only one", "It goes to 127.0.0.1:7." in d.get("/v1/lines/a/explain").text)
    t.equal("one that is none", d.post("/proxies/a", {"upstream": "nonsense"}).status, 400)
    t.equal("deleted", d.call("DELETE", "/proxies/a").status, 204)
    d.stop()


def test_state(t):
    with tempfile.TemporaryDirectory() as where:
        state, config = os.path.join(where, "state.json"), os.path.join(where, "faultline.yaml")
        with open(os.path.join(where, "empty.json"), "w", encoding="utf-8") as f:
            f.write('{"items":[]}')
        with open(config, "w", encoding="utf-8") as f:
            f.write("lines:\n  f:\n    protocol: http\n    listen: 127.0.0.1:0\n    upstream: 127.0.0.1:1\n"
                    "    policies: {fallback: {file: empty.json}}\n")
        d = Daemon("--state", state, "-c", config)
        d.post("/v1/lines", {"name": "a", "protocol": "http", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "policies": {"bulkhead": 7}})
        d.call("PATCH", "/v1/lines/a/policies", {"retry": 5})
        d.call("PATCH", "/v1/lines/f/policies", {"retry": 6})
        before = d.get("/proxies").json
        t.equal("its end", d.stop(), 0)
        d = Daemon("--state", state)
        t.equal("they come back", d.get("/proxies").json, before)
        text = d.get("/v1/lines/a/explain").text
        t.check("with their policies", "up to 5 attempts" in text and "At most 7 calls" in text, text)
        text = d.get("/v1/lines/f/explain").text
        t.check("and with what a file says", "up to 6 attempts" in text and "12 fixed bytes" in text, text)
        d.stop()
        with open(state, encoding="utf-8") as f:
            broken = f.read().replace('"retry":5', '"retry":55')
        with open(state, "w", encoding="utf-8") as f:
            f.write(broken)
        r = subprocess.run([PROGRAM, "serve", "--port", "0", "--state", state], capture_output=True, timeout=WAIT, check=False)
        t.check("a state that cannot be is refused", r.returncode == 1 and b"expected a whole number from 1 to 8" in r.stderr, r)


def test_explain(t):
    f = File(LINE)
    code, out, err = run("policy", "explain", "cart", "-c", f.path)
    t.check("in words", code == 0 and "A call on line cart, route pay" in out and "At worst" in out and err == "", (code, out, err))
    code, out, _ = run("policy", "explain", "cart", "--route", "default", "-c", f.path, "--json")
    doc = json.loads(out)
    t.equal("as JSON", (code, doc["line"], len(doc["routes"]), doc["routes"][0]["worst"]["attempts"], doc["warnings"]), (0, "cart", 1, 3, 0))
    for words, complaint in ((("cort",), 'did you mean "cart"?'), (("cart", "--route", "pya"), 'did you mean "pay"?')):
        code, _, err = run("policy", "explain", *words, "-c", f.path)
        t.check("not there: %s" % (words,), code == 2 and complaint in err, (code, err))
    f.write(LINE.replace("3s", "800ms"))
    code, out, _ = run("policy", "explain", "cart", "-c", f.path, "--json")
    doc = json.loads(out)
    t.equal("a finding", (code, doc["warnings"] > 0), (1, True))
    code, out, _ = run("lint", f.path)
    t.check("told by lint", code == 1 and f.path + ":7:64: line cart, route default: per_try_over_total: " in out, (code, out))
    code, out, _ = run("lint", "--json", f.path)
    t.equal("and by lint in JSON", (code, json.loads(out)["files"][0]["verdict"]), (1, "doubtful"))
    f.write("lines:\n  cart: {protocol: http}\n")
    code, _, err = run("policy", "explain", "cart", "-c", f.path)
    t.check("a wrong file", code == 2 and f.path + ":2:9: found a line without listen" in err, (code, err))
    d = Daemon()
    d.post("/v1/lines", {"name": "a", "protocol": "http", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
    url = "http://127.0.0.1:%d" % d.port
    code, out, err = run("policy", "explain", "a", url=url)
    t.check("of the daemon", code == 0 and "It goes to 127.0.0.1:1." in out, (code, out, err))
    code, out, err = run("policy", "set", "a", "retry.attempts=4", 'retry.on=["connect",503]', "rate_limit=5/m", "timeout=2s", url=url)
    t.equal("set", (code, out, err), (0, "", ""))
    text = d.get("/v1/lines/a/explain?width=0").json["text"]
    t.check("is used", "up to 4 attempts: when it cannot connect, the answer is 503." in text and "0.0833333 a second" in text and "has 2s in all" in text, text)
    for words, complaint in ((("retry",), "expected KEY=VALUE"), (("retry.attempts=x",), "expected a whole number"), (("retr=1",), 'did you mean "retry"?'),
                             (("=1",), "expected KEY=VALUE"), (("a..b=1",), "expected a key")):
        code, _, err = run("policy", "set", "a", *words, url=url)
        t.check("set wrongly: %s" % words, code == 2 and complaint in err, (code, err))
    code, _, err = run("policy", "explain", "b", url=url)
    t.check("no such line", code == 2 and "line not found" in err, (code, err))
    d.stop()


def test_metrics(t):
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
        from prometheus_client.parser import text_string_to_metric_families as read_text
    except ImportError:
        t.skip("metrics", "python3-prometheus-client is not installed")
        return
    d = Daemon("--proxy-metrics", "--runtime-metrics")
    d.post("/proxies", {"name": 'p"q\\\n', "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
    text = d.call("GET", "/metrics")
    wide = d.call("GET", "/metrics", headers={"Accept": OPEN_METRICS})
    t.equal("types", (text.header("Content-Type"), wide.header("Content-Type")),
            ("text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8"))
    samples = [{(s.name, tuple(sorted(s.labels.items()))) for m in families for s in m.samples} for families in (read_text(text.text), read_open(wide.text))]
    t.equal("the same samples in both", samples[0], samples[1])
    t.check("names as they are", any(s[0] == "faultline_line_accepted_total" and dict(s[1])["line"] == 'p"q\\\n' for s in samples[0]), samples[0])
    d.stop()


def keys_of(path, text):
    """What may stand in a map, by writing there what may not."""
    f = File(text)
    code, _, err = run("lint", f.path)
    m = re.search(r'found the key "no_such_key", expected one of (.*?)(;|$)', err, re.M)
    return m.group(1).split(", ") if m else ["?? %s: %d %s" % (path, code, err)]


def test_documented(t):
    """Every key that is read stands in the manual."""
    with open(os.path.join(ROOT, "doc", "http-lines.md"), encoding="utf-8") as f:
        manual = set(re.findall(r"`([a-z_0-9]+)(?::[^`]*)?`", f.read()))
    head = "lines:\n  a:\n    protocol: http\n    listen: '127.0.0.1:1'\n    upstream: 'x:1'\n"
    places = {"line": "    no_such_key: 1\n", "limits": "    limits: {no_such_key: 1}\n", "upstreams": "    upstreams: [{no_such_key: 1}]\n",
              "route": "    routes: [{name: x, no_such_key: 1}]\n", "match": "    routes: [{name: x, match: {no_such_key: 1}}]\n",
              "policies": "    policies: {no_such_key: 1}\n", "access_log": "    access_log: {no_such_key: 1}\n",
              "backoff": "    policies: {retry: {backoff: {no_such_key: 1}}}\n", "stale": "    policies: {fallback: {stale: {no_such_key: 1}}}\n"}
    for key in ("dns", "balance", "pool", "health", "outlier"):
        places[key] = "    %s: {no_such_key: 1}\n" % key
    for key in ("timeout", "retry", "budget", "hedge", "breaker", "bulkhead", "rate_limit", "adaptive", "shed", "fallback"):
        places["policies." + key] = "    policies: {%s: {no_such_key: 1}}\n" % key
    for place, text in places.items():
        missing = [k for k in keys_of(place, head + text) if k not in manual and k != "source_file"]
        t.equal("keys of %s" % place, missing, [])


if __name__ == "__main__":
    sys.exit(Suite().run([test_file, test_api, test_toxiproxy, test_state, test_explain, test_metrics, test_documented]))
