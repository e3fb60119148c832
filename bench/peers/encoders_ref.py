"""Passes of one of torchvision's networks (ViT-Ti and -S: its class, of their sizes), channels_last, with two threads. For each
line that it reads, 'train' (forward, backward, a step of SGD) or 'infer', makes a pass and prints its milliseconds.

usage: encoders_ref.py NAME BATCH SIZE [--compile] [--cpu]
       --compile: torch.compile of the network; --cpu: CPU time of one thread
"""
import pathlib
import sys
import time

import torch

sys.path.append(str(pathlib.Path(__file__).parents[2] / "test" / "fixtures"))
from make_encoders import WIDTHS, network  # noqa: E402

is_cpu = "--cpu" in sys.argv
torch.set_num_threads(1 if is_cpu else 2)
clock = time.process_time if is_cpu else time.perf_counter
name, batch, size = sys.argv[1].replace("-", "_"), int(sys.argv[2]), int(sys.argv[3])
net = network(name, **({"size": size} if name in WIDTHS else {})).to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(net.parameters(), lr=1e-6, momentum=0.9)
forward = torch.compile(net) if "--compile" in sys.argv else net
images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)


def train():
    net.train()
    optimizer.zero_grad()
    forward(images).square().mean().backward()
    optimizer.step()


@torch.inference_mode()
def infer():
    net.eval()
    forward(images)


for line in sys.stdin:
    began = clock()
    {"train": train, "infer": infer}[line.strip()]()
    print(f"{(clock() - began) * 1000:.3f}", flush=True)
