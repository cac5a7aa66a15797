"""What the end-to-end tests share: a folder with a tree and a data home of its own, and the real program.

The program's path is in the variable INTACT. A test script ends with harness.main().
"""

import fcntl
import json
import os
import pathlib
import pty
import pwd
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = os.environ.get("INTACT", "")
SKIP_STATUS = 77  # What the test runner takes as "skipped".
TIMEOUT_SECONDS = 300

RETRY = '''"""Retrying failed requests."""


def retry_delay(attempt):
    """Computes how long to wait before the next attempt: exponential backoff with a cap."""
    return min(60.0, 0.5 * 2 ** attempt)


def should_retry(status):
    """Tells whether a response's status is worth another attempt."""
    return status in (429, 502, 503)
'''

SOCKET = '''// Listening sockets.
#include "socket.h"

namespace net {

// Opens a listening TCP socket on the given port and returns its descriptor.
int OpenListeningSocket(int port) {
  int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  if (descriptor < 0) return -1;
  return bind(descriptor, AddressOf(port)) == 0 ? descriptor : -1;
}

}  // namespace net
'''

GUIDE = """# Guide

## Install

Unpack the archive and copy the program to a folder of your PATH.

## Configure

The configuration file is read at start; every key has a default value.
"""


def module_text(number):
    """A source file whose chunks differ from those of every other number."""
    lines = [f'"""Module {number}."""', ""]
    for i in range(12):
        name = f"compute_{number}_{i}"
        lines += ["", f"def {name}(first, second_{number}):", f'    """Adds part {i} of {number}."""']
        lines += [f"    total = first * {number * 31 + i * step} + second_{number}" for step in range(12)]
        lines += [f"    return total - {number + i}", ""]
    return "\n".join(lines)


class Sandbox(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="intact-e2e-")).resolve()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        self.data = self.folder / "data"
        self.written_s = 0.0
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder / "home"),
            "XDG_DATA_HOME": str(self.data),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "TERM": "xterm",
            "LC_ALL": "C",
        }
        # So that sanitizers and a model given by the build's environment work here too.
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "INTACT_MODEL"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def write(self, path, content):
        target = self.tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.written_s = time.monotonic()
        return target

    def let_files_age(self):
        """A file that changed within 20 ms of being read is read again by the next run, on purpose: its time
        cannot tell whether it changed once more. Tests that count what was read wait that long."""
        time.sleep(max(0, self.written_s + 0.03 - time.monotonic()))

    def write_sample(self):
        self.write("src/retry.py", RETRY)
        self.write("src/socket.cc", SOCKET)
        self.write("docs/guide.md", GUIDE)

    def write_many(self, count):
        for number in range(count):
            self.write(f"part{number // 100}/module_{number}.py", module_text(number))

    def run_intact(self, *arguments, status=0, cwd=None, environment=None, **options):
        """Runs the program; the result's stdout and stderr are text."""
        self.let_files_age()
        completed = subprocess.run(
            [PROGRAM, *map(os.fspath, arguments)],
            cwd=cwd or self.tree,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_SECONDS,
            check=False,
            **options,
        )
        completed.stdout = completed.stdout.decode("utf-8")
        completed.stderr = completed.stderr.decode("utf-8")
        if status is not None:
            self.assertEqual(completed.returncode, status, f"{arguments}\n{completed.stdout}{completed.stderr}")
        return completed

    def run_json(self, *arguments, **options):
        """Runs with --json; stdout must be one line that is one object."""
        completed = self.run_intact(*arguments, "--json", **options)
        self.assertEqual(completed.stdout.count("\n"), 1, completed.stdout)
        value = json.loads(completed.stdout)
        self.assertEqual(value["schema_version"], 1)
        return value

    def someone_else(self):
        """Options of run_intact for a user whom permissions bind: root is not one."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        self.data.mkdir(exist_ok=True)
        os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        self.folder.chmod(0o755)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        try:
            self.run_intact("--version", **user)
        except PermissionError:
            self.skipTest("another user cannot run the program where it lies")
        return user

    def start(self, *arguments, **options):
        return subprocess.Popen(
            [PROGRAM, *map(os.fspath, arguments)],
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def store_files(self):
        return sorted(path for path in self.data.rglob("*") if path.is_file())

    def only_store(self):
        stores = list((self.data / "intact" / "stores").iterdir())
        self.assertEqual(len(stores), 1)
        return stores[0]


class Terminal:
    """The program on a terminal of its own; what it writes to either stream is read together."""

    def __init__(self, sandbox, *arguments, columns=80, environment=None):
        self.text = ""
        self.descriptor, program_side = pty.openpty()
        fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [PROGRAM, *map(os.fspath, arguments)],
            cwd=sandbox.tree,
            env={**sandbox.environment, **(environment or {})},
            stdin=program_side,
            stdout=program_side,
            stderr=program_side,
            start_new_session=True,
        )
        os.close(program_side)

    def read_until(self, wanted, timeout=60):
        """Reads until `wanted` was seen, or until the end with None."""
        deadline = time.monotonic() + timeout
        while wanted is None or wanted not in self.text:
            ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                self.process.kill()
                raise AssertionError(f"waited in vain for {wanted!r}; got {self.text!r}")
            try:
                piece = os.read(self.descriptor, 65536)
            except OSError:  # The other side is closed.
                piece = b""
            if not piece:
                if wanted is None:
                    return self.text
                raise AssertionError(f"ended without {wanted!r}: {self.text!r}")
            self.text += piece.decode("utf-8", "replace")
        return self.text

    def write(self, text):
        os.write(self.descriptor, text.encode())

    def finish(self):
        """Reads to the end and returns the exit status."""
        self.read_until(None)
        os.close(self.descriptor)
        return self.process.wait()


def main():
    if not PROGRAM or not os.access(PROGRAM, os.X_OK):
        print("skipped: the variable INTACT does not name the program")
        sys.exit(SKIP_STATUS)
    unittest.main(verbosity=1)
