"""What is recorded is written in one language, whoever has caused it: its digest must not go by who was looking."""

from contextlib import AbstractContextManager

from django.conf import settings
from django.utils import translation


def language_of_the_ledger() -> AbstractContextManager[None]:
    """Within it, `gettext` answers in the installation's language, in which the ledger is kept."""
    return translation.override(settings.LANGUAGE_CODE)
