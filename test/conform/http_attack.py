#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_attack - hostile bytes against a real HTTP line, from clients and from servers.

    FAULTLINE=build/release/faultline test/conform/http_attack.py       (or build/asan/faultline)

What a stream of bytes means is worked out twice, by the proxy and by http_lib.meaning(), which knows nothing of it: the server must
see exactly the requests that are there, each once, each well-formed, and nothing of what is refused.

The last line is "N passed, N failed, N skipped"; exit 1 when something failed.
"""
import random
import re
import socket
import sys
import tempfile
import threading
import time

from api_lib import Suite
from http_lib import OK, Backend, Line, asked, meaning, seen
from http_torture import Reader, Replay, Torn, rows

HOST = b"Host: a.example\r\n"
PROBE = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"X: "


def talk(line, pieces, end=True, pause=0.0):
    """Send the pieces, then our end; everything that comes back."""
    with line.connect() as s:
        def send():
            try:
                for k, piece in enumerate(pieces):
                    if k > 0 and pause:
                        time.sleep(pause)       # so that it is read in pieces, too, most of the time
                    s.sendall(piece)
                if end:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        if len(pieces) == 1 and len(pieces[0]) < 65536:
            send()
            return Reader(s).rest()
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        out = Reader(s).rest()
        try:
            s.shutdown(socket.SHUT_RDWR)        # so that it ends before the descriptor belongs to the next connection
        except OSError:
            pass
        sender.join()
        return out


def answers(out, methods):
    """(statuses of the final answers, what is left over), read as strictly as a client can. ValueError: no client can."""
    reader, statuses, methods = Reader(Replay(out)), [], list(methods)
    while reader.data or reader.socket.data:
        try:
            first, fields = reader.head()
            status = int(re.match(rb"HTTP/1\.1 ([1-5][0-9]{2}) ", first).group(1))
            if status < 200 and status != 101:
                continue
            method = methods.pop(0) if methods else b"?"
            if method != b"HEAD" and status not in (204, 304):
                reader.body(fields, True)
            statuses.append(status)
        except Torn:
            return statuses, True
    return statuses, False


def judge(t, line, name, data, pieces=None, pause=0.0):
    """One stream of requests: what the server saw and what the client was told."""
    out = talk(line, pieces or [data], pause=pause)
    requests, end = meaning(data)
    got, faults = line.backends[0].taken()
    try:
        found = [seen(r) for r in got]
        statuses, torn = answers(out, [r[0] for r in requests])
    except (ValueError, AttributeError) as e:
        return t.check(name, False, "%r of %r" % (e, data[:300]))
    want = [asked(r) for r in requests if r[0] != b"CONNECT"]
    found = [f[:2] + (w[2], f[3]) if not w[2] else f for f, w in zip(found, want)] + found[len(want):]     # no Host in 1.0: it is told the server's name
    good = found == want and not faults
    if end == "short":                          # a client that goes away in the middle may or may not be told
        good = good and len(statuses) <= len(requests) + 1
    else:
        told = [200 if r[0] != b"CONNECT" else 501 for r in requests]
        good = good and not torn and statuses[:len(told)] == told and len(statuses) == len(told) + (end == "bad")
        good = good and (end != "bad" or statuses[-1] in (400, 413, 414, 417, 431, 501, 505))
    return t.check(name, good, "%r: %s of %r, server: %r %r, wanted %r, %s" % (
        data[:400], statuses, out[:200], found[:4], faults, want[:4], end))


# ---- ways to say Transfer-Encoding and Content-Length so that two readers differ ----

def disguises(header):
    """Published ways to hide a header from one of two readers, for every byte that one of them might pass over."""
    name, value = header.split(b": ")
    yield header
    for c in list(range(0x00, 0x21)) + [0x22, 0x27, 0x2c, 0x3b, 0x5c, 0x7f, 0x80, 0x85, 0xa0, 0xad, 0xc2, 0xff]:
        b = bytes([c])
        yield from (name + b":" + value, name + b":" + b + value, name + b": " + value + b, b + header, name + b + b": " + value,
                    b"X: x" + b + header, b"X: x\r" + b + header, b"X: x" + b + b"\n" + header, header + b"\r" + b + b"X: y",
                    header + b + b"\nX: y", header + b + b"X: y", name[:3] + b + header[3:], header[:-2] + b + header[-2:])
    yield from (name + b":" + value, name + b"::" + value, name.upper() + b": " + value.upper(), name + b":\r\n " + value,
                name + b":\n " + value, b"X:\r\n " + header, name + b": \"" + value + b"\"", name + b": '" + value + b"'", name + b": " + value + b"," + value,
                name + b": ," + value, name + b": " + value + b",", name.replace(b"-", b"_") + b": " + value, name.replace(b"-", b" ") + b": " + value,
                header + b"\r\n" + header, header + b"\r\n" + name.upper() + b": " + value, header + b"\r\n" + name + b": x",
                name + b": x\r\n" + header, name + b":\r\n" + header, header + b"\r\n" + name + b":", b"X: y\r\n\r\n" + header,
                b"Connection: " + name + b"\r\n" + header, b"Connection: close, " + name.lower() + b"\r\n" + header,
                "\ufeff".encode() + header, b"X-" + header, name + b"\xc2\xa0: " + value, b": " + value + b"\r\n" + header, b"\r" + header)


CODINGS = (b"identity", b"gzip", b"deflate", b"compress", b"x-gzip", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"chunked, gzip", b"chunked chunked",
           b"chunked;q=1", b"Chunked", b"cHUNKED", b"xchunked", b"chunkedx", b"chunke", b"chun ked", b"chunk\x00ed", b"\"chunked\"", b"(chunked)", b"chunked\xff",
           b"\xe2\x84\xaahunked", b"trailers, chunked", b"", b"0", b"null", b"none")
LENGTHS = (b"", b" ", b"+4", b"-4", b"-0", b"+0", b"0x4", b"0X4", b"4h", b"4.0", b"4,4", b"4, 4", b"4,5", b"4;4", b"4 4", b"\"4\"", b"04", b"0000000000000000004",
           b"00000000000000000004", b"4e0", b"4_0", b"0b100", b"0o4", b"4\t", b"4\x0b", b"4\x0c", b"4\x00", b"\x004", b"4,", b",4", b"4\xa0", b"\xd9\xa4", b"\xef\xbc\x94",
           b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"18446744073709551620",
           b"4294967300", b"340282366920938463463374607431768211460", b"99999999999999999999999999999999", b"1e1000", b"NaN", b"Infinity", b"4" * 400)
SIZES = (b"", b"+5", b"-5", b"-0", b" 5", b"5 ", b"\t5", b"5\t", b"0x5", b"0X5", b"5h", b"5.0", b"5,5", b"5_", b"_5", b"\x005", b"5\x00", b"5\x0b", b"5\x0c", b"5\r", b"\xa05", b"5\xa0",
         b"g", b"G", b"\xd9\xa5", b"5;", b"5;;", b"5; a", b"5 ;a", b"5;a=", b"5;=b", b"5;a=b", b"5;a=\"b\"", b"5;a=\"b", b"5;a=\"\r\n\"", b"5;a\nb", b"5;a\rb", b"5\n", b"5;a\n", b"5;\n",
         b"5;a=\"\\\r\n\"", b"5;a\x00", b"5;a\x7f", b"5:a", b"5=a", b"5 a", b"00000000000000005", b"000000000000005", b"10000000000000005", b"ffffffffffffffff", b"fffffffffffffffb",
         b"7fffffffffffffff", b"80000000000000000", b"100000005", b"1000000000000000000000000000000005", b"5;" + b"a" * 2000)


def smuggling():
    """(name, bytes) of all that was ever published, and what is near it."""
    hidden = b"0\r\n\r\n" + SMUGGLED
    for k, te in enumerate(disguises(b"Transfer-Encoding: chunked")):
        yield "CL.TE %d" % k, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % len(hidden) + te + b"\r\n\r\n" + hidden
        yield "TE.CL %d" % k, (b"POST /a HTTP/1.1\r\n" + HOST + te + b"\r\nContent-Length: 4\r\n\r\n%x\r\n" % (len(SMUGGLED) + 4) + SMUGGLED + b"\r\n\r\n\r\n0\r\n\r\n")
        yield "TE.0 %d" % k, b"OPTIONS /a HTTP/1.1\r\n" + HOST + te + b"\r\n\r\n%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n" + PROBE
        yield "TE.TE %d" % k, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n" + te + b"\r\n\r\n" + hidden
    for k, cl in enumerate(disguises(b"Content-Length: %d" % len(SMUGGLED))):
        yield "CL.0 %d" % k, b"POST /a HTTP/1.1\r\n" + HOST + cl + b"\r\n\r\n" + SMUGGLED + b"\r\n\r\n" + PROBE
        yield "CL.CL %d" % k, b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n" + cl + b"\r\n\r\n" + SMUGGLED + b"\r\n\r\n"
    for k, host in enumerate(disguises(b"Host: b.example")):
        yield "Host %d" % k, b"GET /a HTTP/1.1\r\n" + HOST + host + b"\r\n\r\n" + PROBE
        yield "Host alone %d" % k, b"GET /a HTTP/1.1\r\n" + host + b"\r\n\r\n" + PROBE
        yield "Host and absolute %d" % k, b"GET http://c.example/a HTTP/1.1\r\n" + host + b"\r\n\r\n" + PROBE
    for coding in CODINGS:
        yield "coding %r" % coding, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + hidden
        yield "coding and length %r" % coding, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: " + coding + b"\r\n\r\n" + hidden
        yield "coding of 1.0 %r" % coding, b"POST /a HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: " + coding + b"\r\n\r\n" + hidden
    for length in LENGTHS:
        yield "length %r" % length, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: " + length + b"\r\n\r\nbody" + PROBE
        yield "length twice %r" % length, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: " + length + b"\r\n\r\nbody" + PROBE
        yield "length in a trailer %r" % length, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: " + length + b"\r\n\r\n" + PROBE
    for size in SIZES:
        yield "size %r" % size, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n" + PROBE
        yield "last size %r" % size, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + size.replace(b"5", b"0") + b"\r\n\r\n" + PROBE
    for end in (b"", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"XX", b"\r\nX", b"\0\n", b"\r\0", b" \r\n"):
        yield "chunk end %r" % end, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello" + end + b"0\r\n\r\n" + PROBE
        yield "last end %r" % end, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0" + end + b"\r\n" + PROBE
        yield "end of head %r" % end, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n" + end + b"body" + PROBE
        yield "end of line %r" % end, b"POST /a HTTP/1.1" + end + HOST + b"Content-Length: 4\r\n\r\nbody" + PROBE
    yield from odd_requests()


def odd_requests():
    for first in (b"GET /a", b"GET /a HTTP/0.9", b"GET /a HTTP/1.10", b"GET /a HTTP/1.1 HTTP/1.1", b"GET  /a HTTP/1.1", b"GET /a  HTTP/1.1", b"GET\t/a\tHTTP/1.1", b" GET /a HTTP/1.1",
                  b"GET /a HTTP/1.1 ", b"GET /a\x0bHTTP/1.1", b"GET /a\x85HTTP/1.1", b"GET /a b HTTP/1.1", b"GET a HTTP/1.1", b"GET \\a HTTP/1.1", b"G\0T /a HTTP/1.1", b"GET /a?b#c HTTP/1.1",
                  b"GET http://a@b/ HTTP/1.1", b"GET http:///a HTTP/1.1", b"GET gopher://b/ HTTP/1.1", b"GET //b/a HTTP/1.1", b"GET HTTPS://B:1/?q HTTP/1.1", b"OPTIONS * HTTP/1.1",
                  b"OPTIONS http://b HTTP/1.1", b"GET * HTTP/1.1", b"CONNECT b:1 HTTP/1.1", b"CONNECT /a HTTP/1.1", b"CONNECT b HTTP/1.1", b"CONNECT b:99999 HTTP/1.1",
                  b"PRI * HTTP/2.0", b"GET /a HTTP/2.0", b"GET /a HTTP/3", b"GET /a ICY/1.1", b"TRACE /a HTTP/1.1", b"get /a HTTP/1.1", b"X" * 33 + b" /a HTTP/1.1", b"GET /" + b"a" * 16384 + b" HTTP/1.1"):
        yield "line %r" % first[:40], first + b"\r\n" + HOST + b"\r\n" + PROBE
        yield "line after another %r" % first[:40], PROBE + first + b"\r\n" + HOST + b"\r\n" + PROBE
        yield "line, bare %r" % first[:40], first + b"\r\n\r\n"
    yield "preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    yield "preface after a request", PROBE + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    yield "h2c", b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + PROBE
    yield "TRACE with a body", b"TRACE /a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + PROBE
    yield "a response as a request", OK + PROBE
    yield "folded", b"GET /a HTTP/1.1\r\n" + HOST + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n" + hidden_body()
    yield "expectations", b"POST /a HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nExpect: y\r\nContent-Length: 4\r\n\r\nbody" + PROBE
    yield "obsolete expectation", b"POST /a HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nbody" + PROBE
    for k in (1, 4, 5, 50):
        yield "%d empty lines" % k, PROBE + b"\r\n" * k + PROBE
        yield "%d bare LF" % k, PROBE + b"\n" * k + PROBE
    for c in range(256):
        yield "byte %d in a name" % c, b"GET /a HTTP/1.1\r\n" + HOST + b"X" + bytes([c]) + b"Y: z\r\n\r\n" + PROBE
        yield "byte %d in a value" % c, b"GET /a HTTP/1.1\r\n" + HOST + b"X: y" + bytes([c]) + b"z\r\n\r\n" + PROBE
        yield "byte %d in a target" % c, b"GET /a" + bytes([c]) + b"b HTTP/1.1\r\n" + HOST + b"\r\n" + PROBE
        yield "byte %d in a method" % c, b"GE" + bytes([c]) + b"T /a HTTP/1.1\r\n" + HOST + b"\r\n" + PROBE
        yield "byte %d in front" % c, bytes([c]) + PROBE
        yield "byte %d in a trailer" % c, b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y" + bytes([c]) + b"\r\n\r\n" + PROBE


def hidden_body():
    return b"0\r\n\r\n" + SMUGGLED + b"\r\n\r\n"


def test_smuggling(t):
    line = Line(Backend(), extra="    trace: false\n")
    for name, data in smuggling():
        judge(t, line, name, data)
    line.stop(t, "smuggling")


def shaped_line():
    """All messages go through the hands of faults, which do nothing to them but take them apart and put them together."""
    line = Line(Backend(), extra="    trace: false\n")
    for stream in ("upstream", "downstream"):
        line.daemon.post("/proxies/l/toxics", {"name": stream, "type": "http_delay", "stream": stream, "attributes": {"pace": 1 << 40}})
        line.daemon.post("/proxies/l/toxics", {"name": "bytes " + stream, "type": "slicer", "stream": stream, "attributes": {"average_size": 1000}})
    return line


def test_smuggling_shaped(t):
    line = shaped_line()
    for k, (name, data) in enumerate(smuggling()):
        if k % 3 == 0:
            judge(t, line, "shaped, " + name, data)
    line.stop(t, "smuggling, shaped")


# ---- streams that dice wrote ----

PARTS = (b"Content-Length: 4", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive", b"Connection: x, te", b"TE: trailers", b"X: y",
         b"Upgrade: websocket", b"Expect: 100-continue", b"Host: b", b"Trailer: X", b"Keep-Alive: timeout=1", b"Cookie: a=b; c=d", b"X-Faultline: a", b"traceparent: 00-0-0-0")
NOISE = (b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b":", b",", b";", b"\x0b", b"\x7f", b"\x80", b"0", b"\r\n\r\n", b"\"", b"-", b"_", b"#")


def dice_request(dice):
    parts = [HOST[:-2]] if dice.random() < 0.95 else []
    parts += [p for p in dice.sample(PARTS, dice.randint(0, 4)) if p[:5] not in (b"Host:",) or dice.random() < 0.1]
    dice.shuffle(parts)
    body = b""
    if b"Transfer-Encoding: chunked" in parts:
        body = b"".join(b"%x%s\r\n%s\r\n" % (n, dice.choice((b"", b"", b";a=b")), b"x" * n) for n in dice.sample(range(1, 40), dice.randint(0, 3)))
        body += b"0\r\n" + dice.choice((b"", b"", b"X: y\r\n")) + b"\r\n"
    elif b"Content-Length: 4" in parts:
        body = b"body"
    head = b"%s %s HTTP/1.%d\r\n" % (dice.choice((b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"BREW")), dice.choice((b"/", b"/a?b", b"/" + b"p" * 60, b"http://b.example/c")),
                                     dice.choice((1, 1, 1, 1, 0)))
    return head + b"".join(p + b"\r\n" for p in parts) + b"\r\n" + body


def test_dice(t):
    throw(t, Line(Backend(), extra="    trace: false\n"), 6000, 7)
    throw(t, Line(Backend(), extra="    trace: false\n    policies: {retry: {attempts: 3, replay: 10}, hedge: 5s, bulkhead: 10, breaker: true}\n"), 1500, 8)
    throw(t, shaped_line(), 2500, 9)


def throw(t, line, times, seed):
    dice = random.Random(seed)
    for k in range(times):
        data = b"".join(dice_request(dice) for _ in range(dice.randint(1, 4)))
        for _ in range(dice.choice((0, 0, 1, 1, 2))):
            at = dice.randint(0, len(data))
            data = data[:at] + dice.choice(NOISE) * dice.choice((1, 1, 2)) + data[at + dice.choice((0, 0, 1, 2)):]
        at = sorted(dice.sample(range(len(data)), dice.choice((0, 1, 3))))
        judge(t, line, "dice %d, %d" % (seed, k), data, [data[a:b] for a, b in zip([0] + at, at + [len(data)])])
    line.stop(t, "dice")


# ---- cut everywhere ----

def test_cuts(t):
    """Each message byte by byte and cut at every place; three in a row, so that cuts fall between messages too."""
    line = Line(Backend(), extra="    trace: false\n")
    short = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: u\r\n\r\n"
    streams = (PROBE, short, short + b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n" + b"PUT /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
               b"\r\nGET http://b:80/x?y HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
               b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n")
    for k, data in enumerate(streams):
        judge(t, line, "bytes of %d" % k, data, [data[i:i + 1] for i in range(len(data))], pause=0.0001)
        for at in range(1, len(data)):
            judge(t, line, "%d cut at %d" % (k, at), data, [data[:at], data[at:]], pause=0.0002)
    line.stop(t, "cuts")


def test_cut_answers(t):
    """Answers, too."""
    backend = Backend(cut_answer)
    line = Line(backend, extra="    trace: false\n")
    for k, data in enumerate((b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
                              b"HTTP/1.1 200\r\nContent-Length: 5\r\nConnection: x\r\nX: y\r\n\r\nhello", b"HTTP/1.0 200 OK\r\n\r\nto the end")):
        whole = None
        for at in list(range(len(data))) + ["all"]:
            backend.answer = [data[i:i + 1] for i in range(len(data))] if at == "all" else [data[:at], data[at:]]
            out = talk(line, [b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"], end=False)
            whole = whole or out
            t.equal("answer %d cut at %s" % (k, at), out, whole)
        t.equal("answer %d" % k, answers(whole, [b"GET"]), ([200], False))
    line.stop(t, "cut answers")


def cut_answer(backend, s, reader, _number):
    backend.request(reader)
    for piece in backend.answer:
        s.sendall(piece)
        time.sleep(0.0002)      # as in talk()


# ---- answers that lie ----

def lying_answers():
    for k, te in enumerate(disguises(b"Transfer-Encoding: chunked")):
        yield "both %d" % k, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + te + b"\r\n\r\n0\r\n\r\n"
    for k, cl in enumerate(disguises(b"Content-Length: 5")):
        yield "lengths %d" % k, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n" + cl + b"\r\n\r\nhello, w"
    for length in LENGTHS:
        yield "length %r" % length, b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\nbody"
    for size in SIZES:
        yield "size %r" % size, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n"
    for c in range(256):
        b = bytes([c])
        yield "byte %d in the status line" % c, b"HTTP/1.1 200 O" + b + b"K\r\nContent-Length: 0\r\n\r\n"
        yield "byte %d in the status" % c, b"HTTP/1.1 20" + b + b" OK\r\nContent-Length: 0\r\n\r\n"
        yield "byte %d in a name" % c, b"HTTP/1.1 200 OK\r\nX" + b + b"Y: z\r\nContent-Length: 0\r\n\r\n"
        yield "byte %d in a value" % c, b"HTTP/1.1 200 OK\r\nX: y" + b + b"z\r\nContent-Length: 0\r\n\r\n"
        yield "byte %d in front" % c, b + OK
    yield from (("nothing", b""), ("0.9", b"<html>hello</html>"), ("half a head", b"HTTP/1.1 200 OK\r\nContent-"), ("2.0", b"HTTP/2.0 200 OK\r\n\r\n"), ("ICY", b"ICY 200 OK\r\n\r\n"),
                ("600", b"HTTP/1.1 600 X\r\n\r\n"), ("99", b"HTTP/1.1 99 X\r\n\r\n"), ("1000", b"HTTP/1.1 1000 X\r\n\r\n"), ("a request", PROBE),
                ("too short", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody"), ("cut in a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbody"),
                ("no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"), ("only an interim one", b"HTTP/1.1 100 Continue\r\n\r\n"),
                ("1.0 with a coding", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ("huge head", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200000 + b"\r\n\r\n"),
                ("very many fields", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"), ("split", b"HTTP/1.1 200 OK\r\nX: y\r\r\nContent-Length: 0\r\n\r\n"),
                ("101 nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + OK))


def test_answers(t):
    """A client gets a whole answer, or 502, or sees that it was cut off; never two, never one that can be read in two ways."""
    backend = Backend()
    line = Line(backend, extra="    trace: false\n")
    for name, data in lying_answers():
        backend.answer = data or b"\r"          # so that it ends
        out = talk(line, [b"GET /a HTTP/1.1\r\n" + HOST + b"\r\nGET /next HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"], end=False)
        backend.taken()
        try:
            statuses, torn = answers(out, [b"GET", b"GET"])
            good = len(statuses) <= 2 and all(s // 100 == 2 or s == 502 for s in statuses) and (len(statuses) == 2 or torn or not out)
        except (ValueError, AttributeError) as e:
            statuses, torn, good = e, None, False
        t.check("answer, " + name, good, "%r: %s torn=%s %r" % (data[:100], statuses, torn, out[:300]))
    backend.answer = None
    judge(t, line, "after all that", PROBE)
    line.stop(t, "answers")


# ---- one connection, several answers: none may come to whom it is not meant ----

def told(path):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path)


def poisoner(extra, when):
    """A server that says more than it was asked: behind its answer in one piece, or a little later."""
    def serve(backend, s, reader, _number):
        while True:
            first, _, _ = backend.request(reader)
            path = first.split(b" ")[1]
            if when == "at once":
                s.sendall(told(path) + extra)
            else:
                s.sendall(told(path))
                backend.gate.wait(5)
                s.sendall(extra)
    return serve


def test_poison(t):
    stolen = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
    for name, extra in (("a second answer", stolen), ("half an answer", stolen[:20]), ("a byte", b"X"), ("a line end", b"\r\n"), ("an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n")):
        backend = Backend(poisoner(extra, "at once"))
        line = Line(backend)
        with line.connect() as s, line.connect() as other:
            for k in range(6):
                client = (s, other)[k % 2]
                client.sendall(b"GET /%d HTTP/1.1\r\n" % k + HOST + b"\r\n")
                reader = Reader(client)
                _, fields = reader.head()
                t.equal("%s: %d" % (name, k), reader.body(fields, False), b"/%d" % k)
        t.check("%s: no connection is used again" % name, backend.count == 6, backend.count)
        line.stop(t, name)


BODILESS = (("204 with a body", b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nstolen", b"GET"), ("304 with a body", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nstolen", b"GET"),
            ("HEAD with a body", told(b"stolen"), b"HEAD"), ("204 in chunks", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nstolen\r\n0\r\n\r\n", b"GET"),
            ("too long", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokstolen", b"GET"))


def test_bodiless(t):
    """Bodies where none may be, and ends behind the end: the next answer is the next request's."""
    for name, answer, method in BODILESS:
        def serve(backend, s, reader, _number, answer=answer):
            while True:
                first, _, _ = backend.request(reader)
                s.sendall(told(first.split(b" ")[1]) if first.split(b" ")[1] == b"/next" else answer)
        line = Line(Backend(serve))
        out = talk(line, [b"%s /a HTTP/1.1\r\n" % method + HOST + b"\r\n" + PROBE])
        statuses, torn = answers(out, [method, b"GET"])
        t.check(name, len(statuses) == 2 and not torn and out.endswith(b"/next") and b"stolen" not in out, out)
        line.stop(t, name)


