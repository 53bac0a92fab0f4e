"""A thousand made texts with this side's logits, for the daemon to agree with (`tests/it/parity.rs`).

The texts are of our own making: our sentences about brands nobody bears, dressed up with what makes
normalisation hard: emoji with skin tones and joiners, accents in both Unicode forms, entities,
handles of the target and of others, hashtags, links, stretched words, other scripts, long texts.
"""

import gzip
import json
import random
import unicodedata

import answers
import swap
import texts

DRESS = (
    "😂", "😍😍", "👍🏽", "❤️", "👩‍🚀", "🤷🏻‍♀️", "🇩🇪", "™", "🫠", "☹", "café", "nai\u0308ve", "Zoë", "façade", "Straße", "İstanbul", "ÅNGSTRÖM",
    "&amp;", "&lt;3", "don&#39;t", "&#x1F600;", "&bogus;", "R&D", "\\u2019s", "@somebody", "@a_b@social.example", "(@other)", "mail me a@b.example",
    "https://acme.example/x?y=1&z=2", "http://t.example/abc.", "www.shop.example", "{link}", "#FailFail", "#LoveThisSoMuch", "#iOS17", "#WTF",
    "sooooo", "Nooooooo", "yesss", "!!!!!!", "????!!", "......", "1000000", "3,50 €", "\u200bhidden", "tab\there", "日本語", "привет", "مرحبا", "हिन्दी",
    "ﬁne ligature", "𝒻𝒶𝓃𝒸𝓎", "e\u0301t\u00e9", "👨‍👩‍👧‍👦", "¯\\_(ツ)_/¯", ":-)", ";_;", "<b>bold</b>", "— dash …", "“quoted”", "\u202eRLO",
)
SENTENCES = swap.TAUGHT_COMPARISONS + swap.MEASURED_COMPARISONS


def rows(how_many=1000, seed=21):
    rng = random.Random(seed)
    for number in range(how_many):
        one, other = swap.made_name(rng), swap.made_name(rng)
        said = []
        for _ in range(rng.choice((1, 1, 1, 2, 3, 12))):
            if rng.random() < 0.6:
                said.append(rng.choice(SENTENCES).format(w=one, l=other))
            else:
                said.append(rng.choice(answers.THREATS + answers.STAYING).format(b=one))
            said += rng.sample(DRESS, rng.choice((0, 1, 1, 2, 3)))
        text = " ".join(said)
        if number % 5 == 0:
            text = text.replace(one, "@" + one, 1)
        if number % 7 == 0:
            text = unicodedata.normalize("NFD", text)
        target = rng.choice((None, one, other, "@" + one, "#" + other, "nowhere"))
        # Beyond what the model reads the daemon moves its window to the target; compared is what both read.
        if len(text) > 300 and target is not None:
            target = None
        yield {"text": text, "target": target}


def write(judge, path):
    made = list(rows())
    polar, answer = judge.logits([texts.Row("", row["text"], None, row["target"]) for row in made])
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for row, one, other in zip(made, polar.tolist(), answer.tolist(), strict=True):
            row |= {"logits": [round(v, 5) for v in one], "needs_answer": [round(v, 5) for v in other]}
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
