"""Generated conversations of two people, and questions about them.

Somebody tells of something once; both mention it again later, beside much that says little. A question asks for what
was told of it, often by another word than was said, and with another verb.
"""

import numpy as np

from julep_project.bench.exams import Exam

_PEOPLE = ("Maren", "Tobias")
# What was said to be done with what, and how one may ask for it.
_THINGS = [
    tuple(part.strip() for part in line.split("|"))
    for line in """
    bought | kayak | buy | boat
    bought | telescope | purchase | instrument
    bought | typewriter | buy | machine
    got | beagle | adopt | dog
    adopted | tabby kitten | adopt | cat
    baked | rhubarb tart | bake | cake
    baked | sourdough loaf | make | bread
    cooked | lentil stew | cook | meal
    planted | quince tree | plant | tree
    planted | tulip bulbs | put into the garden | flowers
    sold | accordion | sell | instrument
    sold | estate car | sell | vehicle
    repaired | gramophone | repair | record player
    fixed | coffee grinder | mend | kitchen machine
    painted | harbour scene | paint | picture
    drew | comic strip | draw | drawings
    knitted | mohair cardigan | knit | sweater
    sewed | velvet curtains | sew | thing for the window
    built | bunk bed | build | furniture
    built | pigeon loft | build | house for birds
    lost | signet ring | lose | jewellery
    lost | door keys | lose | key
    found | fossil snail | find | stone
    found | savings book | find | paper
    wrote | villanelle | write | poem
    wrote | complaint letter | write | letter
    read | whaling novel | read | book
    read | biography of Noether | read | book
    watched | puppet opera | see | show
    watched | curling final | watch | match
    went to | ceramics fair | go to | market
    went to | chess congress | visit | tournament
    visited | salt mine | visit | place under the ground
    visited | lighthouse museum | see | tower
    learned | sign alphabet | learn | language
    learned | tango steps | study | dance
    broke | left wrist | break | bone
    broke | porcelain teapot | break | dishes
    won | pumpkin contest | win | competition
    won | raffle hamper | win | prize
    borrowed | wheelbarrow | borrow | tool
    borrowed | tuxedo | borrow | suit
    """.strip().splitlines()
]
_DETAILS = [
    ("Where did {0} {1} the {2}?", ["near the old ferry terminal", "in a yard behind the bakery", "up in Tromsø",
                                    "at my aunt's place in Ghent", "by the canal, of all places"]),
    ("When did {0} {1} the {2}?", ["on the Sunday after Easter", "the night before the storm", "just before the strike",
                                   "two weeks after my birthday", "while everybody was asleep"]),
    ("Why did {0} {1} the {2}?", ["because the doctor told me to rest less", "since the neighbours kept asking",
                                  "to cheer up my father", "for a bet with my sister", "so I could forget the exam"]),
    ("Who was with {0} to {1} the {2}?", ["together with my cousin Bruno", "with the twins next door",
                                          "with Professor Adeyemi", "and my landlady helped", "with half the choir"]),
]  # fmt: skip
_SAID = [
    "Guess what, I {0} a {1} {2}.",
    "Did I tell you? I {0} this {1} {2}!",
    "Well, {2} I {0} a {1}, believe it or not.",
]
_MENTIONED = [
    "How is it going with the {0}, by the way?",
    "I keep thinking about that {0} of yours.",
    "Show me a photo of the {0} when we meet.",
    "The {0} again! You never stop talking about it.",
]
_CHATTER = [
    "That sounds lovely, tell me more when you have a minute.",
    "I was so tired yesterday that I went to bed at eight.",
    "How was your week? Mine was full of meetings.",
    "Haha, you always find the strangest things to do.",
    "We should go out for a walk when the weather is better.",
    "I made some tea and now I am looking out of the window.",
    "Did you see what they wrote about the new tram line?",
    "My mother called again, she sends you her love.",
    "Let us find a date for dinner, I will buy the wine.",
    "Thank you, I really needed to hear that today.",
]


def make_conversation(facts: int, *, other_word: float = 0.5, seed: int = 7) -> Exam:
    """Five turns for each of so many facts (at most 42), and a question about it; `other_word` is the share of
    questions that call a thing by another word than was said. The same for the same arguments."""
    random = np.random.default_rng(seed)
    turns: list[tuple[float, str, str]] = []
    asked: list[tuple[str, dict[str, int]]] = []

    def say(who: str, what: str, place: float) -> str:
        title = f"turn {len(turns)}"
        turns.append((place, title, f"{who}: {what}"))
        return title

    for number in random.permutation(len(_THINGS))[:facts]:
        done, thing, verb, kind = _THINGS[int(number)]
        who, other = (str(name) for name in random.permutation(_PEOPLE))
        asking, details = _DETAILS[int(random.integers(len(_DETAILS)))]
        place = float(random.random())
        said = say(who, str(random.choice(_SAID)).format(done, thing, str(random.choice(details))), place)
        for speaker in (who, other):
            say(speaker, str(random.choice(_MENTIONED)).format(thing), place + float(random.random()))
            say(speaker, str(random.choice(_CHATTER)), 2 * float(random.random()))
        asked.append((asking.format(who, verb, kind if random.random() < other_word else thing), {said: 1}))
    return Exam({title: text for _, title, text in sorted(turns)}, asked)
