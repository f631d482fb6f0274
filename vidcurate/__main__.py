"""The `vidcurate` command."""

import gc
import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it without a trace."""
    try:
        # What is imported stays: to look for garbage among it takes a tenth of the start.
        gc.disable()
        from vidcurate.cli.streams import restart_in_utf8  # noqa: PLC0415 - same

        restart_in_utf8()
        from vidcurate.cli.app import main as run  # noqa: PLC0415 - after the line above

        gc.freeze()
        gc.enable()
        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
