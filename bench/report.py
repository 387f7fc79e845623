# SPDX-License-Identifier: MIT
"""From samples to bench/RESULTS.md: what was to be reached, what was got, and every round's ratio behind it.

A ratio compares two programs in the same round; the median over the rounds stands in the table, with the range of the middle
half. Nothing here measures, and nothing is written that was not measured, but the figures of Toxiproxy, which are marked.
"""
import platform
import subprocess

import peers

# Toxiproxy 2.12 on another run of the same kind of machine; doc/performance.md has the whole table. Not measured here.
TOXIPROXY = {"bulk_gbps": 0.691, "churn1": 3200, "churn32": 4500}


# Others on the machine using more than this share of a CPU disturb a measurement.
FOREIGN_MAX = 0.20


def gbps(r):
    return r["bytes"] / r["seconds"] / 1e9


def cpu_per_gb(r):
    return r["cpu_s"] / (r["bytes"] / 1e9)


def rate(r):
    return r["requests"] / r["seconds"]


def cpu_us(r):
    return r["cpu_s"] * 1e6 / max(1, r["requests"])


def conn_rate(r):
    return r["conns"] / r["seconds"]


def conn_per_cpu(r):
    return r["conns"] / r["cpu_s"]


def gb_per_cpu(r):
    return r["bytes"] / 1e9 / r["cpu_s"]


def idle_bytes(r):
    return (r["after_bytes"] - r["before_bytes"]) / r["conns"]


def brief(measure, r):
    """One sample in a few characters, for the progress on the terminal."""
    if measure.startswith("bulk"):
        return "%.2f GB/s %.3f s/GB" % (gbps(r), cpu_per_gb(r))
    if measure in ("tls_up", "tls_down"):
        return "%.2f GB/s, %.2f GB a CPU second" % (gbps(r), gb_per_cpu(r))
    if measure.startswith("tls"):
        return "%.0f/s, %.0f a CPU second, %d failed" % (conn_rate(r), conn_per_cpu(r), r["failed"])
    if measure.startswith("churn"):
        return "%.0f/s %.1f us" % (conn_rate(r), r["cpu_s"] * 1e6 / max(1, r["conns"]))
    if measure in ("idle", "httpidle"):
        return "%.0f B" % idle_bytes(r)
    if measure.startswith("timer"):
        return "p50 %.0f p99 %.0f us late" % (r["epoll_p50_us"], r["epoll_p99_us"])
    if measure.startswith("bandwidth"):
        return "%+.2f %%, worst 10 ms x%.2f, burst %.1f ms" % (100 * r["mean_error"], r["worst_10ms"], r["burst_ms"])
    if measure == "check_etcd":
        return "all %.1f ms, worst %.2f ms" % (r["all_ms"], r["worst_ms"])
    if measure in ("check_json", "check_edn"):
        return "%.0f MB/s" % r["mb_per_s"]
    if measure.startswith("check"):
        return "%.3f s, %.0f MiB" % (r["cpu_s"], r["peak_mib"])
    if measure == "trace":
        return "written %.1f M/s, read %.1f M/s, one found in %.2f ms, %.0f B an event" % (
            r["events"] / r["write_s"] / 1e6, r["events"] / r["read_s"] / 1e6, r["find_s"] * 1e3, r["bytes"] / r["events"])
    if measure.startswith("txn"):
        return "read %.3f s, judged %.3f s, %d MiB" % (r["parse_s"] + r["fill_s"], r["check_s"], r["peak_mib"])
    if measure == "match":
        return "%.1f s CPU, %.1f s, %d MiB" % (r["cpu_s"], r["wall_s"], r["peak_mib"])
    if measure == "spans":
        return "protobuf %.2f M/s, JSON %.2f M/s, at most %.0f MiB" % (r["pb_per_s"] / 1e6, r["json_per_s"] / 1e6, r["peak_mib"])
    if measure == "otlp":
        return "protobuf %.2f M a CPU second, gzip %.2f, JSON %.2f, gzip %.2f" % tuple(r[m + "_per_cpu_s"] / 1e6 for m, _ in OTLP[::2])
    if measure == "sockets":
        return "%d sockets, %.2f ms CPU a sweep, the first %.2f ms" % (r["sockets"], r["cpu_ms"], r["first_ms"])
    if measure.startswith("graph_"):
        return ", ".join("%s %.3f ms" % (k[:-3], v) for k, v in sorted(r.items()) if k.endswith("_ms") and not k.endswith("_p50_ms")) or "missing"
    if measure == "past":
        return "diff %.1f ms CPU, %.0f MB, %.2f B an episode" % (r["diff_ms"], r["bytes"] / 1e6, r["bytes_per_episode"])
    if measure == "policy":
        return "breaker %.1f open %.1f bulkhead %.1f limiter %.1f all %.1f ns" % tuple(
            r[m + "1_ns"] for m in ("breaker", "open", "bulkhead", "limiter", "stack"))
    if measure.startswith("api"):
        return "p50 %.0f p99 %.0f us, load %.0f/s" % (r["p50_us"], r["p99_us"], r["load_rate"])
    if "err_p50_us" in r:
        return "error p50 %.0f p99 %.0f us" % (r["err_p50_us"], r["err_p99_us"])
    return "%.0f/s %.1f us p50 %.0f p99 %.0f" % (rate(r), cpu_us(r), r["p50_us"], r["p99_us"])


