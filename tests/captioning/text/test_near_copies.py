import numpy as np

from vidcurate.captioning.text.near_copies import NearCopy, minhash_bands, near_copies

WORDS = (
    "dog",
    "cat",
    "boat",
    "tram",
    "tree",
    "lamp",
    "bird",
    "coat",
    "rope",
    "door",
    "cup",
    "hat",
)


def found(texts: list[str], least: float = 0.6) -> dict[int, NearCopy]:
    """The echoes among texts."""
    return near_copies(texts, np.array([minhash_bands(text) for text in texts], np.int64), least)


def sentence(number: int) -> str:
    """A text that shares few runs of words with those of other numbers."""
    dice = np.random.default_rng(number)
    return " ".join(dice.choice(WORDS, 30))


def test_near_copies_are_found_among_many() -> None:
    """Equal texts and those with one word changed name each other; the others name none."""
    texts = [sentence(number) for number in range(200)]
    texts[50] = texts[7]
    texts[60] = texts[9].replace(texts[9].split()[4], "bridge", 1)
    echo = found(texts)
    assert echo[7] == NearCopy(50, 1.0)
    assert echo[50] == NearCopy(7, 1.0)
    assert echo[9].number == 60
    assert 0.6 < echo[9].likeness < 1
    assert set(echo) == {7, 9, 50, 60}


def test_short_and_odd_texts_are_compared() -> None:
    """Texts of one word, of none, and in scripts without spaces have bands too."""
    texts = ["Dog", "dog!", "", "一只狗在跑", "一只狗在跑。", "cat"]
    assert {k: e.number for k, e in found(texts).items()} == {0: 1, 1: 0, 3: 4, 4: 3}


def test_thousands_of_equal_texts_take_few_comparisons() -> None:
    """Where all say the same, each has a near-copy."""
    assert len(found(["The camera is still and nothing moves at all."] * 3000)) == 3000
