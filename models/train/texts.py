"""Labelled texts: reading them, cleaning them as the daemon does, and who may see which row.

Every row falls, by the SHA-256 of its text as the file has it, into one of three parts:

    first byte  0..50    held back: figures are measured on it, nothing is ever fitted on it
    first byte 51..61    choice: checkpoints and temperatures are chosen on it
    else                 training

The two large sets of SemEval tweets hold nothing back: their figure is measured on the separate
validation file, and the weights that training begins with have seen them. A text that stands in
two files is held back in both as soon as it is held back in one.
"""

import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

LABELS = ("negative", "neutral", "positive")
HELD_BACK, CHOICE, TRAINING = "held back", "choice", "training"

# As `src/sentiment/normalise.rs` has them.
ENTITIES = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\u00a0", "hellip": "…",
    "mdash": "—", "ndash": "–", "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”",
    "copy": "©", "reg": "®", "trade": "™", "euro": "€", "pound": "£",
}
ENTITY = re.compile(r"&(#[xX]?[0-9a-fA-F]{1,7}|[a-zA-Z]{2,6});")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def decode_entities(text):
    """One pass, as the daemon does it: `&amp;lt;` is somebody writing about `&lt;`."""
    def one(found):
        name = found.group(1)
        if not name.startswith("#"):
            return ENTITIES.get(name, found.group(0))
        try:
            code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        except ValueError:
            return found.group(0)
        if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            return found.group(0)
        return chr(code)
    return ENTITY.sub(one, text)


def decode_escapes(text):
    """The six letters `\\u2019` that sets of tweets carry, as the one letter people read."""
    joined = ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), text)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unmask(text, target):
    """Takes the `@` from a brand's own handle, so that masking handles does not hide the brand."""
    name = target.strip().lstrip("@#").strip()
    if not name:
        return text, name
    lower = [c.lower() for c in name]
    keep = []
    for at, c in enumerate(text):
        if c == "@" and [x.lower() for x in text[at + 1:at + 1 + len(lower)]] == lower:
            continue
        keep.append(c)
    return "".join(keep), name


def clean(text, target=None):
    """(text, target) as the tokenizer gets them; the target is None for the post as a whole."""
    text = decode_entities(decode_escapes(text))
    if target is None:
        return text, None
    text, name = unmask(text, target)
    return text, name or None


def part(text):
    first = hashlib.sha256(text.encode()).digest()[0]
    return HELD_BACK if first < 51 else CHOICE if first < 62 else TRAINING


def same_text(text):
    """What two copies of one tweet have in common, handles and links left out."""
    text = re.sub(r"@\w+|https?\S*|\{link\}", " ", clean(text)[0].lower())
    return " ".join(re.findall(r"[a-z0-9]+", text))


@dataclass
class Row:
    set: str
    text: str
    label: int | None
    target: str | None = None
    part: str = TRAINING
    soft: list | None = None
    ask: list | None = None
    raw: dict = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Set:
    """One file of labelled text and what is done with it."""
    name: str
    file: str
    share: float          # how much of it one epoch sees
    about: str
    licence: str
    targets: bool = False


SETS = [
    Set("tweets", "tweeteval_sentiment_train", 0.8, "tweets, SemEval 2013-2016", "SemEval 2017 task 4: none stated"),
    Set("topics", "semeval_topic_2015_2016", 1.0, "tweets towards a topic, SemEval 2015-2016",
        "SemEval 2017 task 4: none stated", True),
    Set("goemotions", "goemotions_train_dev", 0.4, "Reddit comments, label derived from emotions",
        "Apache-2.0 / CC BY 4.0"),
    Set("sst5", "sst5_train_dev", 1.0, "film review sentences", "none stated"),
    Set("github", "se_github_train_valid", 0.7, "comments on code changes", "none stated"),
    Set("senti4sd", "se_senti4sd_train", 1.0, "questions, answers and comments of programmers", "MIT"),
    Set("jira", "se_jira_ortu", 0.5, "issue comments, label derived from emotions", "CC0-1.0"),
    Set("vader-tweets", "vader_tweets", 1.0, "tweets, mean of 20 raters", "MIT"),
    Set("vader-reviews", "vader_amazon", 1.0, "product review sentences, mean of 20 raters", "MIT"),
    Set("vader-news", "vader_nyt", 0.6, "editorial sentences, mean of 20 raters", "MIT"),
    Set("uci", "uci_sentences", 1.0, "review sentences, two classes", "CC BY 4.0"),
    Set("dong", "dong2014_target_train", 1.5, "tweets towards people, products, companies", "none stated", True),
    Set("reviews-target", "tsa_md", 1.0, "review sentences towards a target", "Apache-2.0", True),
    Set("entities", "twitter_entity_train", 1.0, "tweets towards brands and games", "CC0", True),
    Set("finance-target", "fiqa_posts", 0.5, "finance posts towards a company", "none stated", True),
    Set("sanders", "sanders", 1.0, "tweets about four technology companies", "none stated", True),
    Set("sxsw", "brands_products_sxsw", 1.0, "tweets about products at a fair", "none stated"),
    Set("dynasent1", "dynasent_r1_dev", 1.0, "review sentences", "CC BY 4.0"),
    Set("dynasent2", "dynasent_r2_dev", 1.0, "sentences written to mislead a model", "CC BY 4.0"),
]
UNSEEN = ("sanders", "sxsw", "dynasent1", "dynasent2")
# What the weights that training begins with were fitted on, or copies of it.
SEEN = ("tweets", "topics")
VALIDATION = "tweeteval_sentiment_val"


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def soft_label(raw, label):
    """Where raters were counted or graded, how sure they were; else None."""
    votes = raw.get("votes")
    if votes:
        half = votes.get("mixed", 0) / 2
        counts = [votes["negative"] + half, votes["neutral"], votes["positive"] + half]
        return [count / sum(counts) for count in counts]
    if raw["source"].startswith("vader") and raw.get("score") is not None:
        from math import exp
        up = 1 / (1 + exp(-(raw["score"] - 0.5) / 0.25))
        down = 1 / (1 + exp((raw["score"] + 0.5) / 0.25))
        return [down, max(0.0, 1 - up - down), up]
    if raw.get("subset") and raw.get("orig_label") in (1, -1):
        sides = [0.0, 0.15, 0.0]
        sides[label] = 0.85
        return sides
    return None


def read(data, one):
    for raw in lines(Path(data) / "train" / f"{one.file}.jsonl.gz"):
        label = LABELS.index(raw["label"])
        target = raw.get("target") if one.targets else None
        yield Row(one.name, raw["text"], label, target, part(raw["text"]), soft_label(raw, label), raw=raw)


def all_rows(data):
    """Every row of every set, copies of held-back texts moved to the held-back part."""
    rows = [row for one in SETS for row in read(data, one)]
    held = {same_text(row.text) for row in rows if row.part == HELD_BACK and row.set not in SEEN}
    for row in rows:
        if same_text(row.text) in held:
            row.part = HELD_BACK
        elif row.set in SEEN and row.part == HELD_BACK:
            row.part = TRAINING
    return rows


def validation(data):
    for raw in lines(Path(data) / "train" / f"{VALIDATION}.jsonl.gz"):
        yield Row(VALIDATION, raw["text"], LABELS.index(raw["label"]))


def every_text(data):
    """The texts of all files, whatever their labels: which emoji people use is no secret of a set."""
    for path in sorted(Path(data).glob("*/*.jsonl.gz")):
        if VALIDATION not in path.name:
            for raw in lines(path):
                yield raw["text"]
