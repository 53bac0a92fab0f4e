//! A model made on the spot: the smallest folder that the loader takes, with weights of chance, so
//! that everything the format promises can be tried without a trained one.

use std::collections::BTreeMap;
use std::path::Path;

use earmark::sentiment::bert::Bert;
use earmark::sentiment::{Classifier, Scorable, ScoreError, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

const HIDDEN: usize = 16;
const WIDE: usize = 32;
const LAYERS: usize = 2;
const POSITIONS: usize = 64;
pub const LONGEST: usize = 40;
const WORDS: [&str; 14] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "acme", "globex", "app", "is", "good", "bad", "and", "the", "@",
    "word",
];

/// A folder that can be spoilt before it is loaded.
pub struct Made {
    pub folder: TempDir,
    pub card: Value,
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Made {
    pub fn new() -> Self {
        let card = json!({
            "name": "made", "version": "1", "labels": ["negative", "neutral", "positive"],
            "languages": ["en"], "max_tokens": LONGEST, "normaliser": "tokenizer",
        });
        Self { folder: tempfile::tempdir().expect("a temporary folder"), card, tensors: tensors() }
    }

    /// With all that the format knows.
    pub fn whole() -> Self {
        let mut made = Self::new();
        made.card["targets"] = json!(true);
        made.card["needs_answer"] = json!({ "temperature": 1.0, "threshold": 0.5 });
        made
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self) {
        let write = |file: &str, value: &Value| {
            std::fs::write(self.path().join(file), value.to_string()).expect("written");
        };
        write("model.json", &self.card);
        write(
            "config.json",
            &json!({
                "hidden_act": "gelu", "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1,
                "hidden_size": HIDDEN, "initializer_range": 0.02, "intermediate_size": WIDE,
                "max_position_embeddings": POSITIONS, "num_attention_heads": 2, "num_hidden_layers": LAYERS,
                "type_vocab_size": 2, "vocab_size": WORDS.len(),
                "id2label": { "0": "negative", "1": "neutral", "2": "positive" },
            }),
        );
        let words: BTreeMap<&str, usize> = WORDS.iter().enumerate().map(|(at, word)| (*word, at)).collect();
        let added: Vec<Value> = WORDS[..4]
            .iter()
            .enumerate()
            .map(|(id, content)| {
                json!({
                    "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true,
                })
            })
            .collect();
        write(
            "tokenizer.json",
            &json!({
                "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
                "normalizer": {
                    "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                    "strip_accents": null, "lowercase": true,
                },
                "pre_tokenizer": { "type": "BertPreTokenizer" }, "post_processor": null, "decoder": null,
                "model": {
                    "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                    "max_input_chars_per_word": 100, "vocab": words,
                },
            }),
        );
        std::fs::write(self.path().join("model.safetensors"), self.weights()).expect("written");
    }

    /// The weights file: the length of its table, the table, the numbers.
    fn weights(&self) -> Vec<u8> {
        let mut table = serde_json::Map::new();
        let mut numbers: Vec<u8> = Vec::new();
        for (name, (shape, values)) in &self.tensors {
            let start = numbers.len();
            numbers.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let place = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, numbers.len()] });
            table.insert(name.clone(), place);
        }
        let table = Value::Object(table).to_string();
        let mut file = (table.len() as u64).to_le_bytes().to_vec();
        file.extend(table.bytes());
        file.extend(numbers);
        file
    }

    pub fn load(&self, threads: usize) -> Result<Bert, ScoreError> {
        self.write();
        Bert::load(self.path(), threads)
    }

    pub fn loaded(&self) -> Bert {
        self.load(1).expect("a folder in order")
    }
}

fn tensors() -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut state = 7_u64;
    let mut chance = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 2.0
    };
    let mut all = BTreeMap::new();
    let mut add = |name: String, shape: &[usize], fixed: Option<f32>| {
        let count = shape.iter().product();
        let values = (0..count).map(|_| fixed.unwrap_or_else(&mut chance)).collect();
        all.insert(name, (shape.to_vec(), values));
    };
    let mut linear = |name: &str, outputs: usize, inputs: usize| {
        add(format!("{name}.weight"), &[outputs, inputs], None);
        add(format!("{name}.bias"), &[outputs], None);
    };
    for at in 0..LAYERS {
        let layer = format!("bert.encoder.layer.{at}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            linear(&format!("{layer}.attention.{part}"), HIDDEN, HIDDEN);
        }
        linear(&format!("{layer}.intermediate.dense"), WIDE, HIDDEN);
        linear(&format!("{layer}.output.dense"), HIDDEN, WIDE);
    }
    linear("bert.pooler.dense", HIDDEN, HIDDEN);
    linear("classifier", 3, HIDDEN);
    linear("needs_answer", 1, HIDDEN);
    for (part, rows) in [("word", WORDS.len()), ("position", POSITIONS), ("token_type", 2)] {
        add(format!("bert.embeddings.{part}_embeddings.weight"), &[rows, HIDDEN], None);
    }
    let norms = (0..LAYERS).flat_map(|at| {
        ["attention.output", "output"].map(|part| format!("bert.encoder.layer.{at}.{part}.LayerNorm"))
    });
    for norm in norms.chain(["bert.embeddings.LayerNorm".to_owned()]) {
        add(format!("{norm}.weight"), &[HIDDEN], Some(1.0));
        add(format!("{norm}.bias"), &[HIDDEN], Some(0.0));
    }
    all
}

pub fn towards(text: &str, target: &str) -> Scorable {
    Scorable { target: Some(target.into()), ..Scorable::new(text) }
}

pub fn one(bert: &mut Bert, text: Scorable) -> Verdict {
    bert.classify(&[text]).expect("judged")[0]
}

pub fn far(a: Verdict, b: Verdict) -> f32 {
    let distance = |a: f32, b: f32| (a - b).abs();
    let (p, q) = (a.probabilities, b.probabilities);
    let answers = |verdict: Verdict| verdict.needs_answer.map_or(0.0, |answer| answer.probability);
    distance(p.negative, q.negative)
        .max(distance(p.neutral, q.neutral))
        .max(distance(p.positive, q.positive))
        .max(distance(answers(a), answers(b)))
}
