"""One house on either engine: made, served, asked, looked into, taken away."""

import base64
import copy
import hashlib
import hmac
import json
import os
import re
import sqlite3
import statistics
import struct
import subprocess
import time
import urllib.error
import urllib.request

STAFF = {"op-07": "operator", "co-03": "counselor", "lead-1": "coordinator"}
# A token lives ten minutes; no load is as long as what is left after this.
RENEW_AFTER = 240


class Fault(Exception):
    """Something is not as it must be; the run ends and says so."""


class House:
    """The service over a database of its own. `sql` speaks to that database as a stranger."""

    def __init__(self, name, engine, run, goldaw, postgres):
        self.name, self.engine, self.run, self.goldaw = name, engine, run, goldaw
        self.folder = os.path.join(run, f"{engine}-{name}")
        self.env = dict(os.environ, GOLDAW__VAULT__ROOT_KEY_FILE=self.folder + ".root")
        self.postgres = postgres
        if engine == "postgres":
            for tree in ("data", "keys"):
                postgres.sql(f"CREATE DATABASE {name}_{tree}", "postgres")
            self.env["GOLDAW__DATABASE__URL"] = postgres.url(f"{name}_data")
            self.env["GOLDAW__DATABASE__KEYS_URL"] = postgres.url(f"{name}_keys")
        self.server, self.url, self.ready_ms, self.tokens, self.filled = None, None, [], {}, 0
        self.command("migrate")
        self.accounts = {name: self.engage(name, role) for name, role in STAFF.items()}

    def command(self, *words):
        return self.command_in(self.folder, *words)

    def command_in(self, folder, *words):
        """A command of the program about a folder, under this house's settings."""
        env = self.env if folder == self.folder else dict(self.env, GOLDAW__VAULT__ROOT_KEY_FILE=folder + ".root")
        done = subprocess.run([self.goldaw, *words, "--data", folder], env=env, text=True, capture_output=True)
        if done.returncode:
            raise Fault(f"goldaw {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def engage(self, name, role):
        told = self.command("user", "add", name, "--role", role)
        secret = re.search(r"base32\)\s+(\S+)", told)
        return re.search(r"passphrase\s+(.+)", told)[1], secret and secret[1]

    def start(self):
        begun = time.monotonic()
        log = open(self.folder + ".log", "ab")
        self.server = subprocess.Popen(
            [self.goldaw, "serve", "--data", self.folder, "--listen", "127.0.0.1:0"],
            env=self.env, text=True, stdout=subprocess.PIPE, stderr=log)
        # What it logs before it listens may stand on the same stream.
        for line in self.server.stdout:
            if line.startswith("Listening on "):
                self.url = line.split()[-1]
                break
        else:
            raise Fault(f"{self.engine}: the service did not start: {tail(log.name)}")
        with urllib.request.urlopen(self.url + "/health/ready", timeout=10):
            self.ready_ms.append((time.monotonic() - begun) * 1000)
        self.drain = subprocess.Popen(["cat"], stdin=self.server.stdout, stdout=subprocess.DEVNULL)

    def beside(self):
        """Another process over the same house."""
        other = copy.copy(self)
        other.start()
        return other

    def stop(self):
        if self.server:
            self.server.terminate()
            try:
                self.server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
            self.drain.wait()
            self.server = None

    def resident_mb(self, most=False):
        """Now, or the most it has been since the start."""
        wanted = "VmHWM" if most else "VmRSS"
        for line in open(f"/proc/{self.server.pid}/status"):
            if line.startswith(wanted):
                return round(int(line.split()[1]) / 1024, 1)

    def processor_seconds(self):
        """The processor's time that the service has used up."""
        told = open(f"/proc/{self.server.pid}/stat").read().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def token(self, name):
        token, since = self.tokens.get(name, (None, 0))
        if time.monotonic() - since > RENEW_AFTER:
            passphrase, secret = self.accounts[name]
            form = {"name": name, "passphrase": passphrase}
            if secret:
                # A code is taken once; the next is at most half a minute away.
                time.sleep(max(0, 31 - (time.monotonic() - since)) if since else 0)
                form["code"] = totp(secret)
            token = self.ask("POST", "/auth/login", form)["access_token"]
            self.tokens[name] = (token, time.monotonic())
        return token

    def ask(self, method, path, body=None, name=None):
        """One request, as JSON; anything but a success is a fault."""
        return self.answer(method, path, body, name)[0]

    def answer(self, method, path, body=None, name=None):
        request = urllib.request.Request(self.url + "/api/v1" + path.removeprefix("/api/v1"), method=method)
        if name:
            request.add_header("Authorization", "Bearer " + self.token(name))
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.add_header("Idempotency-Key", os.urandom(8).hex())
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60) as told:
                return json.load(told), told.headers
        except urllib.error.HTTPError as error:
            raise Fault(f"{self.engine}: {method} {path}: {error.code} {error.read()[:300].decode(errors='replace')}")

    def sql(self, query):
        """The rows of a query, from outside the service."""
        if self.engine == "postgres":
            return self.postgres.sql(query, f"{self.name}_data")
        db = sqlite3.connect(os.path.join(self.folder, "goldaw.db"), timeout=60)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def number(self, query):
        return int(self.sql(query)[0][0] or 0)


class Postgres:
    """The server the run has started, or nothing."""

    def __init__(self, programs, url):
        self.programs, self.base = programs, url

    def url(self, name):
        return self.base.rsplit("/", 1)[0] + "/" + name

    def sql(self, script, name):
        done = subprocess.run(
            [os.path.join(self.programs, "psql"), "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-", self.url(name)],
            input=script, text=True, capture_output=True)
        if done.returncode:
            raise Fault(f"psql: {done.stderr.strip()[:500]}")
        return [line.split("\t") for line in done.stdout.splitlines()]


def totp(secret):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place:place + 4])[0] & 0x7fffffff) % 1_000_000:06}"


def flush_ms(run):
    """The median time of making 4 KiB durable here."""
    file, times = os.open(os.path.join(run, "flush"), os.O_CREAT | os.O_WRONLY | os.O_APPEND), []
    for _ in range(200):
        begun = time.perf_counter()
        os.write(file, bytes(4096))
        os.fdatasync(file)
        times.append(time.perf_counter() - begun)
    os.close(file)
    return round(statistics.median(times) * 1000, 3)


def tail(path):
    return " / ".join(open(path, errors="replace").read().splitlines()[-3:])
