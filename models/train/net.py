"""The network: a BERT encoder of six layers, a head of three for sentiment, a head for answers.

Written out rather than taken from a library, because on a CPU three things make training three
times faster: attention as plain products (the fused kernel's backward pass is slow for short
texts), gradients of the word table kept sparse, and no drop-out inside the layers. The names of the weights
are those that `BertForSequenceClassification` has, so that the file loads elsewhere.
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from answers import KINDS
from texts import LABELS


class Named(nn.Module):
    """A place in the tree of names."""


class Bert(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        width, inner = shape["hidden_size"], shape["intermediate_size"]
        self.heads = shape["num_attention_heads"]
        eps = shape["layer_norm_eps"]
        bert = self.bert = Named()
        table = bert.embeddings = Named()
        table.word_embeddings = nn.Embedding(shape["vocab_size"], width, padding_idx=0, sparse=True)
        table.position_embeddings = nn.Embedding(shape["max_position_embeddings"], width)
        table.token_type_embeddings = nn.Embedding(shape["type_vocab_size"], width)
        table.LayerNorm = nn.LayerNorm(width, eps)
        bert.encoder = Named()
        bert.encoder.layer = nn.ModuleList()
        for _ in range(shape["num_hidden_layers"]):
            layer = Named()
            layer.attention = Named()
            setattr(layer.attention, "self", Named())
            looks = getattr(layer.attention, "self")
            looks.query, looks.key, looks.value = (nn.Linear(width, width) for _ in range(3))
            layer.attention.output = Named()
            layer.attention.output.dense = nn.Linear(width, width)
            layer.attention.output.LayerNorm = nn.LayerNorm(width, eps)
            layer.intermediate = Named()
            layer.intermediate.dense = nn.Linear(width, inner)
            layer.output = Named()
            layer.output.dense = nn.Linear(inner, width)
            layer.output.LayerNorm = nn.LayerNorm(width, eps)
            bert.encoder.layer.append(layer)
        bert.pooler = Named()
        bert.pooler.dense = nn.Linear(width, width)
        self.classifier = nn.Linear(width, len(LABELS))
        self.needs_answer = nn.Linear(width, len(KINDS))
        for head in (self.classifier, self.needs_answer):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    def forward(self, ids, types, mask, drop=0.0):
        """(sentiment logits, answer logits); `mask` is None when no text is padded."""
        table = self.bert.embeddings
        x = (table.word_embeddings(ids) + table.position_embeddings.weight[:ids.shape[1]]
             + table.token_type_embeddings(types))
        x = table.LayerNorm(x)
        batch, length, width = x.shape
        each = width // self.heads
        shade = None if mask is None else (1.0 - mask.to(x.dtype))[:, None, None, :] * -10000.0
        last = self.bert.encoder.layer[-1]
        for layer in self.bert.encoder.layer:
            looks = getattr(layer.attention, "self")
            three = F.linear(x, torch.cat([looks.query.weight, looks.key.weight, looks.value.weight]),
                             torch.cat([looks.query.bias, looks.key.bias, looks.value.bias]))
            q, k, v = three.view(batch, length, 3, self.heads, each).permute(2, 0, 3, 1, 4)
            if layer is last:
                # Only the first token's state is read by the heads.
                q, x = q[:, :, :1], x[:, :1]
            weights = torch.matmul(q * (1 / math.sqrt(each)), k.transpose(-1, -2))
            if shade is not None:
                weights = weights + shade.to(weights.dtype)
            seen = torch.matmul(weights.softmax(-1, dtype=torch.float32).to(v.dtype), v)
            seen = seen.transpose(1, 2).reshape(batch, -1, width)
            x = layer.attention.output.LayerNorm(x + layer.attention.output.dense(seen))
            inner = F.gelu(layer.intermediate.dense(x))
            x = layer.output.LayerNorm(x + layer.output.dense(inner))
        pooled = F.dropout(torch.tanh(self.bert.pooler.dense(x[:, 0])), drop, self.training)
        return self.classifier(pooled).float(), self.needs_answer(pooled).float()


def base(folder):
    """The network on the base weights, heads fresh."""
    shape = json.loads((Path(folder) / "config.json").read_text())
    net = Bert(shape)
    given = {name if name.startswith("bert.") else f"bert.{name}": value
             for name, value in load_file(Path(folder) / "model.safetensors").items()}
    given.pop("bert.embeddings.position_ids", None)
    missing, unknown = net.load_state_dict(given, strict=False)
    left = [name for name in missing if not name.startswith(("classifier", "needs_answer"))]
    if left or unknown:
        raise SystemExit(f"{folder}: missing {left}, unknown {unknown}")
    return net


def known(folder):
    """The network on the weights of an earlier model folder; a head that it lacks stays fresh."""
    net = Bert(json.loads((Path(folder) / "config.json").read_text()))
    given = {name: value.float() for name, value in load_file(Path(folder) / "model.safetensors").items()}
    missing, unknown = net.load_state_dict(given, strict=False)
    if unknown or any(not name.startswith("needs_answer") for name in missing):
        raise SystemExit(f"{folder}: missing {missing}, unknown {unknown}")
    return net


def name_emoji(net, tokenizer, names):
    """Begins each emoji where the words of its Unicode name stand on average."""
    words = net.bert.embeddings.word_embeddings.weight
    with torch.no_grad():
        for at, name in names.items():
            ids = tokenizer.encode(name, add_special_tokens=False).ids
            if ids:
                words[at] = words[torch.tensor(ids)].mean(0)


def export(net, folder, card):
    """Writes `model.safetensors` (half precision), `config.json` and `model.json`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: value.detach().half().contiguous() for name, value in net.state_dict().items()}
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    shape = {key: net.shape[key] for key in (
        "hidden_act", "hidden_size", "initializer_range", "intermediate_size", "layer_norm_eps",
        "max_position_embeddings", "num_attention_heads", "num_hidden_layers", "type_vocab_size", "vocab_size")}
    shape |= {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "pad_token_id": 0,
              "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
              "id2label": dict(enumerate(LABELS)), "label2id": {label: at for at, label in enumerate(LABELS)}}
    (folder / "config.json").write_text(json.dumps(shape, indent=2, sort_keys=True) + "\n")
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n")


def load(folder):
    """The network as the daemon has it: half precision widened."""
    folder = Path(folder)
    net = Bert(json.loads((folder / "config.json").read_text()))
    net.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    return net.eval()
