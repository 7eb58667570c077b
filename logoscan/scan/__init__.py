"""The Scanner: listings in, reports out.

The default effort leaves out what seldom changes an answer (`python -m benchmarks effort` measures both). The report
names it in its provenance and says how many lines of text were left unread.

| | default | full |
|---|---|---|
| Enlargement of small photos (CPU) | hardly any | yes |
| Proposed regions | 12, and the whole photo | 50, the whole photo and some large squares |
| Regions that are also searched mirrored | 4 | 12 |
| Sizes at which lines of text are found | 1 | 3 |
| Lines of text that are read | the 12 with the highest letters | all |
| Regions without a line in which words are read | 4 | 12 |
| Text upside down | not read | read where a photo gives no sure answer |
| Logo images placed on the photo by keypoints | few | more |

A process builds its own models. A Scanner cannot be pickled and refuses to work in a fork: start processes by spawn
or forkserver. A fork of a process that had built models cannot build any.
"""

from logoscan.scan.decision_log import DecisionRecord, log_decision
from logoscan.scan.pace import Pace
from logoscan.scan.pipeline import Pipeline
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import Screener, Screening

__all__ = [
    "DecisionRecord",
    "Pace",
    "Pipeline",
    "Scanner",
    "Screener",
    "Screening",
    "log_decision",
]
