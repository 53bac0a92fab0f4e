"""Measures, each with a 95 % bootstrap interval (1,000 resamples, seeded)."""

import numpy as np

RESAMPLES = 1000


def macro(truth, said, classes=3):
    """(macro recall, macro F1, per class [precision, recall, F1, n]) over the classes that occur."""
    table = np.zeros((classes, classes))
    np.add.at(table, (truth, said), 1)
    right, of_truth, of_said = np.diag(table), table.sum(1), table.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.nan_to_num(right / of_truth)
        precision = np.nan_to_num(right / of_said)
        f1 = np.nan_to_num(2 * right / (of_truth + of_said))
    there = of_truth > 0
    return recall[there].mean(), f1[there].mean(), np.stack([precision, recall, f1, of_truth], 1)


def calibration_error(confidence, right, bins=15):
    """Mean gap between confidence and accuracy over bins of equal mass."""
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return sum(abs(confidence[p].mean() - right[p].mean()) * len(p) for p in parts if len(p)) / len(order)


def least_error(p, draws=50, seed=5):
    """The calibration error that probabilities which are exactly right would show on so few rows: the mean over
    labels drawn from these very probabilities."""
    rng = np.random.default_rng(seed)
    confidence = p.max(1)
    return float(np.mean([calibration_error(confidence, (rng.random(len(p)) < confidence).astype(float)) for _ in range(draws)]))


def softmax(logits, temperature=1.0):
    z = np.asarray(logits, dtype=np.float64) / temperature
    z -= z.max(-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def interval(figure, n, seed=7, resamples=RESAMPLES):
    """`figure(indices)` over resamples: [2.5 %, 97.5 %]."""
    rng = np.random.default_rng(seed)
    values = [figure(rng.integers(0, n, n)) for _ in range(resamples)]
    return [float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))]


def sentiment(logits, truth, temperature=1.0, intervals=True):
    """Everything about one set of verdicts."""
    truth = np.asarray(truth)
    p = softmax(logits, temperature)
    said, confidence = p.argmax(1), p.max(1)
    right = (said == truth).astype(float)
    recall, f1, per_class = macro(truth, said)
    sure = np.argsort(-confidence, kind="stable")[:max(1, int(0.8 * len(truth)))]
    out = {
        "n": len(truth), "accuracy": right.mean(), "macro_recall": recall, "macro_f1": f1,
        "ece": calibration_error(confidence, right), "least_ece": least_error(p), "accuracy_at_80": right[sure].mean(),
        "per_class": per_class.tolist(),
    }
    if intervals:
        out["intervals"] = {
            "macro_recall": interval(lambda at: macro(truth[at], said[at])[0], len(truth)),
            "macro_f1": interval(lambda at: macro(truth[at], said[at])[1], len(truth)),
            "ece": interval(lambda at: calibration_error(confidence[at], right[at]), len(truth)),
        }
    return out


def two_way(probability, truth, threshold):
    """Precision, recall and F1 of a yes or no."""
    truth, said = np.asarray(truth, dtype=bool), np.asarray(probability) >= threshold

    def f1(at=slice(None)):
        hit = (truth[at] & said[at]).sum()
        return 2 * hit / max(1, truth[at].sum() + said[at].sum())
    hit = (truth & said).sum()
    return {"n": len(truth), "precision": hit / max(1, said.sum()), "recall": hit / max(1, truth.sum()),
            "f1": f1(), "interval": interval(f1, len(truth))}


def best_temperature(logits, truth):
    """The temperature of least negative log-likelihood, by golden section on its logarithm."""
    logits, truth = np.asarray(logits, dtype=np.float64), np.asarray(truth)

    def loss(log_t):
        p = softmax(logits, np.exp(log_t))
        return -np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-12)).mean()
    low, high, ratio = np.log(0.25), np.log(4.0), (5 ** 0.5 - 1) / 2
    while high - low > 1e-4:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))
