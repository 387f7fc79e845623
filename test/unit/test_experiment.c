/* SPDX-License-Identifier: MIT */
/* test_experiment.c - what is wrong with an experiment's file is said with its place; what is right is read as meant. */
#include "unit.h"

#include "base/units.h"
#include "run/doubt.h"
#include "run/exp_line.h"
#include "conf/http_ask.h"
#include "run/experiment.h"
#include "run/timeline.h"

#include <errno.h>

#define BASE \
	"name: t\n" \
	"system:\n" \
	"  - name: redis\n" \
	"    command: [redis-server, --port, \"{port:redis}\"]\n" \
	"    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n" \
	"lines:\n" \
	"  - name: front\n" \
	"    upstream: \"127.0.0.1:{port:redis}\"\n" \
	"load: {type: redis, line: front, duration: 5s}\n"

#define CART(rest) "name: t\nlines: {c: {protocol: http, " rest "}}\n"
#define WEB(rest) "name: t\nlines: {l: {upstream: \"h:1\"}}\nload: {type: http, line: l, duration: 5s, " rest "}\n"

/* A file that is wrong, and all that is said about it; the file is called x. */
static const struct {
	const char *text, *complaint;
} wrong[] = {
	{ "",
	  "x:1:1: found nothing, expected an experiment: a map with name, system, lines, load, faults, ..." },
	{ "[1, 2]\n",
	  "x:1:1: found a list, expected an experiment: a map with name, system, lines, load, faults, ..." },
	{ "name: [\n",
	  "x:2:1: found flow sequence without a closing bracket, expected YAML or JSON" },
	{ "duration: 1s\n",
	  "x:1:1: found an experiment without a name, expected name: ..." },
	{ "name: t\n",
	  "x:1:1: found neither a load nor a duration, expected one that says how long the run lasts" },
	{ "name: t\n"
	  "duraton: 1s\n"
	  "duration: 1s\n",
	  "x:2:1: found the key \"duraton\", expected one of name, description, seed, duration, system, lines, lo"
	  "ad, faults, probes, audit, expect, abort_if, heal_within, counters, variants, compare; did you mean \"duration\"?" },
	{ "name: t\n"
	  "duration: 5\n",
	  "x:2:11: found the number 5, expected a duration such as 250ms, 5s or 1m30s" },
	{ "name: t\n"
	  "duration: 30h\n",
	  "x:2:11: found 30h, expected 100 ms to 1d" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "seed: -1\n",
	  "x:3:7: found the number -1, expected a whole number from 0" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system: {a: b}\n",
	  "x:3:13: found \"b\", expected what the process is: a map" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system: redis\n",
	  "x:3:9: found \"redis\", expected a map from names to processes" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  a: {name: b, command: x}\n",
	  "x:4:13: found a name in \"a\", expected none: the key is the name" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  a b: {command: x}\n",
	  "x:4:3: found the name \"a b\", expected 1 to 60 letters, digits, _ . -" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - command: [x]\n",
	  "x:4:5: found a process without a name, expected name: ..." },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - name: a\n",
	  "x:4:5: found a process without a command, expected command: [program, argument, ...]" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a/b, command: [x]}\n",
	  "x:4:12: found the name \"a/b\", expected 1 to 60 letters, digits, _ . -" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: [x]}\n"
	  "  - {name: a, command: [y]}\n",
	  "x:5:12: found a second process called \"a\", expected names that differ" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - name: a\n"
	  "    comand: [x]\n"
	  "    command: [x]\n",
	  "x:5:5: found the key \"comand\", expected one of name, command, env, cwd, ready, stop, ends; did you mean \"c"
	  "ommand\"?" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: []}\n",
	  "x:4:24: found 0 words, expected 1 to 256" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: [x, {port:y}]}\n",
	  "x:4:28: found a map, expected a text (put \"quotes\" around a text that begins with {)" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: [x, \"{prt:y}\"]}\n",
	  "x:4:29: found {prt:y}, expected {port:NAME}, {line:NAME}, {dir}, {run}, {here}, {faultline}, or {{ for a brace; did you "
	  "mean \"port\"?" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: [x, \"{port:y\"]}\n",
	  "x:4:29: found {port:y, expected {port:NAME}, {line:NAME}, {dir}, {run}, {here}, {faultline}, or {{ for a brace" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: [x, \"{line:bakc}\"]}\n"
	  "lines:\n"
	  "  - {name: back, upstream: 127.0.0.1:1}\n",
	  "x:4:29: found {line:bakc}, but there is no such line; did you mean \"back\"?" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: x, env: {A=B: c}}\n",
	  "x:4:33: found \"A=B\", expected the name of an environment variable" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: x, stop: {signal: NAP}}\n",
	  "x:4:42: found \"NAP\", expected a signal such as TERM, KILL or INT" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: x, ready: {process: a}}\n",
	  "x:4:44: found a process, expected tcp or http to tell when it is ready" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "system:\n"
	  "  - {name: a, command: x, ready: {tcp: \"127.0.0.1:1\", within: 5s, expext: a}}\n",
	  "x:4:67: found the key \"expext\", expected one of tcp, send, expect, timeout, every, within; did you m"
	  "ean \"expect\"?" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "lines:\n"
	  "  - name: a\n",
	  "x:4:5: found a line without upstream, expected upstream: HOST:PORT" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "lines:\n"
	  "  - {name: a, upstream: \"127.0.0.1:1\", key: cleint}\n",
	  "x:4:45: found \"cleint\", expected one of ordinal, client; did you mean \"client\"?" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "lines:\n"
	  "  - {name: a, upstream: \"{line:a}\"}\n",
	  "x:4:26: found {line:...} in a line, expected an address or {port:NAME}" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis, line: fornt, duration: 5s}\n",
	  "x:9:27: found \"fornt\", expected one of front; did you mean \"front\"?" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis,  duration: 5s}\n",
	  "x:9:7: found a load without line, expected line: NAME of the line to go through" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: radis, line: front, duration: 5s}\n",
	  "x:9:14: found \"radis\", expected one of redis, http, program; did you mean \"redis\"?" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: { line: front, duration: 5s}\n",
	  "x:9:7: found a load without type, expected type: redis, type: http or type: program" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis, line: front}\n",
	  "x:9:7: found a load without duration, expected one such as duration: 15s" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis, line: front, duration: 5s, mix: {reed: 1}}\n",
	  "x:9:54: found the key \"reed\", expected one of read, write, cas; did you mean \"read\"?\n"
	  "x:9:53: found a mix of nothing, expected a weight over 0 for read, write or cas" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis, line: front, duration: 5s, mix: {read: 0}}\n",
	  "x:9:53: found a mix of nothing, expected a weight over 0 for read, write or cas" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis, line: front, duration: 5s, clients: 0}\n",
	  "x:9:57: found the number 0, expected a whole number from 1 to 512" },
	{ "name: t\n"
	  "system:\n"
	  "  - name: redis\n"
	  "    command: [redis-server, --port, \"{port:redis}\"]\n"
	  "    ready: {tcp: \"127.0.0.1:{port:redis}\"}\n"
	  "lines:\n"
	  "  - name: front\n"
	  "    upstream: \"127.0.0.1:{port:redis}\"\n"
	  "load: {type: redis, line: front, duration: 5s, rate: fast}\n",
	  "x:9:54: found \"fast\", expected a number from 0.01 to 100000" },
	{ BASE "faults:\n"
	  "  - {at: 1s}\n",
	  "x:11:5: found a fault that does nothing, expected one of on, cut, down, kill, restart, pause, call" },
	{ BASE "faults:\n"
	  "  - {cut: front}\n",
	  "x:11:5: found a fault without at, expected at: TIME after the load started" },
	{ BASE "faults:\n"
	  "  - {at: 6s, cut: front}\n",
	  "x:11:10: found a fault at 6s, but the run ends at 5 s" },
	{ BASE "faults:\n"
	  "  - {at: 1s, cut: front, kill: redis}\n",
	  "x:11:5: found both cut and kill, expected one of them" },
	{ BASE "faults:\n"
	  "  - {at: 1s, type: latency}\n",
	  "x:11:5: found a fault without on, expected on: NAME of the line it is on" },
	{ BASE "faults:\n"
	  "  - {at: 1s, on: redis, type: latency}\n",
	  "x:11:18: found \"redis\", expected one of front" },
	{ BASE "faults:\n"
	  "  - {at: 1s, kill: front}\n",
	  "x:11:20: found \"front\", expected one of redis" },
	{ BASE "faults:\n"
	  "  - {at: 1s, kill: redis, signal: KIL}\n",
	  "x:11:35: found \"KIL\", expected a signal such as TERM, KILL or INT" },
	{ BASE "faults:\n"
	  "  - {at: 1s, on: front, type: latancy}\n",
	  "x:11:31: found \"latancy\", expected one of latency, bandwidth, slow_close, timeout, reset_peer, slice"
	  "r, limit_data, noop, limit_time, corrupt, duplicate_chunk, drop_chunk, stall, half_open, connect_del"
	  "ay, connect_refuse, http_delay, http_abort, http_reset, http_truncate, http_corrupt, http_header, h"
	  "ttp_body, http_slow, http_length; did you mean \"latency\"?" },
	{ BASE "faults:\n"
	  "  - {at: 1s, on: front, type: latency, attributes: {latncy: 5}}\n",
	  "x:11:53: found the attribute \"latncy\", but latency has only: latency, jitter, distribution, shape, s"
	  "amples; did you mean \"latency\"?" },
	{ BASE "faults:\n"
	  "  - {at: 1s, on: front, type: latency, toxicity: 2}\n",
	  "x:11:50: found the number 2, expected a number from 0 to 1" },
	{ BASE "faults:\n"
	  "  - {at: 1s, cut: front, fro: 2s}\n",
	  "x:11:26: found the key \"fro\", expected one of name, at, cut, reset, repeat" },
	{ BASE "faults:\n"
	  "  - {at: 1s, cutt: front}\n",
	  "x:11:14: found the key \"cutt\", expected one of name, at, for, repeat, on, type, stream, toxicity, at"
	  "tributes, scope, ttl, cut, reset, down, kill, signal, restart, pause, call, undo; did you mean \"cut\"?\n"
	  "x:11:5: found a fault that does nothing, expected one of on, cut, down, kill, restart, pause, call" },
	{ BASE "faults:\n"
	  "  - {at: 1s, for: 1s, on: front, type: latency}\n"
	  "  - {at: 3s, on: front, type: latency}\n",
	  "x:12:5: found a second fault called \"latency_downstream\" on line front, expected a name: ... of its "
	  "own" },
	{ BASE "faults:\n"
	  "  - {at: 1s, on: front, type: latency, repeat: {every: 1s}}\n",
	  "x:11:48: found repeat without for, expected for: how long each lasts" },
	{ BASE "faults:\n"
	  "  - {at: 1s, for: 1s, on: front, type: latency, repeat: {every: 1s}}\n",
	  "x:11:65: found a repetition before the one before it has ended, expected every to be more than for" },
	{ BASE "faults:\n"
	  "  - {at: 1s, cut: front, repeat: {every: 1s, times: 9}}\n",
	  "x:11:53: found 9 times, but only 4 fit before the end" },
	{ BASE "faults:\n"
	  "  - {at: 1s, cut: front, repeat: {times: 2}}\n",
	  "x:11:34: found repeat without every, expected one such as every: 2s" },
	{ BASE "faults:\n"
	  "  - {at: 1s, for: 0, on: front, type: latency}\n",
	  "x:11:19: found the number 0, expected a duration over 0" },
	{ BASE "probes:\n"
	  "  - {name: p}\n",
	  "x:11:5: found a probe of nothing, expected one of tcp, http, process" },
	{ BASE "probes:\n"
	  "  - {name: p, tcp: \"127.0.0.1:1\", process: redis}\n",
	  "x:11:5: found a probe of several things, expected one of tcp, http, process" },
	{ BASE "probes:\n"
	  "  - {process: redis}\n",
	  "x:11:5: found a probe without a name, expected name: ..." },
	{ BASE "probes:\n"
	  "  - {name: p, process: rediss}\n",
	  "x:11:24: found \"rediss\", expected one of redis; did you mean \"redis\"?" },
	{ BASE "probes:\n"
	  "  - {name: p, process: redis, when: [during, aftr]}\n",
	  "x:11:46: found \"aftr\", expected one of before, during, after, always; did you mean \"after\"?" },
	{ BASE "probes:\n"
	  "  - {name: p, http: \"https://x/\"}\n",
	  "x:11:22: found \"https://x/\", expected a URL such as http://127.0.0.1:8080/health" },
	{ BASE "probes:\n"
	  "  - {name: p, process: redis, when: after, tolerance: 50%}\n",
	  "x:11:55: found a tolerance on a probe that does not run during the faults" },
	{ BASE "probes:\n"
	  "  - {name: p, process: redis, tolerance: 500%}\n",
	  "x:11:42: found \"500%\", expected a share such as 30% or 0.3" },
	{ BASE "probes:\n"
	  "  - {name: p, process: redis, send: x}\n",
	  "x:11:31: found the key \"send\", expected one of name, process, every, when, tolerance" },
	{ BASE "probes:\n"
	  "  - {name: p, process: redis}\n"
	  "  - {name: p, process: redis}\n",
	  "x:12:12: found a second probe called \"p\", expected names that differ" },
	{ BASE "audit: {model: regster}\n",
	  "x:10:16: found \"regster\", expected one of register, cas-register, key-value, multi-register, counter, set, g-set, queue, stack, "
	  "priority-queue, max-priority-queue, unordered-queue, total-queue, total-queue-exactly-once, total-queue-at-most-once, mutex, owner-mutex, "
	  "fenced-mutex, unique-ids, append-list, log, bank; did you mean \"register\"?" },
	{ BASE "audit: {}\n",
	  "x:10:8: found an audit without model, expected one of model, txn, match, same" },
	{ "name: t\n"
	  "duration: 1s\n"
	  "audit: {model: register}\n",
	  "x:3:8: found an audit, but no load whose history it could judge" },
	{ BASE "expect: {error: 5%}\n",
	  "x:10:10: found the key \"error\", expected one of goodput, goodput_during, goodput_after, rate, errors, late, refused, ok_p50, ok_p99, "
	  "ok_p999, p50, p95, p99, p999, max, amplification, wasted, heal, operations; did you mean"
	  " \"errors\"?" },
	{ BASE "expect: {errors: lots}\n",
	  "x:10:18: found \"lots\", expected a share such as 30% or 0.3" },
	{ BASE "abort_if:\n"
	  "  - {for: 5s}\n",
	  "x:11:5: found no single condition, expected one of errors, p99, probe, memory, exit" },
	{ BASE "abort_if:\n"
	  "  - {errors: 5%, p99: 5s}\n",
	  "x:11:5: found no single condition, expected one of errors, p99, probe, memory, exit" },
	{ BASE "abort_if:\n"
	  "  - {probe: nope}\n",
	  "x:11:13: found the name of a probe, but this experiment has none" },
	{ BASE "abort_if:\n"
	  "  - {memory: redis}\n",
	  "x:11:5: found memory without a limit, expected over: 500MB or the like" },
	{ BASE "abort_if:\n"
	  "  - {memory: redis, over: lots}\n",
	  "x:11:27: found \"lots\", expected a size such as 4096, 64KB or 1.5MB" },
	{ "name: t\n"
	  "duratoin: 1s\n"
	  "lines:\n"
	  "  - {name: a}\n"
	  "faults:\n"
	  "  - {at: 1s, cut: b}\n",
	  "x:2:1: found the key \"duratoin\", expected one of name, description, seed, duration, system, lines, l"
	  "oad, faults, probes, audit, expect, abort_if, heal_within, counters, variants, compare; did you mean \"duration\"?\n"
	  "x:4:5: found a line without upstream, expected upstream: HOST:PORT\n"
	  "x:1:1: found neither a load nor a duration, expected one that says how long the run lasts\n"
	  "x:6:19: found \"b\", expected one of a" },
	{ WEB("path: /"),
	  "x:3:7: found no rate, expected rate: requests per second" },
	{ "name: t\nload: {type: http, rate: 5, duration: 5s}\n",
	  "x:2:7: found a load without line and target, expected line: NAME of the line to go through, or target: HOST:PORT" },
	{ WEB("rate: 5, target: \"h:1\""),
	  "x:3:61: found both line and target, expected one of them" },
	{ "name: t\nload: {type: http, target: \"https://h:1\", rate: 5, duration: 5s}\n",
	  "x:2:29: found \"https://h:1\", expected HOST:PORT or http://HOST:PORT; the path stands in path" },
	{ WEB("rate: 5, clients: 3"),
	  "x:3:52: found the key \"clients\", expected one of type, line, target, duration, rate, arrivals, steps, surge, method, path, body, "
	  "headers, timeout, connect_timeout, patience, connections, outstanding_max, threads, retry, traceparent, idempotency_key" },
	{ WEB("rate: 5, steps: [{at: 2s, rate: 5, over: 2s}, {at: 3s, rate: 6}]"),
	  "x:3:89: found a step before the one before it has been taken, expected them in order of time" },
	{ WEB("rate: 5, surge: {at: 6s, for: 1s, rate: 50}"),
	  "x:3:64: found a surge that begins when the load has ended" },
	{ WEB("rate: 5, surge: {rate: 50}"),
	  "x:3:59: found a surge without at and for, expected both, as in {at: 5s, for: 3s, rate: 5000}" },
	{ WEB("rate: 5, path: \"/a b\""),
	  "x:3:59: found \"/a b\", expected a path such as /cart?id=1, without spaces" },
	{ WEB("rate: 5, headers: {Content-Length: 5}"),
	  "x:3:62: found the header Content-Length, expected none of those by which messages are told apart" },
	{ WEB("rate: 5, headers: {a: \"x\\ny\"}"),
	  "x:3:66: found \"x\ny\", expected a text without control characters" },
	{ WEB("rate: 5, retry: {on: [4xx]}"),
	  "x:3:65: found \"4xx\", expected one of 5xx, refused, connect, reset, timeout, blocked; did you mean \"5xx\"?" },
	{ WEB("rate: 5") "audit: {model: register}\n",
	  "x:4:8: found an audit, but no load whose history it could judge" },
	{ WEB("rate: 5") "expect: {goodput: 5s}\n",
	  "x:4:19: found \"5s\", expected a share such as 30% or 0.3" },
	{ WEB("rate: 5") "counters: {a: \"h:1/stats\"}\n",
	  "x:4:16: found \"h:1/stats\", expected a URL such as http://127.0.0.1:8080/health" },
	{ CART("upstream: \"h:1\", policies: {breakr: true}") "load: {type: http, line: c, rate: 5, duration: 5s}\n",
	  "x:2:57: found the key \"breakr\", expected one of pass_deadline, priority, refuse_status, timeout, retry, budget, hedge, breaker, "
	  "bulkhead, rate_limit, adaptive, shed, fallback, enforce; did you mean \"breaker\"?" },
	{ CART("upstreams: [\"h:{prt:a}\"]") "load: {type: http, line: c, rate: 5, duration: 5s}\n",
	  "x:2:42: found {prt:a}, expected {port:NAME}, {line:NAME}, {dir}, {run}, {here}, {faultline}, or {{ for a brace; did you mean \"port\"?" },
	{ CART("upstream: \"{line:c}\"") "load: {type: http, line: c, rate: 5, duration: 5s}\n",
	  "x:2:40: found {line:...} in a line, expected an address or {port:NAME}" },
	{ "name: t\nlines: {c: {protocol: htp, upstream: \"h:1\"}}\nload: {type: http, line: c, rate: 5, duration: 5s}\n",
	  "x:2:23: found \"htp\", expected one of tcp, http; did you mean \"http\"?" },
	{ WEB("rate: 5") "faults: [{at: 1s, for: 1s, on: l, type: http_abort}]\n",
	  "x:4:41: found http_abort, which acts on HTTP messages, but line l is not an HTTP line" },
};

