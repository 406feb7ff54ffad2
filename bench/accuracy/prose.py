"""Prints the fixed English text that perplexity is measured on: 50 kB of plain stories and notes, put together from parts
written for it by a generator with a seed of its own, so that it is the same with every Python.

    prose.py [BYTES]
"""
import sys

PEOPLE = ["the baker", "a young engineer", "my grandmother", "the lighthouse keeper", "an old sailor", "the librarian",
          "our neighbour", "a travelling musician", "the school teacher", "a tired nurse", "the gardener", "two brothers"]
PLACES = ["in a small town by the sea", "at the edge of the forest", "behind the railway station", "on the third floor",
          "in the valley north of here", "near the old stone bridge", "at the market", "in the harbour", "on the hill"]
TIMES = ["One morning in early spring", "Late in the evening", "On the first day of the holidays", "Years ago",
         "Before the storm came", "During the long winter", "As soon as the rain had stopped", "Last Tuesday"]
ACTS = ["found a letter that nobody had opened", "decided to repair the broken clock", "planted three rows of potatoes",
        "read the same page again and again", "counted the boats as they came home", "learned how to bake bread",
        "wrote down everything that could be remembered", "painted the front door a bright shade of blue",
        "waited for a train that never arrived", "built a radio out of spare parts", "fed the birds in the garden",
        "asked a question that nobody could answer", "sold the last of the apples", "lost the key to the cellar"]
REASONS = ["because the days were getting shorter", "although there was hardly any money left",
           "so that the children would have something to talk about", "since nobody else was willing to do it",
           "even though the doctor had advised against it", "while the kettle was boiling on the stove",
           "in order to keep a promise made long ago", "as if nothing had happened the night before"]
RESULTS = ["It took longer than expected, but the result was worth the trouble.",
           "Nobody noticed at first, and that was exactly the point.",
           "The next day everything looked different.",
           "In the end the whole street came to help.",
           "There is a lesson in this, though I am not sure which one.",
           "After that, things were never quite the same.",
           "The dog, of course, had known all along.",
           "We still laugh about it when we meet."]
FACTS = ["Water boils at a lower temperature on a high mountain, because the pressure of the air is lower there.",
         "A map is useful only if it leaves most things out.",
         "Bread needs flour, water, salt and time; of these, time is the one that people forget.",
         "The moon pulls at the sea, and so the tide rises and falls twice a day.",
         "Iron rusts when it meets air and water, which is why bridges are painted.",
         "Bees find their way home by the position of the sun.",
         "A good tool feels like a part of the hand that holds it.",
         "If you divide a number by itself, the answer is one, unless the number is zero.",
         "Most of the stars that we can see are larger than our own sun.",
         "Trees grow a new ring every year, thick in wet years and thin in dry ones."]
SPEECH = ['"You should have told me earlier," said {0}, "but now that you are here, sit down and eat."',
          '"I have never seen anything like it," {0} admitted, "and I have seen a great many things."',
          '"How far is it to the next village?" asked {0}. "That depends on the road you take," came the answer.',
          '"Listen," whispered {0}. "Do you hear that? It sounds like somebody singing."']


class Chance:
    """Knuth's linear congruential generator (MMIX); the upper bits."""

    def __init__(self, seed):
        self.state = seed

    def below(self, count):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % count

    def of(self, items):
        return items[self.below(len(items))]


def sentence(chance):
    kind = chance.below(8)
    person = chance.of(PEOPLE)
    if kind == 0:
        return chance.of(FACTS)
    if kind == 1:
        return chance.of(SPEECH).format(person)
    if kind == 2:
        return f"There were {2 + chance.below(17)} chairs and only {1 + chance.below(3)} of them were free {chance.of(PLACES)}."
    if kind == 3:
        return f"{person[0].upper()}{person[1:]} {chance.of(ACTS)} {chance.of(REASONS)}."
    if kind == 4:
        return f"{person[0].upper()}{person[1:]} and {chance.of(PEOPLE)} met {chance.of(PLACES)}. {chance.of(RESULTS)}"
    return f"{chance.of(TIMES)}, {person} {chance.of(ACTS)} {chance.of(PLACES)}. {chance.of(RESULTS)}"


def prose(size):
    chance, paragraphs, length = Chance(2024), [], 0
    while length < size:
        paragraphs.append(" ".join(sentence(chance) for _ in range(3 + chance.below(5))))
        length += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs)[:size]


if __name__ == "__main__":
    print(prose(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000), end="")
