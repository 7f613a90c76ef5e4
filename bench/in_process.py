"""A loop in onnxruntime's Python package, as its users write it: the peer of inference-throughput.

    python in_process.py MODEL ROWS COLUMNS

One FLOAT input [ROWS, COLUMNS], in one thread or with the package's own default, whichever is faster. For
each count of runs on a line of its input it prints a line: p50_ns p99_ns runs_per_second.
"""

import sys
import time

import numpy
import onnxruntime

WARM_UP_RUNS = 50


def session_of(path, thread_count):
    options = onnxruntime.SessionOptions()
    if thread_count:
        options.intra_op_num_threads = thread_count
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def timed_runs(session, feed, count):
    taken_ns = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        session.run(None, feed)
        taken_ns.append(time.perf_counter_ns() - begin)
    return sorted(taken_ns)


def main():
    path, rows, columns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sessions = [session_of(path, count) for count in (1, None)]
    feed = {sessions[0].get_inputs()[0].name: numpy.full((rows, columns), 0.5, numpy.float32)}
    session = min(sessions, key=lambda each: timed_runs(each, feed, WARM_UP_RUNS)[WARM_UP_RUNS // 2])
    for line in sys.stdin:
        count = int(line)
        begin = time.perf_counter()
        taken_ns = timed_runs(session, feed, count)
        seconds = time.perf_counter() - begin
        print(taken_ns[count // 2], taken_ns[count * 99 // 100], count / seconds, flush=True)


main()
