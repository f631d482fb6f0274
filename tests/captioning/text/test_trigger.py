from hypothesis import given
from hypothesis import strategies as st

from vidcurate.captioning.clip_input import CaptionText
from vidcurate.captioning.text.trigger import with_trigger

# Latin and Chinese script, with and without a final stop.
TEXTS = st.builds(
    lambda words, joint, stop: joint.join(words) + stop,
    st.lists(
        st.sampled_from(["A hare", "runs", "sks", "\u4e00\u53ea", "\u91ce\u5154"]), max_size=5
    ),
    st.sampled_from([" ", "", ", "]),
    st.sampled_from(["", ".", "\u3002", "!"]),
)


@given(TEXTS, st.none() | TEXTS)
def test_no_trigger_changes_nothing(text: str, short_text: str | None) -> None:
    """Without a trigger word a caption is the same, in any script and however it ends."""
    caption = CaptionText(text, "ok", short_text=short_text)
    assert with_trigger(caption, "") is caption


@given(TEXTS, st.sampled_from(["sks", "ohwx hare", "\u91ce\u5154"]))
def test_a_trigger_is_put_in_once(text: str, trigger: str) -> None:
    """A caption holds its trigger word and all of its own text, and a second time adds nothing."""
    found = with_trigger(CaptionText(text, "ok"), trigger)
    assert trigger in found.text
    assert found.text.endswith(text)
    assert with_trigger(found, trigger) is found
