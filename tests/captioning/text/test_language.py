import pytest

from vidcurate.captioning.text.language import wrong_language

TEXTS = {
    "English": "A woman with a red bag crosses the street and waits at the door of a shop.",
    "German": "Eine Frau mit roter Tasche geht über die Straße und wartet vor der Tür.",
    "French": "Une femme avec un sac rouge traverse la rue et attend devant la porte du magasin.",
    "Spanish": "Una mujer con un bolso rojo cruza la calle y espera en la puerta de la tienda.",
    "Italian": "Una donna con la borsa rossa attraversa la strada e aspetta nel negozio di fiori.",
    "Dutch": "Een vrouw met een rode tas steekt de straat over en wacht bij de deur van het huis.",
    "Polish": "Kobieta z czerwoną torbą przechodzi przez ulicę i czeka na przystanku, który jest.",
    "Russian": "Женщина идёт через улицу и ждёт перед дверью магазина.",
    "Chinese": "一个拿着红色包的女人穿过街道。她在商店门口等着。",
    "Japanese": "赤いバッグを持った女性が通りを渡ります。店の前で待っています。",
    "Korean": "빨간 가방을 든 여자가 길을 건너 가게 문 앞에서 기다린다.",
}


@pytest.mark.parametrize("wanted", TEXTS)
def test_a_language_is_told_from_others(wanted: str) -> None:
    """A text is right in its own language, and wrong where another was asked for."""
    for language, text in TEXTS.items():
        is_wrong = wrong_language(text, wanted) is not None
        # Chinese and Japanese share letters, and Japanese is told from Chinese by its own only.
        if {language, wanted} != {"Chinese", "Japanese"}:
            assert is_wrong == (language != wanted), (language, wanted)


def test_names_and_signs_do_not_change_a_language() -> None:
    """Foreign names in a text, short texts and unknown languages are not blamed."""
    assert (
        wrong_language("A sign over the door of the shop reads 東京ラーメン in red.", "en") is None
    )
    assert wrong_language("Der Hund", "English") is None
    assert wrong_language(TEXTS["German"], "Klingon") is None
    assert wrong_language("", "English") is None
    assert wrong_language("12345", "English") is None
