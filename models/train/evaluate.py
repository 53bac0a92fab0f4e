"""Every figure of the model card, measured and printed as tables.

`report` is what a run writes; the figures about unseen sets come from the run that left them out.
"""

import json
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import answers
import batches
import measure
import net as network
import swap
import texts
import tokens

SMALL = 1000   # sets under this many rows are shown, not judged


def vader(rows):
    """The word list of Hutto and Gilbert (2014), with the thresholds its authors give."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    judge = SentimentIntensityAnalyzer()
    scores = [judge.polarity_scores(texts.clean(row.text)[0])["compound"] for row in rows]
    return np.array([2 if s >= 0.05 else 0 if s <= -0.05 else 1 for s in scores])


class Judge:
    """A model folder, with its temperatures."""

    def __init__(self, folder):
        self.net = network.load(folder)
        self.tokenizer = tokens.load(folder)
        self.card = json.loads((Path(folder) / "model.json").read_text())

    def logits(self, rows):
        return [part.numpy() for part in batches.logits(self.net, batches.encode(self.tokenizer, rows))]

    def pairs(self, pairs):
        return [part.numpy() for part in batches.logits(self.net, batches.tokens(self.tokenizer, pairs))]

    def calibrated(self, logits, rows):
        """Logits divided by the temperature of their form."""
        by = self.card["temperature"]
        given = np.array([by["target"] if row.target else by["post"] for row in rows])
        return logits / given[:, None]


def fit_temperatures(net, tokenizer, rows, leave_out):
    """One for posts as a whole, one towards a target; every set weighs the same."""
    rng = np.random.default_rng(3)
    out = {}
    for form, towards in (("post", False), ("target", True)):
        mine = [row for row in rows if row.part == texts.CHOICE and row.set not in (*leave_out, *texts.SEEN)
                and (row.target is not None) == towards]
        logits = batches.logits(net, batches.encode(tokenizer, mine))[0].numpy()
        truth = np.array([row.label for row in mine])
        names = np.array([row.set for row in mine])
        even = np.concatenate([rng.choice(np.flatnonzero(names == name), 400) for name in sorted(set(names))])
        out[form] = round(measure.best_temperature(logits[even], truth[even]), 4)
    return out


def fit_thresholds(net, tokenizer, asks):
    """Per kind, the threshold of best F1 on the rows for choosing, smoothed by those around it; with
    too few of a kind there, one half."""
    mine = [row for row in asks if row.part == texts.CHOICE and row.set == "complaints"]
    p = 1 / (1 + np.exp(-batches.logits(net, batches.encode(tokenizer, mine))[1].numpy()))
    grid = np.linspace(0.2, 0.8, 25)
    out = []
    for k in range(len(answers.KINDS)):
        truth = np.array([row.ask[k] for row in mine], dtype=bool)
        if truth.sum() < 100:
            out.append(0.5)
            continue
        f1 = np.array([2 * (truth & (p[:, k] >= t)).sum() / (truth.sum() + (p[:, k] >= t).sum()) for t in grid])
        smooth = np.convolve(np.pad(f1, 3, mode="edge"), np.ones(7) / 7, mode="valid")
        out.append(round(float(grid[smooth.argmax()]), 3))
    return out


def sets(judge, rows, wanted):
    """Measures per set, over the rows of the parts `wanted`."""
    out = {}
    for one in texts.SETS:
        mine = [row for row in rows if row.set == one.name and row.part in wanted]
        if len(mine) < 50 or one.name in texts.SEEN:
            continue
        logits = judge.calibrated(judge.logits(mine)[0], mine)
        out[one.name] = measure.sentiment(logits, [row.label for row in mine])
    return out


def together(judge, rows):
    """Calibration over all held-back rows of the sets that were fitted on, as one set."""
    mine = [row for row in rows if row.part == texts.HELD_BACK and row.set not in texts.SEEN]
    got = measure.sentiment(judge.calibrated(judge.logits(mine)[0], mine), [row.label for row in mine])
    return {"n": len(mine), "ece": got["ece"], "interval": got["intervals"]["ece"], "least_ece": got["least_ece"]}


def unseen(judge, rows):
    out = {}
    for name in texts.UNSEEN:
        mine = [row for row in rows if row.set == name]
        truth = np.array([row.label for row in mine])
        said = vader(mine)
        got = measure.sentiment(judge.calibrated(judge.logits(mine)[0], mine), truth)
        got["vader_macro_f1"] = float(measure.macro(truth, said)[1])
        out[name] = got
    return out


def two_brands(judge, rows):
    """How many pairs are right on both targets in both orders."""
    def share(pairs, right):
        return {"n": len(pairs), "right": float(np.mean(right)),
                "interval": measure.interval(lambda at: np.mean(np.array(right)[at]), len(pairs))}
    pairs = swap.measured(rows, random.Random(11))
    asked = [texts.clean(text, target) for orders, one, other in pairs for text in orders for target in (one[0], other[0])]
    said = judge.pairs(asked)[0].argmax(1).reshape(-1, 4)
    right = [list(four) == [0, 2, 0, 2] for four in said]
    blind = judge.pairs([texts.clean(text) for orders, _, _ in pairs for text in orders])[0].argmax(1).reshape(-1, 2)
    out = {"rows": share(pairs, right), "verdicts": float(np.mean([v == w for four in said
                                                                  for v, w in zip(four, [0, 2, 0, 2], strict=True)])),
           "whole_post_says": [float(np.mean(blind == k)) for k in range(3)]}
    made = swap.compared(random.Random(12))
    asked = [texts.clean(text, name) for both, one, other in made for text in both for name in (one, other)]
    said = judge.pairs(asked)[0].argmax(1).reshape(-1, 4)
    out["comparisons"] = share(made, [list(four) == [2, 0, 0, 2] for four in said])
    return out


def asking(judge, rows, asks):
    """F1 on complaints, and recall on questions and threats that the written rules find."""
    thresholds = np.array([one["threshold"] for one in judge.card["needs_answer"]["outputs"]])

    def p(of):
        return 1 / (1 + np.exp(-judge.logits(of)[1]))
    held = [row for row in asks if row.part == texts.HELD_BACK and row.set == "complaints"]
    got = p(held)
    complaint = [row.ask[0] for row in held]
    any_kind = (got >= thresholds).any(1)
    wanted = np.array([max(row.ask) for row in held])
    out = {
        "complaint": measure.two_way(got[:, 0], complaint, thresholds[0]),
        "needs_answer_against_complaints": measure.two_way(any_kind, complaint, 0.5),
        "needs_answer_against_rules": measure.two_way(any_kind, wanted, 0.5),
    }
    questions = [row for row in held if row.ask[1]]
    # Filled up with held-back tweets that begin with the brand's own handle.
    ours = [row for row in rows if row.part == texts.HELD_BACK and row.target and answers.to_brand(row.text, row.target)]
    questions += [row for row in ours if answers.asks(row.text)][:max(0, 100 - len(questions))]
    leaving = answers.held_back_threats(rows, asks)
    out["questions"] = {"n": len(questions), "recall": float((p(questions) >= thresholds).any(1).mean())}
    out["leaving"] = {"n": len(leaving), "recall": float((p(leaving) >= thresholds).any(1).mean()),
                      "of_them_found": sum(row.set != "made-threats" for row in leaving)}
    return out


def report(folder, data, without=None, binary=None):
    """Everything; `without`: the folder of the run that left the unseen sets out; `binary`: earmark."""
    rows = texts.all_rows(data)
    asks = list(answers.read(data))
    judge = Judge(folder)
    validation = list(texts.validation(data))
    logits = judge.logits(validation)[0]
    out = {
        "model": f"{judge.card['name']} {judge.card['version']}",
        "validation": measure.sentiment(judge.calibrated(logits, validation), [row.label for row in validation]),
        "held_back": sets(judge, rows, (texts.HELD_BACK,)),
        "two_brands": two_brands(judge, rows),
        "needs_answer": asking(judge, rows, asks),
    }
    dong = [row for row in rows if row.set == "dong" and row.part == texts.HELD_BACK]
    blind = [texts.Row(row.set, row.text, row.label) for row in dong]
    out["held_back_together"] = together(judge, rows)
    out["target_blind"] = measure.sentiment(judge.logits(blind)[0], [row.label for row in dong], intervals=False)
    if without:
        out["unseen"] = unseen(Judge(without), rows)
    if binary:
        out["daemon"] = daemon(binary, folder, data)
    return out


def trained_on(data):
    """The card's table of sets: what they are, their terms, how many rows were trained on."""
    rows = texts.all_rows(data)
    out = ["| set | what | terms | training | choice | held back |", "|---|---|---|---|---|---|"]
    for one in texts.SETS:
        n = [sum(row.set == one.name and row.part == part for row in rows)
             for part in (texts.TRAINING, texts.CHOICE, texts.HELD_BACK)]
        towards = " (towards a target)" if one.targets else ""
        out.append(f"| {one.name} | {one.about}{towards} | {one.licence} | " + " | ".join(f"{k:,}" for k in n) + " |")
    asks = list(answers.read(data))
    n = [sum(row.part == part for row in asks) for part in (texts.TRAINING, texts.CHOICE, texts.HELD_BACK)]
    out.append("| complaints | tweets to support accounts, complaint or not | none stated | "
               + " | ".join(f"{k:,}" for k in n) + " |")
    return "\n".join(out) + "\n"