def quantile(values, q):
    v = sorted(values)
    x = q * (len(v) - 1)
    low = int(x)
    return v[low] + (v[min(low + 1, len(v) - 1)] - v[low]) * (x - low)


def median(values):
    return quantile(values, 0.5)


def rounds(bench, measure, *targets):
    """Per round the samples of these targets, for the rounds that have them all; disturbed ones only where fewer than two others are."""
    have = bench.samples.get(measure, {})
    lists = [have.get(t, []) for t in targets]
    whole = [r for r in zip(*lists) if all(x is not None for x in r)] if all(lists) else []
    calm = [r for r in whole if all(x.get("foreign", 0) <= FOREIGN_MAX for x in r)]
    return calm if len(calm) >= 2 else whole


class Row:
    """One line of the table: a value and, where there are peers, its ratio to them round by round."""

    def __init__(self, name, reach, limit, higher, got, ratios):
        self.name, self.reach, self.limit, self.higher, self.got, self.ratios = name, reach, limit, higher, got, ratios

    def reached(self):
        if not self.ratios:
            return ""
        m = median(self.ratios)
        return "yes" if (m >= self.limit if self.higher else m <= self.limit) else "no"

    def cells(self):
        if not self.ratios:
            return [self.name, self.reach, "not measured", "", "", ""]
        ratio = "%.2f" % median(self.ratios)
        if len(self.ratios) > 1:
            ratio += " (%.2f-%.2f)" % (quantile(self.ratios, 0.25), quantile(self.ratios, 0.75))
        return [self.name, self.reach, self.got, ratio, " ".join("%.2f" % r for r in self.ratios), self.reached()]


def against(bench, name, reach, limit, measure, value, unit, others, best):
    """Ratio to the best (max or min) of the others in the same round."""
    found = [o for o in others if rounds(bench, measure, o)]
    have = rounds(bench, measure, "faultline", *found) if found else []
    higher = best is max
    ratios = [value(r[0]) / best(value(o) for o in r[1:]) for r in have if best(value(o) for o in r[1:]) > 0]
    got = unit % median([value(r[0]) for r in have]) if have else ""
    if ratios:
        theirs = [unit % median([value(r[i + 1]) for r in have]) for i in range(len(found))]
        got += " against " + ", ".join("%s %s" % (o, t.split()[0]) for o, t in zip(found, theirs))
    return Row(name, reach, limit, higher, got, ratios)


def alone(bench, name, reach, limit, higher, measure, value, unit, scale):
    """Ratio to a fixed number."""
    have = [value(r[0]) for r in rounds(bench, measure, "faultline")]
    got = unit % (median(have) * scale) if have else ""
    return Row(name, reach, 1.0, higher, got, [v / limit for v in have])


def added_p50(bench):
    """Open loop: what each proxy adds to the median of the direct path, in the same round."""
    others = [o for o in ("haproxy", "nginx") if rounds(bench, "open", o)]
    have = rounds(bench, "open", "faultline", "direct", *others) if others else []
    added = [[max(0.1, r[i]["p50_us"] - r[1]["p50_us"]) for i in (0, *range(2, 2 + len(others)))] for r in have]
    got = ""
    if added:
        got = "%.0f us against " % median([a[0] for a in added]) + ", ".join(
            "%s %.0f" % (o, median([a[i + 1] for a in added])) for i, o in enumerate(others))
    return Row("1 KB, 50 connections, 5,000/s open loop: added p50", "<= 0.85 x", 0.85, False, got, [a[0] / min(a[1:]) for a in added])


def added_http(bench, measure, name):
    """Open loop over HTTP: what the line adds to the median of the direct path, in microseconds."""
    have = rounds(bench, measure, "faultline", "direct")
    added = [max(0.1, r[0]["p50_us"] - r[1]["p50_us"]) for r in have]
    others = []
    for o in ("haproxy", "nginx"):
        theirs = [max(0.1, r[0]["p50_us"] - r[1]["p50_us"]) for r in rounds(bench, measure, o, "direct")]
        if theirs:
            others.append("%s %.0f" % (o, median(theirs)))
    got = "%.0f us against %s" % (median(added), ", ".join(others)) if added else ""
    return Row(name + "added p50", "<= 45 us", 1.0, False, got, [a / 45 for a in added])


