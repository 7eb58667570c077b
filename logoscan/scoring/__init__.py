"""Signals and the counterfeit score of a listing.

A score belongs to a candidate brand: one that the photos show, the listing claims or the text names. It is exactly
`100 * sigmoid(bias + sum of contributions)`, and a listing has the score of its highest candidate. Without a
candidate there is no score; the band is `clear` if everything was looked at, else `review`.

A displayed logo is not evidence of fakery. What counts is what does not add up:

- a price far below comparable ones (one as low as the lowest 1 % of genuine prices counts 0.5);
- a seller whom the brand did not authorise;
- a brand that is shown and not claimed, claimed and not shown, or shown while another is claimed;
- text that nearly spells a name; words by which copies are sold ("replica", "1:1");
- attributes against the brand's `facts`; reviews that call the goods fake;
- a photo that other sellers used before; a price or photo that is withheld.

What speaks in a listing's favour counts within stated bounds (`credits`): an authorised seller, a usual price, a brand
that is claimed and shown, the brand's own photo, reviews without a complaint. An honest value never scores above
an absent one, nor an absent one above the worst, and credits take nothing from `block` to `clear`. Only an
authorised seller takes a listing from `review` to `clear`: what anyone can assert clears nothing.

What the search misses accuses nobody: "claimed and not shown" weighs no more than the share of the brand's logos that
the search misses. Each signal is a function whose docstring says when it abstains and what its known false alarms
are.

`block` needs a signal beyond the price, beyond what the search may have missed, and beyond what third parties can do
(copy a photo, write a review), whatever the coefficients are. `score.doubts` says why a person should look at a
listing with a low number: something could not be looked at, or the listing would be blocked if the goods were new,
the brand's own, or had a stated price. A brand that is shown with little else to judge goes to `review`.

The shapes are stated expert priors, not fitted to labels, until you fit them.
"""

from logoscan.scoring.case import Case
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS

__all__ = [
    "DEFAULT_SIGNALS",
    "Case",
    "Findings",
    "Judge",
    "ScoreModel",
]
