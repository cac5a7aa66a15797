"""What goes wrong around intact: other writers, damage, full disks, interruptions, kills."""

import fcntl
import os
import pathlib
import random
import signal
import struct
import subprocess
import time
import unittest

import harness

F_OFD_SETLK = 37


class Locked(harness.Sandbox):
    def lock_store(self):
        """Takes the store's lock as another writer would; returns the open file."""
        locks = [path for path in self.store_files() if "lock" in path.name.lower()]
        self.assertEqual(len(locks), 1, self.store_files())
        stream = open(locks[0], "r+b")
        self.addCleanup(stream.close)
        fcntl.fcntl(stream, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        stream.truncate(0)
        stream.write(b"%d\n" % os.getpid())
        stream.flush()
        return stream

    def test_another_writer_is_named_and_readers_go_on(self):
        self.write_sample()
        self.run_intact("index")
        self.lock_store()
        self.write("src/retry.py", harness.RETRY + "\nEXTRA = 1\n")
        completed = self.run_intact("index", status=7)
        self.assertIn(str(os.getpid()), completed.stderr)
        self.assertIn("--wait", completed.stderr)
        self.run_intact("gc", status=7)
        self.run_intact("search", "socket", "--no-refresh")
        self.run_intact("status")
        self.run_intact("verify")

    def test_waits_when_told_to(self):
        self.write_sample()
        self.run_intact("index")
        stream = self.lock_store()
        self.write("new.py", "NEW = 1\n")
        began = time.monotonic()
        self.run_intact("index", "--wait=1", status=7)
        self.assertGreater(time.monotonic() - began, 0.9)
        process = self.start("index", "--wait")
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        stream.close()
        _, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, stderr)
        self.assertEqual(self.run_json("status")["files"], 4)


class Damaged(harness.Sandbox):
    def test_flipped_bytes_are_found_and_never_crash(self):
        self.write_sample()
        self.write_many(20)
        self.run_intact("index")
        largest = max(self.store_files(), key=lambda path: path.stat().st_size)
        whole = largest.read_bytes()
        generator = random.Random(7)
        found = 0
        for _ in range(30):
            damaged = bytearray(whole)
            position = generator.randrange(len(whole))
            damaged[position] ^= 1 << generator.randrange(8)
            largest.write_bytes(damaged)
            completed = self.run_intact("verify", status=None)
            self.assertIn(completed.returncode, (0, 4), completed.stderr)
            if completed.returncode == 4:
                found += 1
                self.assertIn(largest.name, completed.stdout + completed.stderr)
            searched = self.run_intact("search", "compute total", status=None)
            self.assertIn(searched.returncode, (0, 1, 4), searched.stderr)
            self.assertIn(self.run_intact("status", status=None).returncode, (0, 4))
        # Bits of padding may flip unseen by a reader, but are zero by rule: verify sees them all.
        self.assertEqual(found, 30)
        largest.write_bytes(whole)
        self.run_intact("verify")

    def test_cut_files_are_found_and_never_crash(self):
        self.write_sample()
        self.run_intact("index")
        for path in self.store_files():
            whole = path.read_bytes()
            for size in {0, len(whole) // 2, max(0, len(whole) - 1)} - {len(whole)}:
                with self.subTest(path=path.name, size=size):
                    path.write_bytes(whole[:size])
                    for command in (["verify"], ["search", "retry"], ["status"], ["index"]):
                        # The lock's content is of no account, and index may repair what it can.
                        completed = self.run_intact(*command, status=None)
                        self.assertIn(completed.returncode, (0, 1, 3, 4), (command, completed.stderr))
                    path.write_bytes(whole)
                    self.run_intact("index", status=None)

    def test_damage_is_reported_as_json_too(self):
        self.write_sample()
        self.run_intact("index")
        largest = max(self.store_files(), key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 0x10
        largest.write_bytes(content)
        report = self.run_json("verify", status=4)
        self.assertFalse(report["is_intact"])
        self.assertTrue(report["problems"])


class Interrupted(harness.Sandbox):
    FILES = 3000

    def wait_for_commit(self, process):
        """Until the store has grown beyond its first commit, so that there is something to keep."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if sum(path.stat().st_size for path in self.store_files() if path.exists()) > 200_000:
                return
            time.sleep(0.005)

    def test_ctrl_c_keeps_what_was_done_and_the_next_run_goes_on(self):
        self.write_many(self.FILES)
        process = self.start("index", "--threads", "1")
        self.wait_for_commit(process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        if process.returncode == 0:
            self.skipTest("it was done before it could be interrupted")
        self.assertEqual(process.returncode, 130, stderr)
        self.assertIn(b"in the index; run the same command to go on", stderr)
        self.run_intact("verify")
        status = self.run_json("status")
        self.assertTrue(status["is_interrupted"])
        self.assertGreater(status["files"], 0)
        self.assertLess(status["files"], self.FILES)
        rest = self.run_json("index")
        self.assertEqual(rest["files"], self.FILES)
        self.assertEqual(rest["files_unchanged"], status["files"])
        self.assertFalse(self.run_json("status")["is_interrupted"])

    def test_kill_at_any_time_leaves_a_whole_store(self):
        self.write_many(1000)
        generator = random.Random(11)
        for _ in range(8):
            process = self.start("index", "-q")
            time.sleep(generator.uniform(0.005, 0.5))
            process.kill()
            process.communicate()
            verified = self.run_intact("verify", status=None)
            self.assertIn(verified.returncode, (0, 3), verified.stdout + verified.stderr)
        self.assertEqual(self.run_json("index")["files"], 1000)
        self.run_intact("verify")
        self.run_intact("search", "compute total")


class FullDisk(harness.Sandbox):
    @unittest.skipUnless(os.geteuid() == 0, "mounting takes root")
    def test_a_full_disk_is_named_and_loses_nothing(self):
        small = self.folder / "small"
        small.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        self.write_sample()
        store = small / "store"
        self.run_intact("index", "--store", store)
        self.write_many(1500)
        completed = self.run_intact("index", "--store", store, status=4)
        self.assertIn("No space left", completed.stderr)
        self.run_intact("verify", "--store", store)
        self.run_intact("search", "retry delay", "--store", store, "--no-refresh")
        for path in pathlib.Path(self.tree).glob("part*"):
            subprocess.run(["rm", "-r", path], check=True)
        self.run_intact("index", "--store", store)
        self.assertEqual(self.run_json("status", "--store", store)["files"], 3)


class ReadOnly(harness.Sandbox):
    def test_a_store_that_cannot_be_made_is_named(self):
        self.write_sample()
        self.write("file", "in the way\n")
        completed = self.run_intact("index", "--store", self.tree / "file" / "store", status=None)
        self.assertIn(completed.returncode, (2, 4))
        self.assertIn("file", completed.stderr)


if __name__ == "__main__":
    harness.main()