# Name in the table, what is to be reached in ns, and the measure of bench/policy.c, with one and two threads.
POLICIES = (
    ("breaker, closed: admit and record", 3, "breaker", (1, 2)), ("breaker, open: refuse", 2, "open", (1,)),
    ("bulkhead: acquire and release", 12, "bulkhead", (1,)), ("rate limiter (GCRA)", 7, "limiter", (1,)),
    ("deadline, limiter, bulkhead, breaker, budget together", 60, "stack", (1,)),
)
POLICY_MEASURES = (
    ("breaker", "breaker, closed: admit and record"), ("watching", "the same, calls in flight watched"), ("open", "breaker, open: refuse"),
    ("open_why", "the same, and say why"), ("locked1", "one locked addition, without a call: the processor's part"),
    ("locked2", "two of them"), ("called1", "one, in a function that is called: the least that a library's can cost"), ("called2", "two of them"),
    ("bulkhead", "bulkhead: acquire and release"), ("limiter", "rate limiter (GCRA)"), ("budget", "retry budget: a success"),
    ("stack", "deadline, limiter, bulkhead, breaker, budget together"), ("call", "the same as a `struct fl_call`, from start to release"),
)


# Measure of bench/check.c and its flags.
CHECKS = [("etcd", ("--kind", "etcd")), ("cas10k", ("--kind", "cas", "--ops", 10000)), ("cas100k", ("--kind", "cas", "--ops", 100000)),
          ("json", ("--kind", "json", "--ops", 500000)), ("edn", ("--kind", "edn", "--ops", 500000))]
CHECKS += [("%s%s" % (k, "_broken" if b else ""), ("--kind", k, "--ops", 1000000, "--broken", b))
           for k in ("register", "queue", "set", "stack") for b in (0, 1)]
# Name in the table, what is to be reached, and the measure.
CHECK_SECONDS = (("cas-register, one key, 10,000 operations", 0.06, "cas10k"), ("the same, 100,000 operations", 0.6, "cas100k"),
                 ("a register, 1,000,000 operations, values unique", 0.4, "register"), ("the same, broken at the end", 0.4, "register_broken"),
                 ("a queue, 1,000,000 operations", 0.8, "queue"), ("the same, broken at the end", 0.8, "queue_broken"),
                 ("a set, 1,000,000 operations", 0.8, "set"), ("the same, broken at the end", 0.8, "set_broken"),
                 ("a stack, 1,000,000 operations", 3, "stack"), ("the same, broken at the end", 3, "stack_broken"))


def check_rows(bench):
    out = [alone(bench, "audit of 222 cas-register histories with time-outs: CPU time", "<= 20 ms", 20, False, "check_etcd", lambda r: r["all_ms"],
                 "%.1f ms", 1)]
    for text, limit, m in CHECK_SECONDS:
        out.append(alone(bench, "audit of %s: CPU time" % text, "<= %g s" % limit, limit, False, "check_" + m, lambda r: r["cpu_s"], "%.3f s", 1))
    out.append(alone(bench, "memory, 100,000 operations of a cas-register", "<= 50 MiB", 50, False, "check_cas100k", lambda r: r["peak_mib"],
                     "%.0f MiB", 1))
    out.append(alone(bench, "memory, 1,000,000 operations of a register", "<= 1 GiB", 1024, False, "check_register", lambda r: r["peak_mib"],
                     "%.0f MiB", 1))
    out.append(alone(bench, "reading a history of JSON lines", ">= 400 MB/s", 400, True, "check_json", lambda r: r["mb_per_s"], "%.0f MB/s", 1))
    out.append(alone(bench, "reading a history of EDN", ">= 200 MB/s", 200, True, "check_edn", lambda r: r["mb_per_s"], "%.0f MB/s", 1))
    return out


# Measures of bench/graph.c: nodes, lines, how it is asked.
GRAPH = (
    ("graph_12k", 12000, 30000, "--what impact --rounds 300"), ("graph_1m", 1000000, 10000000, "--what impact --rounds 10"),
    ("graph_groups", 1000000, 10000000, "--what impact --groups 1 --rounds 10"), ("graph_plan", 12000, 30000, "--what plan --rounds 200"),
    ("graph_every", 12000, 30000, "--what every --rounds 3"), ("graph_layout500", 500, 1500, "--what layout --rounds 50"),
    ("graph_layout12k", 12000, 30000, "--what layout --rounds 5"),
)
GRAPH_IGRAPH, GRAPH_NETWORKX = ("graph_12k", "graph_1m", "graph_layout500"), ("graph_12k",)
# What is to be reached, in ms: measure, its figure, text, limit.
GRAPH_REACH = (
    ("graph_12k", "impact", "impact of the largest hub, 12,000 services, 30,000 lines", 0.05),
    ("graph_1m", "impact", "the same, 1,000,000 services, 10,000,000 lines", 15),
    ("graph_groups", "impact", "the same in groups, 1 of 2", 100),
    ("graph_plan", "plan", "recovery plan of 12,000 services", 1), ("graph_every", "every", "every single failure of 12,000 services", 1000),
    ("graph_layout500", "layout", "picture of 500 services, 1,500 lines", 8),
    ("graph_layout12k", "layout", "picture of 12,000 services, 30,000 lines", 300),
)


