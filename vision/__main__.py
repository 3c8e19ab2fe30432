"""`python -m vision` is the `vision` command."""

from vision.cli.main import console

if __name__ == "__main__":
    console()
