"""A cable between two machines: network namespaces, between which packets are passed on after a delay.

usage: link.py MILLISECONDS CUT

Prints the names of the namespaces, whose addresses are 10.9.0.1 and 10.9.0.2, as JSON. Once the file CUT is there, nothing is
passed on any more. Ends, and removes the namespaces, when standard input ends. Needs root, and /dev/net/tun.
"""

import collections
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def ip(*args):
    subprocess.run(['ip', *args], check=True)


def machine(name, address):
    """A namespace with an interface, whose packets are read and written here."""
    end = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TUN | IFF_NO_PI))
    ip('netns', 'add', name)
    ip('link', 'set', name, 'netns', name)
    ip('-n', name, 'address', 'add', f'{address}/24', 'dev', name)
    for interface in [name, 'lo']:
        ip('-n', name, 'link', 'set', interface, 'up')
    return end


def pass_on(ends, delay, cut):
    under_way = collections.deque()  # (due, end, packet)
    other = dict(zip(ends, reversed(ends)))
    while True:
        due = under_way[0][0] - time.monotonic() if under_way else 0.05
        readable, _, _ = select.select([*ends, sys.stdin], [], [], max(0, min(due, 0.05)))
        if sys.stdin in readable and not sys.stdin.buffer.read1():
            return
        now = time.monotonic()
        for end in readable:
            if end in ends and not os.path.exists(cut):
                under_way.append((now + delay, other[end], os.read(end, 65536)))
            elif end in ends:
                os.read(end, 65536)
        while under_way and under_way[0][0] <= now:
            _, end, packet = under_way.popleft()
            os.write(end, packet)


names = [f'cx{os.getpid()}{side}' for side in 'ab']
try:
    ends = [machine(name, f'10.9.0.{i + 1}') for i, name in enumerate(names)]
    print(json.dumps(names), flush=True)
    pass_on(ends, float(sys.argv[1]) / 1000, sys.argv[2])
finally:
    for name in names:
        subprocess.run(['ip', 'netns', 'delete', name], stderr=subprocess.DEVNULL)
