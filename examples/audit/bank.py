#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bank.py - clients of a bank on PostgreSQL: they move money between accounts, and read all accounts.

    bank.py --to HOST:PORT --level "read committed"|"repeatable read"|serializable --bank FILE --transfers FILE --seed N

A transfer reads both accounts and writes the new balances, as programs do that let the database keep numbers and reckon themselves. It
appends its own number to the log of both accounts, too. What the clients did and saw goes to two histories: FILE of --bank, with the
balances that were read, whose sum must never change; FILE of --transfers, with what each transaction read and appended.
"""
import argparse
import itertools
import json
import os
import random
import socket
import struct
import sys
import threading
import time

ACCOUNTS, START = 6, 100
EPOCH = int(os.environ.get("FAULTLINE_EPOCH_NS", "0"))     # when the run began


class Failed(Exception):
    """The server said no: the transaction did not happen."""


class Postgres:
    """As much of PostgreSQL's protocol as simple queries need."""

    def __init__(self, to):
        host, port = to.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), 5)
        self.sock.settimeout(10)
        self.file = self.sock.makefile("rb")
        words = b"user\0postgres\0database\0postgres\0\0"
        self.sock.sendall(struct.pack(">II", len(words) + 8, 196608) + words)
        self.rows()

    def message(self):
        head = self.file.read(5)
        if len(head) < 5:
            raise OSError("the connection broke")
        body = self.file.read(struct.unpack(">I", head[1:])[0] - 4)
        return head[:1], body

    def rows(self):
        """All rows until the server is ready for the next query."""
        found, error = [], None
        while True:
            kind, body = self.message()
            if kind == b"D":
                row, at = [], 2
                for _ in range(struct.unpack(">H", body[:2])[0]):
                    size, = struct.unpack(">i", body[at:at + 4])
                    row.append(None if size < 0 else body[at + 4:at + 4 + size].decode())
                    at += 4 + max(size, 0)
                found.append(row)
            elif kind == b"E":
                error = next((f[1:].decode() for f in body.split(b"\0") if f[:1] == b"M"), "error")
            elif kind == b"Z":
                if error is not None:
                    raise Failed(error)
                return found

    def query(self, text):
        data = text.encode() + b"\0"
        self.sock.sendall(b"Q" + struct.pack(">I", len(data) + 4) + data)
        return self.rows()


class Bank:
    def __init__(self, args):
        self.args, self.lock, self.numbers = args, threading.Lock(), itertools.count(1)
        self.histories = {name: open(getattr(args, name), "w", encoding="ascii") for name in ("bank", "transfers")}
        self.processes = itertools.count(args.clients)
        self.end = time.monotonic() + args.seconds

    def note(self, history, process, kind, f, value):
        line = json.dumps({"process": process, "type": kind, "f": f, "value": value, "time": time.monotonic_ns() - EPOCH})
        with self.lock:
            self.histories[history].write(line + "\n")
            self.histories[history].flush()

    def set_up(self):
        db = Postgres(self.args.to)
        db.query("CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, log text NOT NULL)")
        db.query("INSERT INTO accounts SELECT i, %d, '' FROM generate_series(0, %d) i" % (START, ACCOUNTS - 1))

    def transfer(self, db, process, dice):
        a, b = dice.sample(range(ACCOUNTS), 2)
        amount, number = dice.randint(1, 5), next(self.numbers)
        ask = [["r", a, None], ["append", a, number], ["r", b, None], ["append", b, number]]
        self.note("transfers", process, "invoke", "txn", ask)
        committing = False
        try:
            db.query("BEGIN ISOLATION LEVEL " + self.args.level)
            (balance_a, log_a), = db.query("SELECT balance, log FROM accounts WHERE id = %d" % a)
            (balance_b, log_b), = db.query("SELECT balance, log FROM accounts WHERE id = %d" % b)
            move = min(amount, int(balance_a))
            db.query("UPDATE accounts SET balance = %d, log = '%s %d' WHERE id = %d" % (int(balance_a) - move, log_a, number, a))
            db.query("UPDATE accounts SET balance = %d, log = '%s %d' WHERE id = %d" % (int(balance_b) + move, log_b, number, b))
            committing = True
            db.query("COMMIT")
        except Failed:
            self.note("transfers", process, "fail", "txn", ask)
            db.query("ROLLBACK")
            return
        except OSError:
            self.note("transfers", process, "info" if committing else "fail", "txn", ask)
            raise
        done = [["r", a, [int(n) for n in log_a.split()]], ask[1], ["r", b, [int(n) for n in log_b.split()]], ask[3]]
        self.note("transfers", process, "ok", "txn", done)

    def read(self, db, process):
        self.note("bank", process, "invoke", "read", None)
        try:
            rows = db.query("SELECT id, balance FROM accounts ORDER BY id")
        except (Failed, OSError):
            self.note("bank", process, "fail", "read", None)
            raise
        self.note("bank", process, "ok", "read", {row[0]: int(row[1]) for row in rows})

    def client(self, process):
        dice, db = random.Random(self.args.seed * 1000 + process), None
        while time.monotonic() < self.end:
            try:
                if db is None:
                    db = Postgres(self.args.to)
                if dice.random() < 0.8:
                    self.transfer(db, process, dice)
                else:
                    self.read(db, process)
            except (OSError, Failed):
                db, process = None, next(self.processes)       # what it had under way may still happen
                time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description="clients of a bank on PostgreSQL")
    parser.add_argument("--to", required=True)
    parser.add_argument("--level", required=True)
    parser.add_argument("--bank", required=True)
    parser.add_argument("--transfers", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=6)
    args = parser.parse_args()
    bank = Bank(args)
    bank.set_up()
    threads = [threading.Thread(target=bank.client, args=(i,)) for i in range(args.clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    bank.read(Postgres(args.to), next(bank.processes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
