"""Rows to tensors: tokens once, then batches of like length, so that next to nothing is padding."""

import torch

from texts import clean

LONGEST = 128          # tokens the model reads
LONGEST_TARGET = 16    # of which the target may take


def tokens(tokenizer, pairs):
    """[(ids, types)] of (text, target) pairs; only the text is cut."""
    tokenizer.no_truncation()
    texts = tokenizer.encode_batch([text for text, _ in pairs], add_special_tokens=False)
    names = tokenizer.encode_batch([target or "" for _, target in pairs], add_special_tokens=False)
    start, stop = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    out = []
    for text, name, (_, target) in zip(texts, names, pairs, strict=True):
        name = name.ids[:LONGEST_TARGET] + [stop] if target else []
        first = [start, *text.ids[:LONGEST - 2 - len(name)], stop]
        out.append((first + name, [0] * len(first) + [1] * len(name)))
    return out


def encode(tokenizer, rows):
    return tokens(tokenizer, [clean(row.text, row.target) for row in rows])


def rounded(length):
    """Lengths are padded to few values: the products are compiled anew for every shape they meet."""
    return length + -length % 2 if length <= 48 else length + -length % 8


def by_length(lengths, budget, rng=None, together=200):
    """Index lists of at most `budget` tokens. With `rng`: shuffled, like lengths within chunks."""
    order = list(range(len(lengths)))
    if rng is None:
        chunks = [order]
    else:
        rng.shuffle(order)
        size = max(1, together * budget * len(lengths) // max(1, sum(lengths)))
        chunks = [order[at:at + size] for at in range(0, len(order), size)]
    groups = []
    for chunk in chunks:
        chunk.sort(key=lambda at: lengths[at])
        mine, group = [], []
        for at in chunk:
            if group and rounded(lengths[at]) * (len(group) + 1) > budget:
                mine.append(group)
                group = []
            group.append(at)
        mine.append(group)
        if rng is not None:
            rng.shuffle(mine)
        groups += mine
    return groups


def tensors(encoded, group):
    longest = rounded(max(len(encoded[at][0]) for at in group))
    ids = torch.zeros(len(group), longest, dtype=torch.long)
    types = torch.zeros_like(ids)
    mask = torch.zeros_like(ids)
    for row, at in enumerate(group):
        given, kinds = encoded[at]
        ids[row, :len(given)] = torch.tensor(given)
        types[row, :len(given)] = torch.tensor(kinds)
        mask[row, :len(given)] = 1
    return ids, types, None if bool(mask.all()) else mask


@torch.no_grad()
def logits(net, encoded, budget=4096, half=False):
    """(n x 3 sentiment logits, n x k answer logits) in the order given."""
    net.eval()
    first = second = None
    for group in by_length([len(ids) for ids, _ in encoded], budget):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            polar, answer = net(*tensors(encoded, group))
        if first is None:
            first = torch.zeros(len(encoded), polar.shape[1])
            second = torch.zeros(len(encoded), answer.shape[1])
        first[group], second[group] = polar, answer
    return first, second
