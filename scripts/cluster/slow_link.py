#!/usr/bin/env python3
"""A link between two network namespaces with a rate and a delay, for kernels without netem.

    sudo scripts/cluster/slow_link.py NAMESPACE ADDRESS NAMESPACE ADDRESS MBIT MICROSECONDS

Each namespace gets a device with its address. What one sends reaches the other after the time that its bytes take at that rate,
0 for any, and the delay one way. Says `ready`, and goes on until it is ended. It computes on the processors that are
measured: what it adds beside the delay shows in the latency of an all-reduce.
"""
import collections
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PR_SET_TIMERSLACK = 29
# Large packets: each costs Python the same.
MTU = 60000


def device(name, namespace, address):
    """A tunnel's end in a namespace, as what this process reads and writes of it."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        ["ip", "link", "set", name, "netns", namespace],
        ["ip", "-n", namespace, "address", "add", f"{address}/24", "dev", name],
        ["ip", "-n", namespace, "link", "set", name, "mtu", str(MTU), "txqueuelen", "10000", "up"],
    ):
        subprocess.run(command, check=True)
    return end


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    names, addresses = sys.argv[1:5:2], sys.argv[2:5:2]
    bytes_per_second, delay = float(sys.argv[5]) * 1e6 / 8, float(sys.argv[6]) * 1e-6
    # By default the kernel may wake a sleeper 50 us late.
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    ends = [device(f"zoo-link{i}", names[i], addresses[i]) for i in range(2)]
    print("ready", flush=True)
    free, queues = [0.0, 0.0], [collections.deque(), collections.deque()]
    while True:
        due = [queue[0][0] for queue in queues if queue]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        readable, _, _ = select.select(ends, [], [], wait)
        now = time.monotonic()
        for end in readable:
            source = ends.index(end)
            packet = os.read(end, MTU + 100)
            begin = max(now, free[source])
            free[source] = begin + (len(packet) / bytes_per_second if bytes_per_second else 0.0)
            queues[source].append((free[source] + delay, packet))
        for source, queue in enumerate(queues):
            while queue and queue[0][0] <= now:
                try:
                    os.write(ends[1 - source], queue.popleft()[1])
                except BlockingIOError:
                    # The receiver is full: TCP sends it again, as over a real link.
                    pass


if __name__ == "__main__":
    main()