def graph_rows(bench):
    return [alone(bench, "map: " + text, "<= %g ms" % limit, limit, False, m, lambda r, k=key + "_ms": r[k], "%.3f ms", 1)
            for m, key, text, limit in GRAPH_REACH]


def graph_details(bench):
    """Beside libraries for graphs: the same question about the same lines."""
    def best(measure, target, key):
        have = [r[0][key] for r in rounds(bench, measure, target) if key in r[0]]
        return "%.3f" % median(have) if have else ""
    lines = [[text] + [best(m, "faultline", key + "_ms")] + [best(m, p, "impact_ms") for p in ("igraph", "networkx")]
             for m, key, text, _ in GRAPH_REACH if m in GRAPH_IGRAPH]
    return markdown(["ms", "Faultline", "igraph", "NetworkX"], lines) if any(x for row in lines for x in row[1:]) else ""


# Measures of bench/otlp.c.
OTLP = (
    ("pb", "protobuf"), ("pb_conns", "protobuf, 8 connections"), ("pb_gzip", "protobuf, gzip"), ("pb_gzip_conns", "protobuf, gzip, 8 connections"),
    ("json", "JSON"), ("json_conns", "JSON, 8 connections"), ("json_gzip", "JSON, gzip"), ("json_gzip_conns", "JSON, gzip, 8 connections"),
)


def otlp_details(bench):
    """The receiver over HTTP with its store: what it answers by the CPU, and by the clock."""
    got = [r[0] for r in rounds(bench, "otlp", "faultline")]
    lines = [[text] + ["%.0f" % median([r[m + "_per" + k] for r in got]) for k in ("_cpu_s", "_s")] for m, text in OTLP] if got else []
    return markdown(["spans over HTTP, each batch kept on the disk", "a second of CPU time", "a second"], lines) if lines else ""


def span_rows(bench):
    return [
        alone(bench, "spans to lines, OTLP in protobuf, one core", ">= 1,000,000/s", 1e6, True, "spans", lambda r: r["pb_per_s"], "%.0f/s", 1),
        alone(bench, "spans to lines, OTLP in JSON, one core", ">= 300,000/s", 3e5, True, "spans", lambda r: r["json_per_s"], "%.0f/s", 1),
        alone(bench, "the same: memory of the engine, of 128 MiB allowed", "<= 128 MiB", 128, False, "spans", lambda r: r["peak_mib"],
              "%.0f MiB", 1),
    ]


def policy_rows(bench):
    out = []
    for name, limit, measure, threads in POLICIES:
        for n in threads:
            key = "%s%d_ns" % (measure, n)
            out.append(alone(bench, name + (", two threads" if n > 1 else ""), "<= %d ns" % limit, limit, False, "policy",
                             lambda r, key=key: r[key], "%.1f ns", 1))
    out.append(alone(bench, "allocations of all these", "0", 1, False, "policy", lambda r: r["allocations"], "%.0f", 1))
    return out


def policy_details(bench):
    have = [r[0] for r in rounds(bench, "policy", "faultline")]
    if not have:
        return ""
    lines = [[name] + ["%.1f" % median([r["%s%d_ns" % (m, n)] for r in have]) for n in (1, 2)] for m, name in POLICY_MEASURES]
    return markdown(["ns a call", "one thread", "two threads, the same object"], lines)


