"""Put the matches, text and photo features of one listing together as `Findings`, which the judge scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from logoscan.evidence import Code
from logoscan.images.phash import PhotoLookup, PhotoUse
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.fusion import BrandEvidence, fuse
from logoscan.matching.matcher import Matcher
from logoscan.merchants.serials import SerialList
from logoscan.merchants.token_list import TokenList
from logoscan.merchants.tokens import Token, evidence_tokens, photo_tokens
from logoscan.odds import NAME_MISS_RATE
from logoscan.scan.ask import note_of, shows_note
from logoscan.scan.evidence_rows import ContactKeeping, code_contacts, declared_of, photo_codes
from logoscan.scan.photo_lines import unreadable_in_words, unreadable_share
from logoscan.scan.photo_selection import name_images, name_passed_over
from logoscan.scoring.case import OtherEvidence
from logoscan.scoring.judge import Findings, Gap
from logoscan.text.listing_text import ListingText
from logoscan.types import BrandMention, Listing, MarkAlteration, Match
from logoscan.vision.features import PhotoFeatures

__all__ = ["FindingsMaker"]


# Contacts are counted by kind, unless the caller has a key or wants them in clear.
_COUNTED = ContactKeeping()


@dataclass(frozen=True)
class FindingsMaker:
    """Makes findings. Immutable.

    Attributes:
        matcher: The matcher that made the matches; what a missing match means depends on its calibrations.
        similarity_threshold: Cosine from which a brand counts as shown where logos have no calibration.
        lookup: Looks up who else used a photo; None looks up nobody.
        token_list: Tokens of closed accounts, which hold a listing; None knows none.
        serials: Knows which listings show which serial; None knows none.
        contacts: How contacts are kept; with its key they are compared with those of closed accounts, and photos are
            searched for the note that the seller may have been asked for.
    """

    matcher: Matcher
    similarity_threshold: float | None
    lookup: PhotoLookup | None
    token_list: TokenList | None = None
    serials: SerialList | None = None
    contacts: ContactKeeping = _COUNTED

    def make(
        self,
        text: ListingText,
        photos: Sequence[PhotoFeatures],
        index: LogoIndex,
        matches: Sequence[Match],
        altered: Mapping[str, MarkAlteration],
    ) -> tuple[Findings, Mapping[str, BrandEvidence]]:
        """Return the findings of a listing, and the evidence for each brand in its photos.

        Args:
            text: Words of the listing and of its photos.
            photos: Features of the listing's photos, in order.
            index: The snapshot that was searched.
            matches: Matches of all photos, most probable first.
            altered: Alterations of brands' marks, by brand.
        """
        evidence = fuse(matches, text.mentions, index.sharing)
        unseen, gaps = _gaps(text, photos)
        total = max(len(text.listing.images), len(photos))
        codes = photo_codes(photos) or ()
        contacts = (*text.contacts, *code_contacts(codes, text.listing.ships_from))
        shown = self._shown(evidence, matches, index)
        by_photo: Mapping[str, tuple[float, ...]] = {brand: (probability,) for brand, probability in shown.items()}
        if len(photos) != 1:
            by_photo = self._shown_by_photo(len(photos), text.mentions, matches, index)
        uses = self._photo_uses(text.listing, photos)
        findings = Findings(
            text.judged,
            text.claimed,
            text.mentions,
            text.coded,
            shown,
            self._searched(photos, index),
            altered,
            uses,
            unseen,
            # a photo that was not examined yet, or was left out for a deadline, does not count against the seller
            searched_share=sum(p.complete or bool(p.unfinished) for p in photos) / total if total else 1.0,
            shown_by_photo=by_photo,
            gaps=gaps if index.brands else frozenset(),
            reviews=text.complaints,
            unreadable_share=unreadable_share(photos),
            unreadable=unreadable_in_words(photos),
            miss_rates=self._miss_rates({text.claimed or "", *(m.brand for m in text.mentions)}, index),
            doubts=self._doubts(photos, codes, [contact.value for _, contact in contacts]),
            other=OtherEvidence(
                contacts,
                codes,
                declared_of(photos) or (),
                text.photo_lines,
                {} if self.serials is None else self.serials.look_up(codes, text.listing.id),
                self._own_photo(text.listing, photos, uses, matches, by_photo, index),
            ),
        )
        return findings, evidence

    def _own_photo(
        self,
        listing: Listing,
        photos: Sequence[PhotoFeatures],
        uses: Sequence[PhotoUse] | None,
        matches: Sequence[Match],
        by_photo: Mapping[str, tuple[float, ...]],
        index: LogoIndex,
    ) -> dict[str, float]:
        """Return by brand how probably its logo is shown by a photo with the listing's note.

        Only a photo counts that was looked up, and is used by nobody else and published by no brand. A brand's name
        that was read shows nothing: it may be written on the note. So a brand without a logo has none.
        """
        if self.contacts.key is None or uses is None:
            return {}
        note, hashed = note_of(listing.id, listing.seller_id, self.contacts.key), iter(uses)
        own: dict[str, float] = {}
        for i, photo in enumerate(photos):
            use = next(hashed, None) if photo.photo_hash else None
            lines = photo.spans.first_readings().texts  # a second reading may look like another note
            if use is None or use.weight > 0 or use.official_of or not shows_note(lines, note):
                continue
            of_photo = [match for match in matches if match.image == i and match.brand in index.with_logo]
            for brand, shown in self._shown(fuse(of_photo, (), index.sharing), of_photo, index).items():
                row = by_photo.get(brand, ())  # less, where another brand's name was read on the mark
                own[brand] = max(own.get(brand, 0.0), min(shown, row[i] if i < len(row) else 0.0))
        return own

    def _doubts(
        self, photos: Sequence[PhotoFeatures], codes: Sequence[Code], contacts: Sequence[str]
    ) -> tuple[str, ...]:
        """Return why a person should look: what the listing shares with accounts that were closed."""
        if self.token_list is None:
            return ()
        tokens: list[Token] = [*photo_tokens(photo.record for photo in photos)]
        if self.contacts.key is not None:
            tokens += evidence_tokens(codes, contacts, self.contacts.key)
        return self.token_list.doubts(tokens)

    def _shown(
        self, evidence: Mapping[str, BrandEvidence], matches: Sequence[Match], index: LogoIndex
    ) -> dict[str, float]:
        """Return the probability that the photos show each brand of which they hold evidence.

        Where logos have no calibration, the caller's threshold decides; a region that is nearer to a negative than to
        the brand does not show it.
        """
        shown = {brand: of_brand.shown for brand, of_brand in evidence.items() if of_brand.shown is not None}
        if self.matcher.calibration is None and self.similarity_threshold is not None:
            for match in matches:
                if match.brand in index.with_logo:
                    near = float(match.similarity >= self.similarity_threshold and match.margin >= 0)
                    shown[match.brand] = max(near, shown.get(match.brand, 0.0))
        return shown

    def _shown_by_photo(
        self, photos: int, mentions: Sequence[BrandMention], matches: Sequence[Match], index: LogoIndex
    ) -> dict[str, tuple[float, ...]]:
        """Return the probability that each photo by itself shows each brand of which it holds evidence."""
        mentions_of: dict[int, list[BrandMention]] = {}
        for mention in mentions:
            if mention.image is not None:
                mentions_of.setdefault(mention.image, []).append(mention)
        matches_of: dict[int, list[Match]] = {}
        for match in matches:
            matches_of.setdefault(match.image, []).append(match)
        rows: dict[str, list[float]] = {}
        for image in sorted(mentions_of.keys() | matches_of.keys()):
            own_matches = matches_of.get(image, [])
            evidence = fuse(own_matches, mentions_of.get(image, []), index.sharing)
            for brand, probability in self._shown(evidence, own_matches, index).items():
                rows.setdefault(brand, [0.0] * photos)[image] = probability
        return {brand: tuple(row) for brand, row in rows.items()}

    def _searched(self, photos: Sequence[PhotoFeatures], index: LogoIndex) -> Collection[str]:
        """Return the brands that would have been matched, had any photo that can be examined shown them."""
        examined = any(photo.complete for photo in photos) and not any(photo.unfinished for photo in photos)
        if not examined or (self.matcher.calibration is None and self.similarity_threshold is None):
            return ()
        return {*index.with_logo, *(index.by_name if self.matcher.name_calibration else ())}

    def _photo_uses(self, listing: Listing, photos: Sequence[PhotoFeatures]) -> tuple[PhotoUse, ...] | None:
        """Look up who else uses each photo, turned or mirrored too; return None without a lookup or a hash.

        Of a photo's turns the one that is an official photo counts, else the most suspicious.
        """
        if self.lookup is None or not any(photo.photo_hash for photo in photos):
            return None
        found = []
        for photo in photos:
            if photo.photo_hash:
                turns = dict.fromkeys((photo.photo_hash.pdq, *photo.dihedral))
                uses = [self.lookup.look_up(pdq, listing.seller_id) for pdq in turns]
                found.append(max(uses, key=lambda use: (bool(use.official_of), use.weight, use.other_sellers)))
        return tuple(found)

    def _miss_rates(self, brands: Collection[str], index: LogoIndex) -> dict[str, float]:
        """Return by brand how often the search misses its mark, for the brands that words name."""
        by_name = {brand: NAME_MISS_RATE for brand in brands if brand in index.by_name}
        return by_name | self.matcher.miss_rates([brand for brand in brands if brand in index.with_logo], index)


def _gaps(text: ListingText, photos: Sequence[PhotoFeatures]) -> tuple[tuple[str, ...], frozenset[Gap]]:
    """Return in words which parts of a listing could not be examined, and why; a deadline is no such reason."""
    unreadable = [i for i, photo in enumerate(photos) if photo.warning is not None]
    passed_over = name_passed_over(len(text.listing.images), photos)
    unseen = [f"{name_images(unreadable)} could not be read"] if unreadable else []
    if passed_over:
        unseen.append(f"{passed_over} {'were' if passed_over.startswith('images') else 'was'} not looked at")
    frames = [i for i, photo in enumerate(photos) if photo.more_frames]
    if frames:
        unseen.append(f"only the first frame of {name_images(frames)} was looked at")
    unseen += text.hidden
    gaps: set[Gap] = set()
    if unreadable or text.dropped:
        gaps.add("unreadable")
    if passed_over or frames or text.hidden:
        gaps.add("over the cap")
    return tuple(unseen), frozenset(gaps)
