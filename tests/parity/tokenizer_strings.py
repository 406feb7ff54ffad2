"""Seeded strings that tokenizers disagree on: every kind of text users send, and what breaks careless code."""
import glob
import random
import sys
import unicodedata

SCRIPT_BLOCKS = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x180, 0x24F), (0x250, 0x2AF), (0x2B0, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x530, 0x58F),
    (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0x980, 0x9FF), (0xB80, 0xBFF), (0xE00, 0xE7F), (0xF00, 0xFFF),
    (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF), (0x1780, 0x17FF), (0x1E00, 0x1FFF),
    (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20FF), (0x2100, 0x214F), (0x2150, 0x218F), (0x2190, 0x22FF), (0x2460, 0x24FF),
    (0x2500, 0x25FF), (0x2600, 0x27BF), (0x2C00, 0x2DFF), (0x3000, 0x30FF), (0x3130, 0x318F), (0x3200, 0x33FF), (0x4E00, 0x9FFF),
    (0xA640, 0xA69F), (0xA720, 0xA7FF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0xFB00, 0xFB4F), (0xFE00, 0xFE4F), (0xFF00, 0xFFEF),
    (0xFFF0, 0xFFFD), (0x10000, 0x100FF), (0x10400, 0x1044F), (0x11900, 0x1197F), (0x1D400, 0x1D7FF), (0x1F000, 0x1F0FF),
    (0x1F300, 0x1F6FF), (0x1F900, 0x1FAFF), (0x20000, 0x2A6DF), (0x30000, 0x323AF), (0xE0000, 0xE01EF), (0x10FFF0, 0x10FFFF),
]
SPACES = [" ", "  ", "   ", "    ", "\n", "\n\n", "\r\n", "\t", "\t\t", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\v",
          "\f", " \n", "\n ", "  \n  \n", "\u200b", "\ufeff", "\u2581", "\u2581\u2581", "\u00ad", "\u200d"]
PHRASES = ["the", "Hello", "world", "don't", "DON'T", "it'\u017f", "we'll", "I'VE", "they're", "'s", "'S", "''", "\u2019s", "HTTPServer",
           "camelCase", "snake_case", "C++", "x=1;", "0x1F", "3.14159", "1,234,567", "2024-07-26", "\u0661\u0662\u0663", "\u00b2\u00bd",
           "\u2167", "caf\u00e9", "cafe\u0301", "na\u0308ive", "\u0130stanbul", "\u01c5", "\ufb01n", "\u1e9e", "\u00df", "\u4f60\u597d", "\u6771\u4eac\u30bf\u30ef\u30fc", "\ud55c\uad6d\uc5b4",
           "\u1112\u1161\u11ab", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0e44\u0e17\u0e22", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
           "\U0001f1e9\U0001f1ea", "\u26a0\ufe0f", "e\u0301\u0323", "\ufffd", "\u0000", "\u0001", "\u007f", "\u009f", "<0x0A>", "<0xE4>", "\u0120the", "\u010a", "##ing",
           "</w>", "<unk>", "<s>", "</s>", "<pad>", "[CLS]", "[SEP]", "[MASK]", "\u32ff", "\U00011938", "\ua7c1", "\u2e50", "\U0001e900"]


# What rules of Unicode turn on: an alphabet each, from which runs are drawn.
ALPHABETS = {
    "emoji": "\U0001f468\U0001f469\U0001f467\u2764\U0001f3f4\U0001f3fb\U0001f3ff\u2695\U0001f1e9\U0001f1ea#1\u20e3\ufe0f\ufe0e\u200d\u200d\u200d\U000e0067\U000e007f ",
    "right to left": "\u05d0\u05d1\u05e9\u05dd\u0627\u0644\u0639\u064b\u0650\u0640\u200f\u202b\u202e\u2067\u2069\u061c\u060c\u0660\u06f1\ufdfa\ufefb\U00010a00\U0001e900 .",
    "hangul": "\u1100\u1101\u1112\u1160\u1161\u1175\u11a7\u11a8\u11c2\ua960\ud7b0\ud7cb\uac00\uac01\ud7a3\u302e\u302f",
    "indic": "\u0915\u0937\u093c\u094d\u093f\u0902\u09cb\u0a71\u0acd\u0b3e\u0bcd\u0c55\u0cd5\u0d4d\u0ddc\u0e33\u200c\u200d ",
    "case": "\u0130\u0131\u017f\u01c4\u01c5\u01c6\xdf\u1e9e\u03a3\u03c2\u03c3\u1f80\u1fb3\ufb00\ufb06\u212a\u2126\u212b\u10a0\u13a0\uab70\U00010400'\u2019Ss.\u0307\u0345 ",
    "digits": "0123456789\u0661\u0967\u0e51\u1369\u2155\u2163\u2188\u00b2\u00bd\u3007\uff11\U0001d7d8., -",
    "line ends": "\r\n\t /!?a\u2028\u2029\x0b\x0c\x1c\x1f\x85};",
    "contractions": ["'s", "'S", "'\u017f", "'t", "'RE", "'rE", "'ll", "'lL", "'d", "'m", "'vE", "'", "\u2019s", "a", "\xe9", "1", " ", "\n", "'\u0301"],
}
MARKS = [chr(c) for c in range(0x300, 0x1E8D7) if unicodedata.category(chr(c)) in ("Mn", "Mc", "Me")]


