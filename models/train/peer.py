#!/usr/bin/env python3
"""How fast others are: posts a second of a Hugging Face text-classification pipeline.

    peer.py MODEL FILE [--daemon BINARY]

MODEL is a folder with config.json, model.safetensors and tokenizer.json; FILE is JSON Lines with
`text`, plain or gzipped, scored in file order. Two peers are timed in the same pipeline, with
batches of 32: the same weights, and a made BERT of twelve layers 768 wide with weights of chance,
the size of the classifiers most people reach for. With --daemon, `BINARY eval` scores the same file
in the same run, on as many threads. All of them take turns, so that a machine that is busy for a
while is busy for all; of each one's rounds the best counts. Prints JSON.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description="Posts a second of a Hugging Face pipeline.")
    parser.add_argument("model", help="folder with config.json, model.safetensors, tokenizer.json")
    parser.add_argument("file", help="JSON Lines with `text`, plain or gzipped")
    parser.add_argument("--daemon", help="earmark's binary, to score the same file")
    parser.add_argument("--threads", type=int, default=0, help="threads for each; 0: one a core")
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn")
    parser.add_argument("--batch", type=int, default=32, help="the pipeline's batch_size")
    parser.add_argument("--wide-texts", type=int, default=256, help="how many texts, from the first, the made BERT scores; 0: none")
    return parser.parse_args()


def texts_of(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")
    with opened as lines:
        return [json.loads(line)["text"] for line in lines if line.strip()]


def pipelines(folder, batch):
    """The same weights, and the made model, behind the same tokenizer."""
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as page:
        longest = json.load(page)["max_tokens"]
    marks = {"pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "mask": "[MASK]"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=os.path.join(folder, "tokenizer.json"),
        model_max_length=longest,
        **{f"{name}_token": token for name, token in marks.items()},
    )

    def behind(model):
        classify = pipeline(
            "text-classification", model=model.float().eval(), tokenizer=tokenizer, device="cpu", batch_size=batch
        )
        return lambda texts: classify(texts, truncation=True, max_length=longest)

    own = BertForSequenceClassification.from_pretrained(folder)
    wide = BertForSequenceClassification(
        BertConfig(vocab_size=own.config.vocab_size, num_hidden_layers=12, hidden_size=768, num_labels=3)
    )
    return behind(own), behind(wide)


def rate(score, texts):
    began = time.perf_counter()
    score(texts)
    return len(texts) / (time.perf_counter() - began)


def daemon_rate(binary, model, path, threads):
    command = [binary, "eval", path, "--model", model, "--threads", str(threads), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    measures = json.loads(done.stdout)
    if not measures.get("posts_per_second"):
        sys.exit(f"{binary} eval does not say how many posts it scored a second")
    return measures["posts_per_second"]


def main():
    asked = arguments()
    threads = asked.threads or len(os.sched_getaffinity(0))
    texts = texts_of(asked.file)

    import torch
    import transformers

    torch.set_num_threads(threads)
    own, wide = pipelines(asked.model, asked.batch)
    some = texts[: asked.wide_texts]
    own(texts[: 2 * asked.batch])
    rounds = {"daemon": [], "pipeline": [], "wide": []}
    for _ in range(asked.rounds):
        if asked.daemon:
            rounds["daemon"].append(daemon_rate(asked.daemon, asked.model, asked.file, threads))
        rounds["pipeline"].append(rate(own, texts))
        if some:
            rounds["wide"].append(rate(wide, some))
    best = {name: max(rates) for name, rates in rounds.items() if rates}
    result = {
        "texts": len(texts),
        "threads": threads,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "posts_per_second": {name: round(value, 1) for name, value in best.items()},
        "rounds": {name: [round(value, 1) for value in rates] for name, rates in rounds.items() if rates},
    }
    if "daemon" in best:
        result["times_faster_than"] = {
            name: round(best["daemon"] / value, 2) for name, value in best.items() if name != "daemon"
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
