//! Colours and type of the drawing.
//!
//! Blue and orange are two of the eight colours that Okabe and Ito chose to be told apart by everyone ("Color Universal
//! Design", 2008); the two kinds of blocks differ in shape as well, for those who print in grey.

/// The style sheet. Every colour stands in a class, so that the dark theme is a list of exceptions.
pub(super) const SHEET: &str = "
text { font-family: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; font-size: 13px; fill: #1f2933; }
.name { font-size: 27px; font-weight: 700; letter-spacing: -0.3px; }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 12.5px; fill: #52606d; }
.number { font-size: 20px; font-weight: 650; }
.title { font-size: 15px; font-weight: 650; }
.strong { font-weight: 650; }
.small { font-size: 12px; }
.tiny { font-size: 11px; }
.quiet { fill: #52606d; }
.middle { text-anchor: middle; }
.page { fill: #f4f6f8; }
.card { fill: #ffffff; stroke: #d9e0e7; }
.layer { fill: #eef2f6; stroke: #b8c4d0; }
.hollow { stroke-dasharray: 5 4; }
.line { fill: none; stroke: #7b8794; stroke-width: 1.6; stroke-linejoin: round; }
.skip { fill: none; stroke: #9aa5b1; stroke-width: 1.6; }
.dot { fill: #7b8794; }
.mark { fill: #ffffff; stroke: #52606d; stroke-width: 1.6; }
.chip { fill: #3e4c59; }
.on-chip { fill: #ffffff; font-size: 12px; font-weight: 650; }
.conv { fill: #0072b2; }
.on-conv { fill: #ffffff; }
.att { fill: #e69f00; }
.on-att { fill: #241800; }
.badge { fill: #ffffff; fill-opacity: 0.22; }
.front { fill: #c3d0dd; stroke: #7b8794; }
.top { fill: #e4ebf1; stroke: #7b8794; }
.side { fill: #a5b6c7; stroke: #7b8794; }
.track { fill: #e4e9ee; }
.fill { fill: #52708c; }
@media screen and (prefers-color-scheme: dark) {
text { fill: #e6ebf0; }
.code, .quiet { fill: #a3b0bd; }
.page { fill: #12171c; }
.card { fill: #1a2128; stroke: #2c3640; }
.layer { fill: #242d36; stroke: #4a5865; }
.skip { stroke: #6b7986; }
.mark { fill: #1a2128; stroke: #a3b0bd; }
.chip { fill: #a9b7c4; }
.on-chip { fill: #12171c; }
.on-conv { fill: #ffffff; }
.on-att { fill: #241800; }
.front { fill: #4d5f70; stroke: #8796a5; }
.top { fill: #64788b; stroke: #8796a5; }
.side { fill: #394856; stroke: #8796a5; }
.track { fill: #2c3640; }
.fill { fill: #8fb0cf; }
}
";