static struct experiment *
parse(const char *text, struct doc_diag *d)
{
	struct experiment *x = NULL;
	int rc = experiment_parse(text, strlen(text), d, &x);

	assert_true(rc == 0 || rc == -EINVAL);
	assert_int_equal(rc == 0, d->count == 0);
	assert_int_equal(rc == 0, x != NULL);
	return x;
}

/* An experiment that is right. */
static struct experiment *
right(const char *text)
{
	struct experiment *x;
	struct doc_diag d;

	doc_diag_init(&d, "x");
	x = parse(text, &d);
	if (d.count > 0)
		print_error("%s\n", buf_str(&d.text));
	assert_non_null(x);
	doc_diag_fini(&d);
	return x;
}

static void
test_each_mistake_has_its_place(void **state)
{
	unsigned failed = 0;
	(void)state;

	for (size_t i = 0; i < FL_ARRAY_LEN(wrong); i++) {
		struct doc_diag d;
		doc_diag_init(&d, "x");
		experiment_free(parse(wrong[i].text, &d));
		if (strcmp(buf_str(&d.text), wrong[i].complaint) != 0) {
			print_error("case %zu:\n%s\nsays:    %s\nexpected %s\n", i, wrong[i].text, buf_str(&d.text), wrong[i].complaint);
			failed++;
		}
		doc_diag_fini(&d);
	}
	assert_int_equal(failed, 0);
}

