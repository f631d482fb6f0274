"""single: all stills in one request, one text in return."""

from vidcurate.captioning.material import Material, Told
from vidcurate.models.conversation import Ask, Conversation, said


def single(material: Material) -> Conversation[Told]:
    """The model's text about all stills at once."""
    answer = yield Ask((material.prompt("describe"), *material.shown()))
    return Told(said(answer), answer.status)
