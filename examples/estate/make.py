#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make.py - write the files of this estate: what its people declare, and what was recorded while it ran.

A shop of forty services. Everything is derived from the tables below, with fixed times and identities, so that the files come out the same
each time. What was recorded is not what was declared, as in life:

  - reports reads orders-db directly, which nobody declared and a rule forbids;
  - fraud calls a scoring service outside (scores.example.net) that nobody declared;
  - gift-cards is declared to call tax, which nothing that looked at it has seen.

  faultline.yaml   what is declared: services, what they need, owners, tiers, objectives, rules, aliases
  spans.jsonl      OTLP traces of a quarter of an hour, a request of JSON per line
  ss-edge.txt, ss-apps.txt, ss-data.txt    `ss -tanp` of three hosts
  backups.jsonl    what the backup system says
"""

import json
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
START = 1793440800  # 2026-10-31 10:00 UTC
HOSTS = {"edge": "10.20.0.10", "apps": "10.20.0.20", "data": "10.20.0.30"}

# name: (app, kind, tier, owner, zone, recover, host, port)
SERVICES = {
    "web": ("front", "service", 1, "team-web", "a, b", "20s", "edge", 8080),
    "mobile-api": ("front", "service", 1, "team-mobile", "a, b", "25s", "edge", 8081),
    "edge-lb": ("front", "service", 1, "team-net", "a, b", "10s", "edge", 443),
    "auth": ("identity", "service", 1, "team-identity", "a, b", "30s", "apps", 9001),
    "sessions": ("identity", "service", 1, "team-identity", "a, b", "15s", "apps", 9002),
    "users": ("identity", "service", 1, "team-identity", "a", "40s", "apps", 9003),
    "catalog": ("catalog", "service", 1, "team-catalog", "a, b", "45s", "apps", 9010),
    "search": ("catalog", "service", 2, "team-catalog", "a, b", "2m", "apps", 9011),
    "recommend": ("catalog", "service", 3, "team-ml", "b", "3m", "apps", 9012),
    "reviews": ("catalog", "service", 3, "team-catalog", "b", "30s", "apps", 9013),
    "images": ("catalog", "service", 2, "team-catalog", "a", "20s", "apps", 9014),
    "prices": ("catalog", "service", 1, "team-pricing", "a, b", "30s", "apps", 9015),
    "stock": ("catalog", "service", 1, "team-stock", "a", "50s", "apps", 9016),
    "cart": ("checkout", "service", 1, "team-checkout", "a, b", "20s", "apps", 9020),
    "checkout": ("checkout", "service", 1, "team-checkout", "a, b", "30s", "apps", 9021),
    "orders": ("checkout", "service", 1, "team-orders", "a", "1m", "apps", 9022),
    "payment": ("checkout", "service", 1, "team-payment", "a, b", "40s", "apps", 9023),
    "fraud": ("checkout", "service", 2, "team-payment", "a", "1m", "apps", 9024),
    "tax": ("checkout", "service", 2, "team-checkout", "a", "20s", "apps", 9025),
    "gift-cards": ("checkout", "service", 2, "team-checkout", "b", "25s", "apps", 9026),
    "bank-north": ("checkout", "external", None, None, None, None, None, 443),
    "bank-south": ("checkout", "external", None, None, None, None, None, 443),
    "fulfilment": ("logistics", "service", 2, "team-logistics", "a", "1m", "apps", 9030),
    "shipping": ("logistics", "service", 2, "team-logistics", "a", "40s", "apps", 9031),
    "warehouse": ("logistics", "service", 2, "team-logistics", "a", "2m", "apps", 9032),
    "returns": ("logistics", "service", 3, "team-logistics", "b", "30s", "apps", 9033),
    "notify": ("messages", "service", 2, "team-messages", "a, b", "20s", "apps", 9040),
    "mail": ("messages", "service", 3, "team-messages", "a", "20s", "apps", 9041),
    "push": ("messages", "service", 3, "team-messages", "b", "20s", "apps", 9042),
    "reports": ("insight", "service", 3, "team-insight", "b", "2m", "apps", 9050),
    "metrics": ("insight", "service", 3, "team-insight", "b", "1m", "apps", 9051),
    "config": ("platform", "service", 1, "team-platform", "a, b", "15s", "apps", 9060),
    "users-db": ("identity", "datastore", 1, "team-identity", "a", "4m", "data", 5432),
    "catalog-db": ("catalog", "datastore", 1, "team-catalog", "a", "5m", "data", 5433),
    "orders-db": ("checkout", "datastore", 1, "team-orders", "a", "6m", "data", 5434),
    "stock-db": ("catalog", "datastore", 1, "team-stock", "a", "4m", "data", 5435),
    "session-cache": ("identity", "datastore", 1, "team-identity", "a", "10s", "data", 6379),
    "cart-cache": ("checkout", "datastore", 1, "team-checkout", "b", "10s", "data", 6380),
    "search-index": ("catalog", "datastore", 2, "team-catalog", "b", "15m", "data", 9200),
    "events": ("platform", "broker", 1, "team-platform", "a", "2m", "data", 5672),
}

# caller: [(callee, protocol, hard?, async?, phase)]
NEEDS = {
    "edge-lb": [("web", "http", True, False, "runtime"), ("mobile-api", "http", True, False, "runtime")],
    "web": [("auth", "http", True, False, "runtime"), ("catalog", "http", True, False, "runtime"), ("cart", "http", True, False, "runtime"),
            ("checkout", "http", True, False, "runtime"), ("search", "http", False, False, "runtime"),
            ("recommend", "http", False, False, "runtime"), ("images", "http", False, False, "runtime")],
    "mobile-api": [("auth", "http", True, False, "runtime"), ("catalog", "http", True, False, "runtime"),
                   ("cart", "http", True, False, "runtime"), ("checkout", "http", True, False, "runtime"),
                   ("push", "http", False, False, "runtime")],
    "auth": [("sessions", "rpc", True, False, "runtime"), ("users", "rpc", True, False, "runtime"), ("config", "http", True, False, "startup")],
    "sessions": [("session-cache", "db", True, False, "both")],
    "users": [("users-db", "db", True, False, "both"), ("config", "http", True, False, "startup")],
    "catalog": [("catalog-db", "db", True, False, "both"), ("prices", "rpc", True, False, "runtime"), ("stock", "rpc", False, False, "runtime"),
                ("reviews", "http", False, False, "runtime"), ("config", "http", True, False, "startup")],
    "search": [("search-index", "db", True, False, "both")],
    "recommend": [("catalog", "http", True, False, "runtime")],
    "reviews": [("catalog-db", "db", True, False, "both")],
    "images": [],
    "prices": [("catalog-db", "db", True, False, "both")],
    "stock": [("stock-db", "db", True, False, "both")],
    "cart": [("cart-cache", "db", True, False, "both"), ("prices", "rpc", True, False, "runtime")],
    "checkout": [("cart", "rpc", True, False, "runtime"), ("orders", "rpc", True, False, "runtime"), ("payment", "rpc", True, False, "runtime"),
                 ("tax", "rpc", True, False, "runtime"), ("gift-cards", "rpc", False, False, "runtime"),
                 ("stock", "rpc", True, False, "runtime"), ("config", "http", True, False, "startup")],
    "orders": [("orders-db", "db", True, False, "both"), ("events", "messaging", True, True, "both")],
    "payment": [("fraud", "rpc", False, False, "runtime"), ("config", "http", True, False, "startup")],
    "fraud": [],
    "tax": [],
    "gift-cards": [("orders-db", "db", True, False, "both"), ("tax", "rpc", False, False, "runtime")],
    "fulfilment": [("events", "messaging", True, True, "both"), ("warehouse", "rpc", True, False, "runtime"),
                   ("shipping", "rpc", True, False, "runtime")],
    "shipping": [("orders", "rpc", True, False, "runtime")],
    "warehouse": [("stock-db", "db", True, False, "both")],
    "returns": [("orders", "rpc", True, False, "runtime"), ("payment", "rpc", False, False, "runtime")],
    "notify": [("events", "messaging", True, True, "both"), ("mail", "http", True, False, "runtime"), ("push", "http", False, False, "runtime")],
    "mail": [],
    "push": [],
    "reports": [("metrics", "http", True, False, "runtime")],
    "metrics": [("events", "messaging", True, True, "both")],
    "config": [],
}
ANY = {"payment": (["bank-north", "bank-south"], 1)}
FUNCTIONS = {"edge-lb": "storefront", "checkout": "selling", "fulfilment": "delivering", "returns": "returning"}
RTO = {"edge-lb": "10m", "web": "15m", "mobile-api": "15m", "checkout": "15m", "orders": "5m", "orders-db": "10m", "catalog": "15m", "catalog-db": "10m",
       "search": "10m", "fulfilment": "30m", "auth": "15m", "users-db": "10m"}
RPO = {"orders-db": "15m", "users-db": "1h", "catalog-db": "1d", "stock-db": "1h", "events": "1h"}
EPHEMERAL = {"session-cache", "cart-cache", "search-index"}
OBSERVED_ONLY = [("reports", "orders-db", "db")]
OUTSIDE = [("fraud", "scores.example.net"), ("payment", "bank-north")]
NEVER_SEEN = {("gift-cards", "tax")}


def yaml_text(text):
    return json.dumps(text)


def declared():
    out = ["# A shop of forty services, as its people declare it. Written by make.py.", "services:"]
    for name, (app, kind, tier, owner, zone, recover, host, port) in SERVICES.items():
        out += ["  %s:" % name, "    app: %s" % app]
        facts = [("kind", kind if kind != "service" else None), ("tier", tier), ("owner", owner), ("zone", yaml_text(zone) if zone else None),
                 ("recover", recover), ("rto", RTO.get(name)), ("rpo", RPO.get(name)), ("function", FUNCTIONS.get(name)),
                 ("stateful", "false" if name in EPHEMERAL else None)]
        out += ["    %s: %s" % (k, v) for k, v in facts if v is not None]
        if host is not None:
            out.append("    instances: [%s]" % yaml_text("%s:%d" % (HOSTS[host], port)))
            out.append("    recover.command: %s" % yaml_text("systemctl start %s" % name))
            out.append("    recover.check: %s" % yaml_text("curl -fsS http://%s:%d/health" % (HOSTS[host], port) if kind == "service"
                                                           else "nc -z %s %d" % (HOSTS[host], port)))
        needs = NEEDS.get(name, [])
        if needs or name in ANY:
            out.append("    needs:")
        for to, protocol, hard, is_async, phase in needs:
            out.append("      - {to: %s, protocol: %s, strength: %s, mode: %s, phase: %s}" % (
                to, protocol, "hard" if hard else "soft", "async" if is_async else "sync", phase))
        if name in ANY:
            out.append("      - {any: [%s], need: %d, protocol: http, strength: hard, phase: runtime}" % (", ".join(ANY[name][0]), ANY[name][1]))
    out += ["rules:", "  - {deny: \"reports -> *-db\", why: reports read from metrics and never from a store}", "aliases:",
            "  10.20.0.99: {is: edge-lb, why: its virtual address}",
            "  bank-north.example.com: {is: bank-north, why: its host}", "  bank-south.example.com: {is: bank-south, why: its host}"]
    return "\n".join(out) + "\n"


def attr(key, value):
    return {"key": key, "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value}}


class Spans:
    def __init__(self):
        self.rng = random.Random(40)
        self.requests = []

    def ident(self, n):
        return "%0*x" % (2 * n, self.rng.getrandbits(8 * n))

    def span(self, service, trace, span, parent, name, kind, at, took, attributes, error=False, flags=257):
        s = {"traceId": trace, "spanId": span, "parentSpanId": parent, "name": name, "kind": kind, "startTimeUnixNano": str(at),
             "endTimeUnixNano": str(at + took), "attributes": attributes, "status": {"code": 2} if error else {}, "flags": flags}
        return {"resource": {"attributes": [attr("service.name", service), attr("service.instance.id", "%s-1" % service)]},
                "scopeSpans": [{"scope": {"name": "shop"}, "spans": [s]}]}

    def call(self, trace, parent, caller, callee, protocol, at):
        """One call of a line: the caller's span, and the callee's where it has spans."""
        out, span, took, error = [], self.ident(8), self.rng.randrange(1, 40) * 1000000, self.rng.random() < 0.01
        kind, app = SERVICES[callee][1], SERVICES[callee][0]
        host, port = HOSTS.get(SERVICES[callee][6], "10.20.0.1"), SERVICES[callee][7]
        if protocol == "messaging":
            a = [attr("messaging.system", "rabbitmq"), attr("messaging.destination.name", "shop"), attr("server.address", callee)]
            kind_of_span = 4 if caller == "orders" else 5
            out.append(self.span(caller, trace, span, parent, "shop", kind_of_span, at, took, a, error))
            return out, span, took
        if kind == "datastore":
            system = "redis" if port in (6379, 6380) else "elasticsearch" if port == 9200 else "postgresql"
            a = [attr("db.system.name", system), attr("db.namespace", app), attr("server.address", callee), attr("server.port", port)]
            out.append(self.span(caller, trace, span, parent, "query", 3, at, took, a, error))
            return out, span, took
        a = [attr("server.address", callee if kind != "external" else callee + ".example.com"), attr("server.port", port)]
        if protocol == "rpc":
            a += [attr("rpc.system", "grpc"), attr("rpc.service", callee)]
        else:
            a += [attr("http.request.method", "GET"), attr("url.full", "http://%s:%d/" % (host, port))]
        out.append(self.span(caller, trace, span, parent, "call " + callee, 3, at, took, a, error))
        if kind == "service":
            inner = self.ident(8)
            out.append(self.span(callee, trace, inner, span, "serve", 2, at + 200000, max(took - 400000, 1000), [], error, 769))
            return out, inner, took
        return out, span, took

    def walk(self, trace, parent, service, at, depth, spans):
        for callee, protocol, _hard, _async, phase in NEEDS.get(service, []):
            if (service, callee) in NEVER_SEEN or phase == "startup" and self.rng.random() < 0.7:
                continue
            got, inner, took = self.call(trace, parent, service, callee, protocol, at)
            spans += got
            at += took + 100000
            if SERVICES[callee][1] == "service" and depth > 0:
                self.walk(trace, inner, callee, at - took, depth - 1, spans)
        for caller, callee, protocol in OBSERVED_ONLY:
            if caller == service:
                spans += self.call(trace, parent, caller, callee, protocol, at)[0]
        for caller, name in OUTSIDE:
            if caller == service:
                host = name if "." in name else None
                if host is None:
                    spans += self.call(trace, parent, caller, name, "http", at)[0]
                else:
                    spans.append(self.span(caller, trace, self.ident(8), parent, "POST", 3, at, 9000000,
                                           [attr("server.address", host), attr("server.port", 443), attr("url.full", "https://%s/score" % host)]))

    def text(self):
        starts = ["edge-lb", "fulfilment", "notify", "returns", "reports", "shipping", "metrics", "warehouse"]
        lines = []
        for n in range(40):
            start = starts[n % len(starts)] if n >= 8 else "edge-lb" if n < 4 else starts[n - 3]
            trace, root, at = self.ident(16), self.ident(8), (START + n * 22) * 1000000000
            spans = [self.span(start, trace, root, "", "serve", 2, at, 900000000, [attr("client.address", "198.51.100.7")])]
            self.walk(trace, root, start, at + 1000000, 4, spans)
            lines.append(json.dumps({"resourceSpans": spans}, separators=(",", ":")))
        return "\n".join(lines) + "\n"


def sockets(host):
    """ss -tanp: who listens, and the connections that were there when somebody looked. Short ones are missing, as in life."""
    rng, out, address = random.Random(host), [], HOSTS[host]
    head = "State      Recv-Q Send-Q Local Address:Port      Peer Address:Port  Process"
    pids = {name: 1000 + 7 * i for i, name in enumerate(SERVICES)}
    here = [n for n, s in SERVICES.items() if s[6] == host]
    for name in here:
        out.append('LISTEN     0      511    %s:%d 0.0.0.0:* users:(("%s",pid=%d,fd=6))' % (address, SERVICES[name][7], name, pids[name]))
    lines = [(a, b[0]) for a, bs in NEEDS.items() for b in bs if b[4] != "startup" and (a, b[0]) not in NEVER_SEEN]
    lines += [(a, b) for a, b, _ in OBSERVED_ONLY]
    ports = {}
    for i, (a, b) in enumerate(lines):
        ports[(a, b)] = 33000 + 13 * i
    for (a, b), port in ports.items():
        a_host, b_host = SERVICES[a][6], SERVICES[b][6]
        if b_host is None or random.Random(a + b).random() < 0.15:
            continue        # gone when somebody looked
        state = "ESTAB" if rng.random() < 0.8 else "TIME-WAIT"
        if a_host == host:
            who = ' users:(("%s",pid=%d,fd=%d))' % (a, pids[a], rng.randrange(7, 90)) if state == "ESTAB" else ""
            out.append("%-10s 0      0      %s:%d %s:%d%s" % (state, address, port, HOSTS[b_host], SERVICES[b][7], who))
        if b_host == host and state == "ESTAB":
            out.append('ESTAB      0      0      %s:%d %s:%d users:(("%s",pid=%d,fd=%d))' % (
                address, SERVICES[b][7], HOSTS[a_host], port, b, pids[b], rng.randrange(7, 90)))
    return head + "\n" + "\n".join(out) + "\n"


def backups():
    rows = [
        {"node": "orders-db", "kind": "backup", "finished": "2026-10-31T09:45:10Z", "ok": True, "bytes": 8123456789, "schedule": "*/15 * * * *",
         "verified": "2026-10-04T03:00:00Z"},
        {"node": "users-db", "kind": "backup", "finished": "2026-10-31T02:10:00Z", "ok": True, "bytes": 911222333, "schedule": "0 2 * * *",
         "verified": "2026-03-01T03:00:00Z"},
        {"node": "catalog-db", "kind": "backup", "finished": "2026-10-30T23:30:00Z", "ok": True, "bytes": 2211000111, "schedule": "30 23 * * *",
         "verified": "2026-09-20T03:00:00Z"},
        {"node": "stock-db", "kind": "backup", "finished": "2026-10-31T09:20:00Z", "ok": False, "bytes": 0, "schedule": "20 * * * *"},
    ]
    return "".join(json.dumps(r) + "\n" for r in rows)


def main():
    files = {"faultline.yaml": declared(), "spans.jsonl": Spans().text(), "backups.jsonl": backups()}
    files.update({"ss-%s.txt" % h: sockets(h) for h in HOSTS})
    for name, text in files.items():
        with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
            f.write(text)


main()
