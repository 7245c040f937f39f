"""The command line ``it-cache``: what lies in the cache, why it missed, and making room.

Data goes to stdout and all else to stderr; exit codes are in docs/command-line.md. Nothing here imports `datasets` or
torch but the demo, so listing is quick.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import click

from .entry import Entry
from .errors import AnalysisCacheError, CorruptEntryError
from .html import size_text
from .listing import parse_age, parse_filter, parse_size, record, select
from .quarantine import QUARANTINE
from .store import AnalysisCache, Damage
from .terminal import Sink, ago, day, printable, table

__all__ = ["main"]

MIN_PREFIX = 8
COLUMNS = ("KEY", "OP", "DATASET", "MODULE", "ROWS", "SIZE", "CREATED", "USED")


class _Context:
    """What every command needs: the cache and where to print."""

    def __init__(self, base: str | None, *, as_json: bool, quiet: bool) -> None:
        self.sink = Sink(as_json=as_json, quiet=quiet)
        # What a command looks at closely, it checks fully, so that a repair finds what the check found.
        self.cache = AnalysisCache(base, verify="full")
        if not self.cache.base.is_dir():
            self.sink.say(f"there is no cache at {self.cache.base}")

    def entries(self) -> tuple[list[Entry], list[Damage]]:
        damage: list[Damage] = []
        return list(self.cache.entries(damage)), damage

    def named(self, prefixes: Sequence[str]) -> list[Entry]:
        """Find entries by prefixes of their keys; ends the program where one is not there."""
        entries, damage = self.entries()
        found: dict[str, Entry] = {}
        for prefix in prefixes:
            if len(prefix) < MIN_PREFIX:
                raise click.UsageError(f"{prefix!r} is too short: give at least {MIN_PREFIX} characters of a key.")
            matches = {entry.key: entry for entry in entries if entry.key.startswith(prefix.lower())}
            for item in damage:
                if item.path.name.rpartition("-")[2].startswith(prefix.lower()):
                    self.fail(f"{item.path} is damaged: {item.reason}; `it-cache verify --repair` moves it aside.")
            if not matches:
                self.fail(f"no entry has a key that begins with {prefix!r}; `it-cache ls` lists them.")
            if len(matches) > 1:
                raise click.UsageError(f"{prefix!r} begins {len(matches)} keys: give more characters.")
            found.update(matches)
        return list(found.values())

    def fail(self, message: str) -> None:
        click.echo(printable(f"Error: {message}"), err=True)
        raise SystemExit(1)


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all have, and a `_Context` in their place."""

    def run(base: str | None, as_json: bool, quiet: bool, **others: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # what the cache has to say is told here, whatever Python was told
            warnings.showwarning = lambda message, *_: click.echo(printable(f"Warning: {message}"), err=True)
            try:
                command(_Context(base, as_json=as_json, quiet=quiet), **others)
            except BrokenPipeError:
                raise  # whoever reads the output has enough, as click knows
            except (AnalysisCacheError, OSError) as error:
                click.echo(printable(f"Error: {error}"), err=True)
                raise SystemExit(1) from None

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Print keys only."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON for programs."),
        click.option(
            "--base", type=click.Path(file_okay=False), help="The cache to look at, instead of the usual one."
        ),
    ):
        run = option(run)
    return run


