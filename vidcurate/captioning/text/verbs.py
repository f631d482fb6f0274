"""Finds out whether an English text says that anyone or anything acts, without a grammar."""

import re

# Verbs of what is seen in videos, in their base form; regular forms follow. Verbs of being, of
# belonging and of the video itself (shows, features) are left out: they tell no action.
VERBS = (
    "add aim approach arrive ascend ask assemble attach balance bark bathe beat beckon bend bite "
    "blink bloom blow board boil bounce bow brake break breathe bring brush build bump burn burst "
    "carry cast catch chase check cheer chew chop circle clap clean climb close collapse collect "
    "comb come cook cough cover crack crash crawl creep cross crouch crowd crumble cry curl cut "
    "cycle dance dart deliver descend dig dip disappear dive dodge drag draw dress drift drink "
    "drip drive drop dry eat embrace emerge empty enter erupt escape examine exit explode face "
    "fall feed fetch fight fill fish fix flap flash flee flick flicker flip float flow fly fold "
    "follow frown gallop gather gaze gesture giggle give glance glide glow go grab graze greet "
    "grin grind grip grow guide hammer hand hang haul hit hold hop hover hug hunt hurry inspect "
    "iron jog join juggle jump kick kiss kneel knit knock land laugh launch lay lead lean leap "
    "leave lick lie lift light line load lock look lower march measure melt mix mount move nod "
    "nudge offer open operate overtake pack paddle paint park pass paste patrol pause peel peer "
    "perform pet pick pierce pile place plant play plough plow plunge point polish pop pour "
    "practise prepare press print pull punch push put race raise rake reach read rear recede reel "
    "reflect rehearse release remove repair rest return reveal ride ring rinse rise roam roast "
    "rock roll rotate row rub run rush sail salute saw scan scatter scoop scrape scratch scream "
    "scroll scrub seal search serve set sew shake sharpen shave shed shift shine shiver shoot "
    "shout shovel shuffle sing sip sit skate sketch ski skip sleep slice slide slip smash smell "
    "smile smoke snap sniff soar speak speed spill spin splash split spray spread sprinkle sprint "
    "squeeze stack stand stare start steer step stir stop strain stretch stride stroke stroll "
    "struggle stumble surf surround sway sweep swim swing swirl switch take talk tap taste tear "
    "throw tie tighten tilt tip toss touch tow trail train trot trudge try tumble turn twirl "
    "twist type unfold unpack unroll unwrap vacuum vanish visit wade wait wake walk wander wash "
    "watch water wave wear weave weigh weld whip whisk whisper wink wipe work wrap wrestle write "
    "yawn zip"
)
IRREGULAR = (
    "ate blew bore bought brought built burnt came caught crept cut dove drank drew drove fell "
    "fed fled flew fought gave grew held hung knelt laid lay leapt left led let lit made ran rang "
    "rode rose sang sat shone shook shot slept slid spoke sprang spun stood struck swam swept "
    "swung took threw tore went woke wore wrote"
)
# Nouns and adjectives in -ing, and the video's own verbs.
NO_ACTION = (
    "anything beginning being bedding belonging boring building ceiling charming clothing cunning "
    "depicting during duckling evening everything featuring feeling flooring framing having "
    "herring including indicating interesting king lighting living meaning morning nothing "
    "opening paling painting pudding railing relaxing ring saying seedling setting shooting "
    "showing siding sibling something spring stocking stunning string striking suggesting "
    "surrounding thing towering viewing wedding willing wing"
)


def inflected(verb: str) -> set[str]:
    """The regular forms of a verb: walk, walks, walked; cry, cries, cried; stop, stopped."""
    stem = verb.removesuffix("e")
    past = {stem + "ed", verb + verb[-1] + "ed"}
    ends_in_y = verb.endswith("y") and verb[-2] not in "aeiou"
    if ends_in_y:
        return {verb, verb[:-1] + "ies", verb[:-1] + "ied"}
    third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")
    return {verb, third, *past}


ACTIONS = frozenset(IRREGULAR.split()).union(*(inflected(verb) for verb in VERBS.split()))
OTHERS = frozenset(NO_ACTION.split())


def has_action_verb(text: str) -> bool:
    """Whether any word is a verb of action, or looks like one by its -ing."""
    words = re.findall(r"[a-z]+", text.lower())
    return any(
        word in ACTIONS or (word.endswith("ing") and len(word) > len("sing") and word not in OTHERS)
        for word in words
    )