def rows(bench):
    both, wide = ("haproxy", "nginx"), ("haproxy64", "nginx64")
    out = []
    for n in (1, 4):
        name, m = "bulk, %d stream%s: " % (n, "s" if n > 1 else ""), "bulk%d" % n
        out.append(against(bench, name + "rate", ">= 1.25 x the better at 64 KB", 1.25, m, gbps, "%.2f GB/s", wide, max))
        out.append(against(bench, name + "CPU", "<= 0.70 x HAProxy at 64 KB", 0.70, m, cpu_per_gb, "%.3f s/GB", wide[:1], min))
        out.append(alone(bench, name + "rate, Toxiproxy", ">= 2 x its 0.69 GB/s (*)", 2 * TOXIPROXY["bulk_gbps"], True, m, gbps,
                         "%.2f GB/s", 1))
    name = "1 KB, 50 connections, closed loop: "
    out.append(against(bench, name + "CPU per request", "<= 0.92 x the better", 0.92, "rr50", cpu_us, "%.2f us", both, min))
    out.append(against(bench, name + "p99", "<= 1.00 x the better", 1.0, "rr50", lambda r: r["p99_us"], "%.0f us", both, min))
    name = "1 KB, 50 connections, 5,000/s open loop: "
    out.append(against(bench, name + "CPU per request", "<= 0.85 x the better", 0.85, "open", cpu_us, "%.2f us", both, min))
    out.append(added_p50(bench))
    per_cpu = lambda r: r["requests"] / r["cpu_s"]  # noqa: E731
    name = "HTTP, 1 KB, 50 connections, policies, traces and metrics on: "
    out.append(against(bench, name + "requests per CPU second", ">= 1.15 x the better", 1.15, "http50", per_cpu, "%.0f", both, max))
    out.append(against(bench, name + "CPU per request", "<= 0.87 x the better", 0.87, "http50", cpu_us, "%.2f us", both, min))
    for n in (5000, 20000):
        m, name = "httpopen%d" % n, "HTTP, open loop at {:,}/s: ".format(n)
        out.append(added_http(bench, m, name))
        out.append(against(bench, name + "p99", "<= 1.00 x the better", 1.0, m, lambda r: r["p99_us"], "%.0f us", both, min))
        out.append(against(bench, name + "CPU per request", "less than either", 1.0, m, cpu_us, "%.2f us", both, min))
    out.append(alone(bench, "HTTP, memory per idle keep-alive connection", "<= 400 B", 400, False, "httpidle", idle_bytes, "%.0f B", 1))
    for n in (1, 32):
        name, m = "connect + echo + close, %d in flight" % n, "churn%d" % n
        out.append(against(bench, name, ">= 1.00 x HAProxy", 1.0, m, conn_rate, "%.0f /s", both[:1], max))
        out.append(alone(bench, name + ", Toxiproxy", ">= 2.5 x its %d/s (*)" % TOXIPROXY[m], 2.5 * TOXIPROXY[m], True, m, conn_rate,
                         "%.0f /s", 1))
    for mode, text in (("full", "full handshakes (RSA 2048)"), ("resumed", "resumed handshakes")):
        out.append(against(bench, "TLS, %s: rate" % text, ">= 0.95 x HAProxy", 0.95, "tls_" + mode, conn_rate, "%.0f /s", both[:1], max))
        out.append(against(bench, "TLS, %s: per CPU second" % text, ">= 0.95 x HAProxy", 0.95, "tls_" + mode, conn_per_cpu, "%.0f", both[:1], max))
    for mode, text in (("up", "to the server"), ("down", "to the client")):
        out.append(against(bench, "TLS, bulk %s: rate" % text, ">= 0.95 x HAProxy", 0.95, "tls_" + mode, gbps, "%.2f GB/s", both[:1], max))
        out.append(against(bench, "TLS, bulk %s: per CPU second" % text, ">= 0.95 x HAProxy", 0.95, "tls_" + mode, gb_per_cpu, "%.2f GB",
                           both[:1], max))
    out.append(alone(bench, "memory per idle connection", "<= 256 B", 256, False, "idle", idle_bytes, "%.0f B", 1))
    for ms in (1, 10, 100):
        for q, limit in (("p50", 80), ("p99", 600)):
            out.append(alone(bench, "latency %d ms, 1 connection: error %s" % (ms, q), "<= %.2f ms" % (limit / 1e3), limit, False,
                             "latency%d" % ms, lambda r, q=q: r["err_%s_us" % q], "%.3f ms", 1e-3))
    for ms in (1, 10, 100):
        for q, limit in (("p50", 80), ("p99", 600)):
            out.append(alone(bench, "HTTP delay %d ms: error %s" % (ms, q), "<= %.2f ms" % (limit / 1e3), limit, False,
                             "httpdelay%d" % ms, lambda r, q=q: r["err_%s_us" % q], "%.3f ms", 1e-3))
    out.append(alone(bench, "latency 100 ms, 1,000 connections: error p99", "<= 2 ms", 2000, False, "latency1000conns",
                     lambda r: r["err_p99_us"], "%.3f ms", 1e-3))
    for kb, text in ((100, "100 KB/s"), (1000, "1 MB/s"), (10000, "10 MB/s"), (100000, "100 MB/s"), (1000000, "1 GB/s")):
        m = "bandwidth%d" % kb
        out.append(alone(bench, "bandwidth %s: mean error" % text, "<= 1 %", 0.01, False, m, lambda r: abs(r["mean_error"]),
                         "%.2f %%", 100))
        out.append(alone(bench, "bandwidth %s: largest burst" % text, "<= 10 ms worth", 10, False, m, lambda r: r["burst_ms"],
                         "%.1f ms", 1))
    out.append(alone(bench, "API call, 5,000 connections, 5,000/s: p99", "<= 5 ms", 5000, False, "api_open", lambda r: r["p99_us"],
                     "%.2f ms", 1e-3))
    out.append(alone(bench, "API call, 5,000 connections, saturated: p99", "<= 5 ms", 5000, False, "api_saturated", lambda r: r["p99_us"],
                     "%.2f ms", 1e-3))
    for m, text, limit in (("txn_append100k", "100,000", 0.3), ("txn_append1m", "1,000,000", 3.5)):
        out.append(alone(bench, "audit of %s list-append transactions, strict serializability: CPU time" % text, "<= %.1f s" % limit, limit,
                         False, m, lambda r: r["total_s"], "%.2f s", 1))
    out.append(alone(bench, "the same, memory", "<= 2 GiB", 2048, False, "txn_append1m", lambda r: r["peak_mib"], "%.0f MiB", 1))
    for key, text, limit in (("read_committed_s", "read committed", 0.17), ("read_atomic_s", "read atomic", 0.25), ("causal_s", "causal", 0.42),
                             ("check_s", "snapshot isolation", 4)):
        out.append(alone(bench, "audit of 320,000 TPC-C operations, %s: CPU time" % text, "<= %.2f s" % limit, limit, False, "txn_tpcc",
                         lambda r, key=key: r[key], "%.3f s", 1))
    out.append(alone(bench, "match of 100,000,000 messages: CPU time", "<= 60 s", 60, False, "match", lambda r: r["cpu_s"], "%.1f s", 1))
    out.append(alone(bench, "the same, memory", "<= 2 GiB", 2048, False, "match", lambda r: r["peak_mib"], "%.0f MiB", 1))
    out.append(alone(bench, "trace store: events written, a core", ">= 5 M/s", 5e6, True, "trace", lambda r: r["events"] / r["write_s"], "%.1f M/s", 1e-6))
    out.append(alone(bench, "trace store: events read, a core", ">= 5 M/s", 5e6, True, "trace", lambda r: r["events"] / (r["open_s"] + r["read_s"]),
                     "%.1f M/s", 1e-6))
    out.append(alone(bench, "trace store: one message found in 5,000,000 events by its id", "<= 10 ms", 0.01, False, "trace", lambda r: r["find_s"],
                     "%.2f ms", 1e3))
    out.append(alone(bench, "map: two dates of a year of 12,000 services and 30,000 lines compared, CPU time", "<= 50 ms", 50, False, "past",
                     lambda r: r["diff_ms"], "%.1f ms", 1))
    out.append(alone(bench, "map: store of that year, 10 episodes a line and day", "<= 400 MB", 400e6, False, "past", lambda r: r["bytes"], "%.0f MB",
                     1e-6))
    out.append(alone(bench, "map: a sweep over this host's sockets, for 10,000 of them: CPU time", "<= 20 ms", 20, False, "sockets",
                     lambda r: r["per_10000_ms"], "%.1f ms", 1))
    return out + graph_rows(bench) + span_rows(bench) + check_rows(bench) + policy_rows(bench)


