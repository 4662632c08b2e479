#!/usr/bin/env python3
"""Sends generated requests, good and bad, to every address as every role, on one house after another,
and holds each answer against the published contract with all of schemathesis's checks.

    api.py GOLDAW SCHEMATHESIS CASES SEED DATABASE...

CASES is how many at least for each house. DATABASE is `sqlite` or the URL of an empty PostgreSQL
database; its keys go to another of that name with `_keys` behind it. The part of the run that depends on nothing but the seed must get the same statuses in
every house. The last lines are `api: …` with counts; the exit code is 0 only if all held.
"""

import base64
import collections
import hashlib
import hmac
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROLES = ["operator", "counselor", "partner", "coordinator", "auditor", "admin"]

# What would end the session that asks, or close the account of somebody else's: asked last, alone.
LAST = [
    "identity.logout",
    "identity.end_own_sessions",
    "identity.end_own_session",
    "identity.deactivate",
    "identity.reset",
]

RENEWED = """
[auth.dynamic.openapi.bearer]
path = "/api/v1/auth/token"
payload = { session = "%s" }
extract_selector = "/access_token"
"""

SETTINGS = """

# A request may be in the right shape and still break a rule that no schema can say, such as a place
# that does not exist: 422 tells, and so do the others of things that are not there or not now.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "303", "401", "403", "404", "409", "412", "422", "429"]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 428, 429]
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 428]

[generation]
allow-x00 = true
no-shrink = true
"""

# Nothing but the seed decides what is sent.
ALIKE = """
database = "none"
[phases.fuzzing.extra-data-sources]
responses = false
[phases.fuzzing.error-feedback]
enabled = false
"""


def one_time_code(secret):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    place = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF) % 1_000_000)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


