"""Microseconds of y.add(1) on 16 numbers in PyTorch, without gradients."""
import time

import torch

torch.set_num_threads(2)
y = torch.randn(16)
calls = 200_000
with torch.no_grad():
    for _ in range(1000):
        y.add(1)
    began = time.perf_counter()
    for _ in range(calls):
        y.add(1)
    print(f"{(time.perf_counter() - began) / calls * 1e6:.3f}")
