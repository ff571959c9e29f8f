"""`python -m daemon` is `ats-sync`."""

from daemon.cli import main

if __name__ == "__main__":
    main()
