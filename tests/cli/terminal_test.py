"""intact on a terminal: progress, questions, colours."""

import re
import unittest

import harness


class OnTerminal(harness.Sandbox):
    def test_draws_a_bar_within_the_width_and_removes_it(self):
        self.write_many(2500)
        terminal = harness.Terminal(self, "index", columns=60)
        self.assertEqual(terminal.finish(), 0, terminal.text)
        frames = re.findall(r"\r([^\r\n]*)\x1b\[K", terminal.text)
        if not frames:
            self.skipTest("it was done before a bar was due")
        self.assertTrue(any("indexing" in frame for frame in frames))
        self.assertTrue(all(len(frame) < 60 for frame in frames), frames)
        self.assertEqual(frames[-1], "", "the bar is cleared")
        self.assertIn("2,500 files", terminal.text.rsplit("\x1b[K", 1)[1])

    def test_is_quiet_when_told(self):
        self.write_many(300)
        terminal = harness.Terminal(self, "index", "--quiet")
        self.assertEqual(terminal.finish(), 0)
        self.assertEqual(terminal.text, "")

    def test_uses_no_escapes_on_a_dumb_terminal(self):
        self.write_many(300)
        terminal = harness.Terminal(self, "index", environment={"TERM": "dumb"})
        self.assertEqual(terminal.finish(), 0)
        self.assertNotIn("\x1b", terminal.text)

    def test_asks_before_the_first_index(self):
        self.write_sample()
        for answer, status in (("n\n", 3), ("\x04", 3), ("\n", 0)):
            terminal = harness.Terminal(self, "search", "retry delay")
            terminal.read_until("[Y/n] ")
            terminal.write(answer)
            self.assertEqual(terminal.finish(), status, terminal.text)
            self.assertEqual(bool(self.store_files()), status == 0)
        self.assertIn("retry.py", terminal.text)
        self.assertIn("\x1b[35m", terminal.text)

    def test_does_not_ask_with_yes(self):
        self.write_sample()
        terminal = harness.Terminal(self, "search", "retry delay", "--yes")
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertNotIn("[Y/n]", terminal.text)

    def test_asks_before_gc(self):
        self.write_sample()
        self.run_intact("index")
        (self.tree / "src/socket.cc").unlink()
        self.run_intact("index")
        terminal = harness.Terminal(self, "gc")
        terminal.read_until("[Y/n] ")
        terminal.write("n\n")
        self.assertEqual(terminal.finish(), 0)
        self.assertIn("nothing was removed", terminal.text)
        self.assertGreater(self.run_json("status")["vectors_unused"], 0)

    def test_needs_no_colour_where_none_is_wanted(self):
        self.write_sample()
        self.run_intact("index")
        terminal = harness.Terminal(self, "search", "retry", environment={"NO_COLOR": "1"})
        self.assertEqual(terminal.finish(), 0)
        self.assertNotIn("\x1b[", terminal.text)


if __name__ == "__main__":
    harness.main()
