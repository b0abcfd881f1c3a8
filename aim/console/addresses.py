"""Addresses of many things of one kind: the resolver is asked once, for it is most of the work of a long list."""

from functools import lru_cache

from django.urls import reverse


def address_of(name: str, shown_id: str, *more: str) -> str:
    """`reverse` for a page whose first argument is an id such as `agt_…`, without asking the resolver again."""
    place = f"{shown_id.partition('_')[0]}_0"
    return _shape(name, place, *more).replace(place, shown_id)


@lru_cache(maxsize=256)
def known_url(name: str, *names: str) -> str:
    """`reverse` for a page of which there is one, or one of each of few names, such as the kinds of lists."""
    return reverse(name, args=names)


@lru_cache(maxsize=256)
def _shape(name: str, place: str, *more: str) -> str:
    return reverse(name, args=[place, *more])
