"""The `vidcurate` command."""

import gc


def main() -> None:
    """Run the command line."""
    # What is imported stays: to look for garbage among it takes a tenth of the start.
    gc.disable()
    from vidcurate.cli.app import main as run  # noqa: PLC0415 - after the line above

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
