#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sink.py PORT FILE - appends every line that comes to FILE."""
import socket
import sys
import threading


def take(connection, out, lock):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            with lock:
                out.write(line)
                out.flush()


def main():
    out, lock = open(sys.argv[2], "ab"), threading.Lock()
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=take, args=(connection, out, lock), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
