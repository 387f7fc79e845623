#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""window.py - a small stream processor with a state: for every message it puts out the last four values of the message's key.

    window.py --listen PORT --to HOST:PORT --state FILE --recover right|wrong

Messages come as the lines of `faultline feed`; a message is answered when what follows from it is on disk, and its result was handed to
the sink. The state is the values of every key and the number of the last message taken; it is written to FILE as a checkpoint every 250
messages, and every message goes to a journal, FILE.journal, before it is answered. After a crash the newest checkpoint is read, and then
the journal behind it, so that nothing that was answered is lost. With --recover wrong the journal is only used to find out which
messages were taken already, which is easy to write and looks right: no message is lost, none is taken twice. But the windows in
memory are those of the checkpoint.
"""
import argparse
import json
import os
import socket
import sys
import threading

WINDOW, EVERY = 4, 250


class Processor:
    def __init__(self, path, right):
        self.path, self.windows, self.last, self.since = path, {}, 0, 0
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                state = json.load(f)
            self.windows, self.last = {int(k): v for k, v in state["windows"].items()}, state["last"]
        if os.path.exists(path + ".journal"):
            with open(path + ".journal", encoding="ascii") as f:
                for line in f:
                    key, number, value = (int(x) for x in line.split()) if line.endswith("\n") else (0, 0, 0)
                    if number > self.last:
                        self.last = number
                        if right:
                            self.push(key, value)
        self.journal = open(path + ".journal", "a", encoding="ascii")

    def push(self, key, value):
        window = self.windows.setdefault(key, [0] * WINDOW)
        window.append(value)
        del window[0]
        return window

    def take(self, key, number, value):
        """The window after this message; None: it was taken already."""
        if number <= self.last:
            return None
        self.journal.write("%d %d %d\n" % (key, number, value))
        self.journal.flush()
        self.last = number
        window = list(self.push(key, value))
        self.since += 1
        if self.since >= EVERY:
            self.checkpoint()
        return window

    def checkpoint(self):
        with open(self.path + ".new", "w", encoding="ascii") as f:
            json.dump({"windows": self.windows, "last": self.last}, f)
        os.rename(self.path + ".new", self.path)
        self.journal.truncate(0)
        self.since = 0


def serve(connection, processor, sink, lock):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            _, flow, key, number, value, rest = line.split(b" ", 5)
            with lock:
                window = processor.take(int(key), int(number), int(value))
                if window is not None:
                    sink.sendall(b"%d %s\n" % (int(key), ",".join(map(str, window)).encode()))
                connection.sendall(b"ok %s %s %s\n" % (flow, number, rest[8:16]))


def main():
    parser = argparse.ArgumentParser(description="the last four values of each key")
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--recover", choices=("right", "wrong"), default="right")
    args = parser.parse_args()
    host, port = args.to.rsplit(":", 1)
    processor, lock = Processor(args.state, args.recover == "right"), threading.Lock()
    sink = socket.create_connection((host, int(port)))
    with socket.create_server(("127.0.0.1", args.listen)) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, processor, sink, lock), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
