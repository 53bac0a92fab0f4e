//! The neural model: a BERT with one head for the polarity and, where it has one, a second for
//! whether an answer is wanted, both on one pass. Read from a folder, never from the network. The
//! only file that names rust-bert and its tensors.
//!
//! * [`folder`]: the small files of a model and what can be wrong with them.
//! * [`tokens`]: from a text and a target to what the network reads.
//! * [`crew`]: groups of texts, and the threads that share them out.
//! * [`classifier`]: all of it behind the [`Classifier`](super::Classifier) seam.
//!
//! # The pass
//! The tensors are those of rust-bert's `BertForSequenceClassification`, whose answers a test holds
//! these against; the pass is our own, because three things make it twice as fast and none of them
//! can be had through rust-bert's:
//! * **No padding, no mask.** The tokens of all texts of a group lie one behind the other, as rows
//!   of one matrix. All but the attention works row by row and does not care where a text ends. The
//!   attention is done once for each run of texts of the same length; texts come sorted by length,
//!   so that runs are long.
//! * **The last layer is for one token a text.** Only the first token's state is read by the heads,
//!   so the last layer computes queries, output and feed-forward for that token alone.
//! * **One matrix product** gives queries, keys and values, and the attention is libtorch's fused one.
//!
//! Weights are widened to single precision, since a CPU computes half precision slowly or not at
//! all; the table of word vectors stays as the file has it, because rows of it are only looked up
//! and widening a row gives the same number.
//!
//! libtorch counts its threads per calling thread, and those that it starts itself wait for each
//! other busily. It is told to start none ([`alone`]); the crew's threads are ours, and sleep.

use std::collections::HashMap;
use std::path::Path;

use rust_bert::bert::BertConfig;
use tch::{Kind, TchError, Tensor};

mod classifier;
mod crew;
mod folder;
mod tokens;

pub use classifier::Bert;
pub use folder::check;

use tokens::Tokens;

/// What `config.json` says.
type Shape = BertConfig;

/// Added to a variance before the root is taken, as BERT was trained with.
const EPSILON: f64 = 1e-12;

/// Makes libtorch compute on the calling thread alone.
fn alone() {
    tch::set_num_threads(1);
}

/// Labels of `config.json` in the order of the outputs; none: it does not say.
fn labels(shape: &Shape) -> Option<Vec<&str>> {
    let known = shape.id2label.as_ref()?;
    (0..).take(known.len()).map(|at| known.get(&at).map(String::as_str)).collect()
}

/// How many tokens and how many positions the shape has room for.
fn room(shape: &Shape) -> (usize, usize) {
    let size = |size: i64| usize::try_from(size).unwrap_or(0);
    (size(shape.vocab_size), size(shape.max_position_embeddings))
}

/// Why the network cannot be had in this shape, if it cannot.
fn misfit(shape: &Shape) -> Option<String> {
    let (hidden, heads) = (shape.hidden_size, shape.num_attention_heads);
    // rust-bert does not let its type be named.
    if serde_json::to_value(shape.hidden_act).is_ok_and(|act| act != "gelu") {
        return Some("hidden_act is not \"gelu\"".into());
    }
    if heads < 1 || hidden < 1 || hidden % heads != 0 {
        return Some(format!("hidden_size {hidden} is no multiple of num_attention_heads {heads}"));
    }
    if shape.num_hidden_layers < 1 {
        return Some("num_hidden_layers is below 1".into());
    }
    (shape.type_vocab_size < 2).then(|| "type_vocab_size is below 2".into())
}

/// What the heads say about one text, before any softmax.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    /// In the order of the labels.
    pub labels: Vec<f32>,
    /// Of the second head; empty where there is none.
    pub needs_answer: Vec<f32>,
}

/// The network. Sharing it copies no weights.
struct Net {
    heads: i64,
    /// In the file's precision.
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    pooler: Linear,
    classifier: Linear,
    needs_answer: Option<Linear>,
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

struct Norm(Linear);

struct Layer {
    /// Queries, keys and values, one below the other.
    attention: Linear,
    attended: Linear,
    attended_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

/// Texts of one length that lie one behind the other.
struct Run {
    /// Row of the first token.
    start: i64,
    texts: i64,
    length: i64,
}

/// Tensors by name, as a file has them.
struct File(HashMap<String, Tensor>);

impl File {
    fn read(path: &Path) -> Result<Self, String> {
        let tensors = Tensor::read_safetensors(path).map_err(|error| first_line(&error))?;
        Ok(Self(tensors.into_iter().collect()))
    }

