"""The command line: words -> one function -> records. No logic here; heavy parts are imported by the command that needs them."""

from __future__ import annotations

import codecs
import errno
import os
import sys

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a file behind standard output says that takes no more."""


def main() -> None:
    """Run netcam. Exit codes: 0 clean, 1 internal, 2 content/config/usage, 3 out of scope, 10 findings, 130 interrupted before its end."""
    from netcam.cli.app import app
    from netcam.errors import NetcamError

    codecs.register_error("netcam", _as_escapes)
    for stream in (sys.stdout, sys.stderr):
        # a locale without a camera's characters: they are told as JSON and Python write them, which keeps a JSON line a JSON line
        if "utf" not in (getattr(stream, "encoding", None) or "").lower() and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="netcam")
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # what a full disk refuses is told here, and not by the interpreter at its end
    except NetcamError as error:
        sys.stderr.write(f"netcam: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("netcam: interrupted\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        # the reader of our pipe has gone (`| head`): not an error, and Python must not complain at exit
        _leave_stdout()
        raise SystemExit(0) from None
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename is not None:
            raise
        _leave_stdout()
        sys.stderr.write(f"netcam: standard output: {error.strerror}: what was written is not whole\n  help: free space, then repeat\n")
        raise SystemExit(1) from None


def _leave_stdout() -> None:
    """What is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_escapes(error: UnicodeError) -> tuple[str, int]:
    """Characters that an encoding lacks as JSON escapes (RFC 8259 section 7)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2)), error.end
