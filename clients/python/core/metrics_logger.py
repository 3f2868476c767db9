"""Tells the Sightglass server on this machine what a user did, and never anything of its content.

    from core.metrics_logger import log_metric
    log_metric("llm_call", user_email, model="gpt-4", message_count=5)

sends one datagram, `[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5`, to the server's
local socket. It never blocks and never raises: what cannot be sent is dropped and counted in lost().

Settings, each from the environment, else from a `.env` file in the working directory; read at every call:
  FEATURE_METRICS_LOGGING_ENABLED  true, 1, yes or on (in any case) switches it on; unset or else: off
  SIGHTGLASS_SOCKET                the socket's path; default: data/ingest.sock in the working directory

Standard library only, Python 3.8 and later. Threads: any. Safe across fork().
"""
import collections
import os
import re
import socket
import threading

__all__ = ["log_metric", "lost"]

FLAG = "FEATURE_METRICS_LOGGING_ENABLED"
SOCKET = "SIGHTGLASS_SOCKET"
DEFAULT_SOCKET = os.path.join("data", "ingest.sock")
MAX_BYTES = 60_000  # of a line; the server takes datagrams up to 64 KiB

_ON = frozenset(("true", "1", "yes", "on"))
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")

_lock = threading.Lock()
_lost = collections.Counter()
_socket = None
_file_state = None
_file_settings = {}


def lost():
    """How many calls came to nothing while the flag was on, by reason: no_server, full, too_long, error."""
    with _lock:
        return dict(_lost)


def log_metric(event_type=None, /, user_email=None, **key_values):
    """Records that `user_email` did `event_type`; the pairs go in the order of the call."""
    try:
        if event_type is None:
            event_type = key_values.pop("event_type")
        if _setting(FLAG).lower() in _ON:
            _send(_line(event_type, user_email, key_values))
    except Exception:  # the application must not notice, whatever it gave us
        _count("error")


def _clean(value):
    return "" if value is None else _CONTROLS.sub("", str(value))


def _line(event_type, user_email, key_values):
    user = _clean(user_email) if user_email else ""
    words = ["[METRIC]", "[%s]" % (user or "unknown"), _clean(event_type)]
    words.extend("%s=%s" % (_clean(key), _clean(value)) for key, value in key_values.items())
    return " ".join(words)


def _send(line):
    global _socket
    data = line.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        return _count("too_long")
    try:
        if _socket is None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            made.setblocking(False)
            _socket = made
        # By its path each time: a server that was restarted is found again.
        _socket.sendto(data, _setting(SOCKET) or DEFAULT_SOCKET)
    except BlockingIOError:
        _count("full")
    except OSError:
        _count("no_server")
    return None


def _count(reason):
    with _lock:
        _lost[reason] += 1


def _setting(name):
    value = os.environ.get(name)
    return (_from_file(name) if value is None else value).strip()


def _from_file(name):
    """From `.env`, which is read again when it has changed."""
    global _file_state, _file_settings
    try:
        found = os.stat(".env")
        state = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    except OSError:
        return ""
    if state != _file_state:
        settings = {}
        with open(".env", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                match = _SETTING.match(line)
                if match:
                    settings[match.group(1)] = _unquoted(match.group(2))
        _file_state, _file_settings = state, settings
    return _file_settings.get(name, "")


def _unquoted(value):
    if value[:1] in ("'", '"'):
        end = value.find(value[0], 1)
        return value[1:end] if end > 0 else value
    return re.split(r"\s+#", value, maxsplit=1)[0]