static void
test_defaults(void **state)
{
	struct experiment *x = right(BASE);
	(void)state;

	assert_string_equal(x->name, "t");
	assert_null(x->description);
	assert_false(x->has_seed);
	assert_int_equal(x->duration, 5 * FL_SEC);
	assert_int_equal(x->heal_within, 10 * FL_SEC);
	assert_int_equal(x->port_count, 1);
	assert_string_equal(x->ports[0], "redis");
	assert_null(x->ports[1]);
	assert_int_equal(x->process_count, 1);
	assert_string_equal(x->processes[0].argv[2], "{port:redis}");
	assert_null(x->processes[0].argv[3]);
	assert_string_equal(x->processes[0].cwd, "{dir}");
	assert_int_equal(x->processes[0].stop_signal, SIGTERM);
	assert_int_equal(x->processes[0].stop_grace, 3 * FL_SEC);
	assert_int_equal(x->processes[0].ready_timeout, 10 * FL_SEC);
	assert_int_equal(x->processes[0].ready->kind, PROBE_TCP);
	assert_string_equal(x->lines[0].listen, "127.0.0.1:0");
	assert_true(x->lines[0].half_close);
	assert_int_equal(x->lines[0].key, LINE_KEY_ORDINAL);
	assert_int_equal(x->load.clients, 8);
	assert_int_equal(x->load.keys, 5);
	assert_int_equal(x->load.mix[0], 50);
	assert_true(x->load.rate <= 0);
	assert_true(x->load.final_reads);
	assert_false(x->has_audit);
	assert_int_equal(x->limit_count, 0);
	experiment_free(x);
}

