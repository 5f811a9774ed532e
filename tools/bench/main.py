"""Measures Weir against nginx and against no gateway, in the same shuffled rounds."""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import measure
import report
from children import BenchError
from gateways import Direct, Nginx, Simulator, Weir

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("json", "chunk", "light", "idle", "counts", "ledger")


def parse_arguments():
    release = ROOT / "build" / "release"
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=None, help="default 11")
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see it work")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--without-weir", action="store_true", help="nginx and direct only")
    parser.add_argument("--only", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--streams", type=int, default=5000, help="idle streams")
    parser.add_argument("--seed", type=int, default=None, help="of the order in each round")
    parser.add_argument("--weir", type=Path, default=release / "weir")
    parser.add_argument("--sim", type=Path, default=release / "weir-sim")
    parser.add_argument("--load", type=Path, default=release / "weir-load")
    parser.add_argument("--ledger", type=Path, default=None, help="the bench_ledger binary")
    parser.add_argument("--scratch", type=Path, default=None, help="where data and logs go")
    parser.add_argument("--keep", action="store_true", help="keep data and logs")
    options = parser.parse_args()
    options.only = options.only.split(",")
    unknown = set(options.only) - set(PARTS)
    if unknown:
        parser.error("--only: unknown " + ", ".join(sorted(unknown)))
    # Benchmarks lie beside the library they measure, unless the build puts them at the top.
    places = [release / "bench_ledger", *sorted(release.glob("src/**/bench_ledger"))]
    options.ledger = places if options.ledger is None else [options.ledger]
    if options.rounds is None:
        options.rounds = 2 if options.quick else 11
    return options


class Timing:
    """How long the single measurements last."""

    def __init__(self, quick):
        self.json = "500ms" if quick else "2s"
        self.light = "500ms" if quick else "1500ms"
        self.streams = 100
        self.idle_rounds = 1 if quick else 3


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_if_missing(options):
    wanted = [options.sim, options.load] + ([] if options.without_weir else [options.weir])
    if all(os.access(one, os.X_OK) for one in wanted):
        return
    say("something is not built yet: script/build")
    built = subprocess.run([str(ROOT / "script" / "build")], stdout=sys.stderr, check=False)
    missing = [str(one) for one in wanted if not os.access(one, os.X_OK)]
    if built.returncode != 0 or missing:
        raise BenchError("script/build left no " + (", ".join(missing) or "good build"))


def raise_file_limit(options, notes):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A gateway holds two sockets for each stream.
    most = (hard - 500) // 2
    if options.streams > most:
        notes.append(f"the open-file limit {hard} allows only {most} idle streams")
        options.streams = most


def choose_cpus(notes):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2 or shutil.which("taskset") is None:
        notes.append("fewer than two CPUs, or no taskset: nothing is pinned")
        return None, None
    return cpus[0], cpus[1]


class Session:
    """One run: the simulator, the gateways of the current round, and the numbers so far."""

    def __init__(self, options, scratch, notes):
        self.options = options
        self.scratch = scratch
        self.notes = notes
        self.timing = Timing(options.quick)
        self.rounds = report.Rounds()
        self.random = random.Random(options.seed)
        self.gateway_cpu, self.load_cpu = choose_cpus(notes)
        if self.load_cpu is not None:
            os.sched_setaffinity(0, {self.load_cpu})
        self.bench = measure.Bench(options.load, scratch, self.load_cpu, notes)
        self.sim = None

    def gateways(self):
        found = [Direct("direct"), Nginx("nginx")]
        if not self.options.without_weir:
            found.append(Weir("weir", self.options.weir, "power"))
            found.append(Weir("weir-process", self.options.weir, "process"))
        return found

    def start(self, stack, gateway):
        stack.callback(gateway.stop)
        gateway.start(self.sim, self.scratch, self.gateway_cpu)

    def each(self, gateways, names, measurement, take):
        """Takes one measurement of each named gateway, in an order of its own."""
        chosen = [one for one in gateways if one.name in names]
        self.random.shuffle(chosen)
        for gateway in chosen:
            self.rounds.add(measurement, gateway.name, take(gateway))

    def round(self):
        options, timing, bench = self.options, self.timing, self.bench
        with ExitStack() as stack:
            gateways = self.gateways()
            for gateway in gateways:
                self.start(stack, gateway)
                measure.warm(bench, gateway)
            if "json" in options.only:
                self.each(
                    gateways,
                    ("nginx", "weir", "weir-process"),
                    "json_32",
                    lambda one: measure.json_cpu(bench, one, 32, timing.json),
                )
                self.each(
                    gateways,
                    ("nginx", "weir"),
                    "json_128",
                    lambda one: measure.json_cpu(bench, one, 128, timing.json),
                )
            if "chunk" in options.only:
                self.each(
                    gateways,
                    ("direct", "nginx", "weir"),
                    "chunk",
                    lambda one: measure.chunk_cpu(bench, one, timing.streams),
                )
            if "light" in options.only:
                self.each(
                    gateways,
                    ("direct", "nginx", "weir", "weir-process"),
                    "light",
                    lambda one: measure.light_latency(bench, one, 2, timing.light),
                )

    def alone(self, names, take):
        """Measures each named gateway in a fresh process, with no other running."""
        for gateway in self.gateways():
            if gateway.name not in names:
                continue
            with ExitStack() as stack:
                self.start(stack, gateway)
                measure.warm(self.bench, gateway)
                take(gateway)

    def idle_round(self):
        def take(gateway):
            held = measure.idle_bytes(self.bench, gateway, self.options.streams)
            self.rounds.add("idle", gateway.name, {"bytes": held})

        self.alone(("nginx", "weir"), take)

    def counts(self):
        found = {}

        def take(gateway):
            found[gateway.name] = measure.counts(self.bench, gateway)

        self.alone(("nginx", "weir"), take)
        return found


def run(session):
    options = session.options
    began = time.monotonic()
    extra = {}
    with ExitStack() as stack:
        session.sim = Simulator(options.sim, session.scratch, session.load_cpu)
        stack.callback(session.sim.stop)
        if {"json", "chunk", "light"} & set(options.only):
            for number in range(1, options.rounds + 1):
                say(f"round {number} of {options.rounds} ({time.monotonic() - began:.0f} s)")
                session.round()
        if "idle" in options.only:
            for number in range(1, session.timing.idle_rounds + 1):
                say(f"idle streams, {number} of {session.timing.idle_rounds}")
                session.idle_round()
        if "counts" in options.only:
            say("system calls and instructions")
            extra["counts"] = session.counts()
    if "ledger" in options.only:
        say("ledger")
        extra["ledger_pairs_per_s"] = measure.ledger_pairs(options.ledger, session.notes)
    extra["rounds"] = options.rounds
    extra["seconds"] = round(time.monotonic() - began, 1)
    extra["notes"] = session.notes
    return extra


def interrupted(number, frame):
    del frame
    raise SystemExit(128 + number)


def main():
    options = parse_arguments()
    # An ordinary way out, so that every child is ended.
    signal.signal(signal.SIGTERM, interrupted)
    notes = []
    scratch = None
    try:
        build_if_missing(options)
        raise_file_limit(options, notes)
        # Beside the build, so that the ledger is synced to a disk and not to memory.
        place = options.scratch or ROOT / "build"
        place.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
        session = Session(options, scratch, notes)
        extra = run(session)
        result = report.summary(session.rounds, extra)
        if options.json:
            print(json.dumps(result))
        else:
            report.print_report(session.rounds, result)
        say(f"total time {extra['seconds']:.0f} s")
        return 0
    except BenchError as fault:
        say(f"script/bench: {fault}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if scratch is not None and options.keep:
            say(f"kept: {scratch}")
        elif scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
