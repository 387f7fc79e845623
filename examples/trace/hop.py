#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hop - a service of a chain: takes messages, and sends each on as it is, in other frames.

    hop.py --listen PORT --to HOST:PORT --takes lines|length --gives lines|length

A message it cannot read it leaves out: that is what the services of the chain have in common with real ones.
"""
import argparse
import socket
import struct
import threading

MESSAGE_MAX = 1 << 20


def take_lines(connection):
    for line in connection.makefile("rb"):
        yield line.rstrip(b"\r\n")


def take_lengths(connection):
    f = connection.makefile("rb")
    while True:
        head = f.read(4)
        if len(head) < 4:
            return
        n, = struct.unpack(">I", head)
        if n > MESSAGE_MAX:
            return
        message = f.read(n)
        if len(message) < n:
            return
        yield message


TAKE = {"lines": take_lines, "length": take_lengths}
GIVE = {"lines": lambda m: m + b"\n", "length": lambda m: struct.pack(">I", len(m)) + m}


def serve(connection, options):
    host, port = options.to.rsplit(":", 1)
    out = None
    with connection:
        for message in TAKE[options.takes](connection):
            if not message.startswith(b"fl1 "):
                continue
            out = out or socket.create_connection((host, int(port)))    # probes, which say nothing, bring no connections about
            out.sendall(GIVE[options.gives](message))
    if out is not None:
        out.close()


def main():
    parser = argparse.ArgumentParser()
    for name in ("listen", "to", "takes", "gives"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", int(options.listen))) as listener:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], options), daemon=True).start()


main()