    /// Takes a tensor out, so that its half precision can go as soon as it is widened.
    fn take(&mut self, name: &str, size: &[i64]) -> Result<Tensor, String> {
        let tensor = self.0.remove(name).ok_or_else(|| format!("{name} is missing"))?;
        if tensor.size() != size {
            return Err(format!("{name} is of size {:?}, config.json makes it {size:?}", tensor.size()));
        }
        Ok(tensor)
    }

    fn widened(&mut self, name: &str, size: &[i64]) -> Result<Tensor, String> {
        let tensor = self.take(name, size)?;
        tensor.f_to_kind(Kind::Float).and_then(|wide| wide.f_contiguous()).map_err(|error| first_line(&error))
    }

    fn linear(&mut self, name: &str, outputs: i64, inputs: i64) -> Result<Linear, String> {
        Ok(Linear {
            weight: self.widened(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.widened(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn norm(&mut self, name: &str, size: i64) -> Result<Norm, String> {
        let weight = self.widened(&format!("{name}.weight"), &[size])?;
        Ok(Norm(Linear { weight, bias: self.widened(&format!("{name}.bias"), &[size])? }))
    }
}

impl Linear {
    fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }

    fn of(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        rows.f_linear(&self.weight, Some(&self.bias))
    }

    /// One below the other.
    fn stack(parts: &[Linear]) -> Result<Self, String> {
        let cat = |part: fn(&Linear) -> &Tensor| {
            Tensor::f_cat(&parts.iter().map(part).collect::<Vec<_>>(), 0).map_err(|error| first_line(&error))
        };
        Ok(Self { weight: cat(|part| &part.weight)?, bias: cat(|part| &part.bias)? })
    }
}

impl Norm {
    fn share(&self) -> Self {
        Self(self.0.share())
    }

    fn of(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        rows.f_layer_norm(self.0.bias.size(), Some(&self.0.weight), Some(&self.0.bias), EPSILON, false)
    }
}

impl Layer {
    fn read(file: &mut File, at: i64, hidden: i64, wide: i64) -> Result<Self, String> {
        let name = |part: &str| format!("bert.encoder.layer.{at}.{part}");
        let parts = ["query", "key", "value"]
            .map(|part| file.linear(&name(&format!("attention.self.{part}")), hidden, hidden));
        let [query, key, value] = parts;
        Ok(Self {
            attention: Linear::stack(&[query?, key?, value?])?,
            attended: file.linear(&name("attention.output.dense"), hidden, hidden)?,
            attended_norm: file.norm(&name("attention.output.LayerNorm"), hidden)?,
            widen: file.linear(&name("intermediate.dense"), wide, hidden)?,
            narrow: file.linear(&name("output.dense"), hidden, wide)?,
            norm: file.norm(&name("output.LayerNorm"), hidden)?,
        })
    }

    fn share(&self) -> Self {
        Self {
            attention: self.attention.share(),
            attended: self.attended.share(),
            attended_norm: self.attended_norm.share(),
            widen: self.widen.share(),
            narrow: self.narrow.share(),
            norm: self.norm.share(),
        }
    }

    /// All tokens' next states.
    fn of(&self, rows: &Tensor, runs: &[Run], heads: i64) -> Result<Tensor, TchError> {
        let hidden = rows.size()[1];
        let all = self.attention.of(rows)?;
        let mut attended = Vec::with_capacity(runs.len());
        for run in runs {
            let [query, key, value] = run.split(&all, heads)?;
            attended.push(attention(&query, &key, &value)?.f_reshape([-1, hidden])?);
        }
        self.rest(rows, &joined(attended)?)
    }

    /// The next states of each text's first token.
    fn of_firsts(&self, rows: &Tensor, runs: &[Run], heads: i64) -> Result<Tensor, TchError> {
        let hidden = rows.size()[1];
        let part = |from: i64, parts: i64| -> Result<Linear, TchError> {
            Ok(Linear {
                weight: self.attention.weight.f_narrow(0, from * hidden, parts * hidden)?,
                bias: self.attention.bias.f_narrow(0, from * hidden, parts * hidden)?,
            })
        };
        let firsts = joined(
            runs.iter()
                .map(|run| {
                    let own = rows.f_narrow(0, run.start, run.texts * run.length)?;
                    own.f_view([run.texts, run.length, hidden])?.f_select(1, 0)
                })
                .collect::<Result<_, _>>()?,
        )?;
        let queries = part(0, 1)?.of(&firsts)?;
        let others = part(1, 2)?.of(rows)?;
        let mut attended = Vec::with_capacity(runs.len());
        let mut done = 0;
        for run in runs {
            let query = queries.f_narrow(0, done, run.texts)?;
            let query = query.f_view([run.texts, 1, heads, hidden / heads])?.f_transpose(1, 2)?;
            let [key, value] = run.split(&others, heads)?;
            attended.push(attention(&query, &key, &value)?.f_reshape([-1, hidden])?);
            done += run.texts;
        }
        self.rest(&firsts, &joined(attended)?)
    }

    fn rest(&self, rows: &Tensor, attended: &Tensor) -> Result<Tensor, TchError> {
        let rows = self.attended_norm.of(&self.attended.of(attended)?.f_add_(rows)?)?;
        let wide = self.widen.of(&rows)?.f_gelu_("none")?;
        self.norm.of(&self.narrow.of(&wide)?.f_add_(&rows)?)
    }
}

impl Run {
    /// The columns of this run's rows as so many parts, each text by head by token.
    fn split<const PARTS: usize>(&self, rows: &Tensor, heads: i64) -> Result<[Tensor; PARTS], TchError> {
        let own = rows.f_narrow(0, self.start, self.texts * self.length)?;
        let own =
            own.f_view([self.texts, self.length, PARTS as i64, heads, -1])?.f_permute([2, 0, 3, 1, 4])?;
        let mut parts = Vec::with_capacity(PARTS);
        for part in 0..PARTS {
            parts.push(own.f_select(0, part as i64)?);
        }
        parts.try_into().map_err(|_| TchError::Shape("fewer parts than were made".into()))
    }
}

/// Text by token by head, the heads' parts side by side.
fn attention(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor, TchError> {
    // The binding turns "no mask" into one that libtorch takes offence at.
    let all = Tensor::f_zeros([1, key.size()[2]], (Kind::Float, tch::Device::Cpu))?;
    Tensor::f_scaled_dot_product_attention(query, key, value, Some(&all), 0.0, false, None)?.f_transpose(1, 2)
}

fn joined(mut parts: Vec<Tensor>) -> Result<Tensor, TchError> {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => Ok(only),
        (_, last) => {
            parts.extend(last);
            Tensor::f_cat(&parts, 0)
        }
    }
}

impl Net {
    /// Reads the weights at `path`; `second_head`: how many outputs `needs_answer` has.
    fn read(path: &Path, shape: &Shape, second_head: usize) -> Result<Self, String> {
        let mut file = File::read(path)?;
        let hidden = shape.hidden_size;
        let labels = i64::try_from(labels(shape).map_or(0, |labels| labels.len())).unwrap_or(0);
        let table = |part: &str| format!("bert.embeddings.{part}_embeddings.weight");
        let layers = (0..shape.num_hidden_layers)
            .map(|at| Layer::read(&mut file, at, hidden, shape.intermediate_size))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            heads: shape.num_attention_heads,
            words: file.take(&table("word"), &[shape.vocab_size, hidden])?,
            positions: file.widened(&table("position"), &[shape.max_position_embeddings, hidden])?,
            types: file.widened(&table("token_type"), &[shape.type_vocab_size, hidden])?,
            norm: file.norm("bert.embeddings.LayerNorm", hidden)?,
            layers,
            pooler: file.linear("bert.pooler.dense", hidden, hidden)?,
            classifier: file.linear("classifier", labels, hidden)?,
            needs_answer: match i64::try_from(second_head).unwrap_or(i64::MAX) {
                0 => None,
                outputs => Some(
                    file.linear("needs_answer", outputs, hidden)
                        .map_err(|error| format!("{error}, and model.json promises needs_answer"))?,
                ),
            },
        })
    }

    /// The same network for another thread.
    fn share(&self) -> Self {
        Self {
            heads: self.heads,
            words: self.words.shallow_clone(),
            positions: self.positions.shallow_clone(),
            types: self.types.shallow_clone(),
            norm: self.norm.share(),
            layers: self.layers.iter().map(Layer::share).collect(),
            pooler: self.pooler.share(),
            classifier: self.classifier.share(),
            needs_answer: self.needs_answer.as_ref().map(Linear::share),
        }
    }

    /// What it makes of texts, in order. Texts of one length should stand side by side.
    fn judge(&self, texts: &[&Tokens]) -> Result<Vec<Logits>, String> {
        tch::no_grad(|| self.pass(texts)).map_err(|error| first_line(&error))
    }

    fn pass(&self, texts: &[&Tokens]) -> Result<Vec<Logits>, TchError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let rows: usize = texts.iter().map(|text| text.ids.len()).sum();
        let (mut ids, mut positions, mut types) =
            (Vec::with_capacity(rows), Vec::with_capacity(rows), Vec::with_capacity(rows));
        let mut runs: Vec<Run> = Vec::new();
        for text in texts {
            let (start, length) = (ids.len() as i64, text.ids.len() as i64);
            match runs.last_mut().filter(|run| run.length == length) {
                Some(run) => run.texts += 1,
                None => runs.push(Run { start, texts: 1, length }),
            }
            ids.extend(text.ids.iter().copied().map(i64::from));
            positions.extend(0..length);
            types.extend((0..text.ids.len()).map(|at| i64::from(at >= text.second)));
        }
        let look_up = |table: &Tensor, rows: &[i64]| table.f_index_select(0, &Tensor::f_from_slice(rows)?);
        let mut rows = look_up(&self.words, &ids)?.f_to_kind(Kind::Float)?;
        let rows =
            rows.f_add_(&look_up(&self.positions, &positions)?)?.f_add_(&look_up(&self.types, &types)?)?;
        let mut rows = self.norm.of(&rows)?;
        if let Some((last, others)) = self.layers.split_last() {
            for layer in others {
                rows = layer.of(&rows, &runs, self.heads)?;
            }
            rows = last.of_firsts(&rows, &runs, self.heads)?;
        }
        let pooled = self.pooler.of(&rows)?.f_tanh()?;
        let values = |head: &Linear| Vec::<f32>::try_from(head.of(&pooled)?.f_contiguous()?.f_view(-1)?);
        let labels = values(&self.classifier)?;
        let answers = self.needs_answer.as_ref().map(values).transpose()?;
        let each = labels.chunks_exact(labels.len() / texts.len()).enumerate();
        Ok(each
            .map(|(at, labels)| Logits {
                labels: labels.to_vec(),
                needs_answer: answers
                    .as_ref()
                    .and_then(|answers| answers.chunks_exact(answers.len() / texts.len()).nth(at))
                    .map(<[f32]>::to_vec)
                    .unwrap_or_default(),
            })
            .collect())
    }
}

/// What libtorch throws ends in a trace of its own frames.
fn first_line(error: &TchError) -> String {
    error.to_string().lines().next().unwrap_or("it gives no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use rust_bert::bert::BertForSequenceClassification;
    use tch::Device;
    use tch::nn::VarStore;

    use super::*;

    /// Of so many ids, the last `second` of them a target's.
    fn tokens(length: usize, second: usize) -> Tokens {
        let ids = (0..length).map(|at| 1_000 + u32::try_from(at * 7 % 500).expect("small")).collect();
        Tokens { ids, second: length - second }
    }

    #[test]
    fn the_pass_gives_what_rust_bert_gives() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sentiment");
        let folder::Read { shape, .. } = folder::read(&folder).expect("the model in the checkout");
        let path = folder.join("model.safetensors");
        let net = Net::read(&path, &shape, 0).expect("its weights");
        let mut weights = VarStore::new(Device::Cpu);
        let peer = BertForSequenceClassification::new(weights.root(), &shape).expect("its shape");
        weights.load(&path).expect("its weights");
        weights.float();
        let texts = [(3, 0), (9, 0), (9, 3), (9, 4), (30, 0), (30, 7), (128, 16)].map(|(n, m)| tokens(n, m));
        let together = net.judge(&texts.iter().collect::<Vec<_>>()).expect("judged");
        for (text, together) in texts.iter().zip(together) {
            let row = |values: Vec<i64>| Tensor::from_slice(&values).view([1, -1]);
            let ids = row(text.ids.iter().copied().map(i64::from).collect());
            let types = row((0..text.ids.len()).map(|at| i64::from(at >= text.second)).collect());
            let said =
                tch::no_grad(|| peer.forward_t(Some(&ids), None, Some(&types), None, None, false).logits);
            let said: Vec<f32> = Vec::try_from(said.view(-1)).expect("three numbers");
            let alone = net.share().judge(&[text]).expect("judged").remove(0);
            for (peer, (together, alone)) in said.iter().zip(together.labels.iter().zip(&alone.labels)) {
                assert!(
                    (peer - together).abs() < 1e-4 && (peer - alone).abs() < 1e-4,
                    "{peer} {together} {alone}"
                );
            }
        }
    }
}
