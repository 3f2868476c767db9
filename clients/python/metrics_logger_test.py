"""S1-C01 to S1-C05, S1-G01 to S1-G03 for the Python module: what it sends, when, and that the application
never notices it."""
import importlib
import os
import pathlib
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from core import metrics_logger  # noqa: E402
from core.metrics_logger import log_metric  # noqa: E402

USER = "user@example.com"


class MetricsLoggerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sightglass-client-")
        self.addCleanup(self.folder.cleanup)
        before = os.getcwd()
        os.chdir(self.folder.name)
        self.addCleanup(os.chdir, before)
        os.mkdir("data")
        self.path = os.path.join("data", "ingest.sock")
        self.listen()
        for name in (metrics_logger.FLAG, metrics_logger.SOCKET):
            os.environ.pop(name, None)
            self.addCleanup(os.environ.pop, name, None)
        os.environ[metrics_logger.FLAG] = "true"
        self.lost_before = metrics_logger.lost()

    def listen(self):
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.server.close)
        self.server.bind(self.path)
        self.server.setblocking(False)

    def received(self):
        lines = []
        while True:
            try:
                lines.append(self.server.recv(1 << 16).decode())
            except BlockingIOError:
                return lines

    def lost(self, reason):
        return metrics_logger.lost().get(reason, 0) - self.lost_before.get(reason, 0)

    def test_the_printed_calls_give_the_printed_lines(self):
        user_email = USER
        log_metric("llm_call", user_email, model="gpt-4", message_count=5)
        log_metric("tool_call", user_email, tool_name="calculator")
        log_metric("file_upload", user_email, file_size=1024, content_type="application/pdf")
        log_metric("error", user_email, error_type="rate_limit")
        self.assertEqual(self.received(), [
            "[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5",
            "[METRIC] [user@example.com] tool_call tool_name=calculator",
            "[METRIC] [user@example.com] file_upload file_size=1024 content_type=application/pdf",
            "[METRIC] [user@example.com] error error_type=rate_limit"])

    def test_all_arguments_may_be_named(self):
        log_metric("llm_call", user_email=USER, model="gpt-4", message_count=5, tool_count=2)
        log_metric(event_type="tool_error", user_email=USER, tool_name="file_reader")
        self.assertEqual(self.received(), [
            "[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5 tool_count=2",
            "[METRIC] [user@example.com] tool_error tool_name=file_reader"])

    def test_it_is_importable_under_both_paths(self):
        other = importlib.import_module("atlas.core.metrics_logger")
        self.assertIs(other.log_metric, log_metric)

    def test_a_missing_user_is_unknown_and_no_pairs_leave_no_blank(self):
        log_metric("error")
        log_metric("error", None)
        log_metric("error", "")
        log_metric("error", "\n")
        self.assertEqual(self.received(), ["[METRIC] [unknown] error"] * 4)

    def test_control_characters_are_deleted_so_that_one_event_is_one_line(self):
        log_metric("tool_call", "a\r\nb@example.com", tool_name="x\ty\x1b[31mz\u2028\x85", none=None, flag=True, part=1.5)
        self.assertEqual(self.received(),
                         ["[METRIC] [ab@example.com] tool_call tool_name=xy[31mz none= flag=True part=1.5"])

    def test_off_unless_switched_on(self):
        for value in ("false", "0", "no", "off", "", "maybe"):
            os.environ[metrics_logger.FLAG] = value
            log_metric("error", USER)
        del os.environ[metrics_logger.FLAG]
        log_metric("error", USER)
        self.assertEqual(self.received(), [])
        for value in ("true", "True", "1", "yes", "ON", " on "):
            os.environ[metrics_logger.FLAG] = value
            log_metric("error", USER)
        self.assertEqual(len(self.received()), 6)

    def test_the_flag_may_stand_in_a_dot_env_file_and_the_environment_wins(self):
        del os.environ[metrics_logger.FLAG]
        pathlib.Path(".env").write_text("# settings\nOTHER=1\nFEATURE_METRICS_LOGGING_ENABLED=true\n")
        log_metric("error", USER)
        self.assertEqual(len(self.received()), 1)
        os.environ[metrics_logger.FLAG] = "false"
        log_metric("error", USER)
        self.assertEqual(self.received(), [])
        del os.environ[metrics_logger.FLAG]
        pathlib.Path(".env").write_text("export FEATURE_METRICS_LOGGING_ENABLED='on'  # now\n")
        log_metric("error", USER)
        self.assertEqual(len(self.received()), 1)
        pathlib.Path(".env").write_text("FEATURE_METRICS_LOGGING_ENABLED=false  # and off again, for good\n")
        log_metric("error", USER)
        self.assertEqual(self.received(), [])

    def test_the_socket_may_be_elsewhere(self):
        os.rename(self.path, "elsewhere.sock")
        os.environ[metrics_logger.SOCKET] = "elsewhere.sock"
        log_metric("error", USER)
        self.assertEqual(len(self.received()), 1)

    def test_without_a_server_calls_are_counted_and_a_restarted_one_is_found(self):
        self.server.close()
        log_metric("error", USER)
        os.unlink(self.path)
        log_metric("error", USER)
        self.assertEqual(self.lost("no_server"), 2)
        self.listen()
        log_metric("error", USER)
        self.assertEqual(len(self.received()), 1)

    def test_a_server_that_does_not_read_never_blocks_the_caller(self):
        for _ in range(5_000):
            log_metric("error", USER)
        self.assertGreater(self.lost("full"), 0)
        self.assertEqual(len(self.received()) + self.lost("full"), 5_000)

    def test_nothing_that_is_given_raises(self):
        class Bad:
            def __str__(self):
                raise RuntimeError("no text")

        log_metric("error", USER, value=Bad())
        log_metric("error", Bad())
        log_metric()
        log_metric("error", "\ud800")
        log_metric("error", USER, value="x" * 100_000)
        self.assertEqual(self.lost("error"), 3)
        self.assertEqual(self.lost("too_long"), 1)
        self.assertEqual(self.received(), ["[METRIC] [?] error"])

    def test_many_threads_may_call(self):
        threads = [threading.Thread(target=lambda: [log_metric("error", USER) for _ in range(200)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        got = 0
        while any(thread.is_alive() for thread in threads):
            got += len(self.received())
        got += len(self.received())
        self.assertEqual(got + self.lost("full"), 1_600)


if __name__ == "__main__":
    unittest.main()