static void
test_everything_that_can_be_said(void **state)
{
	struct experiment *x = right(
	    "name: all\ndescription: what\nseed: 9223372036854775807\nheal_within: 2s\nduration: 10s\n"
	    "system:\n"
	    "  - {name: a, command: \"sleep 5\", env: {PORT: \"{port:a}\", LINE: \"{line:l}\"}, cwd: \"{here}\",\n"
	    "     ready: {http: \"http://127.0.0.1:{port:a}/up\", status: 204, within: 1m, timeout: 2s, every: 10ms},\n"
	    "     stop: {signal: SIGINT, grace: 0}}\n"
	    "lines:\n"
	    "  - {name: l, listen: \"[::1]:0\", upstream: \"unix:{dir}/s\", half_close: false, key: client, connect_timeout: 3s,\n"
	    "     connections_max: 7}\n"
	    "load: {type: redis, line: l, clients: 3, keys: 2, mix: {cas: 1}, rate: 0.5, duration: 8s, timeout: 2s,\n"
	    "       connect_timeout: 3s, think: 1ms, operations_max: 77, prefix: \"p:\", final_reads: false}\n"
	    "probes:\n"
	    "  - {name: web, http: \"http://h:1\", expect: hello, when: during, tolerance: 0.25, every: 1s, timeout: 100ms}\n"
	    "  - {name: up, process: a, when: [before, after]}\n"
	    "audit: {model: register, name: reg}\n"
	    "expect: {errors: 5%, p50: 1ms, p95: 2ms, p99: 3ms, max: 4ms, operations: 6}\n"
	    "abort_if:\n"
	    "  - {errors: 0.5, for: 2s}\n  - {p99: 1s}\n  - {probe: up, fails: 4}\n  - {memory: a, over: 1KiB}\n  - {exit: a}\n");
	(void)state;

	assert_true(x->has_seed && x->seed == INT64_MAX);
	assert_int_equal(x->duration, 10 * FL_SEC);
	assert_string_equal(x->processes[0].argv[0], "sh");
	assert_string_equal(x->processes[0].argv[2], "sleep 5");
	assert_string_equal(x->processes[0].env[1], "LINE={line:l}");
	assert_string_equal(x->processes[0].ready->target, "127.0.0.1:{port:a}");
	assert_string_equal(x->processes[0].ready->path, "/up");
	assert_int_equal(x->processes[0].ready->status, 204);
	assert_int_equal(x->processes[0].ready_timeout, 60 * FL_SEC);
	assert_int_equal(x->processes[0].stop_signal, SIGINT);
	assert_int_equal(x->processes[0].stop_grace, 0);
	assert_int_equal(x->lines[0].key, LINE_KEY_CLIENT);
	assert_false(x->lines[0].half_close);
	assert_int_equal(x->lines[0].conns_max, 7);
	assert_int_equal(x->load.duration, 8 * FL_SEC);
	assert_int_equal(x->load.mix[0] + x->load.mix[1], 0);
	assert_int_equal(x->load.ops_max, 77);
	assert_string_equal(x->load.prefix, "p:");
	assert_false(x->load.final_reads);
	assert_string_equal(x->probes[0].path, "/");
	assert_string_equal(x->probes[0].target, "h:1");
	assert_int_equal(x->probes[0].when, PROBE_DURING);
	assert_true(x->probes[0].tolerance > 0.24 && x->probes[0].tolerance < 0.26);
	assert_int_equal(x->probes[1].when, PROBE_BEFORE | PROBE_AFTER);
	assert_true(x->has_audit);
	assert_string_equal(x->audit_name, "reg");
	assert_int_equal(x->limit_count, 6);
	assert_int_equal(x->limits[0].metric, METRIC_ERRORS);
	assert_true(x->limits[0].value > 0.049 && x->limits[0].value < 0.051 && !x->limits[0].least);
	assert_int_equal(x->limits[4].metric, METRIC_MAX);
	assert_int_equal((fl_ns)x->limits[4].value, 4 * FL_MS);
	assert_true(x->limits[5].least);
	assert_int_equal(x->guard_count, 5);
	assert_int_equal(x->guards[0].window, 2 * FL_SEC);
	assert_int_equal(x->guards[1].kind, GUARD_P99);
	assert_int_equal(x->guards[2].probe, 1);
	assert_int_equal(x->guards[2].fails, 4);
	assert_int_equal(x->guards[3].bytes, 1024);
	assert_int_equal(x->guards[4].process, 0);
	experiment_free(x);
}

