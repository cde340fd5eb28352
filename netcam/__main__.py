"""`python -m netcam`."""

from netcam.cli import main

if __name__ == "__main__":
    main()
