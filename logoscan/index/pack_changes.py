"""What a brand pack would change in an index, and how it is applied and taken back.

A pack is tried on a snapshot first. What widens the brand's reach is listed first and must be accepted by name: a new
brand or alias, a price range that is wider, a seller who is no longer authorised, a logo, a negative. Logos that are
like another brand's, and photos, come before the others. A pack that is old, expired or not the next of its chain is
refused, unless a reason is given, which the journal of the index keeps.

    diff = diff_pack(index, pack)
    apply_pack(index, pack, accept=[change.name for change in diff.widening])
    index.save("index/")
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan.errors import ImageError, InputError, MismatchError, VettingError
from logoscan.index._pack_undo import find_undo, undone
from logoscan.index._state import State
from logoscan.index.families import like_logo_cosine, same_logo_cosine
from logoscan.index.logo_index import LogoIndex
from logoscan.index.pack_diff import Change, PackDiff, PhotoUsers, changes_of, refusals
from logoscan.index.pack_records import InstalledPack, PackEvent, PackState
from logoscan.index.packs import Pack
from logoscan.index.vet import UsualPrices
from logoscan.types import Brand, ImageSource

__all__ = ["Change", "PackDiff", "apply_pack", "diff_pack", "rollback"]

# Packs of a brand that can be taken back; older ones are part of the index for good.
_KEPT = 5
# Changes that a message lists.
_MOST_LISTED = 5


def diff_pack(
    index: LogoIndex,
    pack: Pack,
    *,
    prices: UsualPrices | None = None,
    photo_users: PhotoUsers | None = None,
    now: datetime | None = None,
) -> PackDiff:
    """Return what a pack would change; the index stays as it is.

    Args:
        index: The index, with its encoder.
        pack: The pack.
        prices: Known prices: a range that lies above most of them must be accepted.
        photo_users: Number of sellers who use a photo; without it no official photo must be accepted.
        now: When the pack must not have expired; now if None.

    Raises:
        VettingError: A name or an alias is that of another brand, or no name.
        InputError: The index has no encoder.
    """
    return _trial(index, pack, prices, photo_users, now)[1]


def apply_pack(
    index: LogoIndex,
    pack: Pack,
    *,
    accept: Collection[str] = (),
    force: str | None = None,
    prices: UsualPrices | None = None,
    photo_users: PhotoUsers | None = None,
    now: datetime | None = None,
) -> PackDiff:
    """Apply a pack at once or not at all; the caller saves the index, as a generation that can be rolled back.

    Fields that the pack does not state stay as they are, and so does all that belongs to other brands.

    Args:
        index: The index, with its encoder.
        pack: The pack.
        accept: Names of the widening changes that are accepted, see `diff_pack`.
        force: Why a pack is applied that is old, expired or not the next of its chain; it stands in the journal.
        prices: Known prices, see `diff_pack`.
        photo_users: Number of sellers who use a photo.
        now: When the pack must not have expired; now if None.

    Returns:
        What was changed.

    Raises:
        VettingError: A widening was not accepted, or the pack was refused; all are listed, and nothing was changed.
        MismatchError: The index was changed meanwhile; apply the pack again.
        InputError: The index has no encoder, or a name in `accept` is no change of this pack.
    """
    before = index._state
    after, diff = _trial(index, pack, prices, photo_users, now)
    given = {accept} if isinstance(accept, str) else set(accept)
    if diff.refusals and not (force or "").strip():
        raise VettingError(f"{pack.name}: {'; '.join(diff.refusals)}; nothing was changed", diff.refusals)
    if unknown := sorted(given - {change.name for change in diff.changes}):
        raise InputError(f"accept: expected names of changes of {pack.name}, got {quoted(unknown[0])}")
    if missing := [change for change in diff.widening if change.name not in given]:
        more = f"; and {len(missing) - _MOST_LISTED} more" if len(missing) > _MOST_LISTED else ""
        listed = "; ".join(f"{change.name} ({change.why})" for change in missing[:_MOST_LISTED])
        raise VettingError(
            f"{pack.name}: to be accepted by name: {listed}{more}; nothing was changed",
            tuple(change.name for change in missing),
        )
    accepted = tuple(sorted(given & {change.name for change in diff.widening}))
    event = PackEvent(_now(), "apply", pack.brand.name, pack.version, pack.sha256, accepted,
                      force if diff.refusals else None)  # fmt: skip
    installed = _installed(pack, before, after)
    stack = [*before.packs.installed.get(pack.brand.name, ()), installed]
    stack = [replace(one, undo=None) if place < len(stack) - _KEPT else one for place, one in enumerate(stack)]
    packs = PackState({**before.packs.installed, pack.brand.name: tuple(stack)}, (*before.packs.events, event))
    _swap(index, before, replace(after, packs=packs))
    return diff


def rollback(index: LogoIndex, brand: str, version: int) -> tuple[int, ...]:
    """Take packs of a brand back, until one of this version is in force; the caller saves the index.

    The brand is as it was, to the last bit if nothing else was changed; other brands stay as they are.

    Args:
        index: The index.
        brand: Name of the brand.
        version: Version that shall be in force; 0 for none.

    Returns:
        The versions that were taken back, the latest first.

    Raises:
        InputError: No such pack is in force, or it is too old to go back to.
        MismatchError: The index was changed meanwhile.
    """
    before = index._state
    stack = list(before.packs.installed.get(brand, ()))
    versions = [0, *(pack.version for pack in stack)]
    if version not in versions[:-1]:
        known = ", ".join(map(str, reversed(versions[:-1]))) or "none"
        raise InputError(
            f"version: expected one before the pack of {quoted(brand)} that is in force ({known}), got {version}"
        )
    state, events, gone = before, list(before.packs.events), []
    while versions[len(stack)] != version:
        pack = stack.pop()
        if pack.undo is None:
            raise InputError(f"version: the packs of {quoted(brand)} up to {pack.version} are too old to be taken back")
        state = undone(state, brand, pack.undo, same_logo_cosine(index.encoder_info))
        events.append(PackEvent(_now(), "rollback", brand, pack.version, pack.sha256))
        gone.append(pack.version)
    installed = {name: packs for name, packs in before.packs.installed.items() if name != brand}
    if stack:
        installed[brand] = tuple(stack)
    _swap(index, before, replace(state, packs=PackState(installed, tuple(events))))
    return tuple(gone)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _swap(index: LogoIndex, before: State, after: State) -> None:
    with index._lock:
        if index._state is not before:
            raise MismatchError("the index was changed meanwhile; apply the pack again")
        index._state = after


# -- trying


def _trial(
    index: LogoIndex, pack: Pack, prices: UsualPrices | None, photo_users: PhotoUsers | None, now: datetime | None
) -> tuple[State, PackDiff]:
    """Return the state with the pack, and what it changes."""
    state = index._state
    name = pack.brand.name
    copy = index.snapshot()
    old = state.by_name.get(name)
    stated = {f.name: getattr(pack.brand, f.name) for f in fields(Brand) if f.name in pack.fields}
    record = replace(old or Brand(name), **stated)
    current = state.packs.current(name)
    there = {r.id: r.sha256 for r in state.logos.records if r.brand == name}
    wanted = {f"{name}/{file}": (file, data) for file, data in pack.logos.items()}
    warnings: list[str] = []
    new: list[tuple[str, bytes]] = []
    if "logos" in pack.fields:
        for logo in sorted(there.keys() - wanted.keys()):
            copy.remove(name, logo)
        new = [wanted[logo] for logo in sorted(wanted)
               if there.get(logo) is None or there[logo] != sha256_hex(wanted[logo][1])]  # fmt: skip
    if old is None or record != old or new or (there and not wanted and "logos" in pack.fields):
        with _sources(new) as logos:
            warnings += copy.add_many(
                [(record, logos)], allow=("record", "logo", "price"), prices=prices, log_allowed=False
            )
    if "negatives" in pack.fields:
        warnings += _set_negatives(copy, pack, current)
    after = copy._state
    limit = like_logo_cosine(index.encoder_info)
    changes = changes_of(state, after, pack, prices=prices, photo_users=photo_users, like_logo=limit)
    version = 0 if current is None else current.version
    return after, PackDiff(name, pack.version, version, changes, refusals(pack, state.packs, now), tuple(warnings))


@contextmanager
def _sources(logos: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, ImageSource]]]:
    """Yield verified files as logo images: an SVG, which is read from a file, under a name of our own."""
    if not any(name.lower().endswith(".svg") for name, _ in logos):
        yield list(logos)
        return
    with TemporaryDirectory() as folder:
        out: list[tuple[str, ImageSource]] = []
        for number, (name, data) in enumerate(logos):
            path = Path(folder) / f"{number}{Path(name).suffix.lower()}"
            path.write_bytes(data)
            out.append((name, path))
        yield out


def _set_negatives(copy: LogoIndex, pack: Pack, current: InstalledPack | None) -> list[str]:
    """Replace the negatives of the packs before by those of this one; return a warning for each that is refused."""
    name, warnings = pack.brand.name, []
    for negative in () if current is None else current.negatives:
        if any(r.id == negative and r.brand == name for r in copy._state.negatives.records):
            copy.remove_negative(negative, name)
    for file, data in sorted(pack.negatives.items()):
        try:
            copy.add_negative(data, name)
        except (ImageError, VettingError) as error:
            warnings.append(f"{name}/{file}: negative not registered: {error}")
    return warnings


def _installed(pack: Pack, before: State, after: State) -> InstalledPack:
    name = pack.brand.name
    current = before.packs.current(name)
    old = {r.id for r in before.negatives.records if r.brand == name} - set(current.negatives if current else ())
    negatives = tuple(r.id for r in after.negatives.records if r.brand == name and r.id not in old)
    return InstalledPack(
        name,
        pack.version,
        pack.sha256,
        pack.expires,
        pack.signers,
        pack.fields,
        after.by_name[name],
        {r.id: r.sha256 for r in after.logos.records if r.brand == name} if "logos" in pack.fields else {},
        negatives if "negatives" in pack.fields else (current.negatives if current is not None else ()),
        dict(pack.official_photos),
        pack.rights,
        find_undo(before, after, name),
    )
