"""A line with a delay between two network interfaces, which it makes (TAP): delay-line.py PORT PORT DELAY_MS.

Says "ready" on standard error once both are there. Loses what comes while MAX_WAITING frames are on their way.
"""
import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
MAX_FRAME_BYTES = 2048
MAX_WAITING = 16384


def interface(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


class Direction:
    def __init__(self, source, sink):
        self.source = source
        self.sink = sink
        self.waiting = collections.deque()

    def take(self, due):
        """Takes in all that is there."""
        while True:
            try:
                frame = os.read(self.source, MAX_FRAME_BYTES)
            except BlockingIOError:
                return
            if len(self.waiting) < MAX_WAITING:
                self.waiting.append((due, frame))

    def give(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            try:
                os.write(self.sink, self.waiting.popleft()[1])
            except OSError:
                pass  # The interface is not up yet, or takes no more: a line may lose frames.


def main():
    left, right = interface(sys.argv[1]), interface(sys.argv[2])
    delay = float(sys.argv[3]) / 1000
    directions = {left: Direction(left, right), right: Direction(right, left)}
    print("ready", file=sys.stderr, flush=True)
    while True:
        now = time.monotonic()
        for direction in directions.values():
            direction.give(now)
        dues = [direction.waiting[0][0] for direction in directions.values() if direction.waiting]
        timeout = max(0, min(dues) - time.monotonic()) if dues else None
        for source in select.select(list(directions), [], [], timeout)[0]:
            directions[source].take(time.monotonic() + delay)


main()