class House:
    """A house with invented people, that answers until closed."""

    def __init__(self, goldaw, database, folder):
        # A stream of events says that it is ready, and ends.
        settings = {**os.environ, "GOLDAW__LOG__LEVEL": "error", "GOLDAW__SERVER__STREAM_SECONDS": "0"}
        if database != "sqlite":
            settings["GOLDAW__DATABASE__URL"] = database
            settings["GOLDAW__DATABASE__KEYS_URL"] = database + "_keys"
        command = [goldaw, "demo", "--json", "--data", str(folder / "house"), "--listen", "127.0.0.1:0"]
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, env=settings, text=True, start_new_session=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{database.split(':')[0]}: the house did not open: {open(folder / 'log').read()[-800:]}")
        self.told = json.loads(line)
        self.url = self.told["url"]
        with urllib.request.urlopen(self.url + "/openapi.json", timeout=30) as answer:
            self.contract = json.load(answer)

    def sign_in(self, role):
        """A session and a token for somebody of this role."""
        person = next(person for person in self.told["staff"] if person["role"] == role)
        form = {"name": person["name"], "passphrase": person["passphrase"]}
        if person["totp_secret"]:
            form["code"] = one_time_code(person["totp_secret"])
        return post(self.url + "/api/v1/auth/login", form)

    def real(self, token):
        """References of things that exist, by the first words of their addresses, as far as this token sees."""
        found = {}
        for name in ["contacts", "tickets", "services", "organisations", "staff", "notifications"]:
            request = urllib.request.Request(f"{self.url}/api/v1/{name}?limit=20")
            request.add_header("Authorization", f"Bearer {token}")
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    found[name] = [item["id"] for item in json.load(answer)["items"]]
            except urllib.error.HTTPError:
                continue
        for ticket in found.get("tickets", [])[:8]:
            request = urllib.request.Request(f"{self.url}/api/v1/tickets/{ticket}")
            request.add_header("Authorization", f"Bearer {token}")
            with urllib.request.urlopen(request, timeout=30) as answer:
                told = json.load(answer)
            found.setdefault("cases", []).extend([told["case"]] if "case" in told else [])
            found.setdefault("referrals", []).extend(one["id"] for one in told.get("referrals", []))
        return {name: references for name, references in found.items() if references}

    def operations(self, role):
        """Ids of what a role may do, and of what anybody may for the first role."""
        found = []
        for methods in self.contract["paths"].values():
            for operation in methods.values():
                who = operation.get("description", "For operator.").removeprefix("For ").rstrip(".").split(", ")
                if role in who:
                    found.append(operation["operationId"])
        return found

    def close(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


def about(real):
    """Settings that make half of all paths lead to something."""
    told = ""
    for name, references in real.items():
        told += f'\n[dictionaries.{name}]\nvalues = {json.dumps(references)}\n'
    for name in real:
        told += f'\n[[operations]]\ninclude-path-regex = "/api/v1/{name}/\\\\{{id"\n'
        told += f'parameters = {{ "path.id" = {{ dictionary = "{name}", probability = 0.5 }} }}\n'
    return told


def run(schemathesis, house, settings, operations, each, seed, folder, phases):
    """One run of schemathesis; gives how many cases it sent, the status of each, and whether all held."""
    folder.mkdir()
    (folder / "settings.toml").write_text(settings)
    command = [schemathesis, "--config-file", str(folder / "settings.toml"), "run", house.url + "/openapi.json"]
    for operation in operations:
        command += ["--include-operation-id", operation]
    command += ["--phases", phases]
    command += ["--max-examples", str(each), "--seed", str(seed), "--continue-on-failure", "--warnings", "off"]
    command += ["--report", "json,har", "--report-json-path", str(folder / "report.json")]
    command += ["--report-har-path", str(folder / "sent.har"), "--output-sanitize", "false"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    try:
        report = json.loads((folder / "report.json").read_text())
    except OSError:
        raise SystemExit(told.stdout[-3000:] + told.stderr[-2000:])
    held = told.returncode == 0 and report["complete"]
    if not held:
        print(told.stdout[-6000:])
    sent = json.loads((folder / "sent.har").read_text())["log"]["entries"]
    statuses = []
    for entry in sent:
        request, body = entry["request"], entry["request"].get("postData", {}).get("text", "")
        asked = (request["method"], request["url"].removeprefix(house.url), body)
        statuses.append((asked, entry["response"]["status"]))
    return report["test_cases"]["generated"], statuses, held


def rounds(house, token, operations, edged, cases):
    """What is sent as one role: name, phases, settings, operations."""
    renewed = RENEWED % token["session"]
    staying = [own for own in operations if own not in LAST]
    yield "alike", "fuzzing", SETTINGS + ALIKE + renewed, staying
    if cases >= 5000:
        deep = SETTINGS + renewed + about(house.real(token["access_token"]))
        yield "deep", "fuzzing,stateful", deep, staying
        # What a schema's edges are does not depend on who asks.
        yield "edges", "examples,coverage", deep, [own for own in staying if own not in edged]
        edged.update(staying)
    # One token for the rest: when its session ends, the contract says 401.
    bearer = post(house.url + "/api/v1/auth/token", {"session": token["session"]})["access_token"]
    ends = SETTINGS + f'[auth.openapi.bearer]\nbearer = "{bearer}"\n'
    yield "last", "fuzzing", ends, [own for own in operations if own in LAST]


def ask_all(schemathesis, house, cases, seed, folder):
    """Sends all rounds to one house; gives counts by status, what was heard by role, and whether all held."""
    asked = {role: house.operations(role) for role in ROLES}
    share = max(1, cases // sum(len(own) for own in asked.values()) // (3 if cases >= 5000 else 1))
    edged, sent, counts, heard, held = set(), 0, collections.Counter(), {}, True
    for role in ROLES:
        token = house.sign_in(role)
        for kind, phases, settings, operations in rounds(house, token, asked[role], edged, cases):
            if not operations:
                continue
            place = folder / f"{role}-{kind}"
            many, statuses, good = run(schemathesis, house, settings, operations, share, seed, place, phases)
            sent, held = sent + many, held and good
            counts.update(status for _, status in statuses)
            if kind == "alike":
                heard[role] = statuses
    return sent, counts, heard, held


def differing(first, other):
    """How many requests both heard, and how many of them were answered otherwise."""
    same = differ = 0
    for role, statuses in first.items():
        for (asked, status), (asked_there, status_there) in zip(statuses, other[role]):
            # Who knocks too often is told to wait, which is a matter of time.
            if asked != asked_there or 429 in (status, status_there):
                continue
            same += status == status_there
            if status != status_there:
                differ += 1
                print(f"{role}: {asked[0]} {asked[1]} {asked[2][:300]}: {status}, there {status_there}")
    return same, differ


def main():
    goldaw, schemathesis, cases, seed, *databases = sys.argv[1:]
    all_held, all_heard = True, []
    for database in databases:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as made:
            folder = pathlib.Path(made)
            house = House(goldaw, database, folder)
            try:
                sent, counts, heard, held = ask_all(schemathesis, house, int(cases), int(seed), folder)
            finally:
                house.close()
        told = ", ".join(f"{many} × {status}" for status, many in sorted(counts.items()))
        name, addresses = database.split(":")[0], len(house.contract["paths"])
        print(f"api: {name}: {sent} cases to {addresses} addresses as {len(ROLES)} roles: {told}", flush=True)
        all_held = all_held and held
        all_heard.append(heard)
    for other in all_heard[1:]:
        same, differ = differing(all_heard[0], other)
        print(f"api: {same} requests were answered alike in both houses, {differ} were not")
        all_held = all_held and differ == 0 and same > 0
    sys.exit(0 if all_held else 1)


main()
