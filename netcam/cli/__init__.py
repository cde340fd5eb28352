"""The command line: words -> one function -> records. No logic here; heavy parts are imported by the command that needs them."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run netcam. Exit codes: 0 clean, 1 internal, 2 content/config/usage, 3 out of scope, 10 findings, 130 interrupted before its end."""
    from netcam.cli.app import app
    from netcam.errors import NetcamError

    try:
        app(standalone_mode=True)
    except NetcamError as error:
        sys.stderr.write(f"netcam: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("netcam: interrupted\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        # the reader of our pipe has gone (`| head`): not an error, and Python must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