static void
test_an_http_line(void **state)
{
	static const char *const lines[] = { NULL };
	static const uint16_t ports[] = { 1234, 2345 };
	struct experiment *x = right(
	    CART("listen: \"127.0.0.1:{port:front}\", upstreams: [\"127.0.0.1:{port:a}\", {address: \"127.0.0.1:9\", weight: 2}], "
	    "key: client, connections_max: 7, policies: {bulkhead: 5}, routes: [{name: r, match: {path: \"/{{x}\"}}]")
	    "load: {type: http, line: c, rate: 5, duration: 5s}\n"
	    "faults: [{at: 1s, for: 1s, on: c, type: http_abort}]\n");
	struct subst_values v = { .port_names = x->ports, .line_names = lines, .ports = ports, .dir = "/d", .here = "/h", .program = "/p" };
	struct http_doc *doc;
	struct doc_diag d;
	(void)state;

	assert_non_null(x->lines[0].http);
	assert_string_equal(x->lines[0].listen, "127.0.0.1:{port:front}");
	assert_string_equal(x->lines[0].upstream, "127.0.0.1:{port:a}, 127.0.0.1:9");
	assert_int_equal(x->lines[0].key, LINE_KEY_CLIENT);
	assert_int_equal(x->lines[0].conns_max, 7);
	doc_diag_init(&d, "x");
	assert_int_equal(exp_line_http(&x->lines[0], &v, "/x/y.yaml", &d, &doc), 0);
	assert_int_equal(doc->upstreams[0].count, 2);
	assert_string_equal(doc->upstreams[0].instances[0].address, strcmp(x->ports[0], "a") == 0 ? "127.0.0.1:1234" : "127.0.0.1:2345");
	assert_string_equal(doc->routes[0].path, "/{x}");
	http_doc_free(doc);
	doc_diag_fini(&d);
	experiment_free(x);
}

