"""Exact search by FAISS's IndexFlatIP over the features of an index file: the nearest 10 of one query, and of all together.
usage: search_ref.py INDEX QUERIES [RUNS]     QUERIES: float32 values, rows of the index's dim"""
import json, sys, time, faiss, numpy
from safetensors.numpy import load_file
features = load_file(sys.argv[1])['features']
queries = numpy.fromfile(sys.argv[2], numpy.float32).reshape(-1, features.shape[1])
runs = int(sys.argv[3]) if len(sys.argv) > 3 else 10
index = faiss.IndexFlatIP(features.shape[1])
index.add(features)
def median(work):
    work(0)
    times = []
    for run in range(runs):
        start = time.perf_counter(); work(run); times.append(1e3 * (time.perf_counter() - start))
    return sorted(times)[len(times) // 2]
one = median(lambda run: index.search(queries[run % len(queries)][None], 10))
together = median(lambda run: index.search(queries, 10))
cosines, numbers = index.search(queries, 10)
print(json.dumps({'one': one, 'all': together, 'numbers': numbers.tolist(), 'cosines': cosines.tolist()}))
