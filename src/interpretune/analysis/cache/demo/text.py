"""The demo's text: short scenes, each with a question that is answered by yes and one that is answered by no."""

from __future__ import annotations

import re

__all__ = ["ANSWERS", "Vocabulary", "prompts"]

ANSWERS = ("yes", "no")

_SCENES = """
The lamp stands on the table. | Is the lamp on the table? | Is the lamp under the table?
Mira locked the door before she left. | Did Mira lock the door? | Did Mira leave the door open?
The train was late, so Jonas missed the meeting. | Was the train late? | Was Jonas at the meeting?
All the apples in the basket are green. | Are the apples green? | Are the apples red?
Nobody had fed the cat since morning. | Was the cat hungry? | Had the cat eaten?
The bridge was closed because of the flood. | Was there a flood? | Was the bridge open?
Three of the four windows were broken. | Was a window whole? | Was every window whole?
Ana speaks Polish and her brother does not. | Does Ana speak Polish? | Does her brother speak Polish?
The soup is too hot to eat. | Is the soup hot? | Is the soup cold?
The library opens at nine and closes at five. | Is the library open at noon? | Is the library open at midnight?
It rained all night and the street is wet. | Is the street wet? | Is the street dry?
The old clock has stopped again. | Did the clock stop? | Is the clock running?
Omar gave his umbrella to the teacher. | Does the teacher have an umbrella? | Did Omar keep his umbrella?
The letter arrived two days before the parcel. | Did the letter arrive first? | Did the parcel arrive first?
There is no milk left in the house. | Is the milk gone? | Is there milk in the house?
The dog followed the children to school. | Was the dog near the school? | Did the dog stay at home?
The north tower is taller than the south tower. | Is the north tower taller? | Is the south tower taller?
Lena painted the fence blue last summer. | Is the fence blue? | Is the fence white?
The bakery sells bread but no cake. | Does the bakery sell bread? | Does the bakery sell cake?
Only one of the keys fits the lock. | Does a key fit the lock? | Do all the keys fit the lock?
The ship left the harbour at dawn. | Did the ship leave? | Is the ship in the harbour?
Pavel forgot his glasses and could not read the sign. | Did Pavel forget his glasses? | Did Pavel read the sign?
The garden behind the house is small. | Is the garden behind the house? | Is the garden before the house?
The river froze in the first week of winter. | Was it cold? | Was it warm?
The choir sang four songs and the band played none. | Did the choir sing? | Did the band play?
The box is empty. | Is the box empty? | Is there a book in the box?
Every seat in the theatre was taken. | Was the theatre full? | Was there a free seat?
The hill is steep, but the path around it is flat. | Is the hill steep? | Is the path steep?
Sofia is older than Emil and younger than Karl. | Is Karl older than Emil? | Is Emil older than Karl?
The phone rang twice and nobody answered. | Did the phone ring? | Did somebody answer?
The paint on the bench is still wet. | Is the paint wet? | Can one sit on the bench?
The farmer sold the horse and kept the cart. | Does the farmer have a cart? | Does the farmer have a horse?
The lights went out when the storm began. | Was it dark during the storm? | Were the lights on during the storm?
The museum is free on the first day of each month. | Is there a free day? | Is the museum free each day?
The second chapter is longer than the first. | Is the first chapter shorter? | Is the first chapter longer?
The boy hid the coin in his left hand. | Is the coin in his left hand? | Is the coin in his right hand?
The tea was bitter, so Ida added honey. | Is there honey in the tea? | Was the tea sweet at first?
The road to the village was built last year. | Is the road new? | Is the road old?
None of the guests knew the host. | Was the host a stranger to the guests? | Did a guest know the host?
The kite got caught in the tallest tree. | Is the kite in a tree? | Is the kite on the ground?
"""

_FRAMES = (
    "{scene} {question}",
    "Question: {question} {scene}",
    "Somebody told me this: {scene} So, {question}",
    "Read first, then answer. {scene} {question}",
)


def prompts(limit: int | None = None) -> list[dict[str, str]]:
    """Give the prompts, always in the same order.

    Args:
        limit: how many; None for all 320.

    Returns:
        Dictionaries of ``prompt`` and the right ``answer``, one of `ANSWERS`.
    """
    scenes = [line.split(" | ") for line in _SCENES.strip().splitlines()]
    made = [
        {"prompt": f"{frame.format(scene=scene, question=question)} Answer:", "answer": answer}
        for frame in _FRAMES
        for scene, *questions in scenes
        for question, answer in zip(questions, ANSWERS, strict=True)
    ]
    return made[:limit]


class Vocabulary:
    """A number for each word and mark of the prompts; 0 pads. No tokenizer has to be downloaded for the demo."""

    def __init__(self) -> None:
        words = {word for item in prompts() for word in _words(item["prompt"])} | set(ANSWERS)
        self._ids = {word: index for index, word in enumerate(sorted(words), 1)}

    def __len__(self) -> int:
        return len(self._ids) + 1

    def encode(self, text: str) -> list[int]:
        """Give the numbers of a text's words and marks."""
        return [self._ids[word] for word in _words(text)]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())