static void
test_json_is_yaml(void **state)
{
	struct experiment *x = right("{\"name\": \"j\", \"duration\": \"1s\", \"lines\": {\"m\": {\"upstream\": \"g:1\"}, "
	    "\"l\": {\"upstream\": \"h:1\"}},\n"
	    " \"faults\": [{\"at\": \"0s\", \"for\": \"500ms\", \"on\": \"l\", \"type\": \"latency\", \"attributes\": {\"latency\": 5}}]}");
	(void)state;

	assert_int_equal(x->line_count, 2);
	assert_string_equal(x->lines[1].name, "l");
	assert_string_equal(x->lines[1].upstream, "h:1");
	assert_int_equal(x->fault_count, 1);
	assert_int_equal(x->faults[0].line, 1);
	assert_int_equal(x->faults[0].spec.values[LATENCY_LATENCY].i, 5);
	experiment_free(x);
}

static void
test_timeline_is_in_order(void **state)
{
	struct experiment *x = right(BASE "faults:\n"
	    "  - {at: 1s, for: 1s, on: front, type: latency, repeat: {every: 1500ms}}\n"
	    "  - {at: 2s, cut: front}\n"
	    "  - {at: 4s, for: 5s, kill: redis}\n");
	static const struct timeline_step expected[] = {
		{ 1000 * FL_MS, 0, 0, true }, { 2000 * FL_MS, 0, 0, false }, { 2000 * FL_MS, 1, 0, true }, { 2500 * FL_MS, 0, 1, true },
		{ 3500 * FL_MS, 0, 1, false }, { 4000 * FL_MS, 0, 2, true }, { 4000 * FL_MS, 2, 0, true },
	};
	struct timeline_step *steps;
	uint32_t count;
	(void)state;

	assert_int_equal(x->faults[0].times, 3);
	assert_int_equal(x->faults[2].first, 4);
	assert_int_equal(x->rounds, 5);
	assert_int_equal(timeline_new(x, &steps, &count), 0);
	/* what would end at 5 s or later is ended by healing */
	assert_int_equal(count, FL_ARRAY_LEN(expected));
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(steps[i].at, expected[i].at);
		assert_int_equal(steps[i].fault, expected[i].fault);
		assert_int_equal(steps[i].round, expected[i].round);
		assert_int_equal(steps[i].on, expected[i].on);
	}
	free(steps);
	experiment_free(x);
}

