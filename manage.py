#!/usr/bin/env python
"""The operators' door: every command of the product starts here."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")
    from aim.runtime.environment import prepare_environment  # noqa: PLC0415 - before Django reads any setting

    prepare_environment(sys.argv)
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - reads the settings when imported

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
