"""The `vidcurate` command."""

from vidcurate.cli.app import main

if __name__ == "__main__":
    main()