static void
test_a_lease_ends_a_fault(void **state)
{
	struct experiment *x = right(BASE "faults:\n  - {at: 1s, for: 3s, on: front, type: latency, ttl: 2s}\n"
	    "  - {at: 1s, on: front, type: noop, ttl: 500ms}\n");
	(void)state;

	assert_int_equal(x->faults[0].length, 2 * FL_SEC);
	assert_int_equal(x->faults[1].length, 500 * FL_MS);
	experiment_free(x);
}

static void
test_too_much_is_refused(void **state)
{
	struct doc_diag d;
	struct buf b;
	(void)state;

	buf_init(&b, 8u << 20);
	buf_puts(&b, "name: t\nduration: 1s\nlines:\n");
	for (int i = 0; i < EXPERIMENT_LINES_MAX + 1; i++)
		buf_printf(&b, "  - {name: l%d, upstream: \"h:1\"}\n", i);
	doc_diag_init(&d, "x");
	assert_null(parse(buf_str(&b), &d));
	assert_string_equal(buf_str(&d.text), "x:4:3: found 65 lines, expected at most 64");
	doc_diag_fini(&d);
	buf_clear(&b);
	buf_puts(&b, "name: t\nduration: 1s\nsystem:\n  - {name: a, command: \"");
	for (int i = 0; i < 20000; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\"}\n");
	doc_diag_init(&d, "x");
	assert_null(parse(buf_str(&b), &d));
	assert_string_equal(buf_str(&d.text), "x:4:25: found a text of 20000 bytes, expected at most 16384");
	doc_diag_fini(&d);
	buf_fini(&b);
}

