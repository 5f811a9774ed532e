"""Child processes: output in files, pinned to a CPU, ended by pid, measured from /proc."""

import os
import signal
import subprocess
import time
from pathlib import Path


class BenchError(Exception):
    """One clear line for the user, with what the child said where there is a child."""


class Child:
    def __init__(self, name, command, scratch, cpu=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.out_path = Path(scratch) / f"{name}.out"
        self.err_path = Path(scratch) / f"{name}.err"
        if cpu is not None:
            command = ["taskset", "-c", str(cpu), *command]
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            try:
                self.process = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=err)
            except OSError as fault:
                raise BenchError(f"{name} cannot be started: {fault}") from fault
        self.pid = self.process.pid

    def output(self):
        return self.out_path.read_text(errors="replace")

    def failure(self, what):
        tail = self.err_path.read_text(errors="replace").splitlines()[-20:]
        said = "\n".join("    " + line for line in tail) or "    (nothing)"
        return BenchError(f"{self.name} {what}; the end of its stderr:\n{said}")

    def wait_for(self, ready, seconds, what="was not ready in time"):
        """Polls ready() until it returns something true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            if self.process.poll() is not None:
                raise self.failure(f"ended with code {self.process.returncode}")
            time.sleep(0.02)
        raise self.failure(what)

    def stop(self, first=signal.SIGTERM, patience=10):
        """Never raises: it also runs while something else is being reported."""
        if self.process.poll() is None:
            self.process.send_signal(first)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def pids(self):
        """This process and its children, such as the workers of nginx."""
        found = [self.pid]
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            found += [int(pid) for pid in (task / "children").read_text().split()]
        return found

    def cpu_seconds(self):
        """Of all threads, from the scheduler's own count."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_bytes(self):
        pages = 0
        for pid in self.pids():
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def run_load(load, arguments, scratch, cpu=None, seconds=120):
    """Runs the load driver to its end and returns its stdout; code 1 means failed answers."""
    child = Child("load", [str(load), *arguments], scratch, cpu)
    try:
        child.process.wait(seconds)
    except subprocess.TimeoutExpired as fault:
        raise child.failure("did not end in time") from fault
    finally:
        child.stop()
    if child.process.returncode not in (0, 1):
        raise child.failure(f"ended with code {child.process.returncode}")
    return child.output()
