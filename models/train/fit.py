"""The training loop: seeded, resumable, its progress shown.

One run sees the rows of the part "training" of every set that it does not leave out, each epoch
drawn anew, and posts about two brands made for it. What is kept at the end is the running average
of the weights, which is better, and better calibrated, than where the last step happens to stand.
"""

import json
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import answers
import batches
import measure
import net as network
import swap
import texts
import tokens
import unlabelled

SMOOTHING = 0.05


class Broad:
    """The first stage: every set by its share."""
    two_brands = 9000      # made rows an epoch
    answers_times = 3      # how often an epoch sees each row of the answers' set
    inner_drop = 0.0
    negative = 1.0
    unlabelled = False     # also what earlier networks make of tweets without a verdict

    @staticmethod
    def share(one):
        return one.share


class Brands(Broad):
    """The second: brands, targets and the words of short posts; of the rest enough not to forget."""
    two_brands = 16000
    answers_times = 2
    inner_drop = 0.1
    negative = 1.25        # weight of a complaining tweet: they are few, and count as much
    unlabelled = True
    shares = {"tweets": 0.9, "topics": 0.4, "goemotions": 0.1, "sst5": 0.5, "github": 0.2, "senti4sd": 0.3, "jira": 0.1,
              "vader-tweets": 0.5, "vader-reviews": 0.6, "vader-news": 0.15, "uci": 0.5, "dong": 2.0,
              "finance-target": 0.3}

    @staticmethod
    def share(one):
        return Brands.shares.get(one.name, 1.0)


class Polish(Broad):
    """The second stage of the run that sees every set."""
    two_brands = 14000
    answers_times = 1
    inner_drop = 0.1
    negative = 1.3
    shares = Brands.shares | {"vader-tweets": 0.3, "vader-reviews": 0.5}

    @staticmethod
    def share(one):
        return Polish.shares.get(one.name, 1.0)


class Together(Brands):
    """The last: begins with the mean of two runs and sees every set."""
    two_brands = 12000
    shares = Brands.shares | {"tweets": 0.6}

    @staticmethod
    def share(one):
        return Together.shares.get(one.name, 1.0)


STAGES = {"broad": Broad, "polish": Polish, "brands": Brands, "together": Together}


def epoch_rows(rows, asks, leave_out, seed, epoch, stage=Broad):
    """What one epoch sees, in a fixed order for a fixed seed."""
    rng = random.Random(f"{seed}/{epoch}")
    chosen = []
    for one in texts.SETS:
        if one.name in leave_out:
            continue
        mine = [row for row in rows if row.set == one.name and row.part == texts.TRAINING]
        whole, part = divmod(stage.share(one), 1)
        chosen += mine * int(whole) + rng.sample(mine, int(part * len(mine)))
    kept = [row for row in rows if row.set not in leave_out]
    chosen += swap.taught(kept, rng, stage.two_brands)
    answered = [row for row in asks if row.part == texts.TRAINING]
    for row in answered * stage.answers_times:
        handles = [word.strip(".:,!?") for word in row.text.split() if word.startswith("@") and len(word) > 2]
        target = rng.choice(handles) if handles and rng.random() < 0.5 else None
        chosen.append(texts.Row(row.set, row.text, None, target, row.part, ask=row.ask))
    # News and film reviews ask nobody for anything.
    for row in chosen:
        if row.ask is None and row.set in ("vader-news", "sst5") and rng.random() < 0.2:
            row.ask = [0.0, 0.0, 0.0]
    return chosen


def targets_of(rows, stage=Broad):
    """(soft sentiment labels, their weights, answer labels, their weights) as tensors."""
    polar, polar_on = torch.zeros(len(rows), 3), torch.zeros(len(rows))
    answer, answer_on = torch.zeros(len(rows), len(answers.KINDS)), torch.zeros(len(rows), len(answers.KINDS))
    for at, row in enumerate(rows):
        if row.label is not None or row.soft:
            sides = torch.tensor(row.soft) if row.soft else F.one_hot(torch.tensor(row.label), 3).float()
            smoothing = SMOOTHING if row.label is not None else 0.0
            polar[at] = sides * (1 - smoothing) + smoothing / 3
            polar_on[at] = stage.negative if row.label == 0 and row.set == "tweets" else 1
        if row.ask is not None:
            for k, value in enumerate(row.ask):
                if value is not None:
                    answer[at, k], answer_on[at, k] = value, 1
    return polar, polar_on, answer, answer_on


def choice_report(net, tokenizer, rows, leave_out):
    mine = [row for row in rows if row.part == texts.CHOICE and row.set not in leave_out]
    polar, _ = batches.logits(net, batches.encode(tokenizer, mine), half=True)
    out = {}
    for name in ("tweets", "topics", "dong", "goemotions"):
        at = [i for i, row in enumerate(mine) if row.set == name]
        got = measure.sentiment(polar[at].numpy(), [mine[i].label for i in at], intervals=False)
        out[name] = {key: round(float(got[key]), 4) for key in ("macro_recall", "macro_f1", "ece")}
    return out


def known(starts, base, tokenizer, names):
    """The network of a finished run, the mean of several, or that of a model folder; without any, on the base weights."""
    if starts and (Path(starts[0]) / "average.pt").exists():
        weights = [torch.load(Path(one) / "average.pt") for one in starts]
        net = network.base(base)
        net.load_state_dict({name: sum(one[name] for one in weights) / len(weights) for name in weights[0]})
        return net
    net = network.known(starts[0]) if starts else network.base(base)
    network.name_emoji(net, tokenizer, names)
    return net


