#!/usr/bin/env python3
"""Puts the CPU half of libtorch 2.4.0 into a per-user cache and prints its folder.

rust-bert 0.23 links against libtorch 2.4.0, which is published as a zip that not every
network reaches, and inside the PyPI wheel of `torch`, which every pip reaches. This script
takes the wheel once (about 800 MB on x86-64), checks its SHA-256, keeps the CPU libraries and
the headers, and throws the wheel away. A second checkout or a clean build downloads nothing.

    python3 models/libtorch.py            fetch if need be, link .libtorch, print the folder
    python3 models/libtorch.py --print    print the folder only; exit 1 if it is not there yet

A LIBTORCH that is already set wins: then nothing is fetched and its value is linked.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "2.4.0"
# Bumped when the layout below changes, so that an old cache is not mistaken for a new one.
LAYOUT = 1
CHECKOUT = Path(__file__).resolve().parent.parent

# (requirement, pip platform, sha256, {member prefix: target folder})
WHEELS = {
    "x86_64": [
        (f"torch=={VERSION}", "manylinux1_x86_64",
         "e743adadd8c8152bb8373543964551a7cb7cc20ba898dc8f9c0cdbe47c283de0",
         {"torch/lib/libtorch_cpu.so": "lib", "torch/lib/libc10.so": "lib",
          "torch/lib/libgomp-": "lib", "torch/include/": "include"}),
        # libtorch_cpu.so of the CUDA wheel names these two as needed; they are never called.
        ("nvidia-cuda-runtime-cu12==12.1.105", "manylinux1_x86_64",
         "6e258468ddf5796e25f1dc591a31029fa317d97a0a94ed93468fc86301d61e40",
         {"nvidia/cuda_runtime/lib/libcudart.so.12": "lib"}),
        ("nvidia-cuda-cupti-cu12==12.1.105", "manylinux1_x86_64",
         "e54fde3983165c624cb79254ae9818a456eb6e87a7fd4d56a2352c24ee542d7e",
         {"nvidia/cuda_cupti/lib/libcupti.so.12": "lib"}),
    ],
    "aarch64": [
        (f"torch=={VERSION}", "manylinux2014_aarch64",
         "7334325c0292cbd5c2eac085f449bf57d3690932eac37027e193ba775703c9e6",
         {"torch/lib/libtorch_cpu.so": "lib", "torch/lib/libc10.so": "lib",
          "torch.libs/": "lib", "torch/include/": "include"}),
    ],
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(Path.home(), ".cache")
    return Path(base) / "earmark"


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()


def download(requirement, pip_platform, expected, folder):
    say(f"earmark: fetching {requirement} ({pip_platform})")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
         "--implementation", "cp", "--python-version", "3.11", "--platform", pip_platform,
         "--disable-pip-version-check", "--no-cache-dir", "-d", str(folder), requirement],
        check=True, stdout=sys.stderr)
    name = requirement.split("==")[0].replace("-", "_")
    wheel = next(path for path in folder.glob("*.whl") if path.name.startswith(name + "-"))
    say(f"earmark: checking {wheel.name}")
    found = digest(wheel)
    if found != expected:
        sys.exit(f"earmark: {wheel.name} has SHA-256 {found}, expected {expected}. Nothing was "
                 "installed. Try again; if it stays so, your package index serves another file.")
    return wheel


def unpack(wheel, members, target):
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            for prefix, folder in members.items():
                if not info.filename.startswith(prefix) or info.is_dir():
                    continue
                rest = (info.filename[len(prefix):] if prefix.endswith("/")
                        else info.filename.rsplit("/", 1)[1])
                out = target / folder / rest
                out.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, open(out, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)


def link_stub(target):
    """`-ltorch` is what the bindings ask for; the wheel's own libtorch.so pulls in CUDA."""
    libraries = target / "lib"
    source = target / "stub.c"
    source.write_text("/* pulls in libtorch_cpu and libc10 */\n")
    subprocess.run(
        [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", str(libraries / "libtorch.so"),
         str(source), "-Wl,-soname,libtorch.so", "-Wl,--no-as-needed", f"-L{libraries}",
         "-ltorch_cpu", "-lc10", "-Wl,--allow-shlib-undefined", "-Wl,-rpath,$ORIGIN"],
        check=True)
    source.unlink()
    (target / "build-version").write_text(VERSION + "\n")


def build(target):
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in WHEELS:
        sys.exit(f"earmark: no libtorch wheel is known for {platform.system()} {machine}. "
                 f"Install libtorch {VERSION} yourself and set LIBTORCH to its folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as scratch:
        scratch = Path(scratch)
        staged = scratch / "libtorch"
        for requirement, pip_platform, sha, members in WHEELS[machine]:
            wheel = download(requirement, pip_platform, sha, scratch)
            say(f"earmark: unpacking {wheel.name}")
            unpack(wheel, members, staged)
            wheel.unlink()
        link_stub(staged)
        # A rename is the last step: a folder under this name is always a whole one.
        os.replace(staged, target)


def link_into_checkout(target):
    link = CHECKOUT / ".libtorch"
    if link.is_symlink() and os.readlink(link) == str(target):
        return
    if link.is_symlink() or link.exists():
        link.unlink()
    link.symlink_to(target)


def main():
    own = os.environ.get("LIBTORCH")
    target = Path(own) if own else cache_folder() / f"libtorch-{VERSION}-{LAYOUT}"
    if "--print" in sys.argv[1:]:
        print(target)
        sys.exit(0 if target.exists() else 1)
    if not target.exists():
        if own:
            sys.exit(f"earmark: LIBTORCH is set to {own}, which does not exist.")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Two checkouts may set up at once: the second waits and finds the work done.
        with open(target.parent / "libtorch.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                build(target)
    link_into_checkout(target)
    print(target)


if __name__ == "__main__":
    main()