def run_of_marks(rng):
    return "".join(rng.choice("aeo\u03b1\u0915\uac00 1\u2581") + "".join(rng.choices(MARKS, k=rng.choice([0, 1, 1, 2, 9, 31])))
                   for _ in range(rng.randint(1, 6)))


def from_an_alphabet(rng):
    return "".join(rng.choices(rng.choice(list(ALPHABETS.values())), k=rng.randint(1, 25)))


def code_lines():
    lines = []
    for path in sorted(glob.glob(f"{sys.base_prefix}/lib/python3*/*.py"))[:60]:
        with open(path, encoding="utf-8", errors="ignore") as file:
            lines += file.read().split("\n")[:400]
    return lines or ["def f(x):", "    return x + 1", ""]


def random_characters(rng):
    out = []
    for _ in range(rng.randint(1, 6)):
        first, last = rng.choice(SCRIPT_BLOCKS)
        out += [chr(rng.randint(first, last)) for _ in range(rng.randint(1, 8))]
    return "".join(out)


def any_character(rng):
    c = rng.randrange(0x110000 - 0x800)
    return chr(c if c < 0xD800 else c + 0x800)


def json_text(rng, depth=0):
    kind = rng.randrange(6 if depth < 3 else 4)
    if kind == 0:
        return str(rng.choice([0, 1, -17, 3.5, 1e10, 123456789]))
    if kind == 1:
        return '"' + rng.choice(PHRASES).replace('"', "") + '"'
    if kind == 2:
        return rng.choice(["true", "false", "null", "[]", "{}"])
    if kind == 3:
        return '"\\u00e9\\n\\""'
    pad = rng.choice(["", " ", "\n  ", "\n\t"])
    if kind == 4:
        return "[" + ",".join(pad + json_text(rng, depth + 1) for _ in range(rng.randint(1, 4))) + "]"
    return "{" + ",".join(f'{pad}"{rng.choice(PHRASES[:20])}": {json_text(rng, depth + 1)}' for _ in range(rng.randint(1, 4))) + "}"


def run(rng):
    piece = rng.choice(SPACES + ["a", "A", "=", "-", "_", "1", "\u4e00", "\u00e9", "'", "<", "ha", "\U0001f600", "\u0301", "."])
    return piece * rng.choice([1, 2, 3, 4, 7, 15, 16, 17, 31, 33, 64, 100, 257])


class Strings:
    """An endless, seeded stream of strings; `specials` are the tokenizer's own added tokens."""

    def __init__(self, seed, specials):
        self.rng = random.Random(seed)
        self.specials = specials or ["<s>"]
        self.code = code_lines()

    def words(self):
        rng = self.rng
        out = []
        for _ in range(rng.randint(1, 12)):
            out.append(rng.choice(PHRASES))
            if rng.random() < 0.8:
                out.append(rng.choice(SPACES[:4] if rng.random() < 0.7 else SPACES))
        return "".join(out)

    def special_soup(self):
        rng = self.rng
        out = []
        for _ in range(rng.randint(1, 6)):
            token = rng.choice(self.specials)
            chance = rng.random()
            if chance < 0.15:
                token = token[: rng.randint(0, len(token))]
            elif chance < 0.25:
                token = token + token[rng.randint(0, len(token)) :]
            elif chance < 0.3:
                token = token.upper()
            out.append(token)
            if rng.random() < 0.6:
                out.append(rng.choice(SPACES + PHRASES))
        return "".join(out)

    def code_block(self):
        at = self.rng.randrange(max(1, len(self.code) - 12))
        return "\n".join(self.code[at : at + self.rng.randint(1, 10)])

    def mixed(self):
        makers = [self.words, self.special_soup, lambda: random_characters(self.rng), lambda: run(self.rng), self.code_block]
        return "".join(self.rng.choice(makers)() for _ in range(self.rng.randint(2, 4)))

    def one(self):
        rng = self.rng
        makers = [
            (4, self.words), (3, self.special_soup), (4, lambda: random_characters(rng)), (2, lambda: run(rng)),
            (4, self.code_block), (2, lambda: json_text(rng)), (4, self.mixed),
            (2, lambda: "".join(any_character(rng) for _ in range(rng.randint(1, 12)))),
            (3, lambda: from_an_alphabet(rng)), (1, lambda: run_of_marks(rng)),
            (1, lambda: unicodedata.normalize(rng.choice(["NFC", "NFD", "NFKC", "NFKD"]), random_characters(rng))),
            (1, lambda: rng.choice(PHRASES + SPACES + [""])),
        ]
        weights = [weight for weight, _ in makers]
        return rng.choices([maker for _, maker in makers], weights)[0]()