def run(data, base, out, *, epochs, peak, seed=1, leave_out=(), starts=(), stage=Broad, earlier=(), minutes=None,
        threads=2, budget=2048, warm=0.06):
    """`starts`: finished runs, or a model folder; `minutes`: at most so long, the rates falling accordingly (such a run
    cannot be repeated to the letter)."""
    torch.set_num_threads(threads)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = texts.all_rows(data)
    asks = list(answers.read(data)) + list(answers.threats(rows)) + answers.made_threats(seed)
    names = tokens.build(base, [texts.clean(text)[0] for text in texts.every_text(data)], out)
    tokenizer = tokens.load(out)
    torch.manual_seed(seed)
    net = known(starts, base, tokenizer, names)
    judged = []
    if stage.unlabelled:
        judges = [known([one], base, tokenizer, names) for one in earlier]
        judged = unlabelled.judge(tokenizer, judges, unlabelled.rows(data, rows, seed))
    table = net.bert.embeddings.word_embeddings.weight
    dense = [p for p in net.parameters() if p is not table]
    heads = {id(p) for head in (net.classifier, net.needs_answer) for p in head.parameters()}
    adam = torch.optim.AdamW([
        {"params": [p for p in dense if p.ndim > 1 and id(p) not in heads], "weight_decay": 0.01, "times": 1.0},
        {"params": [p for p in dense if p.ndim <= 1 and id(p) not in heads], "weight_decay": 0.0, "times": 1.0},
        {"params": [p for p in dense if id(p) in heads], "weight_decay": 0.0, "times": 5.0},
    ], lr=peak, fused=True)
    sparse = torch.optim.SparseAdam([table], lr=peak)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}

    state, at_epoch, at_batch, step = out / "state.pt", 0, 0, 0
    if state.exists():
        kept = torch.load(state)
        net.load_state_dict(kept["net"])
        average = kept["average"]
        adam.load_state_dict(kept["adam"])
        sparse.load_state_dict(kept["sparse"])
        at_epoch, at_batch, step = kept["at"]
        print(f"going on at epoch {at_epoch + 1}, batch {at_batch}", flush=True)

    per_epoch, began, seen, losses = None, time.time(), 0, []
    for epoch in range(at_epoch, epochs):
        chosen = epoch_rows(rows, asks, leave_out, seed, epoch, stage) + judged
        encoded = batches.encode(tokenizer, chosen)
        groups = batches.by_length([len(ids) for ids, _ in encoded], budget, random.Random(f"{seed}/{epoch}/order"))
        polar_to, polar_on, answer_to, answer_on = targets_of(chosen, stage)
        per_epoch = per_epoch or len(groups)
        total = per_epoch * epochs
        if not at_batch:
            print(f"epoch {epoch + 1}/{epochs}: {len(chosen)} rows, {len(groups)} batches", flush=True)
        for number, group in enumerate(groups):
            if number < at_batch:
                continue
            net.train()
            done = max(step / total, (time.time() - began) / 60 / minutes if minutes else 0.0)
            if done >= 1:
                break
            rate = min(1.0, (step + 1) / max(1, warm * total)) * max(0.02, 1 - done)
            for some in adam.param_groups:
                some["lr"] = peak * rate * some["times"]
            sparse.param_groups[0]["lr"] = peak * rate
            with torch.autocast("cpu", dtype=torch.bfloat16):
                polar, answer = net(*batches.tensors(encoded, group), drop=0.1,
                                    inner_drop=stage.inner_drop)
            on = polar_on[group]
            loss = -(polar_to[group] * F.log_softmax(polar, -1)).sum(-1)
            loss = (loss * on).sum() / len(group)
            asked = F.binary_cross_entropy_with_logits(answer, answer_to[group], reduction="none")
            loss = loss + (asked * answer_on[group]).sum() / len(group)
            adam.zero_grad(set_to_none=True)
            sparse.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(dense, 1.0)
            adam.step()
            sparse.step()
            step += 1
            seen += len(group)
            losses.append(float(loss.detach()))
            if step % 10 == 0:
                keep = min(0.999, step / (step + 100)) ** 10 if step < 1000 else 0.99
                with torch.no_grad():
                    for name, value in net.state_dict().items():
                        average[name].lerp_(value, 1 - keep)
            if step % 100 == 0:
                speed = seen / (time.time() - began)
                left = (1 - done) / max(1e-6, done) * (time.time() - began)
                print(f"  step {step}/{total}  loss {np.mean(losses[-100:]):.4f}  {speed:.0f} rows/s"
                      f"  {left / 60:.0f} min left", flush=True)
            if step % 300 == 0:
                save(state, net, average, adam, sparse, (epoch, number + 1, step))
        at_batch = 0
        save(state, net, average, adam, sparse, (epoch + 1, 0, step))
        torch.save(average, out / f"epoch-{epoch + 1}.pt")
        judge = network.Bert(net.shape)
        judge.load_state_dict(average)
        report = choice_report(judge, tokenizer, rows, leave_out)
        print(f"epoch {epoch + 1} on the rows for choosing: {json.dumps(report)}", flush=True)
    torch.save(average, out / "average.pt")
    (out / "run.json").write_text(json.dumps({
        "epochs": epochs, "peak": peak, "seed": seed, "left_out": list(leave_out), "start": [Path(one).name for one in starts], "stage": stage.__name__.lower(),
        "seconds": round(time.time() - began)}) + "\n")
    state.unlink(missing_ok=True)


def save(path, net, average, adam, sparse, at):
    """Beside, then renamed: a kill leaves the old state or the new one."""
    beside = path.with_suffix(".new")
    torch.save({"net": net.state_dict(), "average": average, "adam": adam.state_dict(),
                "sparse": sparse.state_dict(), "at": at}, beside)
    os.replace(beside, path)


if __name__ == "__main__":
    sys.exit("this is a part: run `python models/train`")
