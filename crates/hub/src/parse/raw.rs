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
    pub(super) checkpoint: Spanned<String>,
    pub(super) published: Option<RawPublished>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPublished {
    pub(super) top1: Spanned<f64>,
    pub(super) top5: Spanned<f64>,
    pub(super) madds: Spanned<i64>,
    pub(super) step_ms: Spanned<f64>,
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
    pub(super) files: Spanned<Vec<Spanned<RawFile>>>,
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
