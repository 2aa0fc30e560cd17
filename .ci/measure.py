"""What .ci/scenarios, .ci/growth, .ci/parts, .ci/bench and .ci/order share: what machine this is, a file system to
measure on, a program to measure, where results lie. Knows nothing of what is measured."""

import datetime
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
RESULTS = HERE / "testdata/bench"


def text(*argv):
    """What a command prints, or nothing where there is no such command or it fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=HERE)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def about(binary, file_system):
    """The first thing in every file of results: when, on what, of which commit."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": text("git", "describe", "--always", "--dirty", "--exclude=*"),
        "command": " ".join([".ci/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": {
            "kernel": os.uname().release,
            "cpu": field("/proc/cpuinfo", "model name"),
            "cores": len(os.sched_getaffinity(0)),
            "memory": field("/proc/meminfo", "MemTotal"),
            "file_system": file_system,
        },
        "versions": {"rbuild": first_line(text(str(binary), "--version"))},
    }


def field(path, name):
    """The value of the first `name: value` in a file of /proc."""
    lines = (line.split(":", 1) for line in Path(path).read_text().splitlines() if ":" in line)
    return next((value.strip() for key, value in lines if key.strip() == name), "")


def first_line(printed):
    return printed.splitlines()[0] if printed else ""


def named(head, prefix, suffix):
    """Where results with that head go."""
    return RESULTS / f"{prefix}{head['date'][:10]}-{head['commit']}{suffix}"


def install(program, folder):
    """A copy of a program as it is where it was installed: read in from its disk, not written just now, which costs every
    start 1 ms, as the page cache has it in single pages then. In memory (tmpfs) it stays as it is written."""
    installed = shutil.copy(program, folder)
    with open(installed, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return Path(installed)


def step(what):
    """Says what is done now, with the time, where results do not go."""
    print(f"{datetime.datetime.now():%H:%M:%S}  {what}", file=sys.stderr, flush=True)


def stop(why):
    """Ends as one does who was called wrongly, or cannot begin."""
    print(why, file=sys.stderr)
    sys.exit(2)


@contextmanager
def xfs(folder, size):
    """A fresh XFS of `size` GiB in a file in `folder`, mounted there until the end, whatever happens.

    Everybody measured writes to it: a new file system treats all alike, whatever the machine's own is and has behind it.
    (The ext4 of Linux 6 passes over inodes freed in the last minutes one by one, so whoever runs after somebody
    removed a store of 20,000 files pays for it.) Reads and writes of the file bypass the page cache of the file system
    around it, so that nothing is cached twice.
    """
    image, place = folder / "measure.xfs", folder / "measure"
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < size << 30:
        stop(f"{folder} has no room for the file system to measure on, of {size} GiB: name another folder by --home")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    device = ""
    try:
        image.unlink(missing_ok=True)
        place.mkdir(exist_ok=True)
        with image.open("wb") as made:
            made.truncate(size << 30)
        subprocess.run(["mkfs.xfs", "-q", image], check=True)
        losetup = ["losetup", "--find", "--show", "--direct-io=on", image]
        device = subprocess.run(losetup, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["mount", "-o", "discard", device, place], check=True)
        yield place
    finally:
        if os.path.ismount(place):
            subprocess.run(["umount", "--recursive", place], check=False)
        if os.path.ismount(place):  # a program of somebody measured still has it
            subprocess.run(["umount", "--recursive", "--lazy", place], check=False)
        if device:
            subprocess.run(["losetup", "--detach", device], check=False)
        image.unlink(missing_ok=True)
        if place.is_dir():
            place.rmdir()
