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


# One short caption of each language, six to eleven words or so.
SHORT = {
    "English": "Two children play with a red ball in the garden.",
    "German": "Zwei Kinder spielen im Garten mit einem roten Ball.",
    "French": "Deux enfants jouent avec un ballon rouge dans le jardin.",
    "Spanish": "Dos niños juegan con una pelota roja en el jardín.",
    "Italian": "Due bambini giocano con una palla rossa nel giardino.",
    "Portuguese": "Duas crianças brincam com uma bola vermelha no jardim.",
    "Dutch": "Twee kinderen spelen met een rode bal in de tuin.",
    "Swedish": "Två barn leker med en röd boll i trädgården.",
    "Polish": "Dwoje dzieci bawi się czerwoną piłką w ogrodzie.",
    "Turkish": "İki çocuk bahçede bir topla oynuyor.",
    "Indonesian": "Dua anak bermain dengan bola merah di taman.",
    "Vietnamese": "Hai đứa trẻ chơi với quả bóng đỏ trong vườn.",
    "Russian": "Двое детей играют красным мячом во дворе.",
    "Ukrainian": "Двоє дітей граються червоним м'ячем надворі.",
    "Chinese": "两个孩子在花园里玩红球。",
    "Japanese": "二人の子供が庭で赤いボールで遊んでいる。",
    "Korean": "두 아이가 정원에서 빨간 공을 가지고 논다.",
}


@pytest.mark.parametrize("wanted", TEXTS)
def test_languages_are_distinguished(wanted: str) -> None:
    """A text is right in its own language, and wrong where another was asked for."""
    for language, text in TEXTS.items():
        is_wrong = wrong_language(text, wanted) is not None
        assert is_wrong == (language != wanted), (language, wanted)


def test_a_short_caption_is_enough() -> None:
    """One short sentence is not blamed in its own language, and found in nearly every other."""
    wrong = {(a, b): wrong_language(text, b) for a, text in SHORT.items() for b in SHORT}
    assert not any(wrong[name, name] for name in SHORT)
    missed = [pair for pair, reason in wrong.items() if pair[0] != pair[1] and not reason]
    assert len(missed) <= 0.05 * len(wrong)


def test_names_and_signs_do_not_change_a_language() -> None:
    """Foreign names in a text, short texts and unknown languages are not blamed."""
    assert (
        wrong_language("A sign over the door of the shop reads 東京ラーメン in red.", "en") is None
    )
    assert (
        wrong_language("A player of Bayern München shoots at the goal of Leverkusen.", "en") is None
    )
    assert wrong_language("A sign reads \u201c本数据集为研究项目专用专用专用\u201d.", "en") is None
    assert wrong_language("Tai chi in a park", "en") is None
    assert wrong_language("Der Hund", "English") is None
    assert wrong_language(TEXTS["German"], "Klingon") is None
    assert wrong_language("", "English") is None
    assert wrong_language("12345", "English") is None
