"""reparam cache: what is kept of decoded pictures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reparam.cli.flags import parse
from reparam.cli.tables import new_table, print_table
from reparam.data import (
    CachedSet,
    cached_sets,
    clear_cached,
    clear_downloads,
    verify_cached,
)
from reparam.errors import SHORT_LIST, ConfigError, DataError
from reparam.fields import as_path, option
from reparam.printable import say


@dataclass(frozen=True)
class CacheOptions:
    """List, verify or clear the decoded pictures that are kept of large folders.

    verify reads all of them, and removes those that are damaged; clear removes them. What is
    removed is decoded again when it is next needed: nothing else is lost.

    Examples:
      reparam cache
      reparam cache clear photos/
    """

    action: Literal["list", "verify", "clear"] = option("list", positional="ACTION")
    """list, verify or clear."""

    entries: tuple[str, ...] = option((), positional="ENTRY")
    """Only these: names from the list (their beginnings), or folders of pictures."""

    downloads: bool = False
    """With clear: the downloaded files of mnist and fashion-mnist too."""


def run(args: Sequence[str]) -> int:
    options = parse(CacheOptions(), args, prog="reparam cache")
    if options.downloads and options.action != "clear":
        raise ConfigError(
            f"--downloads is for clear, got it with {options.action}. Fix: omit --downloads"
        )
    chosen = _chosen(cached_sets(), options.entries)
    if options.action == "list":
        _print_list(chosen)
    elif options.action == "verify":
        _verify(chosen)
    else:
        freed = clear_cached(chosen, leftovers=not options.entries)
        freed += clear_downloads() if options.downloads else 0
        say(f"removed {_sets(len(chosen))}, {_size(freed)}")
    return 0


def _chosen(known: list[CachedSet], names: Sequence[str]) -> list[CachedSet]:
    """Raises DataError for a name that none of them has."""
    if not names:
        return known
    found = []
    for name in names:
        folder = str(as_path(name).resolve())
        own = [each for each in known if each.folder == folder]
        own = own or [each for each in known if each.path.name.startswith(name)]
        if not own or not name:
            more = ", ..." if len(known) > SHORT_LIST else ""
            listed = ", ".join(each.name for each in known[:SHORT_LIST]) + more or "none"
            raise DataError(
                f"the cache has no set {name!r} (known: {listed}). Fix: take a name or a folder "
                "of `reparam cache list`"
            )
        found += [each for each in own if each not in found]
    return found


def _print_list(sets: Sequence[CachedSet]) -> None:
    table = new_table()
    for title in ("name", "pictures", "size", "last used", "folder", "options"):
        table.add_column(title, overflow="fold")
    for each in sets:
        used = datetime.fromtimestamp(each.used).strftime("%Y-%m-%d %H:%M")
        shape = " × ".join(map(str, each.shape)) or "unreadable"
        folder = os.fsencode(each.folder).decode("utf-8", "replace")
        table.add_row(each.name, shape, _size(each.size), used, folder, each.options)
    if sets:
        print_table(table)
    say(f"{_sets(len(sets))}, {_size(sum(each.size for each in sets))}")


def _verify(sets: Sequence[CachedSet]) -> None:
    """Raises DataError for damage, once what is damaged is removed."""
    damaged = {}
    for each in sets:
        what = verify_cached(each)
        say(f"{each.name} {what or 'ok'}")
        if what:
            damaged[each] = what
    if damaged:
        try:
            clear_cached(damaged)
            removed = "now removed. Fix: nothing more, they are decoded again when needed"
        except DataError:  # a process writes to the cache
            removed = "not removed, since the cache is in use. Fix: verify it again later"
        which = ", ".join(f"{each.name}: {what}" for each, what in damaged.items())
        raise DataError(
            f"decoded pictures must be as they were written, got {len(damaged)} of {len(sets)} "
            f"damaged ({which}), {removed}"
        )


def _sets(count: int) -> str:
    return f"{count} set{'' if count == 1 else 's'} of decoded pictures"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