def test_unasked(t):
    """An upgrade that nobody asked for is no tunnel, or the next requests would go past every rule."""
    for answer in (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"):
        for ask in (b"", b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"):
            backend = Backend()
            backend.answer = answer
            line = Line(backend)
            out = talk(line, [b"GET /a HTTP/1.1\r\n" + HOST + ask + b"\r\n"])
            t.check("%r to %r" % (answer[:60], ask), answers(out, [b"GET"]) == ([502], False), out)
            line.stop(t, "unasked")
    backend = Backend()
    backend.answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
    line = Line(backend)
    out = talk(line, [b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"])
    t.check("an upgrade to something else", answers(out, [b"GET"]) == ([502], False), out)
    line.stop(t, "another upgrade")
    backend = Backend()
    line = Line(backend)
    judge(t, line, "an upgrade that is refused", b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + PROBE)
    line.stop(t, "refused upgrade")


def early(answer):
    def serve(backend, s, reader, _number):
        reader.head()
        s.sendall(answer)
        backend.gate.wait(10)
    return serve


def test_early(t):
    """An answer while the request is still being sent: it counts, and neither connection carries anything after it."""
    for framing in (b"Content-Length: 1000000", b"Transfer-Encoding: chunked"):
        backend = Backend(early(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n"))
        backend.gate = threading.Event()
        line = Line(backend)
        with line.connect() as s:
            s.sendall(b"POST /a HTTP/1.1\r\n" + HOST + framing + b"\r\n\r\n" + (b"10\r\n" if b"chunked" in framing else b"") + b"x" * 16)
            reader = Reader(s)
            first, fields = reader.head()
            t.check("told early", first.startswith(b"HTTP/1.1 413") and reader.body(fields, False) == b"no\n", first)
            t.check("and that it ends", (b"connection", b"close") in fields, fields)
            try:
                s.sendall(b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n")
            except OSError:
                pass
            t.equal("nothing behind it", reader.rest(), b"")
        backend.gate.set()
        requests, faults = backend.taken()
        t.check("nothing was smuggled", not requests and not faults, (requests, faults))
        line.stop(t, "early")


def test_pipeline(t):
    """A thousand requests at once, of every kind: as many answers, in their order."""
    def serve(backend, s, reader, _number):
        while True:
            first, _, body = backend.request(reader)
            method, path, _ = first.split(b" ")
            text = path + b" %d" % len(body)
            if method == b"HEAD":
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text))
            elif method == b"DELETE":
                s.sendall(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n")
            elif method == b"OPTIONS":
                s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(text), text))
            else:
                s.sendall(told(text))
    line, dice, data, want = Line(Backend(serve)), random.Random(3), b"", []
    for k in range(1000):
        method = dice.choice((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS"))
        n = dice.choice((0, 5, 3000)) if method in (b"POST", b"PUT") else 0
        data += b"%s /%d HTTP/1.1\r\n" % (method, k) + HOST
        if n and dice.random() < 0.5:
            data += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (n, b"x" * n)
        else:
            data += b"Content-Length: %d\r\n\r\n%s" % (n, b"x" * n)
        want.append((method, b"" if method in (b"HEAD", b"DELETE") else b"/%d %d" % (k, n)))
    with line.connect() as s:
        sender = threading.Thread(target=s.sendall, args=(data,), daemon=True)
        sender.start()
        reader, found = Reader(s), []
        for method, _ in want:
            first, fields = reader.head()
            found.append((method, b"" if method == b"HEAD" or b" 204 " in first else reader.body(fields, False)))
        sender.join()
    t.check("in their order", found == want, next(((a, b) for a, b in zip(found, want) if a != b), None))
    line.stop(t, "pipeline")


# ---- what is given in place of an answer ----

def ask(line, target, fields=b"", host=b"a.example", method=b"GET"):
    """(status, fields, body) of one request."""
    out = talk(line, [b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n" % (method, target, host) + fields + b"\r\n"])
    reader = Reader(Replay(out))
    first, got = reader.head()
    return int(first[9:12]), dict(got), b"" if method == b"HEAD" else reader.body(got, True)


def test_stale(t):
    """Answers from before are for who could have got them then, and for nobody else."""
    def serve(backend, s, reader, _number):
        while True:
            first, fields, _ = backend.request(reader)
            if backend.dead:
                raise Torn(b"")
            path = first.split(b" ")[1]
            text = b"%s of %s for %s" % (path, dict(fields)[b"host"], dict(fields).get(b"accept-encoding", b"all"))
            extra = backend.extra.get(path, b"")
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(text), extra, text))
    backend = Backend(serve)
    backend.dead = False
    backend.extra = {b"/set": b"Set-Cookie: a=b\r\n", b"/no-store": b"Cache-Control: max-age=5, no-store\r\n", b"/private": b"cache-control: Private=\"x\"\r\n", b"/vary": b"Vary: Accept, X-User\r\n",
                     b"/any": b"Vary: *\r\n", b"/again": b"Cache-Control: must-revalidate\r\n", b"/fine": b"Cache-Control: max-age=5, public\r\nVary: accept-encoding\r\n"}
    line = Line(backend, extra="    policies: {fallback: {stale: true}}\n")
    paths = [b"/plain?q", *backend.extra]
    for path in paths:
        t.equal("%r before" % path, ask(line, path)[0], 200)
    ask(line, b"/fine", b"Accept-Encoding: gzip\r\n")
    ask(line, b"/cookie", b"Cookie: id=alice\r\n")
    ask(line, b"/auth", b"Authorization: Basic YTpi\r\n")
    backend.dead = True
    status, fields, body = ask(line, b"/plain?q")
    t.equal("stale", (status, fields.get(b"x-faultline-degraded"), body), (200, b"stale", b"/plain?q of a.example for all"))
    t.equal("absolute", ask(line, b"http://a.example/plain?q", host=b"b")[2], body)
    status, fields, _ = ask(line, b"/plain?q", method=b"HEAD")
    t.equal("HEAD", (status, fields.get(b"content-length")), (200, b"29"))
    t.equal("by its coding", ask(line, b"/fine", b"Accept-Encoding: gzip\r\n")[2], b"/fine of a.example for gzip")
    t.equal("and without", ask(line, b"/fine")[2], b"/fine of a.example for all")
    for name, got in (("another host", ask(line, b"/plain?q", host=b"b.example")), ("another query", ask(line, b"/plain?r")), ("another coding", ask(line, b"/plain?q", b"Accept-Encoding: br\r\n")),
                      ("somebody", ask(line, b"/plain?q", b"Authorization: Basic YTpi\r\n")), ("a cookie", ask(line, b"/cookie", b"Cookie: id=bob\r\n")), ("nobody", ask(line, b"/cookie")),
                      ("what somebody got", ask(line, b"/auth")), ("another method", ask(line, b"/plain?q", method=b"POST"))):
        t.equal("not for " + name, got[0], 502)
    for path in paths[1:-1]:
        t.equal("not kept: %r" % path, ask(line, path)[0], 502)
    line.stop(t, "stale")


def test_fallbacks(t):
    """A fixed answer of any size that may be configured."""
    for n in (0, 10, 100000, 170000, 1000000):
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"x" * n)
            f.flush()
            line = Line(upstream="'127.0.0.1:1'", extra="    policies: {fallback: {status: 203, file: %s}}\n" % f.name)
            status, fields, body = ask(line, b"/a")
            t.equal("%d bytes" % n, (status, fields.get(b"x-faultline-degraded"), len(body)), (203, b"fallback", n))
            t.equal("%d bytes, HEAD" % n, ask(line, b"/a", method=b"HEAD")[1].get(b"content-length"), b"%d" % n)
            line.stop(t, "fallback")
    line = Line(Backend(), extra="    policies: {fallback: {stale: true, rehearse: 100%%}}\n")
    t.equal("a rehearsal without anything to give", [ask(line, b"/a")[0] for _ in range(3)], [200] * 3)
    t.equal("and with it", ask(line, b"/a")[1].get(b"x-faultline-degraded"), b"stale")
    line.stop(t, "rehearsal")


def test_hops(t):
    """RFC 9110 7.6.2: TRACE and OPTIONS go as far as Max-Forwards lets them; others do not mind it."""
    backend = Backend()
    line = Line(backend)
    for method, value, status, onward in ((b"OPTIONS", b"0", 200, None), (b"TRACE", b"0", 501, None), (b"OPTIONS", b"1", 200, b"0"), (b"TRACE", b"70", 200, b"69"), (b"OPTIONS", b"x", 200, b"x"),
                                          (b"OPTIONS", b"-1", 200, b"-1"), (b"GET", b"0", 200, b"0"), (b"OPTIONS", b"00", 200, None)):
        got = ask(line, b"/a", b"Max-Forwards: " + value + b"\r\n", method=method)[0]
        requests, _ = backend.taken()
        t.equal("%r with %r" % (method, value), (got, [dict(f)[b"max-forwards"] for _, f, _ in requests]), (status, [onward] if onward is not None else []))
    line.stop(t, "hops")


def test_rows_bare(t):
    """The rows of the table against the second opinion: what one accepts the other does."""
    for row in rows():
        if row.side == "req" and row.words[0] != "more":
            found, end = meaning(row.bytes)
            refuses = not found and end == "bad"
            want = row.words[0] == "bad" or row.body_refused()
            bounded = any(w in ("413", "414", "431", "body-bad=431") for w in row.words) or len(row.bytes) > 20000
            t.check("%s is %s" % (row.name, row.words[:2]), bounded or refuses == want, (found, end))


if __name__ == "__main__":
    tests = (test_rows_bare, test_smuggling, test_smuggling_shaped, test_dice, test_cuts, test_cut_answers, test_answers, test_poison, test_bodiless, test_unasked, test_early, test_pipeline, test_hops, test_stale, test_fallbacks)
    only = [test for test in tests if test.__name__ in sys.argv[1:]]
    sys.exit(Suite().run(only or tests))
