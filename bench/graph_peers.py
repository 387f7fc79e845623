#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The questions of bench/graph.c asked of igraph and NetworkX, from the edges that it writes.

    bench/graph_peers.py igraph|networkx EDGES --rounds N [--layout]

Prints one JSON line: the best and the median of the rounds, in milliseconds of CPU, of finding all that depends on the largest hub; with
--layout of igraph's layered layout. The time to build their graph is told, and not counted.
"""
import argparse
import array
import json
import statistics
import time


def read(path):
    """Pairs of (from, to)."""
    a = array.array("I")
    with open(path, "rb") as f:
        a.frombytes(f.read())
    return a[0::2], a[1::2]


def ask_igraph(start, end, rounds, layout):
    import igraph
    graph = igraph.Graph(n=max(max(start), max(end)) + 1, edges=list(zip(start, end)), directed=True)
    hub = max(range(graph.vcount()), key=graph.indegree().__getitem__)
    if layout:
        return timed(rounds, graph.layout_sugiyama), graph.vcount()
    return timed(rounds, lambda: graph.subcomponent(hub, mode="in"))


def ask_networkx(start, end, rounds, layout):
    import networkx
    if layout:
        raise SystemExit("networkx has no layered layout of its own")
    graph = networkx.DiGraph()
    graph.add_edges_from(zip(start, end))
    hub = max(graph, key=graph.in_degree)
    return timed(rounds, lambda: networkx.ancestors(graph, hub))


def timed(rounds, ask):
    times, found = [], None
    for _ in range(rounds):
        before = time.process_time()
        found = ask()
        times.append(1e3 * (time.process_time() - before))
    return times, len(found)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("peer", choices=("igraph", "networkx"))
    a.add_argument("edges")
    a.add_argument("--rounds", type=int, default=5)
    a.add_argument("--layout", action="store_true")
    args = a.parse_args()
    before = time.process_time()
    ask = ask_igraph if args.peer == "igraph" else ask_networkx
    times, found = ask(*read(args.edges), args.rounds, args.layout)
    if isinstance(times, tuple):        # a layout: (times, points), nodes
        times = times[0]
    print(json.dumps({"impact_ms": min(times), "impact_p50_ms": statistics.median(times), "found": found,
                      "build_s": time.process_time() - before - sum(times) / 1e3}))


if __name__ == "__main__":
    main()