def daemon(binary, folder, data):
    """The same texts through the daemon's own path: {set: macro-recall, macro-F1, calibration error}."""
    held = [row for row in texts.all_rows(data) if row.part == texts.HELD_BACK]
    out = {}
    with tempfile.TemporaryDirectory() as place:
        for name, rows in (("TweetEval validation", list(texts.validation(data))),
                           ("dong", [row for row in held if row.set == "dong"])):
            file = Path(place, "rows.jsonl")
            file.write_text("".join(json.dumps({
                "text": row.text, "label": texts.LABELS[row.label], "target": row.target}) + "\n" for row in rows))
            done = subprocess.run([binary, "eval", str(file), "--model", str(folder), "--json"],
                                  stdout=subprocess.PIPE, check=True)
            got = json.loads(done.stdout)
            out[name] = {key: got[key] for key in ("n", "macro_recall", "macro_f1", "ece")}
    return out


def means(some):
    """Calibration error, and what of it is chance, over the sets that are judged."""
    judged = [(one["ece"], one["least_ece"]) for one in some if one["n"] >= SMALL]
    return np.mean(judged, axis=0)


def percent(value):
    return f"{100 * value:.1f}"


def tables(got):
    """The report for people, in Markdown."""
    def line(name, one):
        low, high = one["intervals"]["macro_f1"]
        return (f"| {name} | {one['n']:,} | {percent(one['macro_recall'])} | {percent(one['macro_f1'])} "
                f"({percent(low)}–{percent(high)}) | {percent(one['accuracy'])} | {percent(one['accuracy_at_80'])} "
                f"| {one['ece']:.3f} | {one['least_ece']:.3f} |")
    head = ("| set | n | macro-recall | macro-F1 (95 %) | accuracy | accuracy at 80 % coverage | calibration error | of it chance |\n"
            "|---|---|---|---|---|---|---|---|")
    out = ["On rows that nothing was fitted or chosen on:\n", head, line("TweetEval validation", got["validation"])]
    out += [line(name, one) for name, one in got["held_back"].items()]
    judged, least = means(got["held_back"].values())
    every = got["held_back_together"]
    out.append(f"\nCalibration error over all {every['n']:,} held-back rows as one set: {every['ece']:.3f}"
               f" ({every['interval'][0]:.3f}–{every['interval'][1]:.3f}; of it chance {every['least_ece']:.3f}). Mean of the sets with"
               f" {SMALL:,} rows or more: {judged:.3f}, of it chance {least:.3f}: so much would probabilities show on so few rows"
               " that are exactly right (labels drawn from them).")
    if "unseen" in got:
        some = got["unseen"]
        out += ["\nSets that the run had never seen:\n", head]
        out += [line(name, one) for name, one in some.items()]
        brands = np.mean([some[n]["macro_f1"] - some[n]["vader_macro_f1"] for n in ("sanders", "sxsw")])
        out.append(f"\nMean macro-F1 {percent(np.mean([one['macro_f1'] for one in some.values()]))}"
                   f" (VADER {percent(np.mean([one['vader_macro_f1'] for one in some.values()]))}),"
                   f" mean calibration error of the sets with {SMALL:,} rows or more {means(some.values())[0]:.3f}, of all"
                   f" {np.mean([one['ece'] for one in some.values()]):.3f}; the two brand sets: {percent(brands)} points above VADER.")
    if "daemon" in got:
        out += ["\nThe same through the daemon's own path (`earmark eval`):\n",
                "| set | n | macro-recall | macro-F1 | calibration error |", "|---|---|---|---|---|"]
        out += [f"| {name} | {one['n']:,} | {percent(one['macro_recall'])} | {percent(one['macro_f1'])} | {one['ece']:.3f} |"
                for name, one in got["daemon"].items()]
    two = got["two_brands"]
    out += ["\n| two brands in one post | n | both right in both orders (95 %) |", "|---|---|---|"]
    for name in ("rows", "comparisons"):
        low, high = two[name]["interval"]
        out.append(f"| {'joined rows' if name == 'rows' else 'made comparisons'} | {two[name]['n']} "
                   f"| {percent(two[name]['right'])} ({percent(low)}–{percent(high)}) |")
    out.append(f"\nOf single verdicts towards a target in the joined rows, {percent(two['verdicts'])} % are right. Blind to the"
               f" target, macro-F1 on dong is {percent(got['target_blind']['macro_f1'])}.")
    ask = got["needs_answer"]
    out += ["\n| needs an answer | n | precision | recall | F1 (95 %) |", "|---|---|---|---|---|"]
    for name, words in (("complaint", "complaint, as people labelled it"),
                        ("needs_answer_against_complaints", "any of the three, against the label complaint alone"),
                        ("needs_answer_against_rules", "any of the three, against complaint, question or threat")):
        one = ask[name]
        low, high = one["interval"]
        out.append(f"| {words} | {one['n']} | {percent(one['precision'])} | {percent(one['recall'])} "
                   f"| {percent(one['f1'])} ({percent(low)}–{percent(high)}) |")
    out.append(f"\nRecall on {ask['questions']['n']} questions: {percent(ask['questions']['recall'])} %; on"
               f" {ask['leaving']['n']} threats to leave ({ask['leaving']['of_them_found']} found in held-back rows, the rest"
               f" made): {percent(ask['leaving']['recall'])} %.")
    return "\n".join(out) + "\n"
