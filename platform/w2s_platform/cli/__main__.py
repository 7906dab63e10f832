"""`python -m w2s_platform.cli`: the same as `w2s`."""

from w2s_platform.cli.main import main

main()
