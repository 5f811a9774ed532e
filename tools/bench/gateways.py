"""The simulator and what stands in front of it: nothing, nginx, or Weir with everything on."""

import os
import shutil
import socket
import time
from pathlib import Path

from children import BenchError, Child

HOST = "127.0.0.1"
CHAT = "/v1/chat/completions"

NGINX_CONFIG = """
daemon off;
pid {scratch}/nginx.pid;
error_log stderr warn;
worker_processes 1;
worker_rlimit_nofile {files};
{user}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {scratch}/nginx-body;
  proxy_temp_path {scratch}/nginx-proxy;
  fastcgi_temp_path {scratch}/nginx-fastcgi;
  uwsgi_temp_path {scratch}/nginx-uwsgi;
  scgi_temp_path {scratch}/nginx-scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  upstream sim {{
    server {sim};
    keepalive 128;
    keepalive_requests 1000000000;
  }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_read_timeout 1h;
  server {{
    listen {host}:{whole_port} backlog=4096;
    location / {{ proxy_pass http://sim; }}
  }}
  server {{
    listen {host}:{stream_port} backlog=4096;
    location / {{ proxy_pass http://sim; proxy_buffering off; }}
  }}
}}
"""

BUDGETS = (
    "[{requests: 1000000000, per: day}, {tokens: 1000000000000, per: day}, "
    "{usd: 1000000, per: day}]"
)

# Everything a request passes is on; only the limits are so wide that none of them refuses.
WEIR_CONFIG = """
workers: 1
providers:
  sim: {{dialect: openai, base_url: "http://{sim}/v1", keys: [bench-upstream-key]}}
models:
  "sim:*":
    targets: [{{provider: sim, model: "sim:*", price: {{input: 0.05, output: 0.08}}}}]
    max_output_tokens: 1000000
quota:
  everyone: {budgets}
  user: {budgets}
  key: {budgets}
ledger: {{durability: {durability}}}
limits: {{per_key: 1000000/s, concurrent_per_key: 100000}}
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def accepts(port):
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def line_value(text, name):
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return line[len(name) + 1 :].strip()
    return None


class Simulator:
    def __init__(self, binary, scratch, cpu):
        command = [str(binary), "--listen", f"{HOST}:0", "--send-buffer", "default"]
        self.child = Child("weir-sim", command, scratch, cpu)
        try:
            text = self.child.wait_for(lambda: self._ready(), 10)
        except BenchError:
            self.child.stop()
            raise
        self.place = line_value(text, "listening").removeprefix("http://")

    def _ready(self):
        text = self.child.output()
        return text if "ready" in text.splitlines() else None

    def stop(self):
        self.child.stop()


class Gateway:
    """Where to send whole and streamed requests, with which key, and whose CPU to count."""

    def __init__(self, name):
        self.name = name
        self.child = None
        self.key = "bench"
        self.whole_url = None
        self.stream_url = None

    def stop(self):
        if self.child is not None:
            self.child.stop()
            self.child = None


class Direct(Gateway):
    def start(self, sim, scratch, cpu):
        del scratch, cpu
        self.whole_url = self.stream_url = f"http://{sim.place}{CHAT}"


class Nginx(Gateway):
    def start(self, sim, scratch, cpu):
        home = Path(scratch) / f"nginx-{time.monotonic_ns()}"
        home.mkdir()
        whole_port, stream_port = free_ports(2)
        config = home / "nginx.conf"
        config.write_text(
            NGINX_CONFIG.format(
                scratch=home,
                sim=sim.place,
                host=HOST,
                whole_port=whole_port,
                stream_port=stream_port,
                files=open_file_limit(),
                connections=open_file_limit(),
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        command = [binary, "-p", str(home), "-e", "stderr", "-c", str(config)]
        self.child = Child(self.name, command, home, cpu)
        self.child.wait_for(lambda: accepts(whole_port) and accepts(stream_port), 10)
        self.whole_url = f"http://{HOST}:{whole_port}{CHAT}"
        self.stream_url = f"http://{HOST}:{stream_port}{CHAT}"


class Weir(Gateway):
    def __init__(self, name, binary, durability):
        super().__init__(name)
        self.binary = binary
        self.durability = durability

    def start(self, sim, scratch, cpu):
        home = Path(scratch) / f"{self.name}-{time.monotonic_ns()}"
        home.mkdir()
        config = home / "weir.yaml"
        config.write_text(
            WEIR_CONFIG.format(sim=sim.place, budgets=BUDGETS, durability=self.durability)
        )
        command = [str(self.binary), "serve", "--config", str(config)]
        command += ["--listen", f"{HOST}:0", "--data-dir", str(home / "data")]
        # Its request log goes to stderr, which is a file.
        self.child = Child(self.name, command, home, cpu)
        text = self.child.wait_for(self._ready, 60)
        url, self.key = line_value(text, "url"), line_value(text, "key")
        if not url or not self.key:
            raise self.child.failure("printed no url: or no key:")
        self.whole_url = self.stream_url = url.rstrip("/") + CHAT

    def _ready(self):
        text = self.child.output()
        return text if "ready" in text.splitlines() else None


def open_file_limit():
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]
