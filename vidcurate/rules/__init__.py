r"""The filter rules: one line of text each, parsed, checked and evaluated over whole tables.

    quality.sharpness >= p10 and not quality.freeze_share > 0.5
    0.1 <= quality.luma_mean <= 0.9
    videos.video_codec in ['h264', 'hevc'] or videos.is_hdr

From loosest to tightest: `or`, `and`, `not`; one comparison (`== != < <= > >=`, chained as in
Python), `in [...]`, `not in [...]`, `is null` or `is not null`; `+ -`; `* /`; a sign. A value is
`table.column`, a number, a string in either quote (a doubled quote stands for itself), `true`,
`false`, or round brackets around any of this. `p10` alone on one side of a comparison is the 10th
percentile of the other side over all clips, `p10 of video` that over the clips of the same video.

    captions.text not contains ['logo', 'watermark'] and words(captions.text) >= 10
    captions.text matches '(?i)\bclose-?up\b'
    margin(captions.candidates) >= 0.05

`contains` takes a text or a list of them, of which one is enough, in any case; a list contains a
text that is one of its items. `matches` takes a pattern of RE2. `words(x)` and `length(x)` count
words and characters of a text, and the items of a list; `margin(x)` is how far the best score of
candidates is above the next.
"""

from vidcurate.rules.evaluation import RuleOutcomes, evaluate_rules
from vidcurate.rules.grammar import parse
from vidcurate.rules.schema import check
from vidcurate.rules.tree import Rule

__all__ = ["Rule", "RuleOutcomes", "check", "evaluate_rules", "parse"]