def markdown(head, lines):
    return "\n".join("| " + " | ".join(x) + " |" for x in [head, ["---"] * len(head), *lines]) + "\n"


def table(bench):
    return markdown(["measure", "reach", "got", "ratio, median (iqr)", "ratio per round", "reached"], [c for c in (r.cells() for r in rows(bench)) if bench.whole() or c[2] != "not measured"])


def cell(bench, measure, target, value, form):
    have = [value(r[0]) for r in rounds(bench, measure, target)]
    return form % median(have) if have else ""


def short(bench):
    """The table for README.md: few rows, all from this run."""
    lines = []

    def row(name, measure, value, form, targets, best):
        others = [t for t in targets[1:] if rounds(bench, measure, t)]
        have = rounds(bench, measure, targets[0], *others) if others else []
        ratios = [value(r[0]) / best(value(o) for o in r[1:]) for r in have if best(value(o) for o in r[1:]) > 0]
        lines.append([name] + [cell(bench, measure, t, value, form) for t in targets] + ["%.2f" % median(ratios) if ratios else ""])

    small, wide = ("faultline", "haproxy", "nginx"), ("faultline", "haproxy64", "nginx64")
    row("bulk, 1 stream, 64 KB buffers", "bulk1", gbps, "%.2f GB/s", wide, max)
    row("bulk, 4 streams, 64 KB buffers", "bulk4", gbps, "%.2f GB/s", wide, max)
    row("CPU time, 1 stream", "bulk1", cpu_per_gb, "%.2f s/GB", wide, min)
    row("1 KB request and response, 50 connections, CPU time", "rr50", cpu_us, "%.1f us", small, min)
    row("the same, p99", "rr50", lambda r: r["p99_us"] / 1e3, "%.2f ms", small, min)
    row("the same at 5,000/s, CPU time", "open", cpu_us, "%.1f us", small, min)
    row("HTTP, 1 KB, 50 connections, CPU time", "http50", cpu_us, "%.1f us", small, min)
    row("HTTP at 5,000/s, p99", "httpopen5000", lambda r: r["p99_us"] / 1e3, "%.2f ms", small, min)
    row("HTTP, memory per idle keep-alive connection", "httpidle", idle_bytes, "%.0f B", small, min)
    row("connect, 1 byte there and back, close; 32 at once", "churn32", conn_rate, "%.0f/s", small, max)
    row("memory per idle connection", "idle", idle_bytes, "%.0f B", small, min)
    return markdown(["same machine, same run", "Faultline", "HAProxy", "nginx", "to the better"], lines)


