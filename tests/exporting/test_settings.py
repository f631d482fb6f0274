from fractions import Fraction

import pytest

from vidcurate.errors import UsageError
from vidcurate.exporting.rendition import RenditionOptions
from vidcurate.exporting.settings import (
    UNTRAINED,
    Asked,
    check_shape,
    exact_rate,
    model_of,
    model_sizes,
    rendition_options,
    training_for,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Size
from vidcurate.exporting.video_models import VIDEO_MODELS, ModelName

WAN = VIDEO_MODELS["wan"]


def target(name: str, *models: ModelName, cuts: bool = False, spare: int = 0) -> Target:
    """A target that trains these models, the first where nothing is asked for."""

    def write(_bundle: Bundle) -> None:
        pass

    def read(_bundle: Bundle) -> list[tuple[str, str]]:
        return []

    return Target(
        name,
        "A test.",
        write,
        read,
        model=models[0] if models else None,
        models=models,
        cuts_to_length=cuts,
        spare_frames=spare,
    )


FOLDER = target("sidecar")
TUNER = target("tuner", "wan", "hunyuan")
LTX = target("ltx-trainer", "ltx")


def test_targets_share_the_model_that_one_of_them_trains() -> None:
    """A layout without a model takes that of the trainer beside it, or what is asked for."""
    assert model_of([FOLDER], None) is None
    assert model_of([FOLDER, TUNER], None) == WAN
    assert model_of([FOLDER, TUNER], "hunyuan") == VIDEO_MODELS["hunyuan"]
    assert model_of([FOLDER], "ltx") == VIDEO_MODELS["ltx"]


def test_targets_of_different_models_are_refused() -> None:
    """The message names the models, and what would work."""
    with pytest.raises(UsageError, match=r"tuner wan and ltx-trainer ltx: export each target by"):
        model_of([TUNER, LTX], None)
    both = target("both", "hunyuan", "wan")
    with pytest.raises(UsageError, match=r"set export.training_model to wan or hunyuan, or export"):
        model_of([TUNER, both], None)
    with pytest.raises(UsageError, match=r"cannot train ltx: .* must be wan or hunyuan"):
        model_of([TUNER], "ltx")


def test_a_model_s_sizes_are_its_own_that_turned_and_a_square() -> None:
    """The square has sides that the model takes, and no more pixels."""
    assert model_sizes(WAN) == (Size(832, 480), Size(624, 624), Size(480, 832))
    assert model_sizes(VIDEO_MODELS["ltx2"])[1] == Size(704, 704)
    assert model_sizes(WAN, one=True) == (Size(832, 480),)


def test_files_are_made_for_the_model() -> None:
    """Rate, sizes, multiples and the length are the model's where nothing else is asked."""
    assert rendition_options([TUNER], Asked()) == RenditionOptions(
        fps=Fraction(16), sizes=model_sizes(WAN), side_multiple=16, lengths=(81,)
    )


def test_files_are_as_the_video_where_nothing_is_trained() -> None:
    """Without a model nothing is resampled, resized or too short."""
    assert rendition_options([FOLDER], Asked()) == RenditionOptions()
    assert training_for([FOLDER], Asked()).model is UNTRAINED


def test_what_is_asked_for_goes_before_the_model() -> None:
    """Rate, size and lengths can be given one by one."""
    asked = Asked(fps="23.976", shape=("480p",), lengths=(81, 33))
    assert rendition_options([TUNER], asked) == RenditionOptions(
        fps=Fraction(24_000, 1001), short_side=480, side_multiple=16, lengths=(33, 81)
    )
    assert rendition_options([TUNER], Asked(fps="source", shape=("source",))).side_multiple == 2


def test_a_trainer_of_exact_lengths_gets_its_spare_frame() -> None:
    """Files are as long as is trained and what the trainer needs beyond; others must agree."""
    cosmos = target("cosmos", "wan", cuts=True, spare=1)
    assert rendition_options([cosmos], Asked()).lengths == (82,)
    assert training_for([cosmos], Asked()).lengths == (81,)
    assert rendition_options([cosmos, TUNER], Asked()).cuts_to_length
    with pytest.raises(UsageError, match="cosmos needs 1 frame more than exact may have"):
        rendition_options([cosmos, target("exact", "wan", cuts=True)], Asked())


def test_what_the_model_cannot_hold_is_refused_with_what_it_can() -> None:
    """Lengths and sides are refused with the nearest that fit."""
    with pytest.raises(UsageError, match=r"4k\+1 frames: export.lengths must be 77 or 81, not 80"):
        training_for([TUNER], Asked(lengths=(80,)))
    with pytest.raises(
        UsageError, match=r"multiples of 16 for wan: export.shape 854x480 can be 848"
    ):
        training_for([TUNER], Asked(shape=("854x480",)))
    with pytest.raises(UsageError, match=r"multiples of 2: export.shape 853x480"):
        training_for([FOLDER], Asked(shape=("853x480",)))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("16", Fraction(16)),
        ("24.0", Fraction(24)),
        ("29.97", Fraction(30_000, 1001)),
        ("23.976", Fraction(24_000, 1001)),
        ("30000/1001", Fraction(30_000, 1001)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_rates_are_exact(text: str, rate: Fraction) -> None:
    """Television's rates are meant where their first digits are written."""
    assert exact_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-1", "fast", "1/0", "1000", "nan"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """The message says what a rate can be."""
    with pytest.raises(ValueError, match="must be model, source, or frames a second"):
        exact_rate(text)


def test_shapes_are_words_that_fit_together() -> None:
    """Several exact sizes are a shape; other words stand alone."""
    assert check_shape(("832x480", "480x832")) == ("832x480", "480x832")
    for shape, message in (
        (("480",), "must be model"),
        (("0x480",), "must be model"),
        (("480p", "832x480"), "480p is a shape by itself"),
        ((), "must name a size"),
    ):
        with pytest.raises(ValueError, match=message):
            check_shape(shape)
