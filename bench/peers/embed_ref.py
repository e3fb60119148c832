"""The median of some passes of an ONNX model on random images, in ms, with two threads.   usage: embed_ref.py MODEL BATCH"""
import sys
import time

import numpy
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
batch = int(sys.argv[2])
name = session.get_inputs()[0].name
images = numpy.random.default_rng(0).standard_normal((batch, 3, 224, 224), dtype=numpy.float32)
passes = 30 if batch == 1 else 6
times = []
for i in range(passes + 2):
    began = time.perf_counter()
    session.run(None, {name: images})
    if i >= 2:
        times.append(time.perf_counter() - began)
print(f"{sorted(times)[len(times) // 2] * 1000:.3f}")
