"""The prompts, four a level, and what each level asks for.

Prompts and descriptions are this project's own words. What a level asks for follows the scales
for spoken production and spoken interaction of the Council of Europe's "Common European Framework
of Reference for Languages: Companion volume" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")

DESCRIPTORS = {
    "A1": "Short, simple phrases about yourself, the people you know and where you live. The other"
    " person may help and repeat.",
    "A2": "A few linked sentences about everyday life: what you do, like and have done. Simple"
    " exchanges on familiar matters.",
    "B1": "A connected account of experiences, plans and opinions, with short reasons. You keep a"
    " conversation on familiar topics going.",
    "B2": "A clear, detailed view of many topics, weighing for and against. You take part in"
    " discussions with ease and defend your opinion.",
    "C1": "A well structured talk on a complex subject that follows its points through to a"
    " conclusion. You speak fluently and pick the tone that fits.",
    "C2": "A smooth, precise and convincing talk that shades meaning finely and takes its listeners"
    " along. You steer even difficult conversations.",
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A task. `kind` is production (alone) or interaction (the other side is imagined); times are
    in seconds."""

    prompt_id: str
    level: str
    kind: str
    title: str
    task: str
    preparation: int
    speaking: int


_TIMES = {
    "A1": (30, 45),
    "A2": (30, 60),
    "B1": (45, 90),
    "B2": (60, 120),
    "C1": (90, 180),
    "C2": (90, 210),
}

_P, _I = "production", "interaction"

_TASKS = {
    "A1": (
        (_P, "My day", "Say what you do on a normal day: in the morning, at noon and at night."),
        (_P, "My home", "Describe your home. Which rooms are there? Which one do you like?"),
        (
            _I,
            "At the baker's",
            "You are in a bakery. Greet, ask for two things and their price, pay, say goodbye.",
        ),
        (
            _I,
            "A new neighbour",
            "You meet a neighbour for the first time. Say who you are, and ask three questions.",
        ),
    ),
    "A2": (
        (_P, "Last weekend", "Tell what you did last weekend, with whom, and how you liked it."),
        (_P, "A dish I cook", "Explain how to make a dish you know, step by step."),
        (
            _I,
            "A missed bus",
            "You missed the bus and will be late. Ring your friend: explain, say sorry, and find a"
            " new time and place.",
        ),
        (
            _I,
            "At the doctor's",
            "Tell a doctor what hurts and since when. Ask what you should do.",
        ),
    ),
    "B1": (
        (
            _P,
            "A journey that went wrong",
            "Tell about a trip on which something went wrong. What happened, what did you do, and"
            " what would you do now?",
        ),
        (
            _P,
            "A skill worth learning",
            "Name a skill that everybody should learn at school, and give your reasons.",
        ),
        (
            _I,
            "The broken phone",
            "A phone you bought last week does not charge. Talk to the shop: explain, ask for a"
            " solution, and react when the first offer is not good enough.",
        ),
        (
            _I,
            "Planning a farewell",
            "A colleague is leaving. Suggest to another colleague how to say goodbye, answer two"
            " objections, and agree on a plan.",
        ),
    ),
    "B2": (
        (
            _P,
            "Cars in the centre",
            "Should private cars be banned from city centres? Set out arguments for both sides and"
            " say where you stand.",
        ),
        (
            _P,
            "Working from home",
            "Describe how working from home changes a team, and what a company should decide.",
        ),
        (
            _I,
            "The noisy flat",
            "Your neighbour's music keeps you awake, and they think you exaggerate. Lead the"
            " conversation to an agreement that both can live with.",
        ),
        (
            _I,
            "A job interview",
            "You are asked about a project that failed. Explain your part, what you learned, and"
            " ask a question in return.",
        ),
    ),
    "C1": (
        (
            _P,
            "Who owns a discovery?",
            "Discuss whether publicly funded research should belong to everybody. Develop two"
            " lines of thought and draw a conclusion.",
        ),
        (
            _P,
            "Success, redefined",
            "Explain how the idea of a successful life has shifted in your lifetime, and why.",
        ),
        (
            _I,
            "Bad news for a client",
            "A delivery will be six weeks late. Tell an important client, handle their anger, and"
            " keep the contract.",
        ),
        (
            _I,
            "The divided committee",
            "You chair a committee that cannot agree how to spend a donation. Sum up the positions"
            " and lead it to a decision.",
        ),
    ),
    "C2": (
        (
            _P,
            "What translation loses",
            "Argue for or against: a translated poem is a new poem. Anticipate the strongest"
            " objection and answer it.",
        ),
        (
            _P,
            "A speech in praise of doubt",
            "Give a short speech to graduates on why doubt is a strength, with one story and one"
            " reservation.",
        ),
        (
            _I,
            "The interviewer's trap",
            "A journalist quotes you out of context on the radio. Put it right with wit, without"
            " attacking, and bring the talk back to your subject.",
        ),
        (
            _I,
            "Between two friends",
            "Two friends have fallen out and both want you on their side. Speak to one of them:"
            " show you understand, commit to nothing, and open a way back.",
        ),
    ),
}

PROMPTS = tuple(
    Prompt(f"{level}-{number}", level, kind, title, task, *_TIMES[level])
    for level, tasks in _TASKS.items()
    for number, (kind, title, task) in enumerate(tasks, 1)
)

BY_ID = {prompt.prompt_id: prompt for prompt in PROMPTS}


def of_level(level: str) -> tuple[Prompt, ...]:
    """The prompts of a level."""
    return tuple(prompt for prompt in PROMPTS if prompt.level == level)
