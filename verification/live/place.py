"""Where a page begins to listen."""

from aim.ledger.tiles import ledger_size


def newest_place() -> int:
    """The place in the ledger of the newest entry, or -1. Read before what the page shows, it lets nothing fall between
    the page and its socket; what is both shown and told again only draws the list once more.
    """
    return ledger_size() - 1
