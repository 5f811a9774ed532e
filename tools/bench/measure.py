"""The single measurements. Each drives one gateway once and returns plain numbers."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from children import BenchError, Child, run_load

WHOLE = "sim:chunks=4,size=256"  # 1 KB of text
STREAM_CHUNKS = 200
STREAM = f"sim:chunks={STREAM_CHUNKS},size=200,delay=10ms,stamp"
SLOW = "sim:chunks=2,size=200,delay=10m"
BODY_BYTES = "2048"
# Work put off during the load (batched rows, buffered log lines) is still charged to it.
SETTLE_SECONDS = 0.3


class Bench:
    """What every measurement needs. `notes` collects what the reader of the numbers must know."""

    def __init__(self, load, scratch, cpu, notes):
        self.load = load
        self.scratch = scratch
        self.cpu = cpu
        self.notes = notes

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def drive(self, gateway, mode, model, *more):
        url = gateway.whole_url if mode == "json" else gateway.stream_url
        arguments = [mode, "--json", "--url", url, "--key", gateway.key, "--model", model]
        arguments += ["--body-bytes", BODY_BYTES, *more]
        result = json.loads(run_load(self.load, arguments, self.scratch, self.cpu))
        if result["ok"] == 0:
            fault = f"no request through {gateway.name} was answered right: {result['errors']}"
            raise gateway.child.failure(fault) if gateway.child else BenchError(fault)
        if result["failed"]:
            self.note(f"{gateway.name}, {mode}: failed answers {result['errors']}")
        return result


def warm(bench, gateway):
    bench.drive(gateway, "json", WHOLE, "--connections", "8", "--duration", "200ms")


def json_cpu(bench, gateway, connections, duration):
    """CPU microseconds a request, closed loop."""
    time.sleep(SETTLE_SECONDS)
    before = gateway.child.cpu_seconds()
    result = bench.drive(
        gateway, "json", WHOLE, "--connections", str(connections), "--duration", duration
    )
    time.sleep(SETTLE_SECONDS)
    spent = gateway.child.cpu_seconds() - before
    return {
        "cpu_us": spent * 1e6 / result["requests"],
        "rps": result["rps"],
        "p50_us": result["latency_us"]["p50"],
        "p99_us": result["latency_us"]["p99"],
    }


def chunk_cpu(bench, gateway, streams):
    """CPU microseconds a streamed chunk, and how late chunks are."""
    time.sleep(SETTLE_SECONDS)
    before = gateway.child.cpu_seconds() if gateway.child else None
    result = bench.drive(
        gateway, "stream", STREAM, "--connections", str(streams), "--requests", str(streams)
    )
    time.sleep(SETTLE_SECONDS)
    chunks = result["requests"] * STREAM_CHUNKS
    cpu_us = (gateway.child.cpu_seconds() - before) * 1e6 / chunks if gateway.child else None
    return {
        "cpu_us": cpu_us,
        "first_event_us": result["first_event_us"]["p50"],
        "chunk_p50_us": (result["chunk_us"] or {"p50": 0})["p50"],
    }


def light_latency(bench, gateway, connections, duration):
    result = bench.drive(
        gateway, "json", WHOLE, "--connections", str(connections), "--duration", duration
    )
    return {"p50_us": result["latency_us"]["p50"], "p99_us": result["latency_us"]["p99"]}


def idle_bytes(bench, gateway, streams):
    """Resident bytes a stream that has begun and is silent."""
    time.sleep(SETTLE_SECONDS)
    before = gateway.child.resident_bytes()
    command = [str(bench.load), "idle", "--json", "--url", gateway.stream_url]
    command += ["--key", gateway.key, "--model", SLOW, "--body-bytes", BODY_BYTES]
    command += ["--streams", str(streams), "--hold", "120s", "--timeout", "60s"]
    holder = Child("load-idle", command, bench.scratch, bench.cpu, stdin=subprocess.PIPE)
    try:
        def holding():
            return re.search(r"holding: (\d+)", holder.err_path.read_text())

        held = int(holder.wait_for(holding, 120).group(1))
        time.sleep(1.0)
        after = gateway.child.resident_bytes()
        # The end of its input is the sign to let go.
        holder.process.stdin.close()
        holder.process.wait(30)
    finally:
        holder.stop()
    if held < streams:
        bench.note(f"{gateway.name}: only {held} of {streams} streams began")
    if held == 0:
        raise gateway.child.failure("carried no stream")
    return (after - before) / held


def attached(bench, name, command, ready_seconds, gateway, work):
    """What work() returns and what a tracer of the gateway says of it; None if it cannot attach."""
    tracer = Child(name, command, bench.scratch)
    try:
        time.sleep(ready_seconds)
        if tracer.process.poll() is not None:
            bench.note(f"{name} could not attach to {gateway.name}: not measured")
            return None
        result = work()
        time.sleep(SETTLE_SECONDS)
    finally:
        tracer.stop(first=signal.SIGINT)
    return result, tracer.err_path.read_text(errors="replace")


def count_syscalls(bench, gateway, work):
    if shutil.which("strace") is None:
        bench.note("strace is not installed: system calls not counted")
        return None
    pids = [flag for pid in gateway.child.pids() for flag in ("-p", str(pid))]
    traced = attached(bench, "strace", ["strace", "-c", "-f", *pids], 0.7, gateway, work)
    if traced is None:
        return None
    result, text = traced
    total = re.search(r"^100\.00\s+\S+\s+(?:\d+\s+)?(\d+)(?:\s+\d+)?\s+total", text, re.M)
    return (result, int(total.group(1))) if total else None


def count_instructions(bench, gateway, work):
    if shutil.which("perf") is None:
        bench.note("perf is not installed: instructions not counted")
        return None
    pids = ",".join(str(pid) for pid in gateway.child.pids())
    command = ["perf", "stat", "-x", ";", "-e", "instructions:u", "-p", pids]
    traced = attached(bench, "perf", command, 0.5, gateway, work)
    if traced is None:
        return None
    result, text = traced
    counted = re.search(r"^(\d+);[^;]*;instructions", text, re.M)
    if counted is None:
        bench.note("this machine has no instruction counter: instructions not counted")
        return None
    return result, int(counted.group(1))


def per_unit(counted, units):
    return None if counted is None else counted[1] / units(counted[0])


def counts(bench, gateway):
    """System calls and user instructions a whole request and a chunk, in runs of their own."""
    def whole():
        return bench.drive(gateway, "json", WHOLE, "--connections", "32", "--requests", "3000")

    def streams():
        return bench.drive(gateway, "stream", STREAM, "--connections", "50", "--requests", "50")

    def requests(result):
        return result["requests"]

    def chunks(result):
        return result["requests"] * STREAM_CHUNKS

    return {
        "syscalls_per_request": per_unit(count_syscalls(bench, gateway, whole), requests),
        "syscalls_per_chunk": per_unit(count_syscalls(bench, gateway, streams), chunks),
        "instructions_per_request": per_unit(count_instructions(bench, gateway, whole), requests),
        "instructions_per_chunk": per_unit(count_instructions(bench, gateway, streams), chunks),
    }


def ledger_pairs(candidates, notes):
    """Reserve-and-settle pairs a second at 256 in flight, from the ledger's own benchmark."""
    binary = next((one for one in candidates if os.access(one, os.X_OK)), None)
    if binary is None:
        notes.append("bench_ledger is not built: ledger pairs not measured")
        return None
    command = [str(binary), "--benchmark_format=json", "--benchmark_filter=pairs/256"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
        found = [one for one in json.loads(done.stdout)["benchmarks"] if "pairs/256" in one["name"]]
        return found[0]["items_per_second"]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError) as fault:
        notes.append(f"bench_ledger gave no number: {fault}")
        return None
