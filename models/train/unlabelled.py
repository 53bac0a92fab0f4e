"""Tweets without a verdict of any person, judged by earlier weights: what a run would else forget.

Training on brands and reviews costs a network some of what it knew of plain tweets. So it is also
shown what two earlier ones, on average, made of tweets that neither was trained on, whole; of the
labels that such a tweet has for other things nothing is used.
"""

import random
from pathlib import Path

import torch

import batches
import texts

AUX = ("tweeteval_irony", "tweeteval_emotion", "tweeteval_offensive")
# Tweets whose only verdict is towards a target are judged as a whole here.
WHOLE = {"entities": 5000, "dong": 4000, "topics": 5000}
MOST_AUX = 20000


def rows(data, labelled, seed):
    """The tweets, none of which is held back, for choosing, or in the validation file."""
    rng = random.Random(f"{seed}/unlabelled")
    kept = {texts.same_text(row.text) for row in labelled if row.part != texts.TRAINING}
    kept |= {texts.same_text(row.text) for row in texts.validation(data)}
    kept |= {texts.same_text(row.text) for row in labelled if row.set in texts.UNSEEN}
    aux = [raw["text"] for name in AUX for raw in texts.lines(Path(data) / "aux" / f"{name}.jsonl.gz")]
    aux = [text for text in dict.fromkeys(aux) if texts.part(text) == texts.TRAINING and texts.same_text(text) not in kept]
    chosen = rng.sample(aux, min(MOST_AUX, len(aux)))
    for name, most in WHOLE.items():
        mine = list(dict.fromkeys(row.text for row in labelled if row.set == name and row.part == texts.TRAINING))
        chosen += rng.sample(mine, min(most, len(mine)))
    return [texts.Row("unlabelled", text, None) for text in chosen]


def judge(tokenizer, nets, chosen):
    """Gives each row the mean of what the networks say."""
    encoded = batches.encode(tokenizer, chosen)
    said = torch.zeros(len(chosen), len(texts.LABELS))
    for at, net in enumerate(nets, 1):
        said += batches.logits(net, encoded, half=True)[0].softmax(-1) / len(nets)
        print(f"  {len(chosen)} tweets judged by {at} of {len(nets)} earlier networks", flush=True)
    for row, sides in zip(chosen, said.tolist(), strict=True):
        row.soft = sides
    return chosen