def short_faults(bench):
    """The faults, for README.md."""
    lines = []
    for ms in (1, 10, 100):
        error = [cell(bench, "latency%d" % ms, "faultline", lambda r, q=q: r["err_%s_us" % q] / 1e3, "%.3f ms") for q in ("p50", "p99")]
        lines.append(["`latency` %d ms, off by (p50, p99)" % ms, " and ".join(error)])
    for ms in (1, 10, 100):
        error = [cell(bench, "httpdelay%d" % ms, "faultline", lambda r, q=q: r["err_%s_us" % q] / 1e3, "%.3f ms") for q in ("p50", "p99")]
        lines.append(["`http_delay` %d ms, off by (p50, p99)" % ms, " and ".join(error)])
    lines.append(["`latency` 100 ms on 1,000 connections, off by (p99)",
                  cell(bench, "latency1000conns", "faultline", lambda r: r["err_p99_us"] / 1e3, "%.3f ms")])
    for kb, text in ((100, "100 KB/s"), (10000, "10 MB/s"), (100000, "100 MB/s"), (1000000, "1 GB/s")):
        m = "bandwidth%d" % kb
        lines.append(["`bandwidth` %s, off by, largest burst" % text, "%s, %s" % (
            cell(bench, m, "faultline", lambda r: 100 * abs(r["mean_error"]), "%.2f %%"),
            cell(bench, m, "faultline", lambda r: r["burst_ms"], "%.1f ms worth"))])
    lines.append(["API call while 5,000 connections make 5,000 requests/s (p99)",
                  cell(bench, "api_open", "faultline", lambda r: r["p99_us"] / 1e3, "%.2f ms")])
    return markdown(["faults and API", "Faultline"], lines)


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    cpus = subprocess.run(["nproc", "--all"], capture_output=True, text=True, check=False).stdout.strip()
    return "%s CPUs, %s, Linux %s" % (cpus, model, platform.release())


def medians(bench, measures, head, values):
    """A table of the medians of every target."""
    lines = []
    for m in measures:
        for target in bench.samples.get(m, {}):
            have = [r[0] for r in rounds(bench, m, target)]
            if have:
                lines.append([m, target, str(len(have))] + [f % median([v(r) for r in have]) for f, v in values])
    return markdown(["measure", "target", "rounds"] + head, lines) if lines else ""


def details(bench):
    parts = []

    def part(title, text):
        if text:
            parts.append("## %s\n\n%s" % (title, text))

    usr = lambda r: 100 * r["user_s"] / max(0.01, r["user_s"] + r["sys_s"])  # noqa: E731
    others = ("others' CPUs", ("%.2f", lambda r: r["foreign"]))
    part("Bulk", medians(bench, ("bulk1", "bulk4"), ["GB/s", "CPU s/GB", "user %", "proxy's CPU busy %", others[0]], [
        ("%.2f", gbps), ("%.3f", cpu_per_gb), ("%.0f", usr), ("%.0f", lambda r: 100 * r["cpu_s"] / r["seconds"]), others[1]]))
    part("1 KB request and response", medians(
        bench, ("rr1", "rr50", "rr1000", "open"), ["requests/s", "CPU us/request", "user %", "p50 us", "p99 us", others[0]], [
            ("%.0f", rate), ("%.2f", cpu_us), ("%.0f", usr), ("%.0f", lambda r: r["p50_us"]), ("%.0f", lambda r: r["p99_us"]), others[1]]))
    part("HTTP, 1 KB bodies, 50 keep-alive connections", medians(
        bench, ("http50", "httpopen5000", "httpopen20000"), ["requests/s", "CPU us/request", "user %", "p50 us", "p99 us", others[0]], [
            ("%.0f", rate), ("%.2f", cpu_us), ("%.0f", usr), ("%.0f", lambda r: r["p50_us"]), ("%.0f", lambda r: r["p99_us"]), others[1]]))
    part("HTTP, idle keep-alive connections", medians(bench, ("httpidle",), ["connections", "bytes each", "KB before"], [
        ("%.0f", lambda r: r["conns"]), ("%.0f", idle_bytes), ("%.0f", lambda r: r["before_bytes"] / 1024)]))
    part("Connect, one byte there and back, close", medians(
        bench, ("churn1", "churn32"), ["connections/s", "CPU us/connection", "failed", "p50 us", "p99 us", others[0]], [
            ("%.0f", conn_rate), ("%.1f", lambda r: r["cpu_s"] * 1e6 / r["conns"]), ("%.0f", lambda r: r["failed"]),
            ("%.0f", lambda r: r["p50_us"]), ("%.0f", lambda r: r["p99_us"]), others[1]]))
    part("TLS handshakes, one byte there and back, close", medians(
        bench, ("tls_full", "tls_resumed"), ["connections/s", "CPU us/connection", "failed", "p50 us", "p99 us", others[0]], [
            ("%.0f", conn_rate), ("%.1f", lambda r: r["cpu_s"] * 1e6 / r["conns"]), ("%.0f", lambda r: r["failed"]),
            ("%.0f", lambda r: r["p50_us"]), ("%.0f", lambda r: r["p99_us"]), others[1]]))
    part("TLS, bulk", medians(bench, ("tls_up", "tls_down"), ["GB/s", "CPU s/GB", "user %", "proxy's CPU busy %", others[0]], [
        ("%.2f", gbps), ("%.3f", cpu_per_gb), ("%.0f", usr), ("%.0f", lambda r: 100 * r["cpu_s"] / r["seconds"]), others[1]]))
    part("Idle connections", medians(bench, ("idle",), ["connections", "bytes each", "KB before"], [
        ("%.0f", lambda r: r["conns"]), ("%.0f", idle_bytes), ("%.0f", lambda r: r["before_bytes"] / 1024)]))
    part("How late this kernel wakes a sleeper", medians(
        bench, ("timer1", "timer10", "timer100"), ["epoll_pwait2 p50 us", "p99 us", "clock_nanosleep p50 us", "p99 us"], [
            ("%.0f", lambda r: r["epoll_p50_us"]), ("%.0f", lambda r: r["epoll_p99_us"]), ("%.0f", lambda r: r["nanosleep_p50_us"]),
            ("%.0f", lambda r: r["nanosleep_p99_us"])]))
    part("Round trip without a fault: no proxy, and the line without a fault, from which the errors below are counted", medians(
        bench, ("latency0",), ["p50 us", "p99 us"], [("%.0f", lambda r: r["sent_p50_us"]), ("%.0f", lambda r: r["sent_p99_us"])]))
    part("Latency faults: error", medians(
        bench, ("latency1", "latency10", "latency100", "latency1000conns"), ["p50 us", "p90 us", "p99 us", "samples"], [
            ("%.0f", lambda r: r["err_p50_us"]), ("%.0f", lambda r: r["err_p90_us"]), ("%.0f", lambda r: r["err_p99_us"]),
            ("%.0f", lambda r: r["err_n"])]))
    part("Bandwidth faults", medians(
        bench, ["bandwidth%d" % kb for kb in (100, 1000, 10000, 100000, 1000000)],
        ["mean error %", "worst 10 ms, multiple", "largest burst ms", "CPU s/GB of the reader's stream"], [
            ("%+.3f", lambda r: 100 * r["mean_error"]), ("%.2f", lambda r: r["worst_10ms"]), ("%.2f", lambda r: r["burst_ms"]),
            ("%.2f", lambda r: r["cpu_s"] / (r["rate"] * r["seconds"] / 1e9))]))
    part("API calls while 5,000 connections are loaded", medians(
        bench, ("api_open", "api_saturated"),
        ["requests/s of the load", "GET p50 us", "p99", "POST toxic p50 us", "p99", "DELETE toxic p50 us", "p99"],
        [("%.0f", lambda r: r["load_rate"])] + [("%.0f", lambda r, k=k: r[k]) for k in (
            "get_p50_us", "get_p99_us", "post_p50_us", "post_p99_us", "delete_p50_us", "delete_p99_us")]))
    part("Policies in a program, time cached", policy_details(bench))
    part("Questions to a map, beside libraries for graphs", graph_details(bench))
    part("Spans received over HTTP", otlp_details(bench))
    return "\n".join(parts)