static unsigned
doubts(const char *text, struct buf *out)
{
	struct experiment *x = right(text);
	unsigned n;

	buf_clear(out);
	n = doubt_experiment(x, "x", false, out);
	experiment_free(x);
	return n;
}

static void
test_doubts(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 10000);
	assert_int_equal(doubts(BASE "faults: [{at: 1s, cut: front}]\naudit: {model: register}\n", &b), 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(doubts(BASE, &b), 2);
	assert_string_equal(buf_str(&b),
	    "x: it can never find anything: there is no audit, no expectation, and no probe during or after the faults\n"
	    "x: there are no faults: it only shows that all is well when all is well\n");
	assert_int_equal(doubts("name: t\nduration: 1s\nlines:\n  - {name: l, upstream: \"h:1\"}\n"
	    "probes:\n  - {name: p, tcp: \"h:1\", when: during, tolerance: 0}\n"
	    "faults:\n  - {at: 0, on: l, type: latency, toxicity: 0}\n", &b), 3);
	assert_string_equal(buf_str(&b), "x: the probe \"p\" can never fail: its tolerance is 0%\n"
	    "x: the fault latency_downstream can touch nothing: nothing goes through line l\n"
	    "x: the fault latency_downstream can touch nothing: its toxicity is 0\n");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_mistake_has_its_place),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_that_can_be_said),
		cmocka_unit_test(test_an_http_line),
		cmocka_unit_test(test_json_is_yaml),
		cmocka_unit_test(test_timeline_is_in_order),
		cmocka_unit_test(test_a_lease_ends_a_fault),
		cmocka_unit_test(test_too_much_is_refused),
		cmocka_unit_test(test_doubts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
