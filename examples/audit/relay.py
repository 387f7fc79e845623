#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""relay.py - a small store-and-forward queue, and the consumer behind it.

    relay.py queue   --listen PORT --to HOST:PORT --file FILE    takes messages, answers when they are in FILE, sends them on in order
    relay.py consume --listen PORT --to HOST:PORT [--once]       takes messages from the queue, hands them on, answers

Messages are the lines of `faultline feed`, answers are "ok FLOW NUMBER HASH". The queue does as queues do: what it has sent and got no
answer for when the connection breaks, it sends again. It cannot know whether the message or the answer was lost, so a message may reach the
consumer twice: at least once is what such a queue can promise. A consumer that wants each once must know what it has had: --once.
"""
import argparse
import socket
import sys
import threading
import time

UNDER_WAY = 20          # messages sent on and not answered


def name_of(line):
    words = line.split(b" ", 6)
    return words[1], words[3], words[5][8:16].strip()


def answer_to(line):
    return b"ok %s %s %s\n" % name_of(line)


def connect(to):
    host, port = to.rsplit(":", 1)
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except OSError:
            time.sleep(0.02)


class Queue:
    def __init__(self, path, to):
        self.to, self.file = to, open(path, "ab+")
        self.file.seek(0)
        self.lines = self.file.readlines()
        self.more = threading.Condition()
        threading.Thread(target=self.forward, daemon=True).start()

    def take(self, line):
        with self.more:
            self.file.write(line)
            self.file.flush()
            self.lines.append(line)
            self.more.notify()

    def forward(self):
        answered = 0
        while True:
            answered = self.forward_on(connect(self.to), answered)

    def forward_on(self, connection, answered):
        """Send on one connection until it breaks; returns how many were answered in all."""
        sent = answered
        with connection, connection.makefile("rb") as answers:
            try:
                while True:
                    with self.more:
                        while sent == answered and sent == len(self.lines):
                            self.more.wait()
                        batch = self.lines[sent:answered + UNDER_WAY]
                    connection.sendall(b"".join(batch))
                    sent += len(batch)
                    if not answers.readline().endswith(b"\n"):
                        return answered
                    answered += 1
            except OSError:
                return answered


def serve_queue(connection, queue):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                queue.take(line)
                connection.sendall(answer_to(line))


def serve_consumer(connection, sink, seen, lock):
    try:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                with lock:
                    if seen is None or name_of(line) not in seen:
                        sink.sendall(line)
                    if seen is not None:
                        seen.add(name_of(line))
                connection.sendall(answer_to(line))
    except OSError:
        pass                    # the queue comes again


def main():
    parser = argparse.ArgumentParser(description="a store-and-forward queue and its consumer")
    parser.add_argument("what", choices=("queue", "consume"))
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--file")
    parser.add_argument("--once", action="store_true")
    args = parser.parse_args()
    queue = Queue(args.file, args.to) if args.what == "queue" else None
    sink = connect(args.to) if args.what == "consume" else None
    seen, lock = set() if args.once else None, threading.Lock()
    with socket.create_server(("127.0.0.1", args.listen)) as server:
        while True:
            connection, _ = server.accept()
            serve, rest = (serve_queue, (queue,)) if queue is not None else (serve_consumer, (sink, seen, lock))
            threading.Thread(target=serve, args=(connection, *rest), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
