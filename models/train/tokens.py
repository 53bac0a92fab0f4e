"""The tokenizer file: WordPiece of the base model, with the normalisation in the file itself.

Daemon and trainer read the same `tokenizer.json` with the same library, so that links, handles,
hashtags, stretched words and emoji look alike to both, byte for byte.

Emoji take the places of the vocabulary's unused tokens: the table does not grow. Which ones is
settled by how often the training texts have them; how they begin, by their Unicode names.
"""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer

# (pattern, replacement) in this order. `\K` keeps what stands before it.
RULES = [
    (r"\{link\}|https?://\S+|(?<!\w)www\.\S+|pic\.twitter\.com/\S+", " http "),
    (r"(?<!\w)@\w+(?:@[\w.-]*\w)?", "@user"),
    (r"[\x{1F3FB}-\x{1F3FF}\x{200D}\x{FE0F}]", ""),
    (r"([[:alpha:]])\1\K\1+", ""),
    (r"([!?])\1\K\1+", ""),
    # A hashtag of several words: each pass cuts off one more.
    *[(r"#\w*?[a-z]{2}\K(?=[A-Z])", " #")] * 4,
]
EMOJI = re.compile("[\u203c-\u27bf\u2934-\u3299\U0001f000-\U0001faff]")
MOST = 900


def frequent_emoji(texts):
    counts = Counter(c for text in texts for c in EMOJI.findall(text)
                     if unicodedata.category(c) in ("So", "Sm") and not 0x1F3FB <= ord(c) <= 0x1F3FF)
    return [c for c, n in counts.most_common(MOST) if n >= 3]


def build(base, texts, out):
    """Writes `tokenizer.json`; gives {token id: words of the emoji's name}."""
    spec = json.loads((Path(base) / "tokenizer.json").read_text())
    vocabulary = spec["model"]["vocab"]
    unused = sorted((at for token, at in vocabulary.items() if re.fullmatch(r"\[unused\d+\]", token)))
    by_id = {at: token for token, at in vocabulary.items()}
    names = {}
    for emoji, at in zip(frequent_emoji(texts), unused, strict=False):
        del vocabulary[by_id[at]]
        vocabulary[emoji] = at
        names[at] = unicodedata.name(emoji, "").lower()
        spec["added_tokens"].append({"id": at, "content": emoji, "single_word": False, "lstrip": False,
                                     "rstrip": False, "normalized": False, "special": False})
    spec["added_tokens"].sort(key=lambda token: token["id"])
    spec["model"]["vocab"] = dict(sorted(vocabulary.items(), key=lambda pair: pair[1]))
    replace = [{"type": "Replace", "pattern": {"Regex": pattern}, "content": content} for pattern, content in RULES]
    spec["normalizer"] = {"type": "Sequence", "normalizers": [*replace, spec["normalizer"]]}
    spec["truncation"] = spec["padding"] = None
    Path(out, "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False, indent=1) + "\n")
    return names


def load(folder):
    return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