def refresh(path, bench):
    """Put the short tables between the marks of a document."""
    begin, end = "<!-- from bench/RESULTS.md -->\n", "<!-- end -->"
    with open(path) as f:
        before, rest = f.read().split(begin)
    with open(path, "w") as f:
        f.write(before + begin + "\n" + short(bench) + "\n" + short_faults(bench) + "\n" + end + rest.split(end)[1])


def write(bench, started, took, cpu_load, cpu_proxy):
    versions = [peers.Faultline.version()]
    for gone, c in (("haproxy", peers.HAProxy), ("nginx", peers.Nginx)):
        if gone not in bench.missing:
            versions.append(c.version())
    text = "# Measured\n\nWritten by `bench/run`; doc/performance.md says how, and how to repeat it.\n\n"
    text += "- %s, %.0f s; %s\n- machine: %s\n" % (started.strftime("%Y-%m-%d %H:%M UTC"), took, "; ".join(versions), machine())
    text += "- one worker each on CPU %d, load and backend on CPU %d; %d rounds of %.1f s\n" % (
        cpu_proxy, cpu_load, bench.args.rounds, bench.args.seconds)
    if bench.foreign:
        text += "- others on the machine used meanwhile: median %.0f %%, at most %.0f %% of a CPU\n" % (
            100 * median(bench.foreign), 100 * max(bench.foreign))
        text += "- %d of %d measurements were disturbed (over %.0f %%) after %d repeats; " % (
            sum(f > FOREIGN_MAX for f in bench.foreign), len(bench.foreign), 100 * FOREIGN_MAX, bench.args.patience)
        text += "they count only where fewer than two others are there\n"
    for note in bench.notes:
        text += "- note: %s\n" % note
    text += "\n`ratio` is Faultline to the peer in the same round, or to the number to reach where there is no peer.\n\n" + table(bench)
    if bench.whole():
        text += "\n(*) Toxiproxy was not measured in this run: its figures are of another run, quoted in doc/performance.md.\n"
        text += "\n## In short\n\n" + short(bench) + "\n" + short_faults(bench)
    return text + "\n" + details(bench)
