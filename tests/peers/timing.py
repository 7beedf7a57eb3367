"""How the timing programs of this folder are spoken to, and how they are bound to processors.

A timing program loads its model, warms up, prints one line of JSON that says what it is, and then answers every line
`N` on stdin (a number of runs) with one line: a JSON list of N times in milliseconds. It ends with its input. So
whoever starts several of them can let them take turns, block by block, on the same processors. With `--seconds` it
takes no input and prints one such list for that long.
"""

import argparse
import json
import os
import sys
import time

WARM_UP_RUNS = 3
RUNS_LIMIT = 1_000_000


def arguments(description):
    """A parser with what all of them are told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="threads that compute, the caller's among them")
    parser.add_argument("--batch", "--images", dest="batch", type=int, default=1, help="images at a time")
    parser.add_argument("--size", type=int, default=224, help="side of the square input")
    parser.add_argument("--cpus", help="processors to compute on, one for each thread: 0,1")
    parser.add_argument("--seconds", type=float, help="measure for that long instead of answering lines")
    return parser


def processors(options):
    """The processors of the threads, in order; empty where none are named."""
    cpus = [int(cpu) for cpu in options.cpus.split(",")] if options.cpus else []
    if cpus and len(cpus) != options.threads:
        sys.exit(f"error: {options.threads} threads need as many processors, but --cpus names {len(cpus)}")
    return cpus


def bind(cpus):
    """Binds the calling thread, and threads that it starts, to these processors."""
    if cpus:
        os.sched_setaffinity(0, cpus)


def measure(run, runs):
    """Milliseconds of each of that many runs."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - begun) / 1e6)
    return times


def serve(run, what, options, warm_up_runs=WARM_UP_RUNS):
    """Warms up and answers until the input ends."""
    measure(run, warm_up_runs)
    print(json.dumps({**what, "threads": options.threads, "batch": options.batch, "cpus": options.cpus}), flush=True)
    if options.seconds is not None:
        times, end = [], time.perf_counter() + options.seconds
        while time.perf_counter() < end:
            times += measure(run, 1)
        print(json.dumps(times))
        return
    for line in sys.stdin:
        if not line.strip().isdecimal() or not 1 <= (runs := int(line)) <= RUNS_LIMIT:
            sys.exit(f"error: {line.strip()!r} is no number of runs from 1 to {RUNS_LIMIT}")
        print(json.dumps(measure(run, runs)), flush=True)
