//! A registry as TOML has it, nothing checked but keys and types.

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) schema: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegistry {
    #[serde(rename = "schema")]
    _schema: i64,
    #[serde(default, rename = "checkpoint")]
    pub(super) checkpoints: Vec<RawCheckpoint>,
    #[serde(default)]
    pub(super) embedded: Vec<RawEmbedded>,
    #[serde(default, rename = "model")]
    pub(super) models: Vec<RawModel>,
    #[serde(default, rename = "data_set")]
    pub(super) data_sets: Vec<RawDataSet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheckpoint {
    pub(super) name: Spanned<String>,
    pub(super) url: Spanned<String>,
    #[serde(default)]
    pub(super) mirrors: Vec<Spanned<String>>,
    pub(super) bytes: Option<Spanned<i64>>,
    pub(super) sha256: Option<Spanned<String>>,
    pub(super) state_dict: Spanned<String>,
    pub(super) licence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) aliases: Vec<Spanned<String>>,
    pub(super) arch: Spanned<String>,
    pub(super) size: Spanned<i64>,
    pub(super) checkpoint: Option<Spanned<String>>,
    pub(super) embedded: Option<Spanned<String>>,
    pub(super) preprocessing: Option<RawPreprocessing>,
    pub(super) classes: Option<Spanned<Vec<String>>>,
    pub(super) published: Option<RawPublished>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPreprocessing {
    pub(super) resize: Spanned<i64>,
    pub(super) mean: Spanned<[f64; 3]>,
    pub(super) std: Spanned<[f64; 3]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmbedded {
    pub(super) name: Spanned<String>,
    pub(super) onnx: RawEmbeddedFile,
    pub(super) safetensors: RawEmbeddedFile,
    pub(super) data_set: Spanned<String>,
    pub(super) seed: Spanned<i64>,
    pub(super) made_by: String,
    pub(super) licence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmbeddedFile {
    pub(super) bytes: Spanned<i64>,
    pub(super) sha256: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPublished {
    pub(super) top1: Spanned<f64>,
    pub(super) top5: Spanned<f64>,
    pub(super) data_set: Option<Spanned<String>>,
    pub(super) madds: Option<Spanned<i64>>,
    pub(super) step_ms: Option<Spanned<f64>>,
    pub(super) source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDataSet {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) aliases: Vec<Spanned<String>>,
    pub(super) layout: Spanned<String>,
    pub(super) source: String,
    pub(super) licence: String,
    pub(super) files: Option<Spanned<Vec<Spanned<RawFile>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) name: Option<Spanned<String>>,
    pub(super) url: Spanned<String>,
    #[serde(default)]
    pub(super) mirrors: Vec<Spanned<String>>,
    pub(super) bytes: Option<Spanned<i64>>,
    pub(super) sha256: Option<Spanned<String>>,
}