_dry_run = click.option("--dry-run", is_flag=True, help="Only show what would go.")
_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Look after the cache of interpretability analyses."""


@main.command("ls")
@click.option("-f", "--filter", "filters", multiple=True, metavar="FILTER", help="As size>1GB, used>30d, op=logit_*.")
@click.option("--sort", default="used:desc", show_default=True, help="A field, with :asc or :desc.")
@click.option("--limit", type=click.IntRange(min=0), help="Show at most so many.")
@_common
def list_entries(context: _Context, filters: Sequence[str], sort: str, limit: int | None) -> None:
    """List the entries."""
    now = time.time()
    try:
        conditions = [parse_filter(text, now) for text in filters]
        entries, damage = context.entries()
        records = select(map(record, entries), conditions, sort=sort, limit=limit)
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    def value() -> dict[str, Any]:
        return {
            "entries": [found.as_json() for found in records],
            "damage": [{"path": str(item.path), "reason": item.reason} for item in damage],
        }

    def text() -> str:
        rows = [
            (
                *(found.key[:12], found.op, found.dataset, found.module, f"{found.rows:,}", size_text(found.size)),
                *(day(found.created), ago(now - found.used)),
            )
            for found in records
        ]
        return table(COLUMNS, rows)

    context.sink.lazy_data(value, text, [found.key for found in records])
    for item in damage:
        context.sink.say(f"damaged: {item.path}: {item.reason}")


@main.command("show")
@click.argument("key")
@_common
def show(context: _Context, key: str) -> None:
    """Show one entry: what it is, what its key is made of, its shards."""
    [entry] = context.named([key])
    found, manifest = record(entry), entry.manifest
    lines = [f"{name:<10} {printable(str(value))}" for name, value in found.as_json().items()]
    lines += ["", "components"]
    lines += [f"  {digest}  {printable(name)}" for name, digest in manifest.components.items()]
    lines += ["", "shards"]
    lines += [f"  {shard.file}  {shard.rows:,} rows  {size_text(shard.bytes)}" for shard in manifest.shards]
    for note in manifest.context.get("notes", ()):
        lines.append(f"note: {printable(str(note))}")
    for path in manifest.context.get("ignored", ()):
        lines.append(f"ignored: {printable(str(path))}")
    shards = [
        {"file": item.file, "rows": item.rows, "bytes": item.bytes, "batches": item.batches} for item in manifest.shards
    ]
    data = {
        **found.as_json(),
        "components": dict(manifest.components),
        "context": dict(manifest.context),
        "shards": shards,
    }
    context.sink.data({"entry": data}, "\n".join(lines), [entry.key])


@main.command("explain")
@click.argument("key")
@click.argument("other", required=False)
@_common
def explain(context: _Context, key: str, other: str | None) -> None:
    """Tell in what KEY differs from OTHER, or from the entry nearest to it."""
    from .explain import nearest, sentences, stored_fingerprint

    [entry] = context.named([key])
    against: Entry | None
    if other:
        [against] = context.named([other])
    else:
        others, _ = context.entries()
        against = nearest(entry.components, entry.manifest.context, others, key=entry.key)
    if against is None:
        context.sink.data({"key": entry.key, "other": None, "differences": []}, "", [])
        context.sink.say("there is no other entry to hold it against.")
        return
    found = sentences(stored_fingerprint(against).diff(stored_fingerprint(entry)))
    data = {"key": entry.key, "other": against.key, "differences": found}
    head = f"{entry.key[:12]} against {against.key[:12]}:"
    context.sink.data(
        data, "\n".join([head, *(f"  {printable(line)}" for line in found or ["no difference"])]), [against.key]
    )


@main.command("verify")
@click.argument("keys", nargs=-1)
@click.option("--repair", is_flag=True, help="Move damaged entries to the quarantine; they are computed again.")
@_common
def verify(context: _Context, keys: Sequence[str], repair: bool) -> None:
    """Check every byte of entries, of all if none is named."""
    entries, damage = (context.named(keys), []) if keys else context.entries()
    for entry in entries:
        try:
            entry.check("full")
        except CorruptEntryError as error:
            damage.append(Damage(entry.path, f"{error.path.name}: {error.reason}"))
        except OSError as error:
            damage.append(Damage(entry.path, str(error)))
    if repair:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that each is moved is said below
            for item in damage:
                context.cache.set_aside(item)
    context.sink.data(
        {
            "checked": len(entries),
            "damage": [{"path": str(item.path), "reason": item.reason} for item in damage],
            "repaired": repair and bool(damage),
        },
        "\n".join(f"damaged: {printable(str(item.path))}: {printable(item.reason)}" for item in damage),
    )
    context.sink.say(f"{len(entries)} checked, {len(damage)} damaged")
    moved = [item for item in damage if not item.path.exists()]
    if moved:
        context.sink.say(f"{len(moved)} moved to {context.cache.base / QUARANTINE}")
    if damage:
        raise SystemExit(1)


def _carry_out(context: _Context, plan: Any, *, why_spared: str, dry_run: bool, yes: bool) -> None:
    """Show a removal, ask, and do it; tell why entries stay that were asked for as well."""
    going = plan.entries
    lines = {entry.key: f"{entry.key[:12]}  {size_text(plan.sizes[entry.key])}" for entry in going}
    is_done = False
    if not dry_run and (plan.entries or plan.leftovers):
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("this removes entries: give -y, as there is no terminal to ask at.")
            click.echo("\n".join(lines.values()), err=True)
            click.confirm(f"Remove {_entries(going)}, {size_text(plan.frees)}?", abort=True, err=True)
        going = plan.carry_out()
        is_done = True
    stayed = [entry for entry in plan.entries if entry not in going]
    frees = plan.frees - sum(plan.sizes[entry.key] for entry in stayed)
    keys = [entry.key for entry in going]
    data = {"entries": keys, "leftovers": len(plan.leftovers), "frees": frees, "removed": is_done}
    context.sink.data(data, "\n".join(lines[key] for key in keys), keys)
    leftovers = f" and {len(plan.leftovers)} leftovers" if plan.leftovers else ""
    word = "removed" if is_done else "would go"
    context.sink.say(
        f"{_entries(keys)}{leftovers} {word}, {size_text(frees)}" if keys or leftovers else "nothing to do"
    )
    if stayed:
        context.sink.say(f"{_entries(stayed)} in use meanwhile, and left alone")
    if plan.spared:
        context.sink.say(f"{plan.spared} left alone: {why_spared}")


def _entries(keys: Sequence[Any]) -> str:
    return "1 entry" if len(keys) == 1 else f"{len(keys)} entries"


@main.command("rm")
@click.argument("keys", nargs=-1, required=True)
@_dry_run
@_yes
@_common
def remove(context: _Context, keys: Sequence[str], dry_run: bool, yes: bool) -> None:
    """Remove entries by their keys; pinned ones stay."""
    from .eviction import plan_removal

    plan = plan_removal(context.cache, context.named(keys))
    _carry_out(context, plan, why_spared="pinned; `it-cache unpin` lets go", dry_run=dry_run, yes=yes)


@main.command("prune")
@click.option("--max-size", help="Remove least recently used entries until so much is left, as 50GB.")
@click.option("--max-age", help="Remove entries that were not used for so long, as 30d.")
@_dry_run
@_yes
@_common
def prune(context: _Context, max_size: str | None, max_age: str | None, dry_run: bool, yes: bool) -> None:
    """Remove what crashes left, and entries by size and age.

    Those stay that are pinned, or were used in the last five minutes.
    """
    from .eviction import plan_prune

    try:
        size = None if max_size is None else parse_size(max_size)
        age = None if max_age is None else parse_age(max_age)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    plan = plan_prune(context.cache, max_size=size, max_age=age)
    _carry_out(context, plan, why_spared="pinned, or used in the last five minutes", dry_run=dry_run, yes=yes)


def _pinning(name: str, *, pinned: bool) -> None:
    @main.command(name, help=f"{'Keep entries whatever is pruned' if pinned else 'Let pinned entries go again'}.")
    @click.argument("keys", nargs=-1, required=True)
    @_common
    def command(context: _Context, keys: Sequence[str]) -> None:
        from .eviction import pin, unpin

        entries = context.named(keys)
        for entry in entries:
            (pin if pinned else unpin)(context.cache, entry)
        found = [entry.key for entry in entries]
        context.sink.data({"entries": found, "pinned": pinned}, "", found)
        context.sink.say(f"{_entries(found)} {'pinned' if pinned else 'unpinned'}")


_pinning("pin", pinned=True)
_pinning("unpin", pinned=False)


@main.command("stats")
@_common
def stats(context: _Context) -> None:
    """Sum up: entries, bytes, hits and misses, time saved."""
    entries, damage = context.entries()
    total = context.cache.room(entries)
    counted = context.cache.statistics()
    data = {"entries": len(entries), "bytes": total, "damaged": len(damage), **counted.as_json()}
    lines = [
        f"{'entries':<17} {len(entries):,}",
        f"{'size':<17} {size_text(total)}",
        f"{'damaged':<17} {len(damage):,}",
        *(f"{name.replace('_', ' '):<17} {value:,}" for name, value in counted.as_json().items()),
    ]
    context.sink.data({"statistics": data}, "\n".join(lines))


@main.command("dir")
@_common
def directory(context: _Context) -> None:
    """Print where the cache lies."""
    base = str(context.cache.base)
    context.sink.data({"base": base}, base, [base])


@main.command("size")
@_common
def size(context: _Context) -> None:
    """Print how much room the entries take on the disk, with what `map` and the like made of their rows."""
    total = context.cache.room(context.entries()[0])
    context.sink.data({"bytes": total}, size_text(total), [str(total)])
